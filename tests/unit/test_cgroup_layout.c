/* What of control groups is pure: finding the layout, converting numbers, reducing and assembling device
 * rules. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/own.h"
#include "runtime/cgroup_convert.h"
#include "runtime/cgroup_layout.h"
#include "runtime/device_filter.h"

#define BIT(c) (1u << (c))

static void test_pure_v2(void **state)
{
	(void)state;
	struct cgroup_layout l;
	struct err e;
	assert_int_equal(
		cgroup_layout_parse(
			"22 1 0:21 / /proc rw - proc proc rw\n"
			"30 23 0:26 / /sys/fs/cgroup rw,nosuid shared:4 - cgroup2 cgroup2 rw,nsdelegate\n",
			"0::/system.slice/berth.service\n", &l, &e),
		0);
	assert_int_equal(l.n, 1);
	assert_true(l.mounts[0].v2);
	assert_string_equal(l.mounts[0].dir, "/sys/fs/cgroup");
	assert_string_equal(l.mounts[0].own, "system.slice/berth.service");
}

static void test_hybrid(void **state)
{
	(void)state;
	struct cgroup_layout l;
	struct err e;
	const char *mounts =
		"31 23 0:28 / /sys/fs/cgroup rw - tmpfs tmpfs rw,mode=755\n"
		"32 31 0:29 / /sys/fs/cgroup/cpu,cpuacct rw shared:9 master:1 - cgroup cgroup rw,cpu,cpuacct\n"
		"35 31 0:32 / /sys/fs/cgroup/mem\\040ory rw - cgroup cgroup rw,memory\n"
		"36 31 0:32 / /elsewhere rw - cgroup cgroup rw,memory\n"
		"40 31 0:37 / /sys/fs/cgroup/systemd rw - cgroup cgroup rw,name=systemd\n"
		"41 31 0:38 / /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw\n";
	assert_int_equal(cgroup_layout_parse(mounts,
				 "9:name=systemd:/x\n4:memory:/a/b\n2:cpu,cpuacct:/c\n0::/u\n", &l, &e),
		0);
	assert_int_equal(l.n, 3);
	assert_int_equal(l.mounts[0].controllers, BIT(CG_CPU) | BIT(CG_CPUACCT));
	assert_string_equal(l.mounts[0].own, "c");
	assert_string_equal(l.mounts[1].dir, "/sys/fs/cgroup/mem ory");
	assert_string_equal(l.mounts[1].own, "a/b");
	assert_true(l.mounts[2].v2);
	assert_string_equal(l.mounts[2].own, "u");
}

/* In a container without a cgroup namespace the mount shows a part of the hierarchy only. */
static void test_mounted_part(void **state)
{
	(void)state;
	struct cgroup_layout l;
	struct err e;
	const char *mounts = "30 23 0:26 /docker/abc /sys/fs/cgroup rw - cgroup2 cgroup rw\n";
	assert_int_equal(cgroup_layout_parse(mounts, "0::/docker/abc/x\n", &l, &e), 0);
	assert_string_equal(l.mounts[0].own, "x");
	assert_int_equal(cgroup_layout_parse(mounts, "0::/docker/abc\n", &l, &e), 0);
	assert_string_equal(l.mounts[0].own, "");
	assert_int_equal(cgroup_layout_parse(mounts, "0::/docker/abcdef\n", &l, &e), 0);
	assert_string_equal(l.mounts[0].own, "");
	assert_int_equal(cgroup_layout_parse(mounts, "0::/../../other\n", &l, &e), 0);
	assert_string_equal(l.mounts[0].own, "");
}

static void test_no_layout(void **state)
{
	(void)state;
	struct cgroup_layout l;
	struct err e;
	assert_int_equal(cgroup_layout_parse("", "", &l, &e), -EOPNOTSUPP);
	assert_int_equal(cgroup_layout_parse("garbage\n1 2 3\n - - -\n", "::\n:\nx\n", &l, &e), -EOPNOTSUPP);
	assert_int_equal(cgroup_layout_parse("40 31 0:37 / /s rw - cgroup cgroup rw,name=systemd\n",
				 "1:name=systemd:/\n", &l, &e),
		-EOPNOTSUPP);
	assert_non_null(strstr(e.text, "no cgroup file system"));
}

static void test_strip(void **state)
{
	(void)state;
	static const char *const cases[][2] = {
		{ "", "" },
		{ "berth/launch", "" },
		{ "a/berth/launch", "a" },
		{ "a/berth.supervisor", "a" },
		{ "berth.supervisor", "" },
		{ "a/launch", "a/launch" },
		{ "berth/ID", "berth/ID" }, /* a container's own: a berth inside it stays inside */
		{ "xberth/launch", "xberth/launch" },
		{ "launch", "launch" },
	};
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		char own[64];
		strcpy(own, cases[i][0]);
		cgroup_layout_strip(own, "berth");
		assert_string_equal(own, cases[i][1]);
	}
}

/* Values of ceil(10^((l*l+125*l)/612 - 7/34)), l = log2(shares), as runc computes them. */
static void test_shares(void **state)
{
	(void)state;
	static const uint64_t cases[][2] = { { 0, 1 }, { 2, 1 }, { 3, 2 }, { 10, 4 }, { 100, 17 },
		{ 512, 59 }, { 1000, 99 }, { 1024, 100 }, { 1025, 101 }, { 2048, 174 }, { 4096, 303 },
		{ 65536, 3023 }, { 262143, 10000 }, { 262144, 10000 }, { 500000, 10000 } };
	for (size_t i = 0; i < ARRAY_LEN(cases); i++)
		assert_int_equal(cgroup_weight_of_shares(cases[i][0]), cases[i][1]);
	for (uint64_t s = 2; s < 262144; s++)
		assert_true(cgroup_weight_of_shares(s) <= cgroup_weight_of_shares(s + 1));
}

static void test_io_weight(void **state)
{
	(void)state;
	assert_int_equal(cgroup_io_weight_of_blkio(10), 1);
	assert_int_equal(cgroup_io_weight_of_blkio(500), 4950);
	assert_int_equal(cgroup_io_weight_of_blkio(1000), 10000);
}

static void test_swap(void **state)
{
	(void)state;
	static const struct {
		int64_t memory, sum;
		int r;
		int64_t swap;
	} cases[] = {
		{ 100, 300, 0, 200 },
		{ 100, 100, 0, 0 },
		{ 100, -1, 0, -1 },
		{ 100, SPEC_UNSET, 0, SPEC_UNSET },
		{ 100, 0, 0, SPEC_UNSET },
		{ -1, SPEC_UNSET, 0, -1 },
		{ -1, 500, 0, 500 },
		{ SPEC_UNSET, SPEC_UNSET, 0, SPEC_UNSET },
		{ SPEC_UNSET, -1, 0, -1 },
		{ SPEC_UNSET, 300, -EINVAL, 7 },
		{ 100, 99, -EINVAL, 7 },
	};
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		int64_t swap = 7;
		assert_int_equal(cgroup_swap_of_sum(cases[i].memory, cases[i].sum, &swap, NULL), cases[i].r);
		assert_true(swap == cases[i].swap);
	}
}

/* ---- devices */

#define RULE(a, t, ma, mi, acc)                                                                              \
	{                                                                                                    \
		.allow = (a), .type = (t), .major = (ma), .minor = (mi), .read = strchr(acc, 'r') != NULL,   \
		.write = strchr(acc, 'w') != NULL, .mknod = strchr(acc, 'm') != NULL                         \
	}

static void test_reduce(void **state)
{
	(void)state;
	struct err e;
	struct spec_device_rule docker[] = { RULE(false, 'a', -1, -1, "rwm"), RULE(true, 'c', -1, -1, "m"),
		RULE(true, 'c', 1, 3, "rw"), RULE(true, 'c', 1, 3, "m"), RULE(false, 'c', 1, 3, "w") };
	auto_(device_rules) struct device_rules l = { 0 };
	assert_int_equal(device_rules_reduce(docker, ARRAY_LEN(docker), &l, &e), 0);
	assert_false(l.default_allow);
	assert_int_equal(l.n, 2);
	assert_true(l.exceptions[0].mknod && !l.exceptions[0].read && l.exceptions[0].major == -1);
	assert_true(l.exceptions[1].read && l.exceptions[1].mknod && !l.exceptions[1].write);
	device_rules_done(&l);

	struct spec_device_rule all[] = { RULE(true, 'c', 1, 3, "rw"), RULE(true, 'a', -1, -1, "rwm"),
		RULE(false, 'a', 5, -1, "w") };
	assert_int_equal(device_rules_reduce(all, ARRAY_LEN(all), &l, &e), 0);
	assert_true(l.default_allow);
	assert_int_equal(l.n, 2); /* blocks and characters */
	assert_true(l.exceptions[0].type == 'b' && l.exceptions[1].type == 'c' && !l.exceptions[1].allow);
	device_rules_done(&l);

	struct spec_device_rule hole[] = { RULE(true, 'c', 1, -1, "rwm"), RULE(false, 'c', 1, 3, "r") };
	assert_int_equal(device_rules_reduce(hole, 2, &l, &e), -EOPNOTSUPP);
	assert_string_equal(
		e.text, "device rule 'deny c 1:3 r': cgroup v1 cannot except it from an earlier, wider rule");
	struct spec_device_rule beside[] = { RULE(true, 'c', 1, -1, "rw"), RULE(false, 'c', 1, 3, "m") };
	assert_int_equal(device_rules_reduce(beside, 2, &l, &e), 0);
	assert_int_equal(l.n, 1);
	device_rules_done(&l);

	struct spec_device_rule bad[] = { RULE(true, 'x', 1, 3, "r"), RULE(true, 'c', -2, 3, "r"),
		RULE(true, 'c', 1, INT64_C(1) << 32, "r"), RULE(true, 'c', 1, 3, "") };
	for (size_t i = 0; i < ARRAY_LEN(bad); i++)
		assert_int_equal(device_rules_reduce(&bad[i], 1, &l, &e), -EINVAL);
}

/* Enough of bpf to run what the assembler makes. */
static int run_program(const struct bpf_insn *v, int n, const struct bpf_cgroup_dev_ctx *ctx)
{
	uint32_t reg[11] = { 0 };
	for (int pc = 0, steps = 0; pc < n; pc++) {
		const struct bpf_insn *i = &v[pc];
		uint32_t src = BPF_SRC(i->code) == BPF_X ? reg[i->src_reg] : (uint32_t)i->imm;
		uint32_t *dst = &reg[i->dst_reg];
		assert_true(steps++ < 100000);
		switch (i->code) {
		case BPF_LDX | BPF_MEM | BPF_W:
			assert_int_equal(i->src_reg, BPF_REG_1);
			memcpy(dst, (const char *)ctx + i->off, 4);
			break;
		case BPF_ALU | BPF_MOV | BPF_X:
		case BPF_ALU64 | BPF_MOV | BPF_K:
			*dst = src;
			break;
		case BPF_ALU | BPF_AND | BPF_K:
			*dst &= src;
			break;
		case BPF_ALU | BPF_RSH | BPF_K:
			*dst >>= src;
			break;
		case BPF_JMP32 | BPF_JNE | BPF_K:
			pc += *dst != src ? i->off : 0;
			break;
		case BPF_JMP32 | BPF_JEQ | BPF_K:
			pc += *dst == src ? i->off : 0;
			break;
		case BPF_JMP | BPF_EXIT:
			return (int)reg[0];
		default:
			fail_msg("instruction %d: code %#x", pc, i->code);
		}
	}
	fail_msg("ran past the end");
	return -1;
}

/* For each kind of access asked for, the last rule that matches decides. */
static int model(
	const struct spec_device_rule *r, size_t n, char type, uint32_t major, uint32_t minor, unsigned want)
{
	for (unsigned bit = 1; bit < 8; bit <<= 1) {
		bool allowed = false;
		for (size_t i = 0; i < n; i++) {
			unsigned bits = (r[i].mknod ? 1u : 0) | (r[i].read ? 2u : 0) | (r[i].write ? 4u : 0);
			if ((r[i].type == 'a' || r[i].type == type) &&
				(r[i].major < 0 || r[i].major == major) &&
				(r[i].minor < 0 || r[i].minor == minor) && (bits & bit))
				allowed = r[i].allow;
		}
		if ((want & bit) && !allowed)
			return 0;
	}
	return 1;
}

static void test_program_against_model(void **state)
{
	(void)state;
	unsigned seed = 20251;
	print_message("seed %u\n", seed);
	srand(seed);
	for (int round = 0; round < 3000; round++) {
		struct spec_device_rule r[8];
		size_t n = (size_t)rand() % 8;
		for (size_t i = 0; i < n; i++) {
			unsigned acc = (unsigned)rand() % 7 + 1;
			r[i] = (struct spec_device_rule){ .allow = rand() % 2,
				.type = "abc"[rand() % 3],
				.major = rand() % 3 - 1,
				.minor = rand() % 3 - 1,
				.mknod = acc & 1,
				.read = acc & 2,
				.write = acc & 4 };
		}
		auto_free struct bpf_insn *v = NULL;
		int count = device_filter_assemble(r, n, &v, NULL);
		assert_true(count > 0);
		for (unsigned k = 0; k < 2 * 2 * 2 * 7; k++) {
			unsigned want = k % 7 + 1, major = k / 7 % 2, minor = k / 14 % 2, block = k / 28;
			struct bpf_cgroup_dev_ctx ctx = {
				want << 16 | (block ? BPF_DEVCG_DEV_BLOCK : BPF_DEVCG_DEV_CHAR), major, minor
			};
			assert_int_equal(run_program(v, count, &ctx),
				model(r, n, block ? 'b' : 'c', major, minor, want));
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_pure_v2),
		cmocka_unit_test(test_hybrid),
		cmocka_unit_test(test_mounted_part),
		cmocka_unit_test(test_no_layout),
		cmocka_unit_test(test_strip),
		cmocka_unit_test(test_shares),
		cmocka_unit_test(test_io_weight),
		cmocka_unit_test(test_swap),
		cmocka_unit_test(test_reduce),
		cmocka_unit_test(test_program_against_model),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

#include "runtime/device_filter.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#define PROGRAM_NAME "berth_devices"
#define RULES_MAX    4096 /* far from the kernel's million instructions; more is a mistake */

static unsigned access_bits(const struct spec_device_rule *r)
{
	return (r->mknod ? BPF_DEVCG_ACC_MKNOD : 0u) | (r->read ? BPF_DEVCG_ACC_READ : 0u) |
		(r->write ? BPF_DEVCG_ACC_WRITE : 0u);
}

/* "c 1:3 rwm", as config-linux.md and the kernel write it. */
static const char *rule_text(const struct spec_device_rule *r, char out[80])
{
	char major[24] = "*", minor[24] = "*";
	if (r->major >= 0)
		(void)snprintf(major, sizeof(major), "%" PRId64, r->major);
	if (r->minor >= 0)
		(void)snprintf(minor, sizeof(minor), "%" PRId64, r->minor);
	(void)snprintf(out, 80, "%s %c %s:%s %s%s%s", r->allow ? "allow" : "deny", r->type, major, minor,
		r->read ? "r" : "", r->write ? "w" : "", r->mknod ? "m" : "");
	return out;
}

static int check_rules(const struct spec_device_rule *rules, size_t n, struct err *e)
{
	char text[80];
	if (n > RULES_MAX)
		return err_say(e, EINVAL, "device rules: more than %d", RULES_MAX);
	for (size_t i = 0; i < n; i++) {
		const struct spec_device_rule *r = &rules[i];
		bool number =
			r->major >= -1 && r->major <= UINT32_MAX && r->minor >= -1 && r->minor <= UINT32_MAX;
		if ((r->type != 'a' && r->type != 'b' && r->type != 'c') || !number)
			return err_say(e, EINVAL,
				"device rule %zu: type must be a, b or c, numbers 32 bits wide", i + 1);
		if (access_bits(r) == 0)
			return err_say(
				e, EINVAL, "device rule '%s': no access named (r, w, m)", rule_text(r, text));
	}
	return 0;
}

/* ---- cgroup v1 */

static bool matches_all(const struct spec_device_rule *r)
{
	return r->type == 'a' && r->major < 0 && r->minor < 0 && r->read && r->write && r->mknod;
}

static bool same_devices(const struct spec_device_rule *a, const struct spec_device_rule *b)
{
	return a->type == b->type && a->major == b->major && a->minor == b->minor;
}

static bool may_meet(int64_t a, int64_t b)
{
	return a < 0 || b < 0 || a == b;
}

static bool overlaps(const struct spec_device_rule *a, const struct spec_device_rule *b)
{
	return a->type == b->type && may_meet(a->major, b->major) && may_meet(a->minor, b->minor) &&
		(access_bits(a) & access_bits(b));
}

static void add_exception(struct device_rules *l, const struct spec_device_rule *rule)
{
	for (size_t i = 0; i < l->n; i++) {
		struct spec_device_rule *x = &l->exceptions[i];
		if (!same_devices(x, rule))
			continue;
		x->read |= rule->read;
		x->write |= rule->write;
		x->mknod |= rule->mknod;
		return;
	}
	l->exceptions[l->n] = *rule;
	l->exceptions[l->n++].allow = !l->default_allow;
}

/* Take a rule that says what the default says out of the exceptions; one that it only touches cannot be cut on v1. */
static int cut_exception(struct device_rules *l, const struct spec_device_rule *rule, struct err *e)
{
	char text[80];
	for (size_t i = 0; i < l->n;) {
		struct spec_device_rule *x = &l->exceptions[i];
		if (!overlaps(x, rule)) {
			i++;
			continue;
		}
		bool covers = (rule->major < 0 || rule->major == x->major) &&
			(rule->minor < 0 || rule->minor == x->minor);
		/* Making a node that may not be opened is harmless: so much of "deny" can be let go. */
		bool only_mknod = (access_bits(x) & access_bits(rule)) == BPF_DEVCG_ACC_MKNOD;
		if (!covers && only_mknod) {
			i++;
			continue;
		}
		if (!covers)
			return err_say(e, EOPNOTSUPP,
				"device rule '%s': cgroup v1 cannot except it from an earlier, wider rule",
				rule_text(rule, text));
		x->read &= !rule->read;
		x->write &= !rule->write;
		x->mknod &= !rule->mknod;
		if (access_bits(x) == 0)
			*x = l->exceptions[--l->n];
		else
			i++;
	}
	return 0;
}

int device_rules_reduce(
	const struct spec_device_rule *rules, size_t n, struct device_rules *out, struct err *e)
{
	int r = check_rules(rules, n, e);
	if (r < 0)
		return r;
	auto_(device_rules) struct device_rules l = { 0 };
	l.exceptions = calloc(2 * n + 1, sizeof(*l.exceptions)); /* "a 5:*" becomes two */
	if (!l.exceptions)
		return err_set(e, ENOMEM, "device rules");
	for (size_t i = 0; r == 0 && i < n; i++) {
		if (matches_all(&rules[i])) {
			l.default_allow = rules[i].allow;
			l.n = 0;
			continue;
		}
		/* To the kernel "a" always means every device, so a narrower one is written as its two types. */
		for (const char *type = rules[i].type == 'a' ? "bc" : &rules[i].type; r == 0; type++) {
			struct spec_device_rule one = rules[i];
			one.type = *type;
			if (one.allow == l.default_allow)
				r = cut_exception(&l, &one, e);
			else
				add_exception(&l, &one);
			if (rules[i].type != 'a' || *type == 'c')
				break;
		}
	}
	if (r < 0)
		return r;
	*out = l;
	l = (struct device_rules){ 0 };
	return 0;
}

void device_rules_done(struct device_rules *l)
{
	free(l->exceptions);
	*l = (struct device_rules){ 0 };
}

/* ---- cgroup v2: the program */

enum {
	R_RESULT = BPF_REG_0,
	R_CTX = BPF_REG_1,
	R_TYPE = BPF_REG_2,
	R_OPEN = BPF_REG_3,
	R_MAJOR = BPF_REG_4,
	R_MINOR = BPF_REG_5,
	R_TEMP = BPF_REG_0
};

struct assembler {
	struct bpf_insn *v;
	size_t n;
};

static void emit(struct assembler *a, uint8_t code, unsigned dst, unsigned src, int16_t off, int32_t imm)
{
	a->v[a->n++] = (struct bpf_insn){
		.code = code, .dst_reg = dst & 15, .src_reg = src & 15, .off = off, .imm = imm
	};
}

static void emit_load(struct assembler *a, unsigned dst, size_t off)
{
	emit(a, BPF_LDX | BPF_MEM | BPF_W, dst, R_CTX, (int16_t)off, 0);
}

static void emit_return(struct assembler *a, int allow)
{
	emit(a, BPF_ALU64 | BPF_MOV | BPF_K, R_RESULT, 0, 0, allow);
	emit(a, BPF_JMP | BPF_EXIT, 0, 0, 0, 0);
}

/* A conditional jump past this rule; its distance is known when the rule's end is. */
static void emit_skip_unless_equal(struct assembler *a, unsigned reg, uint32_t value)
{
	emit(a, BPF_JMP32 | BPF_JNE | BPF_K, reg, 0, 0, (int32_t)value);
}

/* R_OPEN holds the kinds of access that no later rule has decided. */
static void emit_rule(struct assembler *a, const struct spec_device_rule *r)
{
	unsigned bits = access_bits(r);
	size_t skips[3], n_skips = 0;
	if (r->type != 'a') {
		skips[n_skips++] = a->n;
		emit_skip_unless_equal(a, R_TYPE, r->type == 'b' ? BPF_DEVCG_DEV_BLOCK : BPF_DEVCG_DEV_CHAR);
	}
	if (r->major >= 0) {
		skips[n_skips++] = a->n;
		emit_skip_unless_equal(a, R_MAJOR, (uint32_t)r->major);
	}
	if (r->minor >= 0) {
		skips[n_skips++] = a->n;
		emit_skip_unless_equal(a, R_MINOR, (uint32_t)r->minor);
	}
	if (r->allow) {
		emit(a, BPF_ALU | BPF_AND | BPF_K, R_OPEN, 0, 0, (int32_t)(~bits & 7));
		emit(a, BPF_JMP32 | BPF_JNE | BPF_K, R_OPEN, 0, 2, 0); /* something is still undecided */
		emit_return(a, 1);
	} else {
		emit(a, BPF_ALU | BPF_MOV | BPF_X, R_TEMP, R_OPEN, 0, 0);
		emit(a, BPF_ALU | BPF_AND | BPF_K, R_TEMP, 0, 0, (int32_t)bits);
		emit(a, BPF_JMP32 | BPF_JEQ | BPF_K, R_TEMP, 0, 2, 0);
		emit_return(a, 0);
	}
	for (size_t i = 0; i < n_skips; i++)
		a->v[skips[i]].off = (int16_t)(a->n - skips[i] - 1);
}

int device_filter_assemble(
	const struct spec_device_rule *rules, size_t n, struct bpf_insn **out, struct err *e)
{
	int r = check_rules(rules, n, e);
	if (r < 0)
		return r;
	struct assembler a = { .v = calloc(8 + 9 * n, sizeof(*a.v)) };
	if (!a.v)
		return err_set(e, ENOMEM, "device rules");
	emit_load(&a, R_TYPE, offsetof(struct bpf_cgroup_dev_ctx, access_type));
	emit(&a, BPF_ALU | BPF_MOV | BPF_X, R_OPEN, R_TYPE, 0, 0);
	emit(&a, BPF_ALU | BPF_AND | BPF_K, R_TYPE, 0, 0, 0xffff);
	emit(&a, BPF_ALU | BPF_RSH | BPF_K, R_OPEN, 0, 0, 16);
	emit_load(&a, R_MAJOR, offsetof(struct bpf_cgroup_dev_ctx, major));
	emit_load(&a, R_MINOR, offsetof(struct bpf_cgroup_dev_ctx, minor));
	/* From the last rule to the first that can still say something: the verifier refuses what is never reached. */
	for (size_t i = n; i-- > 0;) {
		emit_rule(&a, &rules[i]);
		if (matches_all(&rules[i]))
			break;
	}
	emit_return(&a, 0);
	*out = a.v;
	return (int)a.n;
}

/* ---- cgroup v2: the kernel's side */

static int sys_bpf(enum bpf_cmd cmd, union bpf_attr *attr)
{
	return (int)syscall(SYS_bpf, cmd, attr, sizeof(*attr));
}

static int load_program(const struct bpf_insn *v, int n, struct err *e)
{
	static const char license[] = "Apache-2.0";
	union bpf_attr attr = { 0 };
	attr.prog_type = BPF_PROG_TYPE_CGROUP_DEVICE;
	attr.insns = (uintptr_t)v;
	attr.insn_cnt = (uint32_t)n;
	attr.license = (uintptr_t)license;
	memcpy(attr.prog_name, PROGRAM_NAME, sizeof(PROGRAM_NAME));
	int fd = sys_bpf(BPF_PROG_LOAD, &attr);
	if (fd >= 0)
		return fd;
	if (errno == EINVAL || errno == ENOSYS || errno == EPERM)
		return err_set(e, EOPNOTSUPP,
			"set device rules: load bpf program (needs CONFIG_CGROUP_BPF and CAP_BPF)");
	return err_set(e, errno, "set device rules: load bpf program");
}

/* The descriptor of an attached program, when it is one of ours; -1 otherwise. */
static int open_if_ours(uint32_t id)
{
	union bpf_attr attr = { 0 };
	attr.prog_id = id;
	auto_close int fd = sys_bpf(BPF_PROG_GET_FD_BY_ID, &attr);
	if (fd < 0)
		return -1;
	struct bpf_prog_info info = { 0 };
	memset(&attr, 0, sizeof(attr));
	attr.info.bpf_fd = (uint32_t)fd;
	attr.info.info_len = sizeof(info);
	attr.info.info = (uintptr_t)&info;
	if (sys_bpf(BPF_OBJ_GET_INFO_BY_FD, &attr) < 0 || strcmp(info.name, PROGRAM_NAME) != 0)
		return -1;
	return take_fd(&fd);
}

static void detach(int cgroup_fd, int program_fd)
{
	union bpf_attr attr = { 0 };
	attr.target_fd = (uint32_t)cgroup_fd;
	attr.attach_bpf_fd = (uint32_t)program_fd;
	attr.attach_type = BPF_CGROUP_DEVICE;
	(void)sys_bpf(BPF_PROG_DETACH, &attr); /* left on, it only denies more */
}

int device_filter_attach(int cgroup_dirfd, const struct spec_device_rule *rules, size_t n, struct err *e)
{
	auto_free struct bpf_insn *v = NULL;
	int count = device_filter_assemble(rules, n, &v, e);
	if (count < 0)
		return count;
	/* bpf(2) takes no O_PATH descriptor. */
	auto_close int cgroup_fd = openat(cgroup_dirfd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (cgroup_fd < 0)
		return err_set(e, errno, "set device rules: open cgroup");
	auto_close int program = load_program(v, count, e);
	if (program < 0)
		return program;

	uint32_t ids[64]; /* the kernel's own limit for one group */
	union bpf_attr attr = { 0 };
	attr.query.target_fd = (uint32_t)cgroup_fd;
	attr.query.attach_type = BPF_CGROUP_DEVICE;
	attr.query.prog_ids = (uintptr_t)ids;
	attr.query.prog_cnt = ARRAY_LEN(ids);
	size_t before = sys_bpf(BPF_PROG_QUERY, &attr) == 0 ? attr.query.prog_cnt : 0;

	memset(&attr, 0, sizeof(attr));
	attr.target_fd = (uint32_t)cgroup_fd;
	attr.attach_bpf_fd = (uint32_t)program;
	attr.attach_type = BPF_CGROUP_DEVICE;
	attr.attach_flags = BPF_F_ALLOW_MULTI;
	if (sys_bpf(BPF_PROG_ATTACH, &attr) < 0)
		return err_set(e, errno, "set device rules: attach bpf program");
	/* All attached programs must agree, so between these two the narrower of both holds. */
	for (size_t i = 0; i < before && i < ARRAY_LEN(ids); i++) {
		auto_close int old = open_if_ours(ids[i]);
		if (old >= 0)
			detach(cgroup_fd, old);
	}
	return 0;
}

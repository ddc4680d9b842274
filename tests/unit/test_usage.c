/* top and stats as pure functions: a /proc made by hand, ps's output, numbers that only grow, docker's forms. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/io.h"
#include "base/json.h"
#include "base/own.h"
#include "base/path.h"
#include "cli/stats.h"
#include "supervisor/stats.h"
#include "supervisor/top.h"

/* ---------------------------------------------------------------- top */

static char dir[64];
static int procfd = -1;

static void put(const char *name, const char *text, size_t len)
{
	int fd = openat(procfd, name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

	assert_true(fd >= 0);
	assert_int_equal(io_write_full(fd, text, len), 0);
	assert_int_equal(close(fd), 0);
}

static void put_process(int pid, const char *stat, const char *command, size_t len)
{
	char name[64];

	(void)snprintf(name, sizeof(name), "%d", pid);
	assert_int_equal(mkdirat(procfd, name, 0700), 0);
	(void)snprintf(name, sizeof(name), "%d/stat", pid);
	put(name, stat, strlen(stat));
	(void)snprintf(name, sizeof(name), "%d/cmdline", pid);
	put(name, command, len);
	(void)snprintf(name, sizeof(name), "%d/status", pid);
	static const char status[] = "Name:\tx\nUid:\t7\t4211\t7\t7\nGid:\t0\t0\t0\t0\n";
	put(name, status, sizeof(status) - 1);
}

/* The machine has been up for 10,000 s; 100 ticks a second. */
static int set_up(void **state)
{
	static const char command[] = "sh\0-c\0a  b\nc\0";
	(void)state;

	strcpy(dir, "/tmp/berth-proc.XXXXXX");
	if (!mkdtemp(dir) || (procfd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC)) < 0 ||
		sysconf(_SC_CLK_TCK) != 100)
		return -1;
	put("uptime", "10000.50 5.00\n", 14);
	put("meminfo", "MemTotal:       1000000 kB\nMemFree: 1 kB\n", 40);
	/* Started 1,000 s ago and used 100 s of them. */
	put_process(41,
		"41 (a) b) S 40 41 41 34817 41 0 0 0 0 0 6000 4000 0 0 20 0 3 0 900000 2048000 250 0\n",
		command, sizeof(command) - 1);
	put_process(42, "42 (gone) Z 41 41 41 0 -1 0 0 0 0 0 0 0 0 0 39 19 1 0 999900 0 0 0\n", "", 0);
	assert_int_equal(setenv("TZ", "UTC", 1), 0);
	tzset();
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	own_close(&procfd);
	return path_remove_tree(AT_FDCWD, dir, NULL);
}

/* The clock says 2023-11-14 22:13:20. */
#define NOW (INT64_C(1700000000) * NS_PER_S)

static void expect_table(const char *args, const char *want)
{
	static const pid_t pids[] = { 41, 42, 43 };
	auto_(json) json_t *out = NULL;
	struct err e;

	if (top_from_proc(procfd, pids, ARRAY_LEN(pids), args, NOW, &out, &e) != 1)
		fail_msg("%s: %s", args, e.text);
	auto_free char *text = json_dumps(out, JSON_COMPACT);
	assert_string_equal(text, want);
}

static void test_top_forms(void **state)
{
	(void)state;
	expect_table("-ef",
		"{\"Titles\":[\"UID\",\"PID\",\"PPID\",\"C\",\"STIME\",\"TTY\",\"TIME\",\"CMD\"],\"Processes\":["
		"[\"4211\",\"41\",\"40\",\"10\",\"21:56\",\"pts/1\",\"00:01:40\",\"sh -c a  b?c\"],"
		"[\"4211\",\"42\",\"41\",\"0\",\"22:13\",\"?\",\"00:00:00\",\"[gone]\"]]}");
	/* 250 pages of what a page is here. */
	long kib = sysconf(_SC_PAGESIZE) / 1024 * 250;
	char want[512];
	(void)snprintf(want, sizeof(want),
		"{\"Titles\":[\"PID\",\"S\",\"STAT\",\"%%CPU\",\"VSZ\",\"RSS\",\"NI\",\"NLWP\",\"ELAPSED\",\"COMMAND\"],"
		"\"Processes\":[[\"41\",\"S\",\"Ssl+\",\"10.0\",\"2000\",\"%ld\",\"0\",\"3\",\"16:40\",\"a) b\"],"
		"[\"42\",\"Z\",\"ZN\",\"0.0\",\"0\",\"0\",\"19\",\"1\",\"00:01\",\"gone\"]]}",
		kib);
	expect_table("-o pid,s,stat,pcpu,vsz,rss,ni,nlwp,etime,comm", want);
	expect_table("axo  ppid,pid",
		"{\"Titles\":[\"PPID\",\"PID\"],\"Processes\":[[\"40\",\"41\"],[\"41\",\"42\"]]}");
}

static void test_top_what_is_not_ours(void **state)
{
	static const char *const others[] = { "-o pid,wchan", "-o", "-e", "-ef --forest",
		"-o pid=", "-C sh" };
	auto_(json) json_t *out = NULL;
	struct err e;
	(void)state;

	for (size_t i = 0; i < ARRAY_LEN(others); i++)
		if (top_from_proc(procfd, NULL, 0, others[i], NOW, &out, &e) != 0)
			fail_msg("%s", others[i]);
	assert_int_equal(top_from_proc(procfd, NULL, 0, "-o comm,args", NOW, &out, &e), -EINVAL);
	assert_string_equal(e.text, "Couldn't find PID field in ps output");
	assert_null(out);
}

static void test_top_from_ps(void **state)
{
	static const pid_t pids[] = { 7, 12 };
	char text[] =
		"  PID  PPID COMMAND\n    7     1 sh  -c  x y\n    1     0 init\n   12     7 a\n   70     1 no\n";
	char none[] = "A B\n1 2\n", nothing[] = "";
	auto_(json) json_t *out = NULL;
	struct err e;
	(void)state;

	assert_int_equal(top_from_ps(text, pids, 2, &out, &e), 0);
	auto_free char *got = json_dumps(out, JSON_COMPACT);
	assert_string_equal(got,
		"{\"Titles\":[\"PID\",\"PPID\",\"COMMAND\"],\"Processes\":[[\"7\",\"1\",\"sh -c x y\"],"
		"[\"12\",\"7\",\"a\"]]}");
	json_t *bad = NULL;
	assert_int_equal(top_from_ps(none, pids, 2, &bad, &e), -EINVAL);
	assert_int_equal(top_from_ps(nothing, pids, 2, &bad, &e), -EINVAL);
}

static void test_top_check_args(void **state)
{
	struct err e;
	(void)state;

	assert_int_equal(top_check_args("-o pid,ppid", &e), 0);
	assert_int_equal(top_check_args("-o pid=PID", &e), 0);
	assert_int_equal(top_check_args("-o ppid=PARENT -o pid", &e), 0);
	assert_int_equal(top_check_args("-o ppid=PID", &e), -EINVAL);
	assert_int_equal(top_check_args("-o pid -o ppid= PID", &e), -EINVAL);
	assert_int_equal(top_check_args("-o pid,uid=PIDS", &e), -EINVAL);
}

/* ---------------------------------------------------------------- stats */

static void test_stats_cpu(void **state)
{
	uint64_t ns = 0;
	(void)state;

	assert_int_equal(stats_parse_cpu("cpu  1 2 3 4 5 6 7 80 90 100\ncpu0 9\n", 100, &ns), 0);
	assert_int_equal(ns, UINT64_C(280000000));
	assert_int_equal(stats_parse_cpu("cpu  1 2 3 4 5 6\n", 100, &ns), -EBADMSG);
	assert_int_equal(stats_parse_cpu("intr 1 2 3 4 5 6 7\n", 100, &ns), -EBADMSG);
}

static struct stats_sample sample(uint64_t cpu_ns, uint64_t rbytes)
{
	struct stats_sample s = { .taken = true, .time_ns = NOW, .generation = 3 };

	memset(&s.group, 0xff, sizeof(s.group));
	s.host = (struct stats_host){ .cpu_ns = 4 * cpu_ns, .memory_bytes = 1 << 30, .online_cpus = 2 };
	s.group.cpu_usage_ns = cpu_ns;
	s.group.memory_usage = 5 << 20;
	s.group.memory_inactive_file = 1 << 20;
	s.group.pids_current = 2;
	s.group.n_io = 1;
	s.group.io[0] =
		(struct cgroup_io_stat){ .major = 8, .rbytes = rbytes, .wbytes = 10, .rios = 1, .wios = 1 };
	return s;
}

static void test_stats_only_grow(void **state)
{
	struct stats_sample before = sample(1000, 500), now = sample(900, 400);
	(void)state;

	now.group.n_io = 0;
	stats_keep_growing(&before, &now);
	assert_int_equal(now.group.cpu_usage_ns, 1000);
	assert_int_equal(now.group.cpu_user_ns, UINT64_MAX);
	assert_int_equal(now.group.n_io, 1);
	assert_int_equal(now.group.io[0].rbytes, 500);
	now = sample(1100, 600);
	stats_keep_growing(&before, &now);
	assert_int_equal(now.group.cpu_usage_ns, 1100);
	assert_int_equal(now.group.io[0].rbytes, 600);
	now = sample(1, 2); /* another run begins anew */
	now.generation = 4;
	stats_keep_growing(&before, &now);
	assert_int_equal(now.group.cpu_usage_ns, 1);
	assert_int_equal(now.group.io[0].rbytes, 2);
}

static void test_stats_form(void **state)
{
	struct stats_sample before = sample(1000000, 500), now = sample(3000000, 2500);
	static const struct stats_sample none;
	struct err e;
	(void)state;

	before.time_ns -= NS_PER_S;
	auto_(json) json_t *o = stats_to_json("0123456789abcdef", "/web", &before, &now, false);
	auto_(json) json_t *want = json_pack(
		"{s:{s:{s:I, s:i, s:i}, s:{s:i, s:i, s:i}, s:I, s:i}, s:{s:I, s:{s:I}, s:I}, s:{s:i}, s:s, s:s}",
		"cpu_stats", "cpu_usage", "total_usage", (json_int_t)3000000, "usage_in_kernelmode", 0,
		"usage_in_usermode", 0, "throttling_data", "periods", 0, "throttled_periods", 0,
		"throttled_time", 0, "system_cpu_usage", (json_int_t)12000000, "online_cpus", 2,
		"memory_stats", "usage", (json_int_t)(5 << 20), "stats", "inactive_file",
		(json_int_t)(1 << 20), "limit", (json_int_t)(1 << 30), "pids_stats", "current", 2, "read",
		"2023-11-14T22:13:20.000000000Z", "preread", "2023-11-14T22:13:19.000000000Z");
	const char *key;
	json_t *v;
	json_object_foreach (want, key, v)
		if (!json_equal(json_object_get(o, key), v))
			fail_msg("%s: %s", key, json_dumps(json_object_get(o, key), JSON_ENCODE_ANY));

	auto_(json) json_t *row = stats_row("web", o, true);
	auto_(json) json_t *rows = json_pack("[O]", row);
	auto_(buf) struct buf out = { 0 };
	/* 2 of 8 parts of two CPUs; 4 MiB of 1 GiB. */
	assert_int_equal(stats_format(rows,
				 "{{.Container}} {{.ID}} {{.Name}} {{.CPUPerc}} {{.MemUsage}} {{.MemPerc}} "
				 "{{.NetIO}} {{.BlockIO}} {{.PIDs}}",
				 &out, &e),
		0);
	assert_string_equal(
		out.data, "web 0123456789ab web 50.00% 4MiB / 1GiB 0.39% 0B / 0B 2.5kB / 10B 2\n");

	now.generation = 9; /* the numbers before are another run's */
	auto_(json) json_t *fresh = stats_to_json("x", "/web", &before, &now, true);
	assert_string_equal(json_string_value(json_object_get(fresh, "preread")), "0001-01-01T00:00:00Z");
	assert_non_null(json_object_get(
		json_object_get(json_object_get(fresh, "memory_stats"), "stats"), "total_inactive_file"));
	auto_(json) json_t *zero = stats_to_json("x", "/web", &none, &none, false);
	assert_string_equal(json_string_value(json_object_get(zero, "read")), "0001-01-01T00:00:00Z");
	assert_int_equal(json_object_size(json_object_get(zero, "memory_stats")), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_top_forms, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_top_what_is_not_ours, set_up, tear_down),
		cmocka_unit_test(test_top_from_ps),
		cmocka_unit_test(test_top_check_args),
		cmocka_unit_test(test_stats_cpu),
		cmocka_unit_test(test_stats_only_grow),
		cmocka_unit_test(test_stats_form),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

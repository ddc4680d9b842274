/*
 * Control groups on this host's real hierarchies, in a root of our own that is removed again. Runs on hybrid,
 * v1 and pure v2 alike. Needs root; without it every test is skipped.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/clock.h"
#include "base/io.h"
#include "base/own.h"
#include "base/sys.h"
#include "runtime/cgroup.h"
#include "runtime/cgroup_private.h"
#include "runtime/device_filter.h"

static struct cgroup_root *root;
static char root_name[64];
static struct err e;

#define OK(call)                                                                                             \
	do {                                                                                                 \
		int ok_ = (call);                                                                            \
		if (ok_ < 0)                                                                                 \
			fail_msg("%s: %d (%s)", #call, ok_, e.text);                                         \
	} while (0)

#define NEEDS(feature)                                                                                       \
	do {                                                                                                 \
		if (!(cgroup_root_features(root) & (feature))) {                                             \
			print_message("skipped: this host's cgroups lack %s\n", #feature);                   \
			skip();                                                                              \
		}                                                                                            \
	} while (0)

static void sleep_ms(int ms)
{
	struct timespec ts = { ms / 1000, ms % 1000 * NS_PER_MS };
	(void)nanosleep(&ts, NULL);
}

#define UNTIL(condition)                                                                                     \
	do {                                                                                                 \
		int64_t end_ = clock_mono_ns() + 10 * NS_PER_S;                                              \
		while (!(condition)) {                                                                       \
			if (clock_mono_ns() > end_)                                                          \
				fail_msg("not within 10 s: %s", #condition);                                 \
			sleep_ms(2);                                                                         \
		}                                                                                            \
	} while (0)

/* A child inside the group, the way a launch does it. */
static pid_t spawn_in(const struct cgroup *g, void (*fn)(void *), void *cookie)
{
	int tasks[CGROUP_V1_MAX];
	int n = cgroup_open_tasks(g, tasks, NULL);
	assert_true(n >= 0);
	int joined[2];
	assert_int_equal(pipe2(joined, O_CLOEXEC), 0);
	struct clone_args args = { .exit_signal = SIGCHLD };
	if (g->dirfd >= 0) {
		args.flags = CLONE_INTO_CGROUP;
		args.cgroup = (uint64_t)g->dirfd;
	}
	pid_t pid = sys_clone3(&args);
	if (pid == 0) {
		for (int i = 0; i < n; i++)
			if (write(tasks[i], "0", 1) != 1)
				_exit(99);
		if (write(joined[1], "", 1) != 1)
			_exit(99);
		(void)close(joined[0]);
		(void)close(joined[1]);
		fn(cookie);
		_exit(0);
	}
	assert_true(pid > 0);
	for (int i = 0; i < n; i++)
		(void)close(tasks[i]);
	char c;
	(void)close(joined[1]);
	ssize_t got = read(joined[0], &c, 1);
	(void)close(joined[0]);
	assert_int_equal(got, 1);
	return pid;
}

static int wait_for(pid_t pid)
{
	int status = -1;
	assert_int_equal(waitpid(pid, &status, 0), pid);
	return status;
}

static void sleep_long(void *cookie)
{
	(void)cookie;
	for (;;)
		(void)pause();
}

static struct spec_resources no_limits(void)
{
	struct spec_resources res = { 0 };
	res.memory_limit = res.memory_reservation = res.memory_swap = res.memory_swappiness = SPEC_UNSET;
	res.memory_oom_kill_disable = res.pids_limit = res.blkio_weight = SPEC_UNSET;
	res.cpu_shares = res.cpu_quota_us = res.cpu_period_us = res.cpu_burst_us = res.cpu_idle = SPEC_UNSET;
	return res;
}

static uint64_t read_limit(const struct cgroup *g, enum cgroup_controller c, const char *v1, const char *v2)
{
	bool is_v2;
	int dirfd = cgroup_home(g, root, c, &is_v2);
	assert_true(dirfd >= 0);
	return cgroup_read_number(dirfd, is_v2 ? v2 : v1);
}

/* ---- tests */

static void test_names(void **state)
{
	(void)state;
	struct cgroup g;
	static const char *const bad[] = { "", "..", "../x", "a/../b", "/a", "a/", "a//b", ".", "a b", "a\nb",
		".hidden", "../../../var/tmp/x" };
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		assert_int_equal(cgroup_create(root, bad[i], &g, &e), -EINVAL);
		assert_int_equal(cgroup_open(root, bad[i], &g, &e), -EINVAL);
		assert_int_equal(cgroup_remove(root, bad[i], 0, &e), -EINVAL);
	}
	struct cgroup_root *r = NULL;
	assert_int_equal(cgroup_root_open("../x", NULL, &r, &e), -EINVAL);
	assert_int_equal(cgroup_root_open("x", "../..", &r, &e), -EINVAL);
	assert_int_equal(cgroup_open(root, "missing", &g, &e), -ENOENT);
	assert_int_equal(cgroup_remove(root, "missing", 0, &e), 0);
}

static void test_create_list_remove(void **state)
{
	(void)state;
	struct cgroup a, b;
	OK(cgroup_create(root, "aa", &a, &e));
	OK(cgroup_create(root, "bb/inner", &b, &e));
	assert_int_equal(a.n_v1, cgroup_root_is_v2(root) ? 0 : root->n_v1);
	for (int i = 0; i < a.n_v1; i++)
		assert_true(a.v1_dirfd[i] >= 0);
	char **list;
	assert_int_equal(cgroup_root_list(root, &list, NULL), 2);
	assert_string_equal(list[0], "aa");
	assert_string_equal(list[1], "bb");
	assert_null(list[2]);
	cgroup_list_free(list);

	/* In it, in every hierarchy; and a group in use is not taken over. */
	pid_t pid = spawn_in(&b, sleep_long, NULL);
	UNTIL(cgroup_is_populated(&b, root) == 1);
	for (int i = 0; i < b.n_v1; i++)
		UNTIL(cgroup_tree_has_processes(b.v1_dirfd[i]) == 1);
	struct cgroup again;
	assert_int_equal(cgroup_create(root, "bb/inner", &again, &e), -EBUSY);
	assert_non_null(strstr(e.text, "has processes"));
	assert_int_equal(cgroup_root_remove(root, &e), -EBUSY);
	pid_t *pids;
	assert_int_equal(cgroup_pids(&b, root, &pids, &e), 1);
	assert_int_equal(pids[0], pid);
	free(pids);
	OK(cgroup_kill(&b, root, &e));
	assert_int_equal(WTERMSIG(wait_for(pid)), SIGKILL);
	/* That root_remove took all empty groups away before it came upon the busy one, or not: both are
	 * fine. */
	cgroup_close(&a);
	OK(cgroup_create(root, "aa", &a, &e));
	OK(cgroup_create(root, "bb/inner", &again, &e)); /* an empty leftover is replaced */
	cgroup_close(&again);
	cgroup_close(&a);
	cgroup_close(&b);
	OK(cgroup_remove(root, "aa", 0, &e));
	OK(cgroup_remove(root, "bb/inner", 1000, &e));
	OK(cgroup_remove(root, "bb", 1000, &e));
	assert_int_equal(cgroup_root_list(root, &list, NULL), 0);
	cgroup_list_free(list);
}

static void test_remove_nested(void **state)
{
	(void)state;
	struct cgroup g;
	OK(cgroup_create(root, "nest", &g, &e));
	/* What a payload such as systemd leaves: wide, deep, with a process at the bottom. */
	int tops[CGROUP_V1_MAX + 1], n = 0;
	if (g.dirfd >= 0)
		tops[n++] = g.dirfd;
	for (int i = 0; i < g.n_v1; i++)
		tops[n++] = g.v1_dirfd[i];
	for (int i = 0; i < n; i++) {
		char name[16];
		for (int k = 0; k < 20; k++) {
			(void)snprintf(name, sizeof(name), "wide%d", k);
			assert_int_equal(mkdirat(tops[i], name, 0755), 0);
		}
		auto_close int at = openat(tops[i], ".", O_PATH | O_CLOEXEC);
		for (int k = 0; k < 12; k++) {
			assert_int_equal(mkdirat(at, "deep", 0755), 0);
			int next = openat(at, "deep", O_PATH | O_CLOEXEC);
			assert_true(next >= 0);
			own_close(&at);
			at = next;
		}
	}
	pid_t pid = spawn_in(&g, sleep_long, NULL);
	char text[16];
	(void)snprintf(text, sizeof(text), "%d", (int)pid);
	int at = g.dirfd >= 0 ? g.dirfd : g.v1_dirfd[0];
	UNTIL(cgroup_is_populated(&g, root) == 1);
	assert_int_equal(io_write_text(at, "deep/deep/deep/cgroup.procs", text), 0);
	pid_t *pids;
	assert_int_equal(cgroup_pids(&g, root, &pids, NULL), 1);
	assert_int_equal(pids[0], pid);
	free(pids);
	cgroup_close(&g);
	OK(cgroup_remove(root, "nest", 5000, &e));
	assert_int_equal(WTERMSIG(wait_for(pid)), SIGKILL);
	assert_int_equal(cgroup_open(root, "nest", &g, NULL), -ENOENT);
}

static void fork_tree(void *cookie)
{
	for (int i = 0; i < 4; i++)
		(void)fork(); /* 16 processes */
	sleep_long(cookie);
}

static int count_pids(const struct cgroup *g)
{
	pid_t *pids = NULL;
	int n = cgroup_pids(g, root, &pids, NULL);
	free(pids);
	return n;
}

static void test_kill_tree(void **state)
{
	(void)state;
	struct cgroup g;
	OK(cgroup_create(root, "tree", &g, &e));
	pid_t pid = spawn_in(&g, fork_tree, NULL);
	UNTIL(count_pids(&g) == 16);
	OK(cgroup_kill(&g, root, &e));
	assert_int_equal(WTERMSIG(wait_for(pid)), SIGKILL);
	UNTIL(cgroup_is_populated(&g, root) == 0);
	cgroup_close(&g);
	OK(cgroup_remove(root, "tree", 5000, &e));
}

/* Before Linux 5.14, or without v2: seen through a group whose v2 side is not known. */
static void test_kill_without_v2(void **state)
{
	(void)state;
	struct cgroup g, v1;
	OK(cgroup_create(root, "old", &g, &e));
	if (g.n_v1 == 0) {
		cgroup_close(&g);
		OK(cgroup_remove(root, "old", 0, &e));
		print_message("skipped: no cgroup v1 here\n");
		skip();
	}
	pid_t pid = spawn_in(&g, fork_tree, NULL);
	v1 = g;
	v1.dirfd = -1;
	UNTIL(count_pids(&v1) == 16);
	OK(cgroup_freeze(&v1, root, true, &e));
	UNTIL(cgroup_is_frozen(&v1, root) == 1);
	assert_int_equal(cgroup_is_freeze_asked(&v1, root), 1);
	OK(cgroup_freeze(&v1, root, false, &e));
	assert_int_equal(cgroup_is_freeze_asked(&v1, root), 0);
	assert_int_equal(cgroup_is_frozen(&v1, root), 0);
	assert_int_equal(cgroup_is_populated(&v1, root), 1);
	OK(cgroup_kill(&v1, root, &e));
	assert_int_equal(WTERMSIG(wait_for(pid)), SIGKILL);
	UNTIL(cgroup_is_populated(&v1, root) == 0);

	/* An exec's v1 groups are its container's: nothing that would hit them all is done. */
	v1.v1_shared = true;
	struct spec_resources res = no_limits();
	pid = spawn_in(&g, sleep_long, NULL);
	assert_true(cgroup_kill(&v1, root, NULL) < 0);
	assert_true(cgroup_freeze(&v1, root, true, NULL) < 0);
	assert_int_equal(cgroup_set_resources(&v1, root, &res, NULL), -EOPNOTSUPP);
	assert_int_equal(waitpid(pid, NULL, WNOHANG), 0);
	assert_int_equal(cgroup_kill(&g, root, NULL), 0);
	(void)wait_for(pid);
	cgroup_close(&g);
	OK(cgroup_remove(root, "old", 5000, &e));
}

static void test_exec_group(void **state)
{
	(void)state;
	struct cgroup g, x;
	assert_int_equal(cgroup_create(root, "none/berth.1", &x, &e), -ENOENT);
	OK(cgroup_create(root, "cc", &g, &e));
	OK(cgroup_create(root, "cc/berth.1", &x, &e));
	assert_int_equal(x.v1_shared, x.n_v1 > 0);
	pid_t main_pid = spawn_in(&g, sleep_long, NULL);
	pid_t exec_pid = spawn_in(&x, sleep_long, NULL);
	UNTIL(count_pids(&g) == 2);
	if (x.dirfd >= 0) {
		assert_int_equal(count_pids(&x), 1);
		OK(cgroup_kill(&x, root, &e));
		assert_int_equal(WTERMSIG(wait_for(exec_pid)), SIGKILL);
		assert_int_equal(waitpid(main_pid, NULL, WNOHANG), 0);
		cgroup_close(&x);
		OK(cgroup_remove(root, "cc/berth.1", 5000, &e));
		assert_int_equal(cgroup_open(root, "cc/berth.1", &x, &e), -ENOENT);
		assert_int_equal(waitpid(main_pid, NULL, WNOHANG), 0);
		assert_int_equal(count_pids(&g), 1);
	}
	OK(cgroup_kill(&g, root, &e));
	(void)wait_for(main_pid);
	cgroup_close(&x);
	cgroup_close(&g);
	OK(cgroup_remove(root, "cc", 5000, &e));
}

/* By the container's descriptors alone: a name that leads elsewhere by now leads nowhere. */
static void test_exec_group_by_descriptor(void **state)
{
	(void)state;
	struct cgroup g, x;
	OK(cgroup_create(root, "cd", &g, &e));
	memcpy(g.path, "no", 3);
	OK(cgroup_create_exec(&g, root, 7, &x, &e));
	assert_string_equal(x.path, "no/berth.7");
	assert_int_equal(x.v1_shared, x.n_v1 > 0);
	pid_t pid = spawn_in(&x, sleep_long, NULL);
	UNTIL(count_pids(&g) == 1);
	if (x.dirfd >= 0) {
		assert_int_equal(cgroup_remove_exec(&g, &x, &e), -EBUSY);
		OK(cgroup_kill(&x, root, &e));
	} else {
		OK(cgroup_kill(&g, root, &e));
	}
	assert_int_equal(WTERMSIG(wait_for(pid)), SIGKILL);
	UNTIL(cgroup_remove_exec(&g, &x, NULL) == 0);
	OK(cgroup_remove_exec(&g, &x, &e));
	if (x.dirfd >= 0)
		assert_int_equal(cgroup_open(root, "cd/berth.7", &(struct cgroup){ 0 }, &e), -ENOENT);
	cgroup_close(&x);
	cgroup_close(&g);
	OK(cgroup_remove(root, "cd", 5000, &e));
}

/* A payload with a writable v2 mount has left our v2 group, but not the v1 ones. */
static void test_remove_after_escape(void **state)
{
	(void)state;
	struct cgroup g;
	OK(cgroup_create(root, "esc", &g, &e));
	if (g.n_v1 == 0 || g.dirfd < 0) {
		cgroup_close(&g);
		OK(cgroup_remove(root, "esc", 0, &e));
		print_message("skipped: not hybrid here\n");
		skip();
	}
	pid_t pid = spawn_in(&g, sleep_long, NULL);
	int last = g.n_v1 - 1;
	char text[16];
	(void)snprintf(text, sizeof(text), "%d", (int)pid);
	UNTIL(cgroup_tree_has_processes(g.v1_dirfd[last]) == 1);
	assert_int_equal(io_write_text(root->v2.parent_dirfd, "cgroup.procs", text), 0);
	for (int i = 0; i < last; i++) /* the last one alone still has it */
		assert_int_equal(io_write_text(root->v1[i].parent_dirfd, "cgroup.procs", text), 0);
	assert_int_equal(cgroup_is_populated(&g, root), 0);
	cgroup_close(&g);
	OK(cgroup_remove(root, "esc", 5000, &e));
	assert_int_equal(WTERMSIG(wait_for(pid)), SIGKILL);
}

static volatile unsigned *shared_counter;

static void count_up(void *cookie)
{
	(void)cookie;
	for (;;) {
		(*shared_counter)++;
		sleep_ms(1);
	}
}

static void test_freeze(void **state)
{
	(void)state;
	NEEDS(CGROUP_HAS_FREEZE);
	shared_counter = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	assert_ptr_not_equal(shared_counter, MAP_FAILED);
	struct cgroup g;
	OK(cgroup_create(root, "ice", &g, &e));
	pid_t pid = spawn_in(&g, count_up, NULL);
	UNTIL(*shared_counter > 3);
	assert_int_equal(cgroup_is_frozen(&g, root), 0);
	assert_int_equal(cgroup_is_freeze_asked(&g, root), 0);
	int watch_fd = cgroup_watch_open(&e), seen[4];
	assert_true(watch_fd >= 0);
	int watch = cgroup_watch_add(watch_fd, &g, &e);
	assert_true(g.dirfd >= 0 ? watch > 0 : watch == -EOPNOTSUPP);
	while (cgroup_watch_read(watch_fd, seen, ARRAY_LEN(seen)) > 0)
		;
	OK(cgroup_freeze(&g, root, true, &e));
	UNTIL(cgroup_is_frozen(&g, root) == 1);
	if (watch > 0) {
		int n;
		UNTIL((n = cgroup_watch_read(watch_fd, seen, ARRAY_LEN(seen))) > 0);
		assert_int_equal(seen[0], watch);
		cgroup_watch_drop(watch_fd, watch);
		while (cgroup_watch_read(watch_fd, seen, ARRAY_LEN(seen)) > 0)
			;
	}
	assert_int_equal(cgroup_is_freeze_asked(&g, root), 1);
	unsigned still = *shared_counter;
	sleep_ms(50);
	assert_int_equal(*shared_counter, still);
	OK(cgroup_freeze(&g, root, false, &e));
	UNTIL(*shared_counter > still + 3);
	assert_int_equal(cgroup_is_frozen(&g, root), 0);
	assert_int_equal(cgroup_watch_read(watch_fd, seen, ARRAY_LEN(seen)), 0); /* it was dropped */
	(void)close(watch_fd);
	/* A frozen group can be killed and removed as it is. */
	OK(cgroup_freeze(&g, root, true, &e));
	cgroup_close(&g);
	OK(cgroup_remove(root, "ice", 5000, &e));
	assert_int_equal(WTERMSIG(wait_for(pid)), SIGKILL);
	(void)munmap((void *)shared_counter, 4096);
}

static void eat_memory(void *cookie)
{
	size_t size = *(size_t *)cookie;
	char *p = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (p == MAP_FAILED)
		_exit(98);
	memset(p, 1, size);
}

struct eater {
	int dirfd;
	size_t size;
};

static void eat_below(void *cookie)
{
	struct eater *x = cookie;
	if (io_write_text(x->dirfd, "sub/cgroup.procs", "0") < 0)
		_exit(97);
	eat_memory(&x->size);
}

static void test_memory_limit(void **state)
{
	(void)state;
	NEEDS(CGROUP_HAS_MEMORY);
	struct cgroup g;
	OK(cgroup_create(root, "mem", &g, &e));
	struct spec_resources res = no_limits();
	res.memory_limit = 16 << 20;
	if (cgroup_root_features(root) & CGROUP_HAS_SWAP)
		res.memory_swap = 16 << 20;
	OK(cgroup_set_resources(&g, root, &res, &e));
	assert_int_equal(read_limit(&g, CG_MEMORY, "memory.limit_in_bytes", "memory.max"), 16 << 20);

	struct cgroup_oom oom;
	OK(cgroup_oom_open(&g, root, &oom, &e));
	struct pollfd p = { .fd = oom.fd, .events = POLLIN };
	assert_int_equal(poll(&p, 1, 0), 0);
	uint64_t kills = 77;
	assert_int_equal(cgroup_oom_kills(&g, root, &kills), 0);
	assert_int_equal(kills, 0);

	size_t fits = 8 << 20, too_much = 64 << 20;
	assert_int_equal(wait_for(spawn_in(&g, eat_memory, &fits)), 0);
	assert_int_equal(poll(&p, 1, 0), 0);
	int status = wait_for(spawn_in(&g, eat_memory, &too_much));
	assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
	assert_int_equal(poll(&p, 1, 5000), 1);
	assert_int_equal(cgroup_oom_kills(&g, root, &kills), 0);
	assert_int_equal(kills, 1);
	UNTIL((cgroup_oom_drain(&oom), poll(&p, 1, 20)) == 0);

	/* Once more, after draining: it is told again. */
	(void)wait_for(spawn_in(&g, eat_memory, &too_much));
	assert_int_equal(poll(&p, 1, 5000), 1);
	assert_int_equal(cgroup_oom_kills(&g, root, &kills), 0);
	assert_int_equal(kills, 2);
	cgroup_oom_close(&oom);

	/* In a group that the payload made below its own. */
	bool v2;
	struct eater below = { cgroup_home(&g, root, CG_MEMORY, &v2), too_much };
	assert_int_equal(mkdirat(below.dirfd, "sub", 0755), 0);
	status = wait_for(spawn_in(&g, eat_below, &below));
	assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
	assert_int_equal(cgroup_oom_kills(&g, root, &kills), 0);
	assert_int_equal(kills, 3);
	cgroup_close(&g);
	OK(cgroup_remove(root, "mem", 5000, &e));
}

static void test_memory_update(void **state)
{
	(void)state;
	NEEDS(CGROUP_HAS_MEMORY);
	struct cgroup g;
	OK(cgroup_create(root, "mem", &g, &e));
	bool swap = cgroup_root_features(root) & CGROUP_HAS_SWAP;
	/* Up, down, up across the old sum, away, and back: each a legal state, none a legal order of writes
	 * by accident. */
	static const int64_t steps[][2] = { { 32, 64 }, { 128, 256 }, { 16, 16 }, { 64, -1 }, { 48, 48 },
		{ -1, 0 }, { 24, 30 } };
	for (size_t i = 0; i < ARRAY_LEN(steps); i++) {
		struct spec_resources res = no_limits();
		res.memory_limit = steps[i][0] < 0 ? -1 : steps[i][0] << 20;
		res.memory_swap = !swap || steps[i][1] == 0 ? SPEC_UNSET
			: steps[i][1] < 0		    ? -1
							    : steps[i][1] << 20;
		OK(cgroup_set_resources(&g, root, &res, &e));
		uint64_t want = steps[i][0] < 0 ? UINT64_MAX : (uint64_t)steps[i][0] << 20;
		assert_true(read_limit(&g, CG_MEMORY, "memory.limit_in_bytes", "memory.max") == want);
		if (!swap)
			continue;
		uint64_t sum = steps[i][1] <= 0 ? UINT64_MAX : (uint64_t)steps[i][1] << 20;
		if (root->home[CG_MEMORY] == CG_HOME_V2 && sum != UINT64_MAX)
			sum -= want;
		assert_true(
			read_limit(&g, CG_MEMORY, "memory.memsw.limit_in_bytes", "memory.swap.max") == sum);
	}
	struct spec_resources res = no_limits();
	res.memory_limit = 32 << 20;
	res.memory_swap = 16 << 20;
	assert_int_equal(cgroup_set_resources(&g, root, &res, &e), -EINVAL);
	assert_non_null(strstr(e.text, "memory+swap limit"));
	res = no_limits();
	res.memory_swappiness = 40;
	res.memory_oom_kill_disable = 0;
	res.memory_reservation = 8 << 20;
	OK(cgroup_set_resources(&g, root, &res, &e));
	assert_int_equal(read_limit(&g, CG_MEMORY, "memory.soft_limit_in_bytes", "memory.low"), 8 << 20);
	cgroup_close(&g);
	OK(cgroup_remove(root, "mem", 5000, &e));
}

/* The last of the limits cannot be set: those before it are as they were. */
static void test_update_is_whole(void **state)
{
	(void)state;
	NEEDS(CGROUP_HAS_MEMORY | CGROUP_HAS_PIDS | CGROUP_HAS_CPU | CGROUP_HAS_CPUSET);
	struct cgroup g;
	bool v2;
	char cpus[2][128];
	OK(cgroup_create(root, "whole", &g, &e));
	int cpuset = cgroup_home(&g, root, CG_CPUSET, &v2);
	struct spec_resources res = no_limits();
	res.memory_limit = 64 << 20;
	res.pids_limit = 30;
	OK(cgroup_update_resources(&g, root, &res, &e));
	uint64_t shares = read_limit(&g, CG_CPU, "cpu.shares", "cpu.weight");
	assert_true(io_read_text(cpuset, "cpuset.cpus", cpus[0], sizeof(cpus[0])) >= 0);
	res.memory_limit = 32 << 20;
	res.memory_swap = cgroup_root_features(root) & CGROUP_HAS_SWAP ? 40 << 20 : SPEC_UNSET;
	res.cpu_shares = 2000;
	res.cpu_quota_us = 30000;
	res.cpu_period_us = 50000;
	res.cpuset_cpus = "0";
	res.pids_limit = 10;
	struct spec_resources bad = res;
	bad.cpuset_mems = "90000"; /* more than any kernel counts */
	assert_true(cgroup_update_resources(&g, root, &bad, &e) < 0);
	assert_non_null(strstr(e.text, "cpuset"));
	assert_int_equal(read_limit(&g, CG_MEMORY, "memory.limit_in_bytes", "memory.max"), 64 << 20);
	assert_int_equal(read_limit(&g, CG_PIDS, "pids.max", "pids.max"), 30);
	assert_int_equal(read_limit(&g, CG_CPU, "cpu.shares", "cpu.weight"), shares);
	assert_true(io_read_text(cpuset, "cpuset.cpus", cpus[1], sizeof(cpus[1])) >= 0);
	assert_string_equal(cpus[0], cpus[1]);
	OK(cgroup_update_resources(&g, root, &res, &e));
	assert_int_equal(read_limit(&g, CG_MEMORY, "memory.limit_in_bytes", "memory.max"), 32 << 20);
	assert_int_equal(read_limit(&g, CG_PIDS, "pids.max", "pids.max"), 10);
	cgroup_close(&g);
	OK(cgroup_remove(root, "whole", 5000, &e));
}

static void fork_bomb(void *cookie)
{
	(void)cookie;
	int made = 0;
	for (int i = 0; i < 50; i++) {
		pid_t pid = fork();
		if (pid == 0)
			sleep_long(NULL);
		made += pid > 0;
	}
	_exit(made);
}

static void test_pids_limit(void **state)
{
	(void)state;
	NEEDS(CGROUP_HAS_PIDS);
	struct cgroup g;
	OK(cgroup_create(root, "pids", &g, &e));
	struct spec_resources res = no_limits();
	res.pids_limit = 8;
	OK(cgroup_set_resources(&g, root, &res, &e));
	int status = wait_for(spawn_in(&g, fork_bomb, NULL));
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 7);
	struct cgroup_stats s;
	OK(cgroup_read_stats(&g, root, &s, &e));
	assert_int_equal(s.pids_current, 7);
	assert_int_equal(s.pids_limit, 8);
	res.pids_limit = -1;
	OK(cgroup_set_resources(&g, root, &res, &e));
	assert_true(read_limit(&g, CG_PIDS, "pids.max", "pids.max") == UINT64_MAX);
	cgroup_close(&g);
	OK(cgroup_remove(root, "pids", 5000, &e));
}

static void burn(void *cookie)
{
	(void)cookie;
	for (volatile unsigned i = 0;; i++)
		;
}

static void test_cpu_quota(void **state)
{
	(void)state;
	NEEDS(CGROUP_HAS_CPU);
	struct cgroup g;
	OK(cgroup_create(root, "cpu", &g, &e));
	struct spec_resources res = no_limits();
	res.cpu_period_us = 50000;
	res.cpu_quota_us = 10000;
	res.cpu_burst_us = 0;
	res.cpu_shares = 512;
	OK(cgroup_set_resources(&g, root, &res, &e));
	assert_int_equal(read_limit(&g, CG_CPU, "cpu.shares", "cpu.weight"),
		root->home[CG_CPU] == CG_HOME_V2 ? 59 : 512);
	int64_t begin = clock_mono_ns();
	pid_t pid = spawn_in(&g, burn, NULL);
	sleep_ms(1000);
	struct cgroup_stats s;
	OK(cgroup_read_stats(&g, root, &s, &e));
	int64_t wall = clock_mono_ns() - begin;
	assert_true(s.cpu_usage_ns > 0 && s.cpu_usage_ns < (uint64_t)wall / 100 * 35);
	assert_true(s.cpu_throttled_periods > 0 && s.cpu_throttled_periods != UINT64_MAX);
	assert_true(s.cpu_throttled_ns > 0 && s.cpu_throttled_ns != UINT64_MAX);
	assert_true(s.cpu_user_ns != UINT64_MAX && s.cpu_system_ns != UINT64_MAX);
	/* Burst and quota up together, then down together: the order of the writes differs. */
	res.cpu_quota_us = 40000;
	res.cpu_burst_us = 40000;
	OK(cgroup_set_resources(&g, root, &res, &e));
	res.cpu_quota_us = 5000;
	res.cpu_burst_us = 5000;
	OK(cgroup_set_resources(&g, root, &res, &e));
	assert_int_equal(read_limit(&g, CG_CPU, "cpu.cfs_burst_us", "cpu.max.burst"), 5000);
	/* The period alone keeps the quota. */
	res = no_limits();
	res.cpu_period_us = 100000;
	OK(cgroup_set_resources(&g, root, &res, &e));
	bool v2;
	char text[64];
	int dirfd = cgroup_home(&g, root, CG_CPU, &v2);
	assert_true(io_read_text(dirfd, v2 ? "cpu.max" : "cpu.cfs_quota_us", text, sizeof(text)) > 0);
	assert_string_equal(text, v2 ? "5000 100000" : "5000");
	res.cpu_period_us = SPEC_UNSET;
	res.cpu_idle = 1;
	res.cpu_shares = 100;
	OK(cgroup_set_resources(&g, root, &res, &e));
	cgroup_close(&g);
	OK(cgroup_remove(root, "cpu", 5000, &e));
	(void)wait_for(pid);
}

static void on_cpu_0(void *cookie)
{
	(void)cookie;
	cpu_set_t set;
	_exit(sched_getaffinity(0, sizeof(set), &set) == 0 && CPU_COUNT(&set) == 1 && CPU_ISSET(0, &set) ? 0
													 : 1);
}

static void test_cpuset(void **state)
{
	(void)state;
	NEEDS(CGROUP_HAS_CPUSET);
	struct cgroup g;
	OK(cgroup_create(root, "set", &g, &e));
	struct spec_resources res = no_limits();
	res.cpuset_cpus = "0";
	res.cpuset_mems = "0";
	OK(cgroup_set_resources(&g, root, &res, &e));
	assert_int_equal(wait_for(spawn_in(&g, on_cpu_0, NULL)), 0);
	res.cpuset_cpus = "4000";
	assert_true(cgroup_set_resources(&g, root, &res, &e) < 0);
	assert_non_null(strstr(e.text, "set cpuset: write '4000' to cpuset.cpus"));
	cgroup_close(&g);
	OK(cgroup_remove(root, "set", 5000, &e));
}

static void test_io_limit(void **state)
{
	(void)state;
	NEEDS(CGROUP_HAS_IO);
	struct stat st;
	if (stat("/", &st) < 0 || major(st.st_dev) == 0) {
		print_message("skipped: the root filesystem is on no block device\n");
		skip();
	}
	struct cgroup g;
	OK(cgroup_create(root, "io", &g, &e));
	struct spec_resources res = no_limits();
	struct spec_throttle t = { major(st.st_dev), minor(st.st_dev), 1 << 20 };
	res.read_bps = &t;
	res.n_read_bps = 1;
	res.write_iops = &t;
	res.n_write_iops = 1;
	OK(cgroup_set_resources(&g, root, &res, &e));
	if (!(cgroup_root_features(root) & CGROUP_HAS_IO_WEIGHT)) {
		res = no_limits();
		res.blkio_weight = 300;
		assert_int_equal(cgroup_set_resources(&g, root, &res, &e), -ENOENT);
		assert_non_null(strstr(e.text, "set block io weight: this kernel has"));
	}
	cgroup_close(&g);
	OK(cgroup_remove(root, "io", 5000, &e));
}

static void test_missing_controller(void **state)
{
	(void)state;
	struct cgroup g;
	OK(cgroup_create(root, "poor", &g, &e));
	struct cgroup_root poor = *root;
	for (int c = 0; c < CG_CONTROLLER_COUNT; c++)
		poor.home[c] = CG_HOME_NONE;
	struct spec_resources res = no_limits();
	res.memory_swappiness = 10; /* v1's alone, and a limit of "none": nothing is missing */
	res.pids_limit = 0;
	assert_int_equal(cgroup_set_resources(&g, &poor, &res, &e), 0);
	res.memory_limit = 64 << 20;
	assert_int_equal(cgroup_set_resources(&g, &poor, &res, &e), -ENOENT);
	assert_string_equal(e.text, "set memory limit: this host has no memory controller");
	struct spec_device_rule rule = { .allow = true, .type = 'a', .major = -1, .minor = -1, .read = true };
	assert_int_equal(cgroup_set_devices(&g, &poor, &rule, 1, &e), -ENOENT);
	uint64_t n;
	assert_int_equal(cgroup_oom_kills(&g, &poor, &n), -ENOENT);
	char *unified[] = { (char *)"memory.high", (char *)"1000000", NULL };
	res = no_limits();
	res.unified = unified;
	if (cgroup_root_is_v2(root)) {
		OK(cgroup_set_resources(&g, root, &res, &e));
		unified[0] = (char *)"cgroup.procs";
		assert_int_equal(cgroup_set_resources(&g, root, &res, &e), -EINVAL);
		unified[0] = (char *)"../memory.high";
		assert_int_equal(cgroup_set_resources(&g, root, &res, &e), -EINVAL);
		unified[0] = (char *)"nothing.max";
		assert_int_equal(cgroup_set_resources(&g, root, &res, &e), -ENOENT);
		assert_non_null(strstr(e.text, "no nothing controller"));
	} else {
		assert_int_equal(cgroup_set_resources(&g, root, &res, &e), -EOPNOTSUPP);
	}
	cgroup_close(&g);
	OK(cgroup_remove(root, "poor", 0, &e));
}

/* ---- devices */

struct probe {
	const char *dir;
	int null_rdwr, null_rdonly, zero_rdonly, make_fifo, make_full; /* errno expected of each */
};

static int try_open(const char *dir, const char *name, int flags)
{
	char path[128];
	(void)snprintf(path, sizeof(path), "%s/%s", dir, name);
	int fd = open(path, flags | O_CLOEXEC);
	int r = fd < 0 ? errno : 0;
	own_close(&fd);
	return r;
}

static int try_make(const char *dir, const char *name, mode_t mode, dev_t dev)
{
	char path[128];
	(void)snprintf(path, sizeof(path), "%s/%s", dir, name);
	int r = mknod(path, mode, dev) < 0 ? errno : 0;
	(void)unlink(path);
	return r;
}

static void probe_devices(void *cookie)
{
	const struct probe *p = cookie;
	if (try_open(p->dir, "null", O_RDWR) != p->null_rdwr)
		_exit(1);
	if (try_open(p->dir, "null", O_RDONLY) != p->null_rdonly)
		_exit(2);
	if (try_open(p->dir, "zero", O_RDONLY) != p->zero_rdonly)
		_exit(3);
	if (try_make(p->dir, "fifo", S_IFIFO | 0600, 0) != p->make_fifo)
		_exit(4);
	if (try_make(p->dir, "full", S_IFCHR | 0600, makedev(1, 7)) != p->make_full)
		_exit(5);
}

/* Nodes of our own, so that no test ever touches the host's. */
static void make_nodes(char dir[64])
{
	strcpy(dir, "/tmp/berth-cgroup-XXXXXX");
	assert_non_null(mkdtemp(dir));
	char path[96];
	(void)snprintf(path, sizeof(path), "%s/null", dir);
	assert_int_equal(mknod(path, S_IFCHR | 0600, makedev(1, 3)), 0);
	(void)snprintf(path, sizeof(path), "%s/zero", dir);
	assert_int_equal(mknod(path, S_IFCHR | 0600, makedev(1, 5)), 0);
}

static void remove_nodes(const char *dir)
{
	char path[96];
	(void)snprintf(path, sizeof(path), "%s/null", dir);
	(void)unlink(path);
	(void)snprintf(path, sizeof(path), "%s/zero", dir);
	(void)unlink(path);
	(void)rmdir(dir);
}

#define ALL -1, -1
static const struct spec_device_rule deny_all = { false, 'a', ALL, true, true, true };

/* set is the function under test: the controller of this host, or the bpf program where both exist. */
static void check_devices(
	const struct cgroup *g, int (*set)(const struct cgroup *, const struct spec_device_rule *, size_t))
{
	char dir[64];
	make_nodes(dir);
	struct probe p = { .dir = dir };
	assert_int_equal(wait_for(spawn_in(g, probe_devices, &p)), 0); /* nothing is filtered yet */

	const struct spec_device_rule null_only[] = { deny_all, { true, 'c', ALL, false, false, true },
		{ true, 'c', 1, 3, true, true, false } };
	assert_int_equal(set(g, null_only, 3), 0);
	p = (struct probe){ dir, 0, 0, EPERM, 0, 0 };
	assert_int_equal(wait_for(spawn_in(g, probe_devices, &p)), 0);

	/* The second call's rules stand in the first's place; a later rule takes a kind of access away. */
	const struct spec_device_rule read_null[] = { deny_all, { true, 'c', 1, 3, true, true, true },
		{ true, 'c', 1, 5, true, false, false }, { false, 'c', 1, 3, false, true, false } };
	assert_int_equal(set(g, read_null, 4), 0);
	p = (struct probe){ dir, EPERM, 0, 0, 0, EPERM };
	assert_int_equal(wait_for(spawn_in(g, probe_devices, &p)), 0);

	assert_int_equal(set(g, NULL, 0), 0);
	p = (struct probe){ dir, EPERM, EPERM, EPERM, 0, EPERM };
	assert_int_equal(wait_for(spawn_in(g, probe_devices, &p)), 0);

	const struct spec_device_rule but_zero[] = { { true, 'a', ALL, true, true, true },
		{ false, 'c', 1, 5, true, true, true } };
	assert_int_equal(set(g, but_zero, 2), 0);
	p = (struct probe){ dir, 0, 0, EPERM, 0, 0 };
	assert_int_equal(wait_for(spawn_in(g, probe_devices, &p)), 0);
	remove_nodes(dir);
}

static int set_by_host(const struct cgroup *g, const struct spec_device_rule *rules, size_t n)
{
	struct cgroup mutable = *g;
	int r = cgroup_set_devices(&mutable, root, rules, n, &e);
	if (r < 0)
		print_message("%s\n", e.text);
	return r;
}

static int set_by_bpf(const struct cgroup *g, const struct spec_device_rule *rules, size_t n)
{
	int r = device_filter_attach(g->dirfd, rules, n, &e);
	if (r < 0)
		print_message("%s\n", e.text);
	return r;
}

static void test_devices(void **state)
{
	(void)state;
	NEEDS(CGROUP_HAS_DEVICES);
	struct cgroup g;
	OK(cgroup_create(root, "dev", &g, &e));
	check_devices(&g, set_by_host);
	cgroup_close(&g);
	OK(cgroup_remove(root, "dev", 5000, &e));
}

static void test_devices_bpf(void **state)
{
	(void)state;
	struct cgroup g;
	OK(cgroup_create(root, "bpf", &g, &e));
	bool can = g.dirfd >= 0 && device_filter_attach(g.dirfd, &deny_all, 0, NULL) != -EOPNOTSUPP;
	cgroup_close(&g);
	OK(cgroup_remove(root, "bpf", 5000, &e));
	if (!can) {
		print_message("skipped: no cgroup v2, or no bpf\n");
		skip();
	}
	OK(cgroup_create(root, "bpf", &g, &e));
	check_devices(&g, set_by_bpf);
	cgroup_close(&g);
	OK(cgroup_remove(root, "bpf", 5000, &e));
}

static void test_stats(void **state)
{
	(void)state;
	struct cgroup g;
	OK(cgroup_create(root, "stat", &g, &e));
	size_t some = 4 << 20;
	assert_int_equal(wait_for(spawn_in(&g, eat_memory, &some)), 0);
	struct cgroup_stats s;
	OK(cgroup_read_stats(&g, root, &s, &e));
	assert_true(s.cpu_usage_ns > 0 && s.cpu_usage_ns < 10 * (uint64_t)NS_PER_S);
	if (cgroup_root_features(root) & CGROUP_HAS_MEMORY) {
		assert_true(s.memory_usage < 64 << 20);
		assert_true(s.memory_limit == UINT64_MAX);
		assert_true(s.memory_max_usage == UINT64_MAX || s.memory_max_usage >= some);
		assert_true(s.memory_inactive_file != UINT64_MAX && s.memory_anon != UINT64_MAX);
		assert_true(s.memory_file != UINT64_MAX && s.memory_swap == 0);
	}
	if (cgroup_root_features(root) & CGROUP_HAS_PIDS) {
		assert_int_equal(s.pids_current, 0);
		assert_true(s.pids_limit == UINT64_MAX);
	}
	cgroup_close(&g);
	OK(cgroup_remove(root, "stat", 5000, &e));
}

static void enter_and_open(void *cookie)
{
	(void)cookie;
	/* A launcher, or a new supervisor, below what we made: the same root is found. */
	struct cgroup_root *r = NULL;
	struct stat a, b;
	if (cgroup_root_open(root_name, NULL, &r, NULL) < 0)
		_exit(1);
	if (root->has_v2 &&
		(fstat(r->v2.dirfd, &a) < 0 || fstat(root->v2.dirfd, &b) < 0 || a.st_ino != b.st_ino))
		_exit(2);
	for (int i = 0; i < root->n_v1; i++)
		if (fstat(r->v1[i].dirfd, &a) < 0 || fstat(root->v1[i].dirfd, &b) < 0 || a.st_ino != b.st_ino)
			_exit(3);
}

static void test_same_root_from_launch(void **state)
{
	(void)state;
	struct cgroup g;
	OK(cgroup_create(root, "launch", &g, &e));
	assert_int_equal(wait_for(spawn_in(&g, enter_and_open, NULL)), 0);
	cgroup_close(&g);
	OK(cgroup_remove(root, "launch", 5000, &e));
}

static void test_parent(void **state)
{
	(void)state;
	struct cgroup_root *other = NULL, *keep = root;
	char parent[96], name[80];
	(void)snprintf(name, sizeof(name), "%s.slice", root_name);
	(void)snprintf(parent, sizeof(parent), "%s/in", name);
	OK(cgroup_root_open("x", parent, &other, &e));
	assert_int_equal(cgroup_root_features(other), cgroup_root_features(root));
	root = other;
	struct cgroup g;
	OK(cgroup_create(root, "c1", &g, &e));
	pid_t pid = spawn_in(&g, sleep_long, NULL);
	UNTIL(cgroup_is_populated(&g, root) == 1);
	cgroup_close(&g);
	OK(cgroup_remove(root, "c1", 5000, &e));
	(void)wait_for(pid);
	OK(cgroup_root_remove(root, &e));
	root = keep;
	/* The parent is not ours to remove; here it is. */
	struct cgroup_layout *l = calloc(1, sizeof(*l));
	auto_(buf) struct buf mounts = { 0 }, own = { 0 };
	assert_int_equal(io_read_file(AT_FDCWD, "/proc/self/mountinfo", 1 << 20, &mounts, NULL), 0);
	assert_int_equal(io_read_file(AT_FDCWD, "/proc/self/cgroup", 1 << 20, &own, NULL), 0);
	assert_int_equal(cgroup_layout_parse(mounts.data, own.data, l, NULL), 0);
	for (int i = 0; i < l->n; i++) {
		auto_close int top = open(l->mounts[i].dir, O_PATH | O_CLOEXEC);
		assert_int_equal(cgroup_tree_remove(top, name), 0);
	}
	free(l);
	cgroup_root_free(other);
}

static int setup(void **state)
{
	(void)state;
	(void)snprintf(root_name, sizeof(root_name), "berth-test-%d", (int)getpid());
	pid_t self = getpid();
	if (cgroup_enter_leaf(root_name, &self, 1, &e) < 0 ||
		cgroup_root_open(root_name, NULL, &root, &e) < 0) {
		print_message("%s\n", e.text);
		return -1;
	}
	print_message("cgroups: %s, features %#x\n", cgroup_root_is_v2(root) ? "pure v2" : "hybrid or v1",
		cgroup_root_features(root));
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	char **left = NULL;
	int n = cgroup_root_list(root, &left, &e);
	for (int i = 0; i < n; i++) { /* of a test that failed: no reason to leave it on the host */
		print_message("left behind: %s\n", left[i]);
		(void)cgroup_remove(root, left[i], 5000, &e);
	}
	cgroup_list_free(left);
	int r = cgroup_root_remove(root, &e);
	if (r < 0)
		print_message("left behind: %s\n", e.text);
	if (n != 0)
		r = -1;
	cgroup_root_free(root);
	return r;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_names),
		cmocka_unit_test(test_create_list_remove),
		cmocka_unit_test(test_remove_nested),
		cmocka_unit_test(test_kill_tree),
		cmocka_unit_test(test_kill_without_v2),
		cmocka_unit_test(test_exec_group),
		cmocka_unit_test(test_exec_group_by_descriptor),
		cmocka_unit_test(test_remove_after_escape),
		cmocka_unit_test(test_freeze),
		cmocka_unit_test(test_memory_limit),
		cmocka_unit_test(test_memory_update),
		cmocka_unit_test(test_update_is_whole),
		cmocka_unit_test(test_pids_limit),
		cmocka_unit_test(test_cpu_quota),
		cmocka_unit_test(test_cpuset),
		cmocka_unit_test(test_io_limit),
		cmocka_unit_test(test_missing_controller),
		cmocka_unit_test(test_devices),
		cmocka_unit_test(test_devices_bpf),
		cmocka_unit_test(test_stats),
		cmocka_unit_test(test_same_root_from_launch),
		cmocka_unit_test(test_parent),
	};
	if (geteuid() != 0) {
		print_message("skipped: control groups need root\n");
		return 0;
	}
	(void)alarm(120);
	return cmocka_run_group_tests(tests, setup, teardown);
}

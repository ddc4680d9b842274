/* test_worker - forked jobs: answers, errors, deaths, deadlines, what they inherit and what they leave. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "base/clock.h"
#include "base/io.h"
#include "supervisor/worker.h"

static struct event_base *base;
static struct worker_pool *pool;

struct result {
	int calls, r;
	struct err e;
	size_t len;
	char head[64];
	bool all_x;
	bool free_pool;
};

static void on_done(void *cookie, int r, const struct err *e, const char *out, size_t len)
{
	struct result *res = cookie;
	res->calls++;
	res->r = r;
	res->e = *e;
	res->len = len;
	assert_int_equal(out[len], '\0');
	(void)snprintf(res->head, sizeof(res->head), "%s", out);
	res->all_x = strspn(out, "x") == len;
	if (res->free_pool) {
		worker_pool_free(pool);
		pool = NULL;
	}
}

static int setup(void **state)
{
	(void)state;
	base = event_base_new();
	return base && worker_pool_open(base, -1, -1, &pool, NULL) == 0 ? 0 : -1;
}

static int teardown(void **state)
{
	(void)state;
	worker_pool_free(pool);
	pool = NULL;
	event_base_free(base);
	errno = 0;
	return waitpid(-1, NULL, WNOHANG) == -1 && errno == ECHILD ? 0 : -1; /* nobody is left */
}

static void run_until(const struct result *res, int calls, int64_t ms)
{
	int64_t deadline = clock_mono_ns() + ms * NS_PER_MS;
	while (res->calls < calls && clock_mono_ns() < deadline) {
		(void)event_base_loop(base, EVLOOP_NONBLOCK);
		(void)usleep(500);
	}
	assert_int_equal(res->calls, calls);
}

static struct worker *start(int (*job)(void *, int, struct err *), struct result *res, int64_t deadline_ms)
{
	struct worker_args args = {
		.what = "test", .job = job, .done = on_done, .cookie = res, .deadline_ms = deadline_ms
	};
	struct worker *w;
	struct err e = { 0 };
	assert_int_equal(worker_start(pool, &args, &w, &e), 0);
	assert_int_equal(res->calls, 0); /* never from inside the call */
	return w;
}

static int job_hello(void *cookie, int out_fd, struct err *e)
{
	struct result *res = cookie;
	(void)e;
	res->calls = 100; /* in a copy */
	return io_write_full(out_fd, "hello", 5);
}

static void test_answer(void **state)
{
	struct result res = { 0 };
	(void)state;
	(void)start(job_hello, &res, 5000);
	assert_int_equal(worker_pool_busy(pool), 1);
	run_until(&res, 1, 5000);
	assert_int_equal(res.r, 0);
	assert_string_equal(res.head, "hello");
	assert_int_equal(res.len, 5);
	assert_int_equal(worker_pool_busy(pool), 0);
	assert_int_equal(event_base_get_num_events(base, EVENT_BASE_COUNT_ADDED), 0);
}

static int job_fail(void *cookie, int out_fd, struct err *e)
{
	(void)cookie;
	(void)!write(out_fd, "part", 4);
	return err_set(e, ENOTDIR, "open /x");
}

static int job_fail_silently(void *cookie, int out_fd, struct err *e)
{
	(void)cookie;
	(void)out_fd;
	(void)e;
	return -ENOTDIR;
}

static void test_errors(void **state)
{
	struct result res = { 0 }, silent = { 0 };
	(void)state;
	(void)start(job_fail, &res, 0);
	(void)start(job_fail_silently, &silent, 0);
	run_until(&res, 1, 5000);
	run_until(&silent, 1, 5000);
	assert_int_equal(res.r, -ENOTDIR);
	assert_int_equal(res.e.code, ENOTDIR);
	assert_string_equal(res.e.text, "open /x: Not a directory");
	assert_string_equal(res.head, "part");
	assert_int_equal(silent.r, -ENOTDIR);
	assert_string_equal(silent.e.text, "test: Not a directory");
}

static int job_die(void *cookie, int out_fd, struct err *e)
{
	(void)cookie;
	(void)out_fd;
	(void)e;
	(void)raise(SIGKILL);
	return 0;
}

static int job_exit(void *cookie, int out_fd, struct err *e)
{
	(void)cookie;
	(void)out_fd;
	(void)e;
	_exit(0);
}

static void test_death(void **state)
{
	struct result killed = { 0 }, left = { 0 };
	(void)state;
	(void)start(job_die, &killed, 5000);
	(void)start(job_exit, &left, 5000);
	run_until(&killed, 1, 5000);
	run_until(&left, 1, 5000);
	assert_int_equal(killed.r, -ECHILD);
	assert_string_equal(killed.e.text, "worker test died: signal 9");
	assert_int_equal(left.r, -ECHILD); /* status 0 is no answer */
	assert_string_equal(left.e.text, "worker test died: exit status 0 without an answer");
}

static int job_sleep(void *cookie, int out_fd, struct err *e)
{
	(void)cookie;
	(void)out_fd;
	(void)e;
	(void)alarm(10); /* should the one who must end it fail to */
	while (pause() < 0)
		continue;
	return 0;
}

static void test_deadline(void **state)
{
	struct result res = { 0 };
	int64_t before = clock_mono_ns();
	(void)state;
	(void)start(job_sleep, &res, 100);
	run_until(&res, 1, 5000);
	assert_in_range((clock_mono_ns() - before) / NS_PER_MS, 90, 900);
	assert_int_equal(res.r, -ETIMEDOUT);
	assert_string_equal(res.e.text, "test: no answer within 100 ms");
}

static void test_cancel(void **state)
{
	struct result res = { 0 };
	(void)state;
	struct worker *w = start(job_sleep, &res, 0);
	worker_cancel(w);
	worker_cancel(w);
	assert_int_equal(res.calls, 0);
	run_until(&res, 1, 5000);
	assert_int_equal(res.r, -ECANCELED);
	assert_string_equal(res.e.text, "test: cancelled");
}

static int job_much(void *cookie, int out_fd, struct err *e)
{
	static char block[65536];
	(void)cookie;
	(void)e;
	memset(block, 'x', sizeof(block));
	for (int i = 0; i < 100; i++)
		if (io_write_full(out_fd, block, sizeof(block)) < 0)
			return -EIO;
	return 0;
}

static int job_too_much(void *cookie, int out_fd, struct err *e)
{
	while (job_much(cookie, out_fd, e) == 0)
		continue;
	return -EIO;
}

static void test_output(void **state)
{
	struct result much = { 0 }, too_much = { 0 };
	(void)state;
	(void)start(job_much, &much, 0);
	run_until(&much, 1, 10000);
	assert_int_equal(much.r, 0);
	assert_int_equal(much.len, 6553600);
	assert_true(much.all_x);
	(void)start(job_too_much, &too_much, 0);
	run_until(&too_much, 1, 10000);
	assert_int_equal(too_much.r, -EFBIG);
}

struct inherit {
	struct result res; /* first: on_done's cookie */
	int given, not_given, leftovers;
	dev_t given_dev;
	ino_t given_ino;
};

static int job_inherit(void *cookie, int out_fd, struct err *e)
{
	struct inherit *in = cookie;
	struct stat st;
	sigset_t mask;
	struct sigaction action;
	int open_fds = 0;

	if (fstat(in->given, &st) < 0 || st.st_dev != in->given_dev || st.st_ino != in->given_ino)
		return err_say(e, EINVAL, "the given descriptor is not there");
	if (fcntl(in->leftovers, F_GETFD) < 0)
		return err_say(e, EINVAL, "the leftovers' pipe is not there");
	for (int fd = 3; fd < 1100; fd++)
		open_fds += fcntl(fd, F_GETFD) >= 0;
	if (open_fds != 4) /* given, leftovers, output, answer */
		return err_say(e, EINVAL, "%d descriptors are open", open_fds);
	(void)sigprocmask(SIG_SETMASK, NULL, &mask);
	if (sigismember(&mask, SIGTERM) || sigaction(SIGUSR1, NULL, &action) < 0 ||
		action.sa_handler != SIG_DFL)
		return err_say(e, EINVAL, "signals are not reset");
	return io_write_full(out_fd, "ok", 2);
}

static void handler(int sig)
{
	(void)sig;
}

static void test_inherit(void **state)
{
	struct inherit in = { .given = 0 };
	int leftovers[2], pair[2];
	sigset_t set;
	struct stat st;
	struct worker_pool *own = NULL;
	(void)state;
	assert_int_equal(pipe2(leftovers, O_CLOEXEC), 0);
	assert_int_equal(pipe2(pair, O_CLOEXEC), 0);
	int low = dup(pair[0]);
	in.given = fcntl(pair[0], F_DUPFD, 900); /* a gap before it, and one behind */
	in.not_given = fcntl(pair[0], F_DUPFD, 1000);
	in.leftovers = leftovers[1];
	assert_int_equal(fstat(in.given, &st), 0);
	in.given_dev = st.st_dev;
	in.given_ino = st.st_ino;
	(void)signal(SIGUSR1, handler);
	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	(void)sigprocmask(SIG_BLOCK, &set, NULL);

	assert_int_equal(worker_pool_open(base, -1, leftovers[1], &own, NULL), 0);
	int keep[] = { in.given, in.given };
	struct worker_args args = { .what = "inherit",
		.job = job_inherit,
		.done = on_done,
		.cookie = &in,
		.keep_fds = keep,
		.n_keep_fds = 2 };
	assert_int_equal(worker_start(own, &args, NULL, NULL), 0);
	run_until(&in.res, 1, 5000);
	assert_string_equal(in.res.e.text, "");
	assert_string_equal(in.res.head, "ok");
	args.n_keep_fds = WORKER_KEEP_MAX + 1;
	assert_int_equal(worker_start(own, &args, NULL, NULL), -E2BIG);

	/* A worker that is left holds the pipe; its end is the pipe's end. */
	struct result res = { 0 };
	args = (struct worker_args){ .what = "sleep", .job = job_sleep, .done = on_done, .cookie = &res };
	assert_int_equal(worker_start(own, &args, NULL, NULL), 0);
	(void)close(leftovers[1]);
	struct pollfd p = { .fd = leftovers[0], .events = POLLIN };
	assert_int_equal(poll(&p, 1, 50), 0);
	worker_pool_free(own);
	assert_int_equal(poll(&p, 1, 1000), 1);
	assert_int_equal(res.calls, 0);

	assert_int_equal(sigprocmask(SIG_SETMASK, NULL, &set), 0);
	assert_true(sigismember(&set, SIGTERM) && !sigismember(&set, SIGUSR2)); /* ours is as it was */
	sigemptyset(&set);
	(void)sigprocmask(SIG_SETMASK, &set, NULL);
	(void)signal(SIGUSR1, SIG_DFL);
	(void)close(leftovers[0]);
	(void)close(pair[0]);
	(void)close(pair[1]);
	(void)close(low);
	(void)close(in.given);
	(void)close(in.not_given);
}

/* The supervisor dies: its workers do not stay behind. */
static void test_orphan(void **state)
{
	int alive[2], status;
	(void)state;
	assert_int_equal(pipe2(alive, O_CLOEXEC), 0);
	pid_t supervisor = fork();
	if (supervisor == 0) {
		struct worker_pool *own;
		struct result res = { 0 };
		struct worker_args args = {
			.what = "orphan", .job = job_sleep, .done = on_done, .cookie = &res
		};
		(void)close(alive[0]);
		if (worker_pool_open(base, -1, alive[1], &own, NULL) < 0 ||
			worker_start(own, &args, NULL, NULL) < 0)
			_exit(1);
		(void)usleep(100000); /* it is well under way: dying before it began is another case */
		_exit(0);
	}
	(void)close(alive[1]);
	assert_int_equal(waitpid(supervisor, &status, 0), supervisor);
	assert_int_equal(status, 0);
	struct pollfd p = { .fd = alive[0], .events = POLLIN };
	assert_int_equal(poll(&p, 1, 2000), 1);
	(void)close(alive[0]);
}

static void test_free_in_done(void **state)
{
	struct result res = { .free_pool = true }, other = { 0 };
	(void)state;
	(void)start(job_hello, &res, 5000);
	(void)start(job_sleep, &other, 5000);
	run_until(&res, 1, 5000);
	assert_null(pool);
	assert_string_equal(res.head, "hello");
	assert_int_equal(other.calls, 0);
}

static int find_cgroup2(char *out, size_t room)
{
	static const char *const places[] = { "/sys/fs/cgroup", "/sys/fs/cgroup/unified" };
	for (size_t i = 0; i < 2; i++) {
		char path[128];
		(void)snprintf(path, sizeof(path), "%s/cgroup.procs", places[i]);
		if (access(path, W_OK) == 0 &&
			snprintf(out, room, "%s/berth-test-worker.%d", places[i], (int)getpid()) < (int)room)
			return mkdir(out, 0755);
	}
	return -1;
}

static int job_cgroup(void *cookie, int out_fd, struct err *e)
{
	auto_(buf) struct buf text = { 0 };
	(void)cookie;
	int r = io_read_file(AT_FDCWD, "/proc/self/cgroup", 65536, &text, e);
	char *line = r < 0 ? NULL : strstr(text.data, "0::");
	return line ? io_write_full(out_fd, line, strcspn(line, "\n")) : -EINVAL;
}

static void test_cgroup(void **state)
{
	char dir[160], expected[64];
	struct worker_pool *own;
	struct result res = { 0 };
	(void)state;
	if (find_cgroup2(dir, sizeof(dir)) < 0)
		skip();
	int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	assert_true(fd >= 0);
	assert_int_equal(worker_pool_open(base, fd, -1, &own, NULL), 0);
	struct worker_args args = { .what = "cgroup", .job = job_cgroup, .done = on_done, .cookie = &res };
	assert_int_equal(worker_start(own, &args, NULL, NULL), 0);
	run_until(&res, 1, 5000);
	worker_pool_free(own);
	(void)close(fd);
	assert_int_equal(rmdir(dir), 0);
	assert_int_equal(res.r, 0);
	(void)snprintf(expected, sizeof(expected), "/berth-test-worker.%d", (int)getpid());
	assert_non_null(strstr(res.head, expected));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_answer, setup, teardown),
		cmocka_unit_test_setup_teardown(test_errors, setup, teardown),
		cmocka_unit_test_setup_teardown(test_death, setup, teardown),
		cmocka_unit_test_setup_teardown(test_deadline, setup, teardown),
		cmocka_unit_test_setup_teardown(test_cancel, setup, teardown),
		cmocka_unit_test_setup_teardown(test_output, setup, teardown),
		cmocka_unit_test_setup_teardown(test_inherit, setup, teardown),
		cmocka_unit_test_setup_teardown(test_orphan, setup, teardown),
		cmocka_unit_test_setup_teardown(test_free_in_done, setup, teardown),
		cmocka_unit_test_setup_teardown(test_cgroup, setup, teardown),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

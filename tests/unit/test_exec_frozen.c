/* exec into a group that takes it and does not let it run, or takes none. Needs root and cgroup v2. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <sys/prctl.h>

#include "runtime/exec.h"
#include "tests/unit/box.h"

#define AT_ONCE_US 3000000
#define GIVE_UP_MS 8000 /* then a helper thaws the group: nothing here hangs */

static struct box box;
static struct cgroup group; /* below the box's */
static char group_path[160];
static int null_fd = -1;

static void write_group(const char *file, const char *text)
{
	assert_int_equal(io_write_text(group.dirfd, file, text), 0);
}

static bool is_populated(void)
{
	char text[256];
	assert_true(io_read_text(group.dirfd, "cgroup.events", text, sizeof(text)) > 0);
	return strstr(text, "populated 1") != NULL;
}

static void wait_until_empty(void)
{
	for (int tries = 0; is_populated(); tries++) {
		assert_true(tries < BOX_DEADLINE_MS / 2);
		(void)poll(NULL, 0, 2);
	}
}

/* As root's, all else as it comes. */
static int begin(const char *script, struct exec *x, struct err *e)
{
	static char *const env[] = { "PATH=/bin", NULL };
	char *args[] = { "sh", "-c", (char *)script, NULL };
	struct spec_process p = { .args = args,
		.env = (char **)env,
		.cwd = "/",
		.umask = SPEC_UNSET,
		.oom_score_adj = SPEC_UNSET };
	struct exec_args a = { .process = &p,
		.join_ns = (uint32_t)box.ns,
		.init_pidfd = box.pidfd,
		.cgroup = &group,
		.stdio = { null_fd, null_fd, null_fd } };
	return exec_begin(&a, x, e);
}

static int next_event(struct exec *x, struct exec_result *r, struct err *e, int ms)
{
	struct pollfd p = { .fd = x->report_fd, .events = POLLIN };
	for (;;) {
		int got = exec_receive(x, r, e);
		if (got != -EAGAIN)
			return got;
		if (poll(&p, 1, ms) != 1)
			return -ETIMEDOUT;
	}
}

/* Frozen first. The answer has to come before the helper thaws it. */
static void begin_frozen(const char *script, struct exec *x)
{
	struct err e = { 0 };
	write_group("cgroup.freeze", "1");
	pid_t helper = fork();
	if (helper == 0) {
		(void)poll(NULL, 0, GIVE_UP_MS);
		(void)io_write_text(group.dirfd, "cgroup.freeze", "0");
		_exit(0);
	}
	int64_t from = box_now_us();
	int r = begin(script, x, &e);
	int64_t took = box_now_us() - from;
	(void)kill(helper, SIGKILL);
	(void)box_wait(helper);
	if (r < 0)
		fail_msg("%s", e.text);
	assert_true(took < AT_ONCE_US);
	assert_true(is_populated());
}

static void goes_on_when_thawed(void **state)
{
	(void)state;
	struct exec x;
	struct exec_result r;
	struct err e = { 0 };
	begin_frozen("exit 7", &x);
	assert_int_equal(next_event(&x, &r, &e, 300), -ETIMEDOUT);
	assert_int_equal(exec_look(&x, &r, &e), -EAGAIN);
	write_group("cgroup.freeze", "0");
	assert_int_equal(next_event(&x, &r, &e, BOX_DEADLINE_MS), 0);
	assert_int_equal(r.event, EXEC_RUNNING);
	assert_int_equal(box_wait(x.stage_pid), 0);
	assert_int_equal(box_wait(r.pid), 7);
	(void)close(r.pidfd);
	exec_done(&x);
	wait_until_empty();
}

static void one_kill_ends_it(void **state)
{
	(void)state;
	struct exec x;
	struct exec_result r;
	struct err e = { 0 };
	begin_frozen("exit 7", &x);
	if (io_write_text(group.dirfd, "cgroup.kill", "1") < 0) /* before 5.14 */
		assert_int_equal(kill(x.stage_pid, SIGKILL), 0);
	assert_int_equal(next_event(&x, &r, &e, BOX_DEADLINE_MS), 0);
	assert_int_equal(r.event, EXEC_FAILED);
	assert_int_equal(r.pid, 0);
	assert_int_equal(box_wait(x.stage_pid), 137);
	exec_done(&x);
	wait_until_empty();
}

/* Who has begun it dies before it has taken its first step: whoever clears up after him may have done so already. */
static void ends_without_its_caller(void **state)
{
	(void)state;
	char mark[200];
	struct exec x;
	struct err e;
	(void)snprintf(mark, sizeof(mark), "%s/mark", box.root);
	write_group("cgroup.freeze", "1");
	assert_int_equal(prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0), 0);
	pid_t caller = fork();
	if (caller == 0)
		_exit(begin("echo x > /mark", &x, &e) < 0);
	assert_int_equal(box_wait(caller), 0);
	assert_true(is_populated());
	write_group("cgroup.freeze", "0");
	wait_until_empty();
	int status = 0;
	assert_true(waitpid(-1, &status, 0) > 0 && WEXITSTATUS(status) == 128);
	assert_int_equal(access(mark, F_OK), -1);
	assert_int_equal(prctl(PR_SET_CHILD_SUBREAPER, 0, 0, 0, 0), 0);
}

/* Below a threaded group there is none that takes a process; the caller hears of it at once. */
static void threaded_takes_none(void **state)
{
	(void)state;
	struct exec x;
	struct err e = { 0 };
	struct cgroup whole = group;
	assert_int_equal(mkdirat(group.dirfd, "part", 0755), 0);
	int part = openat(group.dirfd, "part", O_PATH | O_DIRECTORY | O_CLOEXEC);
	assert_int_equal(io_write_text(part, "cgroup.type", "threaded"), 0);
	assert_int_equal(mkdirat(group.dirfd, "invalid", 0755), 0);
	group.dirfd = openat(group.dirfd, "invalid", O_PATH | O_DIRECTORY | O_CLOEXEC);
	int r = begin("exit 0", &x, &e);
	(void)close(group.dirfd);
	(void)close(part);
	group = whole;
	assert_int_equal(r, -EOPNOTSUPP);
	assert_string_equal(e.text, "clone into the exec's control group: Operation not supported");
	assert_int_equal(waitpid(x.stage_pid, NULL, WNOHANG), -1);
	assert_int_equal(unlinkat(group.dirfd, "invalid", AT_REMOVEDIR), 0);
	assert_int_equal(unlinkat(group.dirfd, "part", AT_REMOVEDIR), 0);
}

/* A time namespace lets in only who shares his memory with nobody. */
static void enters_a_time_namespace(void **state)
{
	(void)state;
	struct box outer = box;
	int own = open("/proc/self/ns/time_for_children", O_RDONLY | O_CLOEXEC);
	if (own < 0)
		skip();
	struct exec x;
	struct exec_result r;
	struct err e = { 0 };
	assert_int_equal(unshare(CLONE_NEWTIME), 0);
	int opened = box_open(&box, BOX_NS, NULL);
	assert_int_equal(setns(own, CLONE_NEWTIME), 0);
	(void)close(own);
	assert_int_equal(opened, 0);
	box.ns |= CLONE_NEWTIME;
	for (int i = 0; i < 50; i++) {
		if (begin("exit 7", &x, &e) < 0 || next_event(&x, &r, &e, BOX_DEADLINE_MS) < 0)
			fail_msg("%s", e.text);
		if (r.event != EXEC_RUNNING)
			fail_msg("%s", e.text);
		assert_int_equal(box_wait(x.stage_pid), 0);
		assert_int_equal(box_wait(r.pid), 7);
		(void)close(r.pidfd);
		exec_done(&x);
	}
	box.ns = BOX_NS;
	box_close(&box);
	box = outer;
}

/* One for each case: the kernel kills what is cloned into a group that was killed, since it compares the counts of two. */
static int make_group(void **state)
{
	(void)state;
	(void)snprintf(group_path, sizeof(group_path), "%s/exec", box.group_path[0]);
	if (mkdir(group_path, 0755) < 0)
		return -1;
	group = (struct cgroup){ .dirfd = open(group_path, O_RDONLY | O_DIRECTORY | O_CLOEXEC) };
	return group.dirfd < 0 ? -1 : 0;
}

/* A failed case may have left it frozen, with somebody inside. */
static int drop_group(void **state)
{
	(void)state;
	(void)io_write_text(group.dirfd, "cgroup.freeze", "0");
	(void)io_write_text(group.dirfd, "cgroup.kill", "1");
	for (int tries = 0; is_populated() && tries < 500; tries++)
		(void)poll(NULL, 0, 2);
	(void)close(group.dirfd);
	return rmdir(group_path);
}

static int start(void **state)
{
	(void)state;
	null_fd = open("/dev/null", O_RDWR | O_CLOEXEC);
	return box_open(&box, BOX_NS, NULL);
}

static int stop(void **state)
{
	(void)state;
	box_close(&box);
	(void)close(null_fd);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(goes_on_when_thawed, make_group, drop_group),
		cmocka_unit_test_setup_teardown(one_kill_ends_it, make_group, drop_group),
		cmocka_unit_test_setup_teardown(ends_without_its_caller, make_group, drop_group),
		cmocka_unit_test_setup_teardown(threaded_takes_none, make_group, drop_group),
		cmocka_unit_test_setup_teardown(enters_a_time_namespace, make_group, drop_group),
	};
	if (!box_may_run() ||
		(access("/sys/fs/cgroup/cgroup.procs", F_OK) < 0 &&
			access("/sys/fs/cgroup/unified/cgroup.procs", F_OK) < 0)) {
		print_message("needs root, /bin/busybox and cgroup v2: skipped\n");
		return 0;
	}
	return cmocka_run_group_tests(tests, start, stop);
}

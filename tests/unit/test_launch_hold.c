/* A container in two halves: made, and held at its gate until somebody opens that. Needs root. */
#include "tests/support/launch_fixture.h"

#include <sys/wait.h>

#include "runtime/launch_gate.h"

static int dir_fd(void)
{
	int fd = open(fix.dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	assert_true(fd >= 0);
	return fd;
}

/* Up to the gate; out is the container's standard output. */
static void hold(const struct spec *s, int out, struct sample *t)
{
	auto_close int dirfd = dir_fd();
	struct err e = { 0 };
	auto_close int gate = launch_gate_make(dirfd, "gate", &e);
	assert_true(gate >= 0);
	struct launch_args args = launch_args_of(s, out);
	args.hold = true;
	args.gate_fd = gate;
	*t = SAMPLE_NONE;
	assert_int_equal(launch_begin(&args, &t->launch, &e), 0);
	if (sample_until(t, LAUNCH_READY, &e) < 0)
		fail_msg("%s", e.text);
	assert_int_equal(launch_gate_make(dirfd, "gate", &e), -EEXIST);
	assert_int_equal(exec_past_execve(t->init.pid), 0);
}

static void ended(struct sample *t, int code)
{
	auto_close int dirfd = dir_fd();
	struct err e = { 0 };
	assert_int_equal(sample_end(t, fix.cgroups, "c"), code);
	assert_int_equal(launch_gate_open(dirfd, "gate", &e), -ESRCH);
	launch_gate_remove(dirfd, "gate");
	assert_int_equal(launch_gate_open(dirfd, "gate", &e), -ENOENT);
}

/* Who made it is gone, its socket too; another process starts it. */
static void another_process_starts_it(void **state)
{
	struct sample t;
	char out[64];
	int p[2], status;
	(void)state;
	NEEDS_ROOT();
	struct spec *s = shell_spec(fix.root, "echo started; exit 3");
	assert_int_equal(pipe2(p, O_CLOEXEC), 0);
	hold(s, p[1], &t);
	(void)close(p[1]);
	launch_done(&t.launch);
	struct pollfd early = { .fd = p[0], .events = POLLIN };
	assert_int_equal(poll(&early, 1, 100), 0); /* neither does it run by itself nor does it end */
	pid_t pid = fork();
	if (pid == 0) {
		struct err e;
		int dirfd = open(fix.dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		_exit(launch_gate_open(dirfd, "gate", &e) < 0);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
	drain(p[0], out, sizeof(out));
	(void)close(p[0]);
	assert_string_equal(out, "started\n");
	ended(&t, 3);
	spec_free(s);
}

/* The socket was kept by somebody: it tells how the second half went. */
static void its_socket_is_taken_up(void **state)
{
	struct err e = { 0 };
	struct sample t;
	(void)state;
	NEEDS_ROOT();
	struct spec *s = shell_spec(fix.root, "exit 4");
	hold(s, -1, &t);
	int kept = fcntl(t.launch.sock, F_DUPFD_CLOEXEC, 0), launcher = t.launch.launcher_pid;
	launch_done(&t.launch);
	launch_take_up(kept, &t.launch);
	t.launch.launcher_pid = launcher; /* for the fixture, which reaps */
	auto_close int dirfd = dir_fd();
	assert_int_equal(launch_gate_open(dirfd, "gate", &e), 0);
	launch_gone_through(&t.launch);
	if (sample_until(&t, LAUNCH_RUNNING, &e) < 0)
		fail_msg("%s", e.text);
	ended(&t, 4);
	spec_free(s);
}

/* Its launcher was executed afresh: the gate goes over with the other descriptors. */
static void in_a_pid_namespace_with_others(void **state)
{
	struct err e = { 0 };
	struct sample t;
	(void)state;
	NEEDS_ROOT();
	struct spec *s = shell_spec(fix.root, "exit 5");
	s->ns[SPEC_NS_PID].mode = SPEC_NS_HOST;
	hold(s, -1, &t);
	auto_close int dirfd = dir_fd();
	assert_int_equal(launch_gate_open(dirfd, "gate", &e), 0);
	launch_gone_through(&t.launch);
	if (sample_until(&t, LAUNCH_RUNNING, &e) < 0)
		fail_msg("%s", e.text);
	ended(&t, 5);
	spec_free(s);
}

static void killed_at_its_gate(void **state)
{
	struct sample t;
	(void)state;
	NEEDS_ROOT();
	struct spec *s = shell_spec(fix.root, "exit 0");
	hold(s, -1, &t);
	assert_int_equal(kill(t.init.pid, SIGKILL), 0);
	ended(&t, 137);
	spec_free(s);
}

static void gate_is_a_fifo(void **state)
{
	struct err e = { 0 };
	(void)state;
	NEEDS_ROOT();
	auto_close int dirfd = dir_fd();
	auto_close int fd = openat(dirfd, "file", O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
	assert_true(fd >= 0);
	assert_int_equal(launch_gate_open(dirfd, "file", &e), -EINVAL);
	assert_int_equal(unlinkat(dirfd, "file", 0), 0);
}

static const struct CMUnitTest tests[] = {
	launch_test(another_process_starts_it),
	launch_test(its_socket_is_taken_up),
	launch_test(in_a_pid_namespace_with_others),
	launch_test(killed_at_its_gate),
	launch_test(gate_is_a_fifo),
};

LAUNCH_TEST_MAIN(tests)

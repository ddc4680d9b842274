/* The init of a container that joins a pid namespace with others in it: made outside, seen inside with its program's rights
 * and nothing else. Needs root. */
#include "tests/support/launch_fixture.h"
#include "runtime/stage/plan.h"
#include "runtime/launch_gate.h"

#include <inttypes.h>
#include <linux/capability.h>
#include <sys/ioctl.h>

static void start_holder(struct sample *t, struct spec **s, bool user_ns)
{
	struct err e = { 0 };
	*t = SAMPLE_NONE;
	*s = shell_spec(fix.root, "sleep 60");
	(*s)->init = true;
	if (user_ns)
		sample_new_user_ns(*s);
	struct launch_args args = launch_args_of(*s, -1);
	args.cgroup_path = "holder";
	assert_int_equal(launch_begin(&args, &t->launch, &e), 0);
	if (sample_until(t, LAUNCH_READY, &e) < 0 || launch_release(&t->launch, &e) < 0 ||
		sample_until(t, LAUNCH_RUNNING, &e) < 0)
		fail_msg("%s", e.text);
}

static void end_holder(struct sample *t, struct spec *s)
{
	assert_int_equal(kill(t->init.pid, SIGKILL), 0);
	assert_int_equal(sample_end(t, fix.cgroups, "holder"), 137);
	spec_free(s);
}

static void join(struct spec *s, enum spec_ns ns, const char *name, pid_t pid)
{
	s->ns[ns].mode = SPEC_NS_JOIN;
	s->ns[ns].path = arena_printf(s->arena, "/proc/%d/ns/%s", (int)pid, name);
}

static uint64_t status_of(pid_t pid, const char *name)
{
	char path[64], text[4096];
	uint64_t value = 0;
	(void)snprintf(path, sizeof(path), "/proc/%d/status", (int)pid);
	assert_true(io_read_text(AT_FDCWD, path, text, sizeof(text)) > 0);
	const char *at = strstr(text, name);
	assert_non_null(at);
	assert_int_equal(sscanf(at + strlen(name), " %" SCNx64, &value), 1);
	return value;
}

static void ns_of(pid_t pid, const char *name, char out[64])
{
	char path[64];
	(void)snprintf(path, sizeof(path), "/proc/%d/ns/%s", (int)pid, name);
	ssize_t n = readlink(path, out, 63);
	assert_true(n > 0);
	out[n] = '\0';
}

/* While it waits for its release it can be stopped and rewritten: there must be nothing to win. */
static void waits_with_its_programs_rights(void **state)
{
	struct sample holder, t = SAMPLE_NONE;
	struct spec *hs;
	struct err e = { 0 };
	char want[64], got[64], path[PATH_MAX], target[PATH_MAX];
	(void)state;
	NEEDS_ROOT();
	start_holder(&holder, &hs, false);
	for (int user = 0; user < 2; user++) {
		struct spec *s = shell_spec(fix.root, "ls -d /proc/1 && exit 7");
		join(s, SPEC_NS_PID, "pid", holder.init.pid);
		s->process.uid = s->process.gid = user ? 1000 : 0;
		struct launch_args args = launch_args_of(s, -1);
		t = SAMPLE_NONE;
		assert_int_equal(launch_begin(&args, &t.launch, &e), 0);
		if (sample_until(&t, LAUNCH_READY, &e) < 0)
			fail_msg("%s", e.text);
		ns_of(holder.init.pid, "pid", want);
		ns_of(t.init.pid, "pid", got);
		assert_string_equal(got, want);
		assert_true(status_of(t.init.pid, "CapPrm:") == (user ? 0 : caps_docker_default()));
		assert_true(status_of(t.init.pid, "CapBnd:") == caps_docker_default());
		assert_int_equal(status_of(t.init.pid, "Uid:"), user ? 0x1000 : 0);
		for (int fd = 0; fd < 64; fd++) { /* its streams, and the socket that it waits on */
			(void)snprintf(path, sizeof(path), "/proc/%d/fd/%d", (int)t.init.pid, fd);
			ssize_t n = readlink(path, target, sizeof(target) - 1);
			if (n <= 0)
				continue;
			target[n] = '\0';
			if (fd > 2 && strncmp(target, "socket:", 7) != 0)
				fail_msg("it holds %d: %s", fd, target);
		}
		assert_int_equal(launch_release(&t.launch, &e), 0);
		assert_int_equal(sample_until(&t, LAUNCH_RUNNING, &e), 0);
		assert_true(t.launch.helper_pid > 0 && t.launch.helper_pid != t.init.pid);
		assert_int_equal(sample_end(&t, fix.cgroups, "c"), 7);
		spec_free(s);
	}
	end_holder(&holder, hs);
}

/* What a helper could not do is told as ever, and nobody is left. */
static void failures_of_the_helper(void **state)
{
	struct sample holder, t = SAMPLE_NONE;
	struct spec *hs;
	struct run r;
	struct err e = { 0 };
	(void)state;
	NEEDS_ROOT();
	start_holder(&holder, &hs, false);
	static const char *const missing[] = { "no-such-program", NULL };
	struct spec *s = sample_spec(fix.root, missing);
	join(s, SPEC_NS_PID, "pid", holder.init.pid);
	run_spec(s, &r);
	expect_refused(&r, "executable file not found in $PATH");
	assert_int_equal(r.failed_code, 127);
	s = shell_spec(fix.root, "true");
	join(s, SPEC_NS_PID, "pid", holder.init.pid);
	(void)sample_mount(s, "/x", "nosuchfs", "x", 0, NULL);
	run_spec(s, &r);
	expect_refused(&r, "mounts: open file system nosuchfs");

	/* Killed while it waits, it has ended as it was killed. */
	s = shell_spec(fix.root, "true");
	join(s, SPEC_NS_PID, "pid", holder.init.pid);
	struct launch_args args = launch_args_of(s, -1);
	assert_int_equal(launch_begin(&args, &t.launch, &e), 0);
	if (sample_until(&t, LAUNCH_READY, &e) < 0)
		fail_msg("%s", e.text);
	assert_int_equal(kill(t.init.pid, SIGKILL), 0);
	siginfo_t info;
	assert_int_equal(waitid(P_PID, (id_t)t.init.pid, &info, WEXITED | WNOWAIT), 0);
	if (launch_release(&t.launch, &e) == 0)
		assert_true(sample_until(&t, LAUNCH_RUNNING, &e) < 0);
	assert_int_equal(sample_end(&t, fix.cgroups, "c"), 137);
	spec_free(s);
	end_holder(&holder, hs);
}

/* Whose caller goes away before the release. */
static void ends_without_a_caller(void **state)
{
	struct sample holder, t = SAMPLE_NONE;
	struct spec *hs;
	struct err e = { 0 };
	(void)state;
	NEEDS_ROOT();
	start_holder(&holder, &hs, false);
	struct spec *s = shell_spec(fix.root, "exit 9");
	join(s, SPEC_NS_PID, "pid", holder.init.pid);
	struct launch_args args = launch_args_of(s, -1);
	assert_int_equal(launch_begin(&args, &t.launch, &e), 0);
	if (sample_until(&t, LAUNCH_READY, &e) < 0)
		fail_msg("%s", e.text);
	assert_int_equal(sample_end(&t, fix.cgroups, "c"), PLAN_EXIT_UNRELEASED);
	spec_free(s);
	end_holder(&holder, hs);
}

static void with_a_terminal(void **state)
{
	struct sample holder, t = SAMPLE_NONE;
	struct spec *hs;
	struct err e = { 0 };
	char out[512] = "";
	(void)state;
	NEEDS_ROOT();
	start_holder(&holder, &hs, false);
	struct spec *s = shell_spec(fix.root, "[ -t 0 ] && echo yes > /dev/tty && exit 3");
	join(s, SPEC_NS_PID, "pid", holder.init.pid);
	s->process.terminal = true;
	struct launch_args args = launch_args_of(s, -1);
	assert_int_equal(launch_begin(&args, &t.launch, &e), 0);
	if (sample_until(&t, LAUNCH_READY, &e) < 0 || launch_release(&t.launch, &e) < 0 ||
		sample_until(&t, LAUNCH_RUNNING, &e) < 0)
		fail_msg("%s", e.text);
	assert_true(t.console_fd >= 0);
	drain(t.console_fd, out, sizeof(out));
	assert_string_equal(out, "yes\r\n");
	assert_int_equal(sample_end(&t, fix.cgroups, "c"), 3);
	spec_free(s);
	end_holder(&holder, hs);
}

/* Its gate stays open through the steps that close all else, and no longer than to its execve. */
static void held_at_a_gate(void **state)
{
	struct sample holder, t = SAMPLE_NONE;
	struct spec *hs;
	struct err e = { 0 };
	(void)state;
	NEEDS_ROOT();
	start_holder(&holder, &hs, false);
	auto_close int dirfd = open(fix.dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	auto_close int gate = launch_gate_make(dirfd, "gate", &e);
	assert_true(gate >= 0);
	struct spec *s = shell_spec(
		fix.root, "for i in 3 4 5 6 7 8 9; do [ ! -e /proc/self/fd/$i ] || exit 1; done; exit 6");
	join(s, SPEC_NS_PID, "pid", holder.init.pid);
	struct launch_args args = launch_args_of(s, -1);
	args.hold = true;
	args.gate_fd = gate;
	assert_int_equal(launch_begin(&args, &t.launch, &e), 0);
	own_close(&gate);
	if (sample_until(&t, LAUNCH_READY, &e) < 0 || launch_gate_open(dirfd, "gate", &e) < 0)
		fail_msg("%s", e.text);
	launch_gone_through(&t.launch);
	if (sample_until(&t, LAUNCH_RUNNING, &e) < 0)
		fail_msg("%s", e.text);
	assert_int_equal(sample_end(&t, fix.cgroups, "c"), 6);
	launch_gate_remove(dirfd, "gate");
	spec_free(s);
	end_holder(&holder, hs);
}

/* The one that the pid namespace belongs to: with it goes the right to make a proc of that. */
static void with_the_same_user_namespace(void **state)
{
	struct sample holder;
	struct spec *hs;
	struct run r;
	char pid[64], want[128];
	(void)state;
	NEEDS_ROOT();
	start_holder(&holder, &hs, true);
	struct spec *s = shell_spec(
		fix.root, "id -u; tr -s ' ' < /proc/self/uid_map; readlink /proc/self/ns/pid; ls -d /proc/1");
	join(s, SPEC_NS_PID, "pid", holder.init.pid);
	join(s, SPEC_NS_USER, "user", holder.init.pid);
	ns_of(holder.init.pid, "pid", pid);
	(void)snprintf(want, sizeof(want), "0\n 0 100000 65536\n%s\n/proc/1\n", pid);
	run_spec(s, &r);
	expect_output(&r, want);
	end_holder(&holder, hs);
}

static const struct CMUnitTest tests[] = {
	launch_test(waits_with_its_programs_rights),
	launch_test(failures_of_the_helper),
	launch_test(ends_without_a_caller),
	launch_test(with_a_terminal),
	launch_test(held_at_a_gate),
	launch_test(with_the_same_user_namespace),
};

LAUNCH_TEST_MAIN(tests)

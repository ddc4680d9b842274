/* init: true - the stage program as pid 1 of a namespace made by hand, run as a container's init runs it. Needs root. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <sys/socket.h>

#include "runtime/exec.h"
#include "runtime/plan.h"
#include "tests/unit/box.h"

static char root[64];
static bool without_reaper;

struct init {
	pid_t pid;
	int out, report, console;
	bool at_exec;
	struct stage_msg failed; /* type 0: it did not */
};

static uint64_t some_caps(void)
{
	return 0x000000e0; /* kill, setgid, setuid */
}

/* What runtime/stage/init.c does around the steps, without its mounts. */
static _Noreturn void init_side(const struct plan *plan, int report, int out)
{
	struct stage_ctx c;
	if (box_enter_root(root) < 0)
		_exit(96);
	for (int i = 0; i < 5; i++) /* careless descriptors: not close-on-exec */
		(void)open("/", O_RDONLY | O_DIRECTORY);
	stage_init(&c, plan, report);
	c.reaper_fd = exec_stage_fd(NULL);
	c.root_fd = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
	c.stdio[1] = c.stdio[2] = out;
	stage_run(&c, stage_prepare_steps, stage_prepare_count);
	stage_run(&c, stage_become_steps, stage_become_count);
	stage_run(&c, stage_exec_steps, stage_exec_count);
	_exit(95);
}

static struct init start(char **args, const char *user, bool terminal)
{
	char *env[] = { "PATH=/bin", NULL };
	struct spec_process p = { .args = args,
		.env = env,
		.cwd = "/",
		.umask = SPEC_UNSET,
		.oom_score_adj = SPEC_UNSET,
		.user = user,
		.no_new_privileges = true,
		.terminal = terminal,
		.caps = { .bounding = some_caps(), .effective = some_caps(), .permitted = some_caps() } };
	struct plan_extra x = { .reaper = !without_reaper, .chown_pipes = true };
	auto_(buf) struct buf plan = { 0 };
	struct init i = { .console = -1 };
	int out[2], report[2];

	assert_int_equal(plan_build(&p, NULL, &x, &plan, NULL), 0);
	assert_true(exec_stage_fd(NULL) >= 0);
	assert_int_equal(pipe2(out, O_CLOEXEC), 0);
	assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, report), 0);
	struct clone_args clone = { .flags = CLONE_NEWNS | CLONE_NEWPID | CLONE_CLEAR_SIGHAND,
		.exit_signal = SIGCHLD };
	i.pid = sys_clone3(&clone);
	if (i.pid == 0)
		init_side((const void *)plan.data, report[1], out[1]);
	assert_true(i.pid > 0);
	(void)close(out[1]);
	(void)close(report[1]);
	i.out = out[0];
	i.report = report[0];
	return i;
}

/* Until the program runs (end of the report) or has failed. */
static void wait_running(struct init *i)
{
	for (;;) {
		struct pollfd p = { .fd = i->report, .events = POLLIN };
		struct stage_msg m;
		int fd;
		size_t n = 1;
		assert_int_equal(poll(&p, 1, BOX_DEADLINE_MS), 1);
		ssize_t len = io_recv(i->report, &m, sizeof(m), &fd, &n, 0);
		if (len <= 0)
			break;
		assert_int_equal(len, sizeof(m));
		if (m.type == STAGE_CONSOLE)
			i->console = fd;
		i->at_exec |= m.type == STAGE_AT_EXEC;
		if (m.type == STAGE_FAILED) {
			i->failed = m;
			return;
		}
	}
	assert_true(i->at_exec);
}

static int finish(struct init *i, char *text, size_t room)
{
	wait_running(i);
	if (i->failed.type)
		print_message("failed: %s: %s\n", i->failed.step, i->failed.text);
	if (text)
		assert_true(box_read_all(i->console >= 0 ? i->console : i->out, text, room));
	int code = box_wait(i->pid);
	(void)close(i->out);
	(void)close(i->report);
	if (i->console >= 0)
		(void)close(i->console);
	return code;
}

static int sh(const char *script, const char *user, char *text, size_t room)
{
	char *args[] = { "sh", "-c", (char *)script, NULL };
	struct init i = start(args, user, false);
	return finish(&i, text, room);
}

static void exit_codes(void **state)
{
	(void)state;
	assert_int_equal(sh("exit 7", NULL, NULL, 0), 7);
	assert_int_equal(sh("exit 0", NULL, NULL, 0), 0);
	assert_int_equal(sh("kill -9 $$", NULL, NULL, 0), 137);
}

static void missing_program(void **state)
{
	(void)state;
	char *args[] = { "missing", NULL };
	struct init i = start(args, NULL, false);
	wait_running(&i);
	assert_int_equal(i.failed.type, STAGE_FAILED);
	assert_string_equal(i.failed.text, "exec: \"missing\": executable file not found in $PATH");
	assert_int_equal(box_wait(i.pid), 127);
	(void)close(i.out);
	(void)close(i.report);

	/* seen by the reaper's child only: the user may not run it */
	box_write(root, "work/private", "#!/bin/sh\n");
	char path[128], *denied[] = { "/work/private", NULL };
	(void)snprintf(path, sizeof(path), "%s/work/private", root);
	assert_int_equal(chmod(path, 0700), 0);
	i = start(denied, "web", false);
	wait_running(&i);
	assert_string_equal(i.failed.text, "exec: \"/work/private\": permission denied");
	assert_int_equal(box_wait(i.pid), 126);
	(void)close(i.out);
	(void)close(i.report);
	(void)unlink(path);
}

/* Both pid 1 and the program are the user, with the capabilities of one; pid 1 has no descriptor but 0, 1, 2. */
static void identity(void **state)
{
	(void)state;
	char text[4096];
	assert_int_equal(
		sh("for p in 1 $$; do grep -E '^(Uid|Gid|CapBnd|CapEff|NoNewPrivs):' /proc/$p/status; done; "
		   "cat /proc/1/comm; ls /proc/1/fd; id -un; echo $HOME; ls /proc/self/fd; echo through >/proc/1/fd/1",
			"web", text, sizeof(text)),
		0);
	const char *one =
		"Uid:\t1000\t1000\t1000\t1000\nGid:\t1001\t1001\t1001\t1001\nCapEff:\t0000000000000000\n"
		"CapBnd:\t00000000000000e0\nNoNewPrivs:\t1\n";
	char want[1024];
	(void)snprintf(
		want, sizeof(want), "%s%sinit\n0\n1\n2\nweb\n/home/web\n0\n1\n2\n3\nthrough\n", one, one);
	assert_string_equal(text, want);
}

/* CVE-2015-3627: the steps themselves leave nothing open, whatever the init had. */
static void descriptors_cve_2015_3627(void **state)
{
	(void)state;
	char text[256];
	without_reaper = true;
	int code = sh("exec ls /proc/self/fd", NULL, text, sizeof(text));
	without_reaper = false;
	assert_int_equal(code, 0);
	assert_string_equal(text, "0\n1\n2\n3\n"); /* the last one is ls's own */
}

static void forwards_signals(void **state)
{
	(void)state;
	static const int signals[] = { SIGTERM, SIGINT, SIGHUP, SIGUSR1, SIGQUIT, SIGCONT };
	char *args[] = { "sh", "-c",
		"for s in TERM INT HUP USR1 QUIT; do trap \"echo $s; exit 9\" $s; done; trap 'echo CONT; exit 9' CONT; echo up; "
		"while :; do sleep 0.01; done",
		NULL };
	static const char *const names[] = { "TERM", "INT", "HUP", "USR1", "QUIT", "CONT" };
	for (size_t k = 0; k < sizeof(signals) / sizeof(signals[0]); k++) {
		char text[256], up[3], want[32];
		struct init i = start(args, NULL, false);
		wait_running(&i);
		assert_int_equal(io_read_full(i.out, up, 3), 0); /* its traps are set */
		assert_int_equal(kill(i.pid, signals[k]), 0);
		assert_true(box_read_all(i.out, text, sizeof(text)));
		(void)snprintf(want, sizeof(want), "%s\n", names[k]);
		assert_string_equal(text, want);
		assert_int_equal(box_wait(i.pid), 9);
		(void)close(i.out);
		(void)close(i.report);
	}
	char *dies[] = { "sleep", "100", NULL };
	struct init i = start(dies, NULL, false);
	wait_running(&i);
	assert_int_equal(kill(i.pid, SIGTERM), 0);
	assert_int_equal(box_wait(i.pid), 143);
	(void)close(i.out);
	(void)close(i.report);
}

/* k8s#81042: what loses its parent is reaped; what is left dies with the program. */
static void reaps_orphans(void **state)
{
	(void)state;
	char text[1024];
	assert_int_equal(
		sh("for i in 1 2 3 4 5; do sh -c 'sleep 0.02 &'; done; sleep 0.3; grep -l 'State:.Z' /proc/[0-9]*/status; "
		   "sh -c 'sleep 1000 &'; exit 4",
			NULL, text, sizeof(text)),
		4);
	assert_string_equal(text, "");
}

static void read_until(int fd, char *text, size_t room, const char *word)
{
	size_t len = 0;
	do {
		struct pollfd p = { .fd = fd, .events = POLLIN };
		assert_int_equal(poll(&p, 1, BOX_DEADLINE_MS), 1);
		ssize_t n = read(fd, text + len, room - 1 - len);
		assert_true(n > 0);
		len += (size_t)n;
		text[len] = '\0';
	} while (!strstr(text, word));
}

static void with_a_terminal(void **state)
{
	(void)state;
	char text[1024];
	char *args[] = { "sh", "-c",
		"tty; trap 'echo interrupted; exit 5' INT; echo up; read x; echo got $x; while :; do sleep 0.01; done",
		NULL };
	struct init i = start(args, "web", true);
	wait_running(&i);
	assert_true(i.console >= 0);
	read_until(i.console, text, sizeof(text), "up");
	assert_non_null(strstr(text, "/dev/pts/0"));
	assert_int_equal(write(i.console, "word\n", 5), 5); /* who reads from it must be in the foreground */
	read_until(i.console, text, sizeof(text), "got word");
	assert_int_equal(write(i.console, "\003", 1), 1);
	assert_int_equal(finish(&i, text, sizeof(text)), 5);
	assert_non_null(strstr(text, "interrupted"));
}

static int make(void **state)
{
	(void)state;
	box_make_root(root);
	return 0;
}

static int remove_all(void **state)
{
	(void)state;
	box_remove_root(root);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(exit_codes),
		cmocka_unit_test(missing_program),
		cmocka_unit_test(identity),
		cmocka_unit_test(descriptors_cve_2015_3627),
		cmocka_unit_test(forwards_signals),
		cmocka_unit_test(reaps_orphans),
		cmocka_unit_test(with_a_terminal),
	};
	if (!box_may_run()) {
		print_message("needs root and /bin/busybox: skipped\n");
		return 0;
	}
	return cmocka_run_group_tests(tests, make, remove_all);
}

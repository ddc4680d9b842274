#include "runtime/launch.h"

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/socket.h>

#include "base/fault.h"
#include "base/io.h"
#include "base/sys.h"
#include "runtime/exec.h"
#include "runtime/launch_int.h"
#include "runtime/sealed.h"
#include "runtime/plan.h"

/* struct launch.phase */
enum { PHASE_BEGUN, PHASE_INIT, PHASE_READY, PHASE_RELEASED, PHASE_AT_EXEC, PHASE_OVER };

static pid_t clone_launcher(const struct launch_args *args, int *pidfd)
{
	struct clone_args clone = {
		.flags = CLONE_PIDFD | CLONE_CLEAR_SIGHAND | (args->clone_parent ? CLONE_PARENT : 0),
		.pidfd = (uintptr_t)pidfd,
		.exit_signal = args->clone_parent ? 0 : SIGCHLD,
	};
	if (args->launcher_cgroup_fd >= 0) {
		clone.flags |= CLONE_INTO_CGROUP;
		clone.cgroup = (unsigned)args->launcher_cgroup_fd;
	}
	return sys_clone3(&clone);
}

int launch_begin(const struct launch_args *args, struct launch *out, struct err *e)
{
	int pair[2];
	auto_close int own_stage = -1;
	sigset_t all, before;

	int stage_fd = args->spec->init ? exec_stage_fd(e) : -1;
	/* It stays as /proc/1/exe. What root in there does to a file that all share, a set-user-id bit say, would be done to
	 * every exec of the host. */
	if (stage_fd >= 0 && !sealed_is_unchangeable(stage_fd))
		stage_fd = own_stage = exec_stage_copy(e);
	if (args->spec->init && stage_fd < 0)
		return stage_fd;
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
		return err_set(e, errno, "launch: make a socket pair");
	auto_close int ours = pair[0], theirs = pair[1];
	int r = io_set_nonblock(ours, true);
	if (r < 0)
		return err_set(e, -r, "launch: set up the socket");

	fault_arm();
	sigfillset(&all);
	/* A signal to the child before its handlers are cleared would run ours, in a copy of the loop. */
	if (sigprocmask(SIG_SETMASK, &all, &before) < 0)
		return err_set(e, errno, "launch: block signals");
	int pidfd = -1;
	pid_t pid = clone_launcher(args, &pidfd);
	if (pid == 0) {
		(void)close(ours);
		launcher_run(args, stage_fd, theirs);
	}
	int code = errno;
	(void)sigprocmask(SIG_SETMASK, &before, NULL);
	fault_disarm();
	if (pid < 0)
		return err_set(e, code, "launch: clone the launcher");
	*out = (struct launch){
		.sock = take_fd(&ours),
		.launcher_pidfd = pidfd,
		.launcher_pid = pid,
		.phase = PHASE_BEGUN,
		.wants_console = args->spec->process.terminal,
	};
	return 0;
}

union message {
	uint32_t type;
	struct launch_init_msg init;
	struct launch_failed_msg failed;
	struct launch_helper_msg helper;
	struct stage_msg stage;
};

static int failed(struct launch *l, struct launch_result *out, int exit_code)
{
	l->phase = PHASE_OVER;
	out->event = LAUNCH_FAILED;
	out->exit_code = exit_code;
	return 0;
}

static int bad_message(struct launch *l, struct launch_result *out, struct err *e)
{
	(void)err_say(e, EPROTO, "launch: a message out of place");
	return failed(l, out, 128);
}

static int launcher_failed(
	struct launch *l, struct launch_failed_msg *m, struct launch_result *out, struct err *e)
{
	m->text[sizeof(m->text) - 1] = '\0';
	plan_clean_text(m->text);
	(void)err_say(e, m->err > 0 && m->err < 4096 ? m->err : EPROTO, "%s", m->text);
	if (l->phase == PHASE_BEGUN)
		out->pid = m->pid;
	return failed(l, out, m->exit_code == 126 || m->exit_code == 127 ? m->exit_code : 128);
}

/* One message; 1: it says nothing to the caller, look for the next. */
static int take_message(
	struct launch *l, union message *m, size_t len, int *fd, struct launch_result *out, struct err *e)
{
	int code = 128;

	if (len == sizeof(m->init) && m->type == LAUNCH_MSG_INIT) {
		if (l->phase != PHASE_BEGUN || *fd < 0)
			return bad_message(l, out, e);
		l->phase = PHASE_INIT;
		out->event = LAUNCH_INIT;
		out->pid = m->init.pid;
		out->start_ticks = m->init.start_ticks;
		out->netns_inode = m->init.netns_inode;
		out->pidfd = take_fd(fd);
		return 0;
	}
	if (len == sizeof(m->failed) && m->type == LAUNCH_MSG_FAILED)
		return launcher_failed(l, &m->failed, out, e);
	if (len == sizeof(m->helper) && m->type == LAUNCH_MSG_HELPER) {
		if (l->phase != PHASE_BEGUN || l->helper_pid)
			return bad_message(l, out, e);
		l->helper_pid = m->helper.pid;
		return 1;
	}
	if (len != sizeof(m->stage))
		return bad_message(l, out, e);
	switch (m->type) {
	case STAGE_FAILED:
		(void)plan_error(&m->stage, &code, e);
		return failed(l, out, code);
	case STAGE_CONSOLE:
		/* The init may be in a pid namespace with others that can make it say what they like. */
		if (l->phase != (l->helper_pid ? PHASE_BEGUN : PHASE_INIT) || *fd < 0 || !l->wants_console ||
			!plan_is_console(*fd))
			return bad_message(l, out, e);
		l->wants_console = false;
		out->event = LAUNCH_CONSOLE;
		out->console_fd = take_fd(fd);
		return 0;
	case STAGE_READY:
		if (l->phase != PHASE_INIT)
			return bad_message(l, out, e);
		l->phase = PHASE_READY;
		out->event = LAUNCH_READY;
		return 0;
	case STAGE_AT_EXEC:
		/* The helper says it when the filter is on: then the init may not be able to any more. */
		if (l->phase == PHASE_BEGUN && l->helper_pid) {
			l->filtered = true;
			return 1;
		}
		if (l->phase != PHASE_RELEASED && !(l->phase == PHASE_AT_EXEC && l->filtered))
			return bad_message(l, out, e);
		l->phase = PHASE_AT_EXEC;
		return 1;
	default:
		return bad_message(l, out, e);
	}
}

int launch_receive(struct launch *l, struct launch_result *out, struct err *e)
{
	if (l->phase == PHASE_OVER)
		return err_say(e, EAGAIN, "launch: it is over");
	for (;;) {
		union message m;
		int fd = -1;
		size_t n = 1;
		memset(&m, 0, sizeof(m));
		ssize_t len = io_recv(l->sock, &m, sizeof(m), &fd, &n, 0);
		*out = (struct launch_result){ .pidfd = -1, .console_fd = -1 };
		if (len == -EAGAIN)
			return err_set(e, EAGAIN, "launch: receive");
		if (len == -ECONNRESET || len == 0) {
			/* The only end that is a success is the one that execve makes. */
			if (l->phase == PHASE_AT_EXEC) {
				l->phase = PHASE_OVER;
				out->event = LAUNCH_RUNNING;
				return 0;
			}
			(void)err_say(e, EPIPE, "launch: it died before its program ran");
			return failed(l, out, 128);
		}
		if (len < 0) {
			(void)err_set(e, (int)-len, "launch: receive");
			return failed(l, out, 128);
		}
		int r = take_message(l, &m, (size_t)len, &fd, out, e);
		own_close(&fd); /* whatever was not taken */
		if (r <= 0)
			return r;
	}
}

int launch_release(struct launch *l, struct err *e)
{
	char go = 0;
	if (l->phase != PHASE_READY)
		return err_say(e, EINVAL, "launch: nothing is ready to be released");
	int r = io_send(l->sock, &go, 1, NULL, 0);
	if (r < 0)
		return err_set(e, -r, "launch: release");
	l->phase = l->filtered ? PHASE_AT_EXEC : PHASE_RELEASED;
	return 0;
}

void launch_gone_through(struct launch *l)
{
	if (l->phase == PHASE_READY)
		l->phase = l->filtered ? PHASE_AT_EXEC : PHASE_RELEASED;
}

void launch_take_up(int sock, struct launch *out)
{
	/* Whether it has a filter on already was said to who has kept the socket. If not, it will say that it is at its execve. */
	*out = (struct launch){ .sock = sock, .launcher_pidfd = -1, .phase = PHASE_READY, .filtered = true };
}

void launch_done(struct launch *l)
{
	own_close(&l->sock);
	own_close(&l->launcher_pidfd);
	l->phase = PHASE_OVER;
}

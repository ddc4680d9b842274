/* init: true - the stage program as the container's pid 1. It must not be a forked copy of berth, whose memory would then be
 * inside for the container's whole life; so the init, released, executes the stage program with its plan in a memfd. */
#include "runtime/stage/stage.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

#include "base/own.h"
#include "base/sys.h"

/* Before the limits are set, for RLIMIT_FSIZE would hold for the memfd too. */
int stage_prepare_reaper(struct stage_ctx *c)
{
	const char *at = (const char *)c->plan;
	size_t left = c->plan->size;

	if (!(c->plan->flags & PLAN_REAPER) || c->reaper_fd < 0)
		return 0;
	auto_close int fd = (int)syscall(SYS_memfd_create, "berth-plan", 1U /* MFD_CLOEXEC */);
	if (fd < 0)
		return stage_say(c, errno, "make a memfd for the reaper", NULL);
	while (left) {
		ssize_t n = write(fd, at, left);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return stage_say(c, errno, "fill the reaper's memfd", NULL);
		at += n;
		left -= (size_t)n;
	}
	if (lseek(fd, 0, SEEK_SET) < 0)
		return stage_say(c, errno, "rewind the reaper's memfd", NULL);
	c->plan_fd = take_fd(&fd);
	return 0;
}

int stage_exec_reaper(struct stage_ctx *c)
{
	static char *const args[] = { "init", "reap", NULL }, *const env[] = { NULL };

	if (!(c->plan->flags & PLAN_REAPER) || c->reaper_fd < 0)
		return 0;
	/* Out of each other's way first. */
	int plan = fcntl(c->plan_fd, F_DUPFD_CLOEXEC, 10), program = fcntl(c->reaper_fd, F_DUPFD_CLOEXEC, 10);
	int report = fcntl(c->report_fd, F_DUPFD_CLOEXEC, 10);
	if (plan < 0 || program < 0 || report < 0 || dup3(plan, STAGE_FD_PLAN, 0) < 0 ||
		dup3(report, STAGE_FD_REPORT, 0) < 0 || dup3(program, STAGE_FD_INIT, O_CLOEXEC) < 0 ||
		sys_close_range(STAGE_FD_INIT + 1, ~0U, 0) < 0) {
		if (report >= 0)
			c->report_fd = report;
		return stage_say(c, errno, "hand descriptors to the reaper", NULL);
	}
	c->report_fd = STAGE_FD_REPORT;
	(void)syscall(SYS_execveat, STAGE_FD_INIT, "", args, env, AT_EMPTY_PATH);
	return stage_say(c, errno, "execute the reaper", NULL);
}

_Noreturn void stage_reap_main(void)
{
	static const struct stage_step user[] = { { "user", stage_resolve_user } };
	const struct plan *plan = stage_read_plan(STAGE_FD_PLAN);
	struct stage_ctx c;

	(void)prctl(PR_SET_NAME, "init", 0, 0, 0); /* or ps would show a descriptor's number */
	if (!plan)
		_exit(128);
	(void)close(STAGE_FD_PLAN);
	stage_init(&c, plan, STAGE_FD_REPORT);
	c.root_fd = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (c.root_fd < 0) {
		int err = errno;
		(void)stage_say(&c, err, "open", "/");
		stage_fail(&c, "reaper", err);
	}
	stage_run(&c, user, 1);
	stage_run(&c, stage_become_steps, stage_become_count);
	stage_run(&c, stage_exec_steps, stage_exec_count);
	_exit(128); /* not reached: the last step executes or fails */
}

static int status_code(int status)
{
	return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}

/* Everything that can be had without waiting; the end of the process that we are for ends us, and with us the namespace. */
static void reap_all(pid_t child)
{
	for (;;) {
		int status;
		pid_t pid = waitpid(-1, &status, WNOHANG);
		if (pid == child)
			_exit(status_code(status));
		if (pid < 0 && errno == ECHILD)
			_exit(128); /* somebody else's tracer took it: there is nothing left to be pid 1 for */
		if (pid == 0 || (pid < 0 && errno != EINTR))
			return;
	}
}

static _Noreturn void forward_and_reap(pid_t child)
{
	static const int not_ours[] = { SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGTRAP, SIGABRT, SIGSYS, SIGTTIN,
		SIGTTOU };
	sigset_t set;

	sigfillset(&set);
	for (size_t i = 0; i < sizeof(not_ours) / sizeof(not_ours[0]); i++)
		sigdelset(&set, not_ours[i]);
	(void)signal(SIGTTIN, SIG_IGN);
	(void)signal(SIGTTOU, SIG_IGN);
	(void)sigprocmask(SIG_SETMASK, &set, NULL); /* cannot fail: the set is valid */
	for (;;) {
		int sig = sigwaitinfo(&set, NULL);
		if (sig == SIGCHLD)
			reap_all(child);
		else if (sig > 0)
			(void)kill(child,
				sig); /* EPERM: it has become somebody else; ESRCH cannot be, we have not reaped it */
	}
}

int stage_become_reaper(struct stage_ctx *c)
{
	sigset_t all;

	sigfillset(&all);
	if (sigprocmask(SIG_SETMASK, &all, NULL) < 0)
		return stage_say(c, errno, "block signals", NULL);
	pid_t pid = fork();
	if (pid < 0)
		return stage_say(c, errno, "fork the reaper's child", NULL);
	if (pid > 0) {
		(void)close(c->report_fd); /* the child alone has something to say */
		/* Changing the user made us undumpable; /proc/1 is to belong to the user, who writes to /proc/1/fd/1. */
		(void)prctl(PR_SET_DUMPABLE, 1, 0, 0, 0);
		forward_and_reap(pid);
	}
	/* A group of its own, in the foreground, so that ^C reaches it once and not also by way of us. SIGTTOU is blocked. */
	(void)setpgid(0, 0);
	(void)tcsetpgrp(0, getpid()); /* ENOTTY: no terminal */
	return 0;
}

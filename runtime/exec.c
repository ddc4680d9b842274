#include "runtime/exec.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "base/buf.h"
#include "base/io.h"
#include "base/sys.h"
#include "runtime/plan.h"
#include "runtime/sealed.h"
#include "runtime/vclone.h"

#define FDS_MAX (STAGE_FD_TASKS + CGROUP_V1_MAX + 1)

enum phase {
	PHASE_TERMINAL = 1u << 0,
	PHASE_CONSOLE = 1u << 1,
	PHASE_AT_EXEC = 1u << 2,
	PHASE_OVER = 1u << 3
};

extern const char stage_image[], stage_image_end[];

int exec_stage_copy(struct err *e)
{
	// cppcheck-suppress comparePointers
	size_t len = (size_t)(stage_image_end - stage_image);
	return sealed_program("berth-stage", stage_image, len, e);
}

int exec_stage_fd(struct err *e)
{
	static int fd = -1;
	if (fd < 0) {
		int r = exec_stage_copy(e);
		if (r < 0)
			return r;
		fd = r;
	}
	return fd;
}

/* 0 until it was written back. */
static pid_t answered_pid(int plan_fd, size_t at)
{
	int32_t pid = 0;
	if (pread(plan_fd, &pid, sizeof(pid), (off_t)at) != (ssize_t)sizeof(pid) || pid < 0)
		return 0;
	return pid;
}

static int wait_for(pid_t pid)
{
	int status = 0;
	while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
	return status;
}

/* ---- the child of the clone: shares our memory until its execve, outside of any container */

struct job {
	int from[FDS_MAX]; /* descriptor n of the stage program; the last one is the program itself */
	int n;
	bool enters; /* the group at STAGE_FD_GROUP */
	int err;
};

static int run_stage(void *cookie)
{
	static char *const env[] = { NULL };
	struct job *j = cookie;
	char *const args[] = { "berth-stage", j->enters ? "enter" : "join", NULL };
	sigset_t none;

	/* What lies where something is to be placed moves up first. */
	for (int i = 0; i < j->n; i++)
		if (j->from[i] < j->n && (j->from[i] = fcntl(j->from[i], F_DUPFD_CLOEXEC, j->n)) < 0)
			goto fail;
	for (int i = 0; i < j->n; i++)
		if (dup3(j->from[i], i, i == j->n - 1 ? O_CLOEXEC : 0) < 0)
			goto fail;
	if (sys_close_range((unsigned)j->n, ~0U, 0) < 0)
		goto fail;
	sigemptyset(&none); /* handlers are gone already: CLONE_CLEAR_SIGHAND */
	if (sigprocmask(SIG_SETMASK, &none, NULL) < 0)
		goto fail;
	(void)syscall(SYS_execveat, j->n - 1, "", args, env, AT_EMPTY_PATH);
fail:
	j->err = errno;
	return 127;
}

/* What we wait for is where we are ourselves, and never in a group of the container: that may be frozen, or have no time left. */
static pid_t spawn(struct job *j, struct err *e)
{
	struct clone_args args = { .flags = CLONE_CLEAR_SIGHAND, .exit_signal = SIGCHLD };
	sigset_t all, old;

	sigfillset(&all);
	if (sigprocmask(SIG_SETMASK, &all, &old) < 0)
		return err_set(e, errno, "block signals");
	pid_t pid = vclone(&args, run_stage, j);
	(void)sigprocmask(SIG_SETMASK, &old, NULL); /* as it was: cannot fail */
	if (pid < 0)
		return err_set(e, -pid, "clone the stage program");
	if (j->err) {
		int r = err_set(e, j->err, "execute the stage program");
		(void)wait_for(pid);
		return r;
	}
	return pid;
}

/* The stage program in the exec's group, made by the one that was spawned, which is over at once. */
static pid_t entered(pid_t first, int plan_fd, struct err *e)
{
	int status = wait_for(first);
	pid_t pid = answered_pid(plan_fd, offsetof(struct plan, out_stage));

	if (pid > 0)
		return pid;
	return err_set(e, WIFEXITED(status) && WEXITSTATUS(status) ? WEXITSTATUS(status) : EPROTO,
		"clone into the exec's control group");
}

/* ---- begin */

/* Not sealed: the stage program answers through it. It never enters the container. */
static int plan_memfd(const struct exec_args *a, uint32_t n_tasks, struct err *e)
{
	auto_(buf) struct buf plan = { 0 };
	struct plan_extra extra = {
		.chown_pipes = a->chown_pipes, .join_ns = a->join_ns, .n_tasks = n_tasks
	};

	for (int i = 0; i < 3; i++)
		if (a->stdio[i] >= 0 && !a->process->terminal)
			extra.stdio_given |= 1u << i;
	int r = plan_build(a->process, a->seccomp, &extra, &plan, e);
	if (r < 0)
		return r;
	auto_close int fd = memfd_create("berth-plan", MFD_CLOEXEC);
	if (fd < 0)
		return err_set(e, errno, "create a memfd");
	r = io_write_full(fd, plan.data, plan.len);
	return r < 0 ? err_set(e, -r, "write the plan") : take_fd(&fd);
}

static void fill_job(struct job *j, const struct exec_args *a, int plan_fd, int report, const int *tasks,
	int n_tasks, int stage)
{
	for (int i = 0; i < 3;
		i++) /* whatever is not given is occupied all the same, or the next open would be there */
		j->from[i] = a->stdio[i] >= 0 && !a->process->terminal ? a->stdio[i] : report;
	j->from[STAGE_FD_PLAN] = plan_fd;
	j->from[STAGE_FD_REPORT] = report;
	j->from[STAGE_FD_INIT] = a->init_pidfd;
	j->enters = a->cgroup && a->cgroup->dirfd >= 0;
	j->from[STAGE_FD_GROUP] = j->enters ? a->cgroup->dirfd : report;
	j->n = STAGE_FD_TASKS;
	for (int i = 0; i < n_tasks; i++)
		j->from[j->n++] = tasks[i];
	j->from[j->n++] = stage;
}

int exec_begin(const struct exec_args *a, struct exec *out, struct err *e)
{
	int stage = exec_stage_fd(e), tasks[CGROUP_V1_MAX], n_tasks = 0, pair[2];
	struct job job = { 0 };

	if (stage < 0)
		return stage;
	if (a->cgroup) {
		n_tasks = cgroup_open_tasks(a->cgroup, tasks, e);
		if (n_tasks < 0)
			return n_tasks;
	}
	auto_close int plan_fd = plan_memfd(a, (uint32_t)n_tasks, e);
	int r = plan_fd;
	if (r >= 0 && socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
		r = err_set(e, errno, "make a socket pair");
	if (r >= 0) {
		auto_close int ours = pair[0], theirs = pair[1];
		fill_job(&job, a, plan_fd, theirs, tasks, n_tasks, stage);
		r = spawn(&job, e);
		if (r >= 0 && job.enters)
			r = entered(r, plan_fd, e);
		if (r >= 0)
			*out = (struct exec){ .stage_pid = r,
				.report_fd = take_fd(&ours),
				.plan_fd = take_fd(&plan_fd),
				.phase = a->process->terminal ? PHASE_TERMINAL : 0 };
	}
	for (int i = 0; i < n_tasks; i++)
		(void)close(tasks[i]);
	return r < 0 ? r : 0;
}

/* ---- events */

/* 0 until the stage program has cloned it. */
static pid_t payload_pid(const struct exec *x)
{
	return answered_pid(x->plan_fd, offsetof(struct plan, out_pid));
}

/* Behind err_set() and friends: e is filled. */
static int failed(struct exec *x, struct exec_result *out, int exit_code)
{
	x->phase |= PHASE_OVER;
	*out = (struct exec_result){ .event = EXEC_FAILED,
		.pid = payload_pid(x),
		.pidfd = -1,
		.console_fd = -1,
		.exit_code = exit_code };
	return 0;
}

static int running(struct exec *x, struct exec_result *out, struct err *e)
{
	pid_t pid = payload_pid(x);
	int pidfd = pid > 0 ? sys_pidfd_open(pid, 0) : -1;

	if (pidfd < 0) {
		(void)err_say(e, pid > 0 ? errno : EPROTO, "exec: the process is gone");
		return failed(x, out, 128);
	}
	x->phase |= PHASE_OVER;
	*out = (struct exec_result){ .event = EXEC_RUNNING, .pid = pid, .pidfd = pidfd, .console_fd = -1 };
	return 0;
}

/* The master end of a pseudoterminal, and asked for: anything else was sent by somebody in the container. */
static bool is_console(const struct exec *x, int fd)
{
	return (x->phase & (PHASE_TERMINAL | PHASE_CONSOLE)) == PHASE_TERMINAL && plan_is_console(fd);
}

static int ended(struct exec *x, struct exec_result *out, struct err *e)
{
	if (x->phase & PHASE_AT_EXEC)
		return running(x, out, e);
	(void)err_say(e, EPROTO, "exec: the stage program ended before it had come to its end");
	return failed(x, out, 128);
}

int exec_receive(struct exec *x, struct exec_result *out, struct err *e)
{
	while (!(x->phase & PHASE_OVER)) {
		struct stage_msg m;
		int fds[1], code;
		size_t n = 1;
		ssize_t len = io_recv(x->report_fd, &m, sizeof(m), fds, &n, MSG_DONTWAIT);
		auto_close int passed = len > 0 && n == 1 ? fds[0] : -1;

		if (len == -EAGAIN)
			return -EAGAIN;
		if (len == 0 || len == -ECONNRESET)
			return ended(x, out, e);
		if (len == sizeof(m) && m.type == STAGE_FAILED) {
			(void)plan_error(&m, &code, e);
			return failed(x, out, code);
		}
		if (len == sizeof(m) && m.type == STAGE_AT_EXEC) {
			x->phase |= PHASE_AT_EXEC;
			continue;
		}
		if (len == sizeof(m) && m.type == STAGE_CONSOLE && passed >= 0 && is_console(x, passed)) {
			x->phase |= PHASE_CONSOLE;
			*out = (struct exec_result){
				.event = EXEC_CONSOLE, .pidfd = -1, .console_fd = take_fd(&passed)
			};
			return 0;
		}
		(void)err_say(e, EPROTO, "exec: the stage program does not keep to its protocol");
		return failed(x, out, 128);
	}
	return -EAGAIN;
}

static bool same_file(const struct stat *a, const struct stat *b)
{
	return a->st_dev == b->st_dev && a->st_ino == b->st_ino;
}

int exec_past_execve(pid_t pid)
{
	char path[32];
	struct stat exe, own;
	int stage = exec_stage_fd(NULL);

	if (stage < 0)
		return stage;
	(void)snprintf(path, sizeof(path), "/proc/%d/exe", (int)pid);
	if (stat(path, &exe) < 0)
		return errno == ENOENT || errno == ESRCH ? 1 : -errno; /* a zombie has none */
	if (fstat(stage, &own) < 0)
		return -errno;
	if (same_file(&exe, &own))
		return 0;
	if (stat("/proc/self/exe", &own) < 0)
		return -errno;
	return !same_file(&exe, &own);
}

int exec_look(struct exec *x, struct exec_result *out, struct err *e)
{
	pid_t pid = payload_pid(x);

	if (x->phase & PHASE_OVER || pid <= 0)
		return -EAGAIN;
	int r = exec_past_execve(pid);
	if (r < 0)
		return err_set(e, -r, "look at process %d", (int)pid);
	return r ? running(x, out, e) : -EAGAIN;
}

void exec_done(struct exec *x)
{
	own_close(&x->report_fd);
	own_close(&x->plan_fd);
}

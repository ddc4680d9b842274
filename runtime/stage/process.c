#include "runtime/stage/stage.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <stdarg.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/uio.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "base/own.h"
#include "base/sys.h"

/* ---- reporting */

void stage_init(struct stage_ctx *c, const struct plan *plan, int report_fd)
{
	*c = (struct stage_ctx){ .plan = plan,
		.report_fd = report_fd,
		.stdio = { -1, -1, -1 },
		.root_fd = -1,
		.proc_fd = -1,
		.console_fd = -1,
		.reaper_fd = -1,
		.gate_fd = -1,
		.plan_fd = -1,
		.uid = plan->uid,
		.gid = plan->gid };
}

static void add_text(char *text, size_t room, const char *s)
{
	size_t len = strlen(text);
	while (*s && len + 1 < room)
		text[len++] = *s++;
	text[len] = '\0';
}

int stage_say(struct stage_ctx *c, int err, const char *what, const char *path)
{
	c->text[0] = '\0';
	c->whole = false;
	add_text(c->text, sizeof(c->text), what);
	if (path) {
		add_text(c->text, sizeof(c->text), " ");
		add_text(c->text, sizeof(c->text), path);
	}
	return -err;
}

int stage_tell(struct stage_ctx *c, int err, int exit_code, ...)
{
	va_list parts;
	c->text[0] = '\0';
	c->whole = true;
	c->exit_code = exit_code;
	va_start(parts, exit_code);
	for (const char *s; (s = va_arg(parts, const char *));)
		add_text(c->text, sizeof(c->text), s);
	va_end(parts);
	return -err;
}

const char *stage_errno_words(int err)
{
	static const struct {
		int err;
		const char *words;
	} table[] = {
		{ ENOENT, "no such file or directory" },
		{ EACCES, "permission denied" },
		{ EPERM, "operation not permitted" },
		{ ENOTDIR, "not a directory" },
		{ EISDIR, "is a directory" },
		{ ELOOP, "too many levels of symbolic links" },
		{ ENOEXEC, "exec format error" },
		{ ENOMEM, "cannot allocate memory" },
		{ ENAMETOOLONG, "file name too long" },
		{ E2BIG, "argument list too long" },
		{ ETXTBSY, "text file busy" },
		{ EIO, "input/output error" },
	};
	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++)
		if (table[i].err == err)
			return table[i].words;
	return NULL;
}

const char *stage_number(int64_t n, char out[24])
{
	char *p = out + 23;
	uint64_t v = n < 0 ? 0 - (uint64_t)n : (uint64_t)n;
	*p = '\0';
	do
		*--p = (char)('0' + v % 10);
	while (v /= 10);
	if (n < 0)
		*--p = '-';
	return p;
}

static int send_msg(int sock, const struct stage_msg *m, int fd)
{
	union {
		struct cmsghdr align;
		char bytes[CMSG_SPACE(sizeof(int))];
	} control;
	struct iovec iov = { .iov_base = (void *)m, .iov_len = sizeof(*m) };
	struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1 };
	ssize_t sent;

	if (sock < 0)
		return 0;
	if (fd >= 0) {
		memset(&control, 0, sizeof(control));
		msg.msg_control = control.bytes;
		msg.msg_controllen = sizeof(control.bytes);
		struct cmsghdr *h = CMSG_FIRSTHDR(&msg);
		h->cmsg_level = SOL_SOCKET;
		h->cmsg_type = SCM_RIGHTS;
		h->cmsg_len = CMSG_LEN(sizeof(int));
		memcpy(CMSG_DATA(h), &fd, sizeof(int));
	}
	do /* without a descriptor by sendto: more filters allow it than sendmsg */
		sent = fd >= 0 ? sendmsg(sock, &msg, MSG_NOSIGNAL) : send(sock, m, sizeof(*m), MSG_NOSIGNAL);
	while (sent < 0 && errno == EINTR);
	if (sent < 0 && errno != EPIPE && errno != ECONNRESET)
		return -errno;
	return 0; /* nobody listens any more: an init that was left waiting for another caller's start */
}

int stage_send(struct stage_ctx *c, uint32_t type, int fd)
{
	struct stage_msg m = { .type = type };
	int r = send_msg(c->report_fd, &m, fd);
	return r < 0 ? stage_say(c, -r, "report to the caller", NULL) : 0;
}

_Noreturn void stage_fail(struct stage_ctx *c, const char *step, int err)
{
	int code = c->exit_code ? c->exit_code : 128;
	struct stage_msg m = { .type = STAGE_FAILED, .err = err, .exit_code = code, .whole = c->whole };

	add_text(m.step, sizeof(m.step), step);
	add_text(m.text, sizeof(m.text), c->text);
	(void)send_msg(c->report_fd, &m, -1); /* the exit code is all that is left */
	_exit(code);
}

void stage_run(struct stage_ctx *c, const struct stage_step *steps, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		c->text[0] = '\0';
		c->whole = false;
		c->exit_code = 0;
		int r = steps[i].run(c);
		if (r < 0)
			stage_fail(c, steps[i].name, -r);
	}
}

/* ---- terminal */

/* The container's own devpts, not whatever its /dev/ptmx may be by now. */
static int open_ptmx(struct stage_ctx *c)
{
	auto_close int fd = sys_openat2(c->root_fd, "dev/pts/ptmx", O_RDWR | O_NOCTTY, 0,
		RESOLVE_IN_ROOT | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS);
	struct stat st;
	struct statfs fs;

	if (fd < 0)
		return stage_say(c, errno, "open", "/dev/pts/ptmx");
	if (fstat(fd, &st) < 0 || fstatfs(fd, &fs) < 0)
		return stage_say(c, errno, "stat", "/dev/pts/ptmx");
	if (!S_ISCHR(st.st_mode) || st.st_rdev != makedev(5, 2) || fs.f_type != DEVPTS_SUPER_MAGIC)
		return stage_tell(c, ENOTTY, 0, "/dev/pts/ptmx is not the multiplexer of a devpts", NULL);
	return take_fd(&fd);
}

static int step_terminal(struct stage_ctx *c)
{
	const struct plan *p = c->plan;
	int unlock = 0;

	if (!c->joins)
		(void)setsid(); /* EPERM: already the leader of our own */
	if (!(p->flags & PLAN_TERMINAL))
		return 0;
	auto_close int master = open_ptmx(c);
	if (master < 0)
		return master;
	if (ioctl(master, TIOCSPTLCK, &unlock) < 0)
		return stage_say(c, errno, "unlock the terminal", NULL);
	/* TIOCGPTPEER rather than a name below /dev/pts, which could be anything. */
	auto_close int slave = ioctl(master, TIOCGPTPEER, O_RDWR | O_NOCTTY | O_CLOEXEC);
	if (slave < 0)
		return stage_say(c, errno, "open the terminal's container end", NULL);
	if (p->console_width && p->console_height) {
		struct winsize ws = { .ws_row = p->console_height, .ws_col = p->console_width };
		if (ioctl(master, TIOCSWINSZ, &ws) < 0)
			return stage_say(c, errno, "set the terminal's size", NULL);
	}
	if (fchown(slave, c->uid, (gid_t)-1) < 0) /* the group (tty) is what devpts was mounted with */
		return stage_say(c, errno, "give the terminal to the user", NULL);
	int r = stage_send(c, STAGE_CONSOLE, master);
	if (r < 0)
		return r;
	if (!c->joins && ioctl(slave, TIOCSCTTY, 0) < 0)
		return stage_say(c, errno, "make it the controlling terminal", NULL);
	c->console_fd = take_fd(&slave);
	return 0;
}

int stage_new_session(struct stage_ctx *c)
{
	(void)setsid(); /* a new process leads none, so it cannot fail */
	if (c->plan->flags & PLAN_TERMINAL && ioctl(STDIN_FILENO, TIOCSCTTY, 0) < 0)
		return stage_say(c, errno, "make it the controlling terminal", NULL);
	return 0;
}

void stage_wait_for_release(struct stage_ctx *c)
{
	char go;
	ssize_t n;
	do
		n = read(c->gate_fd >= 0 ? c->gate_fd : c->report_fd, &go, 1);
	while (n < 0 && errno == EINTR);
	if (n != 1)
		_exit(PLAN_EXIT_UNRELEASED); /* the supervisor is gone, or does not want us any more */
}

/* ---- stdio */

/* The container's own null device: the host's could be chmod'ed from inside. Only the real one will do. */
static int open_null(struct stage_ctx *c)
{
	auto_close int fd = sys_openat2(c->root_fd, "dev/null", O_RDWR | O_NOCTTY | O_NOFOLLOW | O_NONBLOCK,
		0, RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS);
	struct stat st;

	if (fd < 0)
		return stage_say(c, errno, "open", "/dev/null");
	if (fstat(fd, &st) < 0)
		return stage_say(c, errno, "stat", "/dev/null");
	if (!S_ISCHR(st.st_mode) || st.st_rdev != makedev(1, 3))
		return stage_tell(c, ENODEV, 0, "/dev/null is not the null device", NULL);
	if (fcntl(fd, F_SETFL, 0) < 0)
		return stage_say(c, errno, "open", "/dev/null");
	return take_fd(&fd);
}

static int place(struct stage_ctx *c, int from, int to)
{
	/* dup3 of a descriptor onto itself is an error, and would leave it close-on-exec. */
	int r = from == to ? fcntl(to, F_SETFD, 0) : dup3(from, to, 0);
	return r < 0 ? stage_say(c, errno, "set up standard input and output", NULL) : 0;
}

static int chown_pipe(struct stage_ctx *c, int fd)
{
	struct stat st;
	if (fstat(fd, &st) < 0)
		return stage_say(c, errno, "stat a pipe of standard input and output", NULL);
	if (!S_ISFIFO(st.st_mode) || st.st_uid == c->uid)
		return 0;
	if (fchown(fd, c->uid, (gid_t)-1) == 0)
		return 0;
	/* In a user namespace whose ids do not cover the pipe's owner: the process can use it, if not reopen it. Who made
	 * the pipe can do better, by giving it to the namespace's root. */
	if (errno == EPERM || errno == EINVAL)
		return 0;
	return stage_say(c, errno, "give a pipe of standard input and output to the user", NULL);
}

/* A source among 0, 1, 2 would be overwritten before its turn. */
static int move_out_of_the_way(struct stage_ctx *c)
{
	for (int i = 0; i < 3; i++) {
		if (c->stdio[i] < 0 || c->stdio[i] > 2 || c->stdio[i] == i)
			continue;
		int fd = fcntl(c->stdio[i], F_DUPFD_CLOEXEC, 3);
		if (fd < 0)
			return stage_say(c, errno, "set up standard input and output", NULL);
		c->stdio[i] = fd;
	}
	return 0;
}

static int step_stdio(struct stage_ctx *c)
{
	auto_close int null = -1;
	int r = move_out_of_the_way(c);

	for (int i = 0; r == 0 && i < 3; i++) {
		int from = c->console_fd >= 0 ? c->console_fd : c->stdio[i];
		if (from >= 0 && c->console_fd < 0 && c->plan->flags & PLAN_CHOWN_PIPES)
			r = chown_pipe(c, from);
		if (from < 0 && null < 0 && (null = open_null(c)) < 0)
			return null;
		/* The null device may have come to lie on 0, 1 or 2 where those were closed. */
		if (null >= 0 && null <= 2) {
			int high = fcntl(null, F_DUPFD_CLOEXEC, 3);
			if (high < 0)
				return stage_say(c, errno, "set up standard input and output", NULL);
			(void)close(null);
			null = high;
		}
		if (r == 0)
			r = place(c, from < 0 ? null : from, i);
	}
	return r;
}

/* ---- working directory */

static int cwd_failed(struct stage_ctx *c, int err, const char *cwd)
{
	const char *words = stage_errno_words(err);
	char number[24];
	if (words)
		return stage_tell(
			c, err, 126, "chdir to cwd (\"", cwd, "\") set in config.json failed: ", words, NULL);
	return stage_tell(c, err, 126, "chdir to cwd (\"", cwd, "\") set in config.json failed: errno ",
		stage_number(err, number), NULL);
}

static int step_cwd(struct stage_ctx *c)
{
	const char *cwd = plan_string(c->plan, c->plan->cwd_off);
	static char path[4096]; /* PATH_MAX; off the stack, which is small in a clone */
	auto_close int fd = sys_openat2(
		c->root_fd, cwd, O_PATH | O_DIRECTORY, 0, RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS);

	if (fd < 0)
		return cwd_failed(c, errno, cwd);
	if (fchdir(fd) < 0)
		return cwd_failed(c, errno, cwd);
	/* CVE-2024-21626: a directory outside the root would show here, whichever way it was reached. */
	if (syscall(SYS_getcwd, path, sizeof(path)) < 0)
		return errno == ERANGE || errno == ENAMETOOLONG ? 0 : cwd_failed(c, errno, cwd);
	if (path[0] != '/')
		return stage_tell(c, EXDEV, 126, "chdir to cwd (\"", cwd,
			"\") set in config.json failed: current working directory is outside of container mount namespace root",
			NULL);
	return 0;
}

/* ---- limits */

static int limit_failed(struct stage_ctx *c, int err, uint32_t resource)
{
	char number[24];
	if (err == EPERM)
		return stage_tell(c, err, 0, "raise hard limit ", stage_number(resource, number),
			" of setrlimit(2): needs CAP_SYS_RESOURCE, which berth does not have", NULL);
	return stage_say(c, err, "set limit", stage_number(resource, number));
}

static int set_limit(struct stage_ctx *c, const struct plan_rlimit *l, bool raise_only)
{
	struct rlimit now, want = { .rlim_cur = l->soft, .rlim_max = l->hard };

	if (getrlimit((int)l->resource, &now) < 0)
		return limit_failed(c, errno, l->resource);
	if (raise_only) {
		if (want.rlim_max <= now.rlim_max)
			return 0;
		want.rlim_cur = now.rlim_cur;
	} else if (want.rlim_cur == now.rlim_cur && want.rlim_max == now.rlim_max) {
		return 0;
	}
	if (setrlimit((int)l->resource, &want) < 0)
		return limit_failed(c, errno, l->resource);
	return 0;
}

static int step_rlimits(struct stage_ctx *c)
{
	int r = 0;
	for (uint32_t i = 0; r == 0 && i < c->plan->n_rlimits; i++)
		r = set_limit(c, &c->plan->rlimits[i], false);
	return r;
}

int stage_raise_limits(struct stage_ctx *c)
{
	int r = 0;
	for (uint32_t i = 0; r == 0 && i < c->plan->n_rlimits; i++)
		r = set_limit(c, &c->plan->rlimits[i], true);
	return r;
}

int stage_set_oom_score(struct stage_ctx *c, int proc_fd)
{
	char number[24];
	struct statfs fs;

	if (!(c->plan->flags & PLAN_OOM_SCORE))
		return 0;
	auto_close int fd = openat(proc_fd, "self/oom_score_adj", O_WRONLY | O_CLOEXEC);
	if (fd < 0)
		return stage_say(c, errno, "open", "oom_score_adj");
	if (fstatfs(fd, &fs) < 0 || fs.f_type != PROC_SUPER_MAGIC) /* CVE-2025-52881 */
		return stage_tell(c, EXDEV, 0, "oom_score_adj is not on a procfs", NULL);
	const char *text = stage_number(c->plan->oom_score_adj, number);
	if (write(fd, text, strlen(text)) >= 0)
		return 0;
	if (errno == EACCES || errno == EPERM)
		return stage_tell(c, errno, 0, "set oom_score_adj to ", text,
			": lowering it needs CAP_SYS_RESOURCE, which berth does not have", NULL);
	return stage_say(c, errno, "set oom_score_adj to", text);
}

/* Without a procfs of our own the caller has seen to it (see the header). */
static int step_oom_score(struct stage_ctx *c)
{
	return c->proc_fd >= 0 ? stage_set_oom_score(c, c->proc_fd) : 0;
}

/* ---- the way out */

static int close_between(struct stage_ctx *c, unsigned from, unsigned to)
{
	return from <= to && sys_close_range(from, to, 0) < 0 ? stage_say(c, errno, "close descriptors", NULL)
							      : 0;
}

/* A hard close: descriptors may be held by a stopped process otherwise, and nothing but 0, 1, 2 is the payload's. What a
 * child still has to use before its execve (n_tasks) lies behind the report. */
static int step_descriptors(struct stage_ctx *c)
{
	umask(c->plan->umask);
	c->root_fd = c->proc_fd = c->console_fd = c->reaper_fd = c->plan_fd = -1;
	if (c->report_fd < 0)
		return close_between(c, 3, ~0U);
	if (fcntl(c->report_fd, F_SETFD, FD_CLOEXEC) < 0)
		return stage_say(c, errno, "close descriptors", NULL);
	unsigned report = (unsigned)c->report_fd, kept = c->joins ? c->plan->n_tasks : 0;
	/* An init that was made outside of its pid namespace; it has no tasks to join any more. */
	if (c->gate_fd >= 0) {
		unsigned gate = (unsigned)c->gate_fd;
		unsigned low = gate < report ? gate : report, high = gate < report ? report : gate;
		int g = close_between(c, 3, low - 1);
		if (g == 0)
			g = close_between(c, low + 1, high - 1);
		return g < 0 ? g : close_between(c, high + 1, ~0U);
	}
	int r = close_between(c, 3, report - 1);
	if (kept && r == 0)
		r = close_between(c, report + 1, STAGE_FD_TASKS - 1);
	return r < 0 ? r : close_between(c, kept ? STAGE_FD_TASKS + kept : report + 1, ~0U);
}

const struct stage_step stage_prepare_steps[] = {
	{ "user", stage_resolve_user },
	{ "terminal", step_terminal },
	{ "stdio", step_stdio },
	{ "cwd", step_cwd },
	{ "exec", stage_find_program },
	{ "oom_score_adj", step_oom_score },
	{ "reaper", stage_prepare_reaper },
	{ "rlimits", step_rlimits },
};
const size_t stage_prepare_count = sizeof(stage_prepare_steps) / sizeof(stage_prepare_steps[0]);

const struct stage_step stage_become_steps[] = {
	{ "reaper", stage_exec_reaper },
	{ "descriptors", step_descriptors },
	{ "bounding set", stage_drop_bounding },
	{ "groups", stage_set_groups },
	{ "seccomp", stage_load_seccomp_early },
	{ "ids", stage_set_ids },
	{ "capabilities", stage_set_caps },
	{ "no_new_privs", stage_set_no_new_privs },
};
const size_t stage_become_count = sizeof(stage_become_steps) / sizeof(stage_become_steps[0]);

const struct stage_step stage_exec_steps[] = {
	{ "seccomp", stage_load_seccomp_late },
	{ "exec", stage_exec_program },
};
const size_t stage_exec_count = sizeof(stage_exec_steps) / sizeof(stage_exec_steps[0]);

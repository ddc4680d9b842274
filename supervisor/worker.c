#include "supervisor/worker.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>

#include "base/buf.h"
#include "base/io.h"
#include "base/list.h"
#include "base/sys.h"
#include "base/text.h"

#define AFTER_KILL_MS 1000

struct worker_pool {
	struct event_base *base;
	int cgroup_dirfd, leftovers_fd;
	size_t busy;
	struct list workers;
};

/* How a job ended, in one write that a pipe takes whole. */
struct answer {
	int r;
	struct err e;
};

struct worker {
	struct list link;
	struct worker_pool *pool;
	char what[64];
	worker_done_fn done;
	void *cookie;
	int pidfd, out_fd, answer_fd;
	struct event *ended, *readable, *timer;
	struct buf out;
	int64_t deadline_ms;
	int killed_for; /* 0, or the error that it was killed for */
	bool answered;
};

/* ---- the child */

static int compare_ints(const void *a, const void *b)
{
	int x = *(const int *)a, y = *(const int *)b;
	return (x > y) - (x < y);
}

static void close_all_but(int *fds, size_t n)
{
	unsigned from = STDERR_FILENO + 1;

	qsort(fds, n, sizeof(*fds), compare_ints);
	for (size_t i = 0; i < n; i++) {
		if (fds[i] < (int)from)
			continue; /* none, standard, or named twice */
		if ((unsigned)fds[i] > from)
			(void)sys_close_range(from, (unsigned)fds[i] - 1, 0); /* fails for a bad range only */
		from = (unsigned)fds[i] + 1;
	}
	(void)sys_close_range(from, ~0U, 0);
}

__attribute__((noreturn)) static void run_child(
	const struct worker_args *args, int leftovers_fd, int out_fd, int answer_fd, pid_t parent)
{
	int kept[WORKER_KEEP_MAX + 3];
	struct answer answer = { .r = 0 };
	sigset_t none;

	if (args->n_keep_fds)
		memcpy(kept, args->keep_fds, args->n_keep_fds * sizeof(*kept));
	size_t n = args->n_keep_fds;
	kept[n++] = leftovers_fd;
	kept[n++] = out_fd;
	kept[n++] = answer_fd;
	close_all_but(kept, n);
	(void)prctl(PR_SET_PDEATHSIG, SIGKILL); /* fails for a bad signal only */
	if (getppid() != parent)
		_exit(1); /* it died before the line above */
	sigemptyset(&none);
	(void)sigprocmask(SIG_SETMASK, &none, NULL); /* handlers are gone since the clone */

	answer.r = args->job(args->cookie, out_fd, &answer.e);
	_exit(io_write_full(answer_fd, &answer, sizeof(answer)) < 0);
}

/* ---- the answer */

static void free_worker(struct worker *w)
{
	if (!w)
		return;
	if (w->ended)
		event_free(w->ended);
	if (w->readable)
		event_free(w->readable);
	if (w->timer)
		event_free(w->timer);
	own_close(&w->pidfd);
	own_close(&w->out_fd);
	own_close(&w->answer_fd);
	buf_done(&w->out);
	list_remove(&w->link);
	free(w);
}

OWN_DEFINE_PTR(worker, struct worker, free_worker)

static void kill_worker(struct worker *w, int why)
{
	if (w->killed_for || w->answered)
		return;
	w->killed_for = why;
	(void)sys_pidfd_send_signal(w->pidfd, SIGKILL); /* fails when it is dead, which is as good */
	static const struct timeval after = { AFTER_KILL_MS / 1000, AFTER_KILL_MS % 1000 * 1000 };
	(void)event_add(w->timer, &after); /* fails without memory: then only its death answers */
}

static void read_output(struct worker *w)
{
	while (!w->killed_for) {
		if (buf_reserve(&w->out, 16384) < 0) {
			kill_worker(w, ENOMEM);
			return;
		}
		ssize_t n = read(w->out_fd, w->out.data + w->out.len, w->out.room - w->out.len - 1);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0) {
			if (n == 0)
				(void)event_del(w->readable); /* an end stays readable for ever */
			return;
		}
		w->out.len += (size_t)n;
		w->out.data[w->out.len] = '\0';
		if (w->out.len > WORKER_OUTPUT_MAX)
			kill_worker(w, EFBIG);
	}
}

static int describe_kill(const struct worker *w, struct err *e)
{
	switch (w->killed_for) {
	case ECANCELED:
		return err_say(e, ECANCELED, "%s: cancelled", w->what);
	case ETIMEDOUT:
		return err_say(
			e, ETIMEDOUT, "%s: no answer within %lld ms", w->what, (long long)w->deadline_ms);
	case EFBIG:
		return err_say(
			e, EFBIG, "%s: the worker wrote more than %d bytes", w->what, WORKER_OUTPUT_MAX);
	default:
		return err_set(e, w->killed_for, "%s", w->what);
	}
}

static int describe_death(const struct worker *w, const siginfo_t *info, struct err *e)
{
	if (info->si_code == CLD_KILLED || info->si_code == CLD_DUMPED)
		return err_say(e, ECHILD, "worker %s died: signal %d", w->what, info->si_status);
	return err_say(
		e, ECHILD, "worker %s died: exit status %d without an answer", w->what, info->si_status);
}

/* Tells the result, once. The worker stays until its process has ended. */
static void tell(struct worker *w, int r, const struct err *e)
{
	if (w->answered)
		return;
	w->answered = true;
	w->pool->busy--;
	/* The callback may free the pool and us with it, so the output is ours alone for as long as it takes. */
	auto_(buf) struct buf out = w->out;
	w->out = (struct buf){ 0 };
	worker_done_fn done = w->done;
	void *cookie = w->cookie;
	done(cookie, r, e, out.len ? out.data : "", out.len);
}

static void on_ended(evutil_socket_t fd, short events, void *cookie)
{
	struct worker *w = cookie;
	struct answer answer;
	siginfo_t info = { .si_pid = 0 };
	struct err e = { .code = 0 };
	int r;

	(void)fd;
	(void)events;
	if (waitid(P_PIDFD, (id_t)w->pidfd, &info, WEXITED | WNOHANG) == 0 && info.si_pid == 0)
		return; /* not yet: the descriptor stays readable */
	read_output(w);
	ssize_t n = read(w->answer_fd, &answer, sizeof(answer));
	if (w->killed_for) {
		r = describe_kill(w, &e);
	} else if (n == (ssize_t)sizeof(answer)) {
		answer.e.text[ERR_TEXT_MAX - 1] = '\0';
		r = answer.r > 0 ? 0 : answer.r;
		if (r < 0)
			e = answer.e;
		if (r < 0 && e.code != -r)
			r = err_set(&e, -r, "%s", w->what); /* the job said no more than this */
	} else {
		r = describe_death(w, &info, &e);
	}
	/* Out of the pool first: it may be gone when tell() returns. */
	list_remove(&w->link);
	tell(w, r, &e);
	free_worker(w);
}

static void on_readable(evutil_socket_t fd, short events, void *cookie)
{
	(void)fd;
	(void)events;
	read_output(cookie);
}

static void on_timer(evutil_socket_t fd, short events, void *cookie)
{
	struct worker *w = cookie;
	struct err e;

	(void)fd;
	(void)events;
	if (!w->killed_for) {
		kill_worker(w, ETIMEDOUT);
		return;
	}
	int r = describe_kill(w, &e);
	(void)event_del(w->readable);
	tell(w, r, &e);
}

/* ---- the pool */

int worker_pool_open(
	struct event_base *base, int cgroup_dirfd, int leftovers_fd, struct worker_pool **out, struct err *e)
{
	struct worker_pool *p = calloc(1, sizeof(*p));
	if (!p)
		return err_set(e, ENOMEM, "open the workers' pool");
	p->base = base;
	p->cgroup_dirfd = cgroup_dirfd;
	p->leftovers_fd = leftovers_fd;
	list_init(&p->workers);
	*out = p;
	return 0;
}

void worker_pool_free(struct worker_pool *p)
{
	if (!p)
		return;
	list_each_safe (struct worker, w, &p->workers, link) {
		(void)sys_pidfd_send_signal(w->pidfd, SIGKILL); /* fails when it is dead, which is as good */
		siginfo_t info;
		/* One that does not die now is the keeper's to reap when we have ended. */
		for (int ms = 0; ms < 100; ms++) {
			info.si_pid = 0;
			if (waitid(P_PIDFD, (id_t)w->pidfd, &info, WEXITED | WNOHANG) < 0 || info.si_pid)
				break;
			(void)usleep(1000);
		}
		free_worker(w);
	}
	free(p);
}

size_t worker_pool_busy(const struct worker_pool *p)
{
	return p->busy;
}

static int arm(struct worker *w)
{
	struct event_base *base = w->pool->base;
	w->ended = event_new(base, w->pidfd, EV_READ | EV_PERSIST, on_ended, w);
	w->readable = event_new(base, w->out_fd, EV_READ | EV_PERSIST, on_readable, w);
	w->timer = evtimer_new(base, on_timer, w);
	if (!w->ended || !w->readable || !w->timer || event_add(w->ended, NULL) < 0 ||
		event_add(w->readable, NULL) < 0)
		return -ENOMEM;
	struct timeval deadline = { w->deadline_ms / 1000, w->deadline_ms % 1000 * 1000 };
	return w->deadline_ms > 0 && event_add(w->timer, &deadline) < 0 ? -ENOMEM : 0;
}

/* Clones the child; in it this does not return. */
static int clone_child(struct worker *w, const struct worker_args *args, int out_fd, int answer_fd)
{
	struct worker_pool *p = w->pool;
	struct clone_args how = { .flags = CLONE_PIDFD | CLONE_CLEAR_SIGHAND,
		.pidfd = (uint64_t)(uintptr_t)&w->pidfd,
		.exit_signal = SIGCHLD };
	sigset_t all, before;
	pid_t self = getpid();

	if (p->cgroup_dirfd >= 0) {
		how.flags |= CLONE_INTO_CGROUP;
		how.cgroup = (uint64_t)p->cgroup_dirfd;
	}
	sigfillset(&all);
	(void)sigprocmask(SIG_SETMASK, &all, &before); /* fails for a bad first argument only */
	pid_t pid = sys_clone3(&how);
	if (pid == 0)
		run_child(args, p->leftovers_fd, out_fd, answer_fd, self);
	int r = pid < 0 ? -errno : 0;
	(void)sigprocmask(SIG_SETMASK, &before, NULL);
	return r;
}

int worker_start(struct worker_pool *p, const struct worker_args *args, struct worker **out, struct err *e)
{
	int pipes[2][2] = { { -1, -1 }, { -1, -1 } };

	if (args->n_keep_fds > WORKER_KEEP_MAX)
		return err_say(e, E2BIG, "start worker %s: more than %d descriptors to keep", args->what,
			WORKER_KEEP_MAX);
	auto_(worker) struct worker *w = calloc(1, sizeof(*w));
	if (!w)
		return err_set(e, ENOMEM, "start worker %s", args->what);
	w->pidfd = w->out_fd = w->answer_fd = -1;
	w->pool = p;
	list_init(&w->link);
	(void)snprintf(w->what, sizeof(w->what), "%s", args->what); /* cut when it is long */
	w->done = args->done;
	w->cookie = args->cookie;
	w->deadline_ms = args->deadline_ms;

	int failed = pipe2(pipes[0], O_CLOEXEC) < 0 || pipe2(pipes[1], O_CLOEXEC) < 0 ? errno : 0;
	w->out_fd = pipes[0][0];
	w->answer_fd = pipes[1][0];
	auto_close int out_fd = pipes[0][1], answer_fd = pipes[1][1];
	if (failed)
		return err_set(e, failed, "start worker %s: pipe", args->what);
	int r = io_set_nonblock(w->out_fd, true);
	if (r == 0)
		r = io_set_nonblock(w->answer_fd, true);
	if (r == 0)
		r = clone_child(w, args, out_fd, answer_fd);
	if (r < 0)
		return err_set(e, -r, "start worker %s", args->what);
	r = arm(w);
	if (r < 0) {
		(void)sys_pidfd_send_signal(w->pidfd, SIGKILL);
		siginfo_t info;
		(void)waitid(P_PIDFD, (id_t)w->pidfd, &info, WEXITED); /* it has hardly begun */
		return err_set(e, -r, "start worker %s", args->what);
	}
	list_append(&p->workers, &w->link);
	p->busy++;
	if (out)
		*out = w;
	(void)take_ptr(&w);
	return 0;
}

void worker_cancel(struct worker *w)
{
	kill_worker(w, ECANCELED);
}

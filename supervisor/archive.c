#include "supervisor/archive.h"

#include <errno.h>
#include <event2/buffer.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/io.h"
#include "base/own.h"
#include "base/path.h"
#include "supervisor/archive_root.h"
#include "supervisor/config.h"
#include "supervisor/decompress.h"
#include "supervisor/worker.h"

#define PIPE_BYTES (256 * 1024)
#define SETTLE_NS  (20 * NS_PER_MS)
#define SETTLED_NS (10 * NS_PER_S)

struct archive_job {
	struct engine *en;
	char id[TEXT_ID_LEN + 1];
	enum archive_op op;
	bool no_overwrite_dir_non_dir;
	char *path, *said_path, *ref, *user;
	const struct archive_ops *ops; /* NULL: cancelled */
	void *cookie;

	struct archive_root root;
	int init_pidfd; /* borrowed; only until the worker has its own */
	int ours, theirs;
	struct worker *worker;
	struct event *readable, *writable, *settle;
	int64_t until_ns; /* of waiting for a container that is just changing */

	struct archive_stat stat;
	size_t stat_len;
	bool paused, eof, answered;
	struct evbuffer *fed; /* not taken yet */
	bool fed_all, deaf;   /* nothing more comes; nobody takes it any more */
	int r;
	struct err e;
};

static void job_free(struct archive_job *job)
{
	engine_event_free(&job->readable);
	engine_event_free(&job->writable);
	engine_event_free(&job->settle);
	if (job->fed)
		evbuffer_free(job->fed);
	own_close(&job->ours);
	own_close(&job->theirs);
	archive_root_done(&job->root);
	free(job->path);
	free(job->said_path);
	free(job->ref);
	free(job->user);
	free(job);
}

OWN_DEFINE_PTR(job, struct archive_job, job_free)

/* ---------------------------------------------------------------- the end */

static void finish(struct archive_job *job)
{
	if (job->ops)
		job->ops->done(job->cookie, job->r, job->r < 0 ? &job->e : NULL);
	job_free(job);
}

/* Both the worker's answer and the end of what it sent; after an error the rest of that is nobody's. */
static void finish_if_over(struct archive_job *job)
{
	if (job->answered && (job->eof || job->op == ARCHIVE_PUT || job->r < 0 || !job->ops))
		finish(job);
}

/* What a client should read in place of the kernel's word for it. */
static void translate(struct archive_job *job, const struct err *e)
{
	job->e = *e;
	if (e->code == ENOENT)
		(void)err_say(&job->e, ENOENT, "Could not find the file %s in container %s", job->said_path,
			job->ref);
	else if (e->code == ENOTDIR || e->code == EROFS || e->code == ELOOP)
		job->e.code = EINVAL;
	job->r = -job->e.code;
}

static int open_pipe(struct archive_job *job, struct err *e);

/* The container ended before it was entered, a restart's first half say: see what it is now. Nothing was read from it, nor
 * taken of what was fed. */
static bool looks_again(struct archive_job *job, int r)
{
	struct err e;

	if (r != -ESRCH || !job->ops || job->stat_len || clock_mono_ns() >= job->until_ns)
		return false;
	if (job->op != ARCHIVE_PUT) {
		engine_event_free(&job->readable);
		own_close(&job->ours);
		job->eof = false;
		if (open_pipe(job, &e) < 0)
			return false;
	}
	archive_root_done(&job->root);
	engine_timer_arm(job->settle, SETTLE_NS);
	return true;
}

static void worked(void *cookie, int r, const struct err *e, const char *out, size_t len)
{
	struct archive_job *job = cookie;
	(void)out;
	(void)len;

	job->worker = NULL;
	if (looks_again(job, r))
		return;
	job->answered = true;
	if (r < 0)
		translate(job, e);
	finish_if_over(job);
}

void archive_cancel(struct archive_job *job)
{
	job->ops = NULL;
	engine_event_free(&job->readable);
	engine_event_free(&job->writable);
	own_close(&job->ours);
	if (job->worker)
		worker_cancel(job->worker);
	else
		engine_timer_arm(job->settle, 0); /* look() ends it */
}

/* ---------------------------------------------------------------- what comes out */

/* The first bytes are the path's description. Returns how many of len were that, or -errno. */
static int take_stat(struct archive_job *job, const char *data, size_t len)
{
	size_t want = sizeof(job->stat) - job->stat_len, n = len < want ? len : want;

	memcpy((char *)&job->stat + job->stat_len, data, n);
	job->stat_len += n;
	if (n == 0 || job->stat_len < sizeof(job->stat))
		return (int)n;
	if (job->stat.magic != ARCHIVE_STAT_MAGIC)
		return -EPROTO;
	job->stat.name[sizeof(job->stat.name) - 1] = '\0';
	job->stat.link_target[sizeof(job->stat.link_target) - 1] = '\0';
	job->ops->on_stat(job->cookie, &job->stat);
	return (int)n;
}

static void fail_protocol(struct archive_job *job)
{
	job->r = err_say(&job->e, EPROTO, "archive: the process does not keep to its protocol");
	job->eof = true;
	(void)event_del(job->readable);
	if (job->worker)
		worker_cancel(job->worker);
	else
		finish_if_over(job);
}

static void on_readable(evutil_socket_t fd, short what, void *cookie)
{
	struct archive_job *job = cookie;
	char *block = job->en->block;
	(void)what;

	ssize_t n = read(fd, block, ENGINE_BLOCK);
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n <= 0) {
		job->eof = true;
		(void)event_del(job->readable); /* an end stays readable for ever */
		finish_if_over(job);
		return;
	}
	int used = take_stat(job, block, (size_t)n);
	if (used < 0)
		fail_protocol(job);
	else if (used < n && job->ops)
		job->ops->on_data(job->cookie, block + used, (size_t)(n - used));
}

void archive_pause(struct archive_job *job)
{
	if (!job->paused && job->readable)
		(void)event_del(job->readable);
	job->paused = true;
}

void archive_resume(struct archive_job *job)
{
	if (job->paused && job->readable && !job->eof && event_add(job->readable, NULL) < 0)
		abort();
	job->paused = false;
}

/* ---------------------------------------------------------------- what goes in */

static void stop_feeding(struct archive_job *job)
{
	job->deaf = true;
	(void)evbuffer_drain(job->fed, evbuffer_get_length(job->fed));
	engine_event_free(&job->writable);
	own_close(&job->ours);
}

static void on_writable(evutil_socket_t fd, short what, void *cookie)
{
	struct archive_job *job = cookie;
	(void)what;

	int n = evbuffer_write(job->fed, fd);
	if (n < 0 && errno != EAGAIN && errno != EINTR) {
		stop_feeding(job); /* its answer says why */
	} else if (evbuffer_get_length(job->fed) > 0) {
		return;
	} else if (job->fed_all) {
		stop_feeding(job);
		return;
	} else {
		(void)event_del(job->writable);
	}
	if (job->ops)
		job->ops->on_drain(job->cookie);
}

bool archive_feed(struct archive_job *job, const void *data, size_t len)
{
	if (job->deaf)
		return true;
	if (evbuffer_add(job->fed, data, len) < 0 || event_add(job->writable, NULL) < 0)
		abort();
	return evbuffer_get_length(job->fed) == 0;
}

void archive_feed_end(struct archive_job *job)
{
	job->fed_all = true;
	if (!job->deaf && evbuffer_get_length(job->fed) == 0)
		stop_feeding(job);
}

/* ---------------------------------------------------------------- the worker */

static int work(void *cookie, int out_fd, struct err *e)
{
	struct archive_job *job = cookie;
	struct archive_args a = {
		.op = job->op,
		.path = job->path,
		.data_fd = job->theirs,
		.keep_fd = job->en->leftovers_fd,
		.init_pidfd = job->init_pidfd,
		.mntns_fd = -1,
		.root_fd = -1,
		.no_overwrite_dir_non_dir = job->no_overwrite_dir_non_dir,
		.user = job->user,
	};
	(void)out_fd;

	struct decompress d = { .fd = -1 };

	int r = archive_root_fill(&job->root, &a, e);
	if (r == 0 && job->op == ARCHIVE_PUT)
		r = decompress_begin(job->theirs, &d, e);
	if (r < 0)
		return r;
	if (d.fd >= 0)
		a.data_fd = d.fd;
	r = archive_run(&a, e);
	if (r == -ESRCH && d.fd >= 0) /* what has been decompressed is gone */
		r = err_say(e, EBUSY, "the container has just ended");
	return decompress_end(&d, r, e);
}

static int open_pipe(struct archive_job *job, struct err *e)
{
	struct event_base *base = job->en->base;
	bool in = job->op == ARCHIVE_PUT;
	int pair[2];

	if (pipe2(pair, O_CLOEXEC) < 0)
		return err_set(e, errno, "archive: pipe");
	job->ours = pair[in];
	job->theirs = pair[!in];
	(void)fcntl(job->ours, F_SETPIPE_SZ, PIPE_BYTES); /* a smaller one does */
	int r = io_set_nonblock(job->ours, true);
	if (in) {
		job->fed = evbuffer_new();
		job->writable = event_new(base, job->ours, EV_WRITE | EV_PERSIST, on_writable, job);
	} else {
		job->readable = event_new(base, job->ours, EV_READ | EV_PERSIST, on_readable, job);
	}
	if (r == 0 &&
		(in ? !job->fed || !job->writable : !job->readable || event_add(job->readable, NULL) < 0))
		r = -ENOMEM;
	return r < 0 ? err_set(e, -r, "archive: pipe") : 0;
}

static int begin(struct archive_job *job, struct container *c, struct err *e)
{
	bool joins = c->pidfd >= 0 && (c->actual.running || c->actual.held);
	int keep[WORKER_KEEP_MAX];
	size_t n = 0;
	int r = joins ? 0 : archive_root_open(&job->root, c, job->op, e);

	if (r < 0)
		return r;
	archive_root_ids(&job->root, c);
	job->init_pidfd = joins ? c->pidfd : -1;
	keep[n++] = job->theirs;
	keep[n++] = joins ? c->pidfd : launch_env_mntns(job->en->launch_env);
	if (job->root.lock_fd >= 0)
		keep[n++] = job->root.lock_fd;
	struct worker_args w = { .what = "archive",
		.job = work,
		.done = worked,
		.cookie = job,
		.keep_fds = keep,
		.n_keep_fds = n };
	if ((r = worker_start(job->en->workers, &w, &job->worker, e)) < 0)
		return r;
	if (job->op != ARCHIVE_PUT) /* what was fed is not lost before the end */
		own_close(&job->theirs);
	own_close(&job->root.lock_fd);
	return 0;
}

/* ---------------------------------------------------------------- the beginning */

static void look(struct archive_job *job)
{
	struct container *c = job->ops ? container_by_id(job->en, job->id) : NULL;
	int r;

	if (!c)
		r = err_say(&job->e, ENOENT, "No such container: %s", job->ref);
	else if (c->remove || c->actual.removing || c->actual.dead)
		r = err_say(&job->e, EBUSY, "container %s is being removed", c->id);
	else if (c->start || c->exit)
		r = err_say(&job->e, EAGAIN, "container %s is just being started or stopped", c->id);
	else
		r = begin(job, c, &job->e);
	if (r == -EAGAIN && clock_mono_ns() < job->until_ns) {
		archive_root_done(&job->root);
		engine_timer_arm(job->settle, SETTLE_NS);
	} else if (r < 0) {
		if (r == -EAGAIN)
			job->e.code = EBUSY;
		job->r = -job->e.code;
		finish(job);
	}
}

static void on_settle(evutil_socket_t fd, short what, void *cookie)
{
	(void)fd;
	(void)what;
	look(cookie);
}

/* As if from the root, but for a slash or "/." at the end, which says something. */
static char *clean_path(const char *path)
{
	char absolute[PATH_MAX + 2], clean[PATH_MAX];
	size_t len = strlen(path);
	char *out = NULL;

	if (len >= PATH_MAX)
		return NULL;
	absolute[0] = '/';
	memcpy(absolute + 1, path, len + 1);
	if (path_clean(absolute, clean, sizeof(clean) - 2) < 0)
		return NULL;
	const char *slash = strrchr(absolute, '/'), *root = clean[1] ? "" : NULL;
	const char *tail = strcmp(slash, "/.") == 0 ? "/." : strcmp(slash, "/") == 0 ? "/" : "";
	if (asprintf(&out, "%s%s", clean, root ? tail : *tail ? tail + 1 : "") < 0)
		return NULL;
	return out;
}

int archive_start(struct container *c, const struct archive_request *rq, const struct archive_ops *ops,
	void *cookie, struct archive_job **out, struct err *e)
{
	auto_(job) struct archive_job *job = calloc(1, sizeof(*job));

	if (!job)
		return err_set(e, ENOMEM, "archive");
	job->ours = job->theirs = job->init_pidfd = -1;
	job->root = (struct archive_root)ARCHIVE_ROOT_NONE;
	job->en = c->engine;
	memcpy(job->id, c->id, sizeof(job->id));
	job->op = rq->op;
	job->no_overwrite_dir_non_dir = rq->no_overwrite_dir_non_dir;
	job->ops = ops;
	job->cookie = cookie;
	job->until_ns = clock_mono_ns() + SETTLED_NS;
	if (rq->path && strlen(rq->path) >= PATH_MAX)
		return err_say(e, EINVAL, "bad parameter: path: longer than %d bytes", PATH_MAX - 1);
	job->path = clean_path(rq->path ? rq->path : "/");
	job->said_path = strdup(rq->path ? rq->path : "/");
	job->ref = strdup(rq->ref);
	job->settle = evtimer_new(job->en->base, on_settle, job);
	if (!job->path || !job->said_path || !job->ref || !job->settle)
		return err_set(e, ENOMEM, "archive");
	if (rq->copy_ids && *c->config->user && !(job->user = strdup(c->config->user)))
		return err_set(e, ENOMEM, "archive");
	int r = open_pipe(job, e);
	if (r < 0)
		return r;
	engine_timer_arm(job->settle, 0);
	*out = take_ptr(&job);
	return 0;
}

/*
 * Removal: stopped first when forced; then its directory is moved to the trash, and once that is durable it does not come back
 * whatever happens; then its writable layer, logs and anonymous volumes are deleted, by a worker unless there is next to nothing.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "base/clock.h"
#include "base/fault.h"
#include "base/own.h"
#include "base/path.h"
#include "supervisor/answers.h"
#include "supervisor/attach.h"
#include "supervisor/config.h"
#include "supervisor/container.h"
#include "supervisor/events.h"
#include "supervisor/exec_session.h"
#include "supervisor/container_volumes.h"
#include "supervisor/store.h"
#include "supervisor/store_write.h"
#include "supervisor/volumes.h"
#include "supervisor/waiter.h"
#include "supervisor/worker.h"

#define REMOVE_MS   (60 * 1000)
#define LITTLE_LOG  (1 << 20) /* bytes; what more would take to free is not for the loop to wait for */
#define LITTLE_LOGS 8	      /* files */

struct remove_job {
	struct container *c;
	struct answers answers;
};

static char *trash_path(const struct container *c, const char *below)
{
	char name[TEXT_ID_LEN + 3], *path = NULL;

	store_trash_name(c->id, c->desired.remove_volumes, name);
	return asprintf(&path, "%s/trash/%s%s", c->engine->options.data_root, name, below) < 0 ? NULL : path;
}

static int remove_below_trash(const struct container *c, const char *below, struct err *e)
{
	auto_free char *path = trash_path(c, below);
	return path ? path_remove_tree(AT_FDCWD, path, e) : err_set(e, ENOMEM, "remove %.12s", c->id);
}

/* The worker's part. The record goes last: whoever finds it finishes the work. */
static int remove_all(void *cookie, int out_fd, struct err *e)
{
	const struct remove_job *job = cookie;
	const struct container *c = job->c;
	char path[4096];
	int r;
	(void)out_fd;

	if ((r = remove_below_trash(c, "/upper", e)) < 0 || (r = remove_below_trash(c, "/work", e)) < 0)
		return r;
	fault_point("worker.remove");
	snprintf(path, sizeof(path), "%s/%s", c->engine->options.log_root, c->id);
	if ((r = path_remove_tree(AT_FDCWD, path, e)) < 0)
		return r;
	if (c->desired.remove_volumes && (r = container_volumes_remove(c, e)) < 0)
		return r;
	return remove_below_trash(c, "", e);
}

static void removed(void *cookie, int r, const struct err *e, const char *out, size_t out_len)
{
	struct remove_job *job = cookie;
	struct container *c = job->c;
	struct engine *en = c->engine;
	struct answers answers;
	struct err record;
	(void)out;
	(void)out_len;

	answers_move(&answers, &job->answers);
	free(job);
	c->remove = NULL;
	if (c->desired.remove_volumes)
		volumes_taken(c, r == 0);
	fault_point("supervisor.removed");
	if (r < 0) {
		(void)state_set_remove_failed(&c->actual, e->text);
		container_save_state(c);
		log_error("remove-failed", "container=%.12s err=\"%s\" action=\"left dead\"", c->id, e->text);
		waiter_wake_removed(c, e->text);
		answers_give(&answers, en, r, e);
		return;
	}
	waiter_wake_removed(c, NULL);
	exec_session_forget_container(c);
	attach_close_all(c);
	events_destroyed(c);
	fault_point("supervisor.told-destroy");
	if (store_remove(en, c->id, &record) < 0)
		log_warn("record-left", "container=%.12s err=\"%s\" action=\"left to the next start\"", c->id,
			record.text);
	container_free(c);
	answers_give(&answers, en, 0, NULL);
}

/* No more than a few small log files: a fork and its way back would take ten times what their deletion does. */
static bool has_little(const struct remove_job *job)
{
	const struct container *c = job->c;
	const struct engine *en = c->engine;
	struct stat st;
	off_t bytes = 0;
	int files = 0;

	auto_free char *upper = trash_path(c, "/upper");
	if (!upper || lstat(upper, &st) == 0 || errno != ENOENT)
		return false;
	for (size_t i = 0; c->desired.remove_volumes && i < c->config->n_mounts; i++)
		if (c->config->mounts[i].anonymous)
			return false;
	int fd = openat(en->log_dirfd, c->id, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0)
		return errno == ENOENT;
	DIR *d = fdopendir(fd);
	if (!d) {
		own_close(&fd);
		return false;
	}
	for (struct dirent *x; files <= LITTLE_LOGS && (x = readdir(d));) {
		if (strcmp(x->d_name, ".") == 0 || strcmp(x->d_name, "..") == 0)
			continue;
		if (fstatat(fd, x->d_name, &st, AT_SYMLINK_NOFOLLOW) < 0 || !S_ISREG(st.st_mode))
			files = LITTLE_LOGS; /* whatever it is, it is not ours */
		else
			bytes += st.st_size;
		files++;
	}
	closedir(d);
	return files <= LITTLE_LOGS && bytes <= LITTLE_LOG;
}

/* From the loop: whoever asked is not done with the container yet. */
static void remove_little(evutil_socket_t fd, short what, void *cookie)
{
	struct remove_job *job = cookie;
	struct err e;
	int r = remove_all(job, -1, &e);
	(void)fd;
	(void)what;

	removed(job, r, &e, "", 0);
}

/* It is durable that it is gone: the rest is tidying up. */
static void begin_deletion(void *cookie, int r, const struct err *e)
{
	static const struct timeval now = { 0, 0 };
	struct remove_job *job = cookie;
	struct container *c = job->c;
	struct worker_args args = {
		.what = "removal", .job = remove_all, .done = removed, .cookie = job, .deadline_ms = REMOVE_MS
	};
	struct err why;

	if (r == 0 && (r = events_will_destroy(c, &why)) < 0)
		e = &why;
	if (r < 0) {
		removed(job, r, e, "", 0);
		return;
	}
	if (c->desired.remove_volumes)
		container_volumes_take_along(c);
	fault_point("supervisor.removing");
	if (has_little(job) &&
		event_base_once(c->engine->base, -1, EV_TIMEOUT, remove_little, job, &now) == 0)
		return;
	r = worker_start(c->engine->workers, &args, NULL, &why);
	if (r < 0)
		removed(job, r, &why, "", 0);
}

/* One that is removed with its run would be removed by the next boot too: nobody needs to wait until that is on disk. */
static bool may_go_at_once(const struct container *c)
{
	char name[TEXT_ID_LEN + 3];

	if (!c->config->auto_remove || c->dirty || c->flying || !c->desired.generation)
		return false;
	store_trash_name(c->id, c->desired.remove_volumes, name);
	return renameat(c->engine->data_dirfd, c->id, c->engine->trash_dirfd, name) == 0;
}

static void remove_now(struct remove_job *job)
{
	struct container *c = job->c;

	restart_cancel(c);
	attach_close_all(c);
	(void)state_set_removing(&c->actual); /* c->remove is what says that nobody else is at it */
	c->desired.run = false;
	container_save_state(c);
	fault_point("supervisor.remove");
	if (!c->in_trash && may_go_at_once(c))
		c->in_trash = true;
	store_commit(c, STORE_GONE, begin_deletion, job);
}

static void stopped(void *cookie, int r, const struct err *e)
{
	struct remove_job *job = cookie;
	struct container *c = job->c;

	if (r < 0 && r != -EALREADY && r != -EBUSY) { /* not running any more is as good */
		c->remove = NULL;
		c->desired.removed = false;
		container_save_desired(c);
		answers_give(&job->answers, c->engine, r, e);
		free(job);
		return;
	}
	remove_now(job);
}

void container_remove(struct container *c, bool force, bool volumes, done_fn done, void *cookie)
{
	bool up = c->start || c->exit || c->actual.running;
	struct remove_job *job = NULL;
	struct err e;
	int r = 0;

	if (c->remove)
		r = err_say(&e, EBUSY, "removal of container %s is already in progress", c->name);
	else if (c->actual.paused && !force)
		r = err_say(&e, EBUSY,
			"cannot remove container \"%s\": container is paused and must be unpaused first",
			c->name);
	else if (up && !force && !c->exit)
		r = err_say(&e, EBUSY,
			"cannot remove container \"%s\": container is running: stop the container before removing or force remove",
			c->name);
	else if (!(job = calloc(1, sizeof(*job))))
		r = err_set(&e, ENOMEM, "remove container");
	if (r < 0) {
		engine_answer(c->engine, done, cookie, r, &e);
		return;
	}
	job->c = c;
	c->desired.removed = true;
	if (!c->in_trash) /* there its name says so */
		c->desired.remove_volumes |= volumes;
	answers_add(&job->answers, done, cookie);
	c->remove = job;
	if (c->exit)
		container_await_exit(c, stopped, job);
	else if (up || c->actual.held)
		container_kill(c, SIGKILL, stopped, job);
	else
		remove_now(job);
}

void container_remove_or_join(struct container *c, bool volumes, done_fn done, void *cookie)
{
	if (!c->remove) {
		container_remove(c, true, volumes, done, cookie);
		return;
	}
	if (!c->actual.removing && !c->in_trash)
		c->desired.remove_volumes |= volumes;
	answers_add(&c->remove->answers, done, cookie);
}

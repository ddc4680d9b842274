/*
 * Removal: stopped first when forced, then its writable layer, logs and anonymous volumes are deleted, by a worker unless
 * there is next to nothing; the record goes last, so that whoever finds it finishes the work.
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
#include "supervisor/store.h"
#include "supervisor/container_volumes.h"
#include "supervisor/waiter.h"
#include "supervisor/worker.h"

#define REMOVE_MS   (60 * 1000)
#define LITTLE_LOG  (1 << 20) /* bytes; what more would take to free is not for the loop to wait for */
#define LITTLE_LOGS 8	      /* files */

struct remove_job {
	struct container *c;
	struct answers answers;
	bool volumes;
};

/* The worker's part. */
static int remove_all(void *cookie, int out_fd, struct err *e)
{
	const struct remove_job *job = cookie;
	const struct container *c = job->c;
	const struct engine *en = c->engine;
	char path[4096];
	int r;
	(void)out_fd;

	snprintf(path, sizeof(path), "%s/containers/%s", en->options.data_root, c->id);
	if ((r = path_remove_tree(AT_FDCWD, path, e)) < 0)
		return r;
	fault_point("worker.remove");
	snprintf(path, sizeof(path), "%s/%s", en->options.log_root, c->id);
	if ((r = path_remove_tree(AT_FDCWD, path, e)) < 0)
		return r;
	return job->volumes ? container_volumes_remove(c, e) : 0;
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
	fault_point("supervisor.removed");
	if (r == 0 &&
		((r = events_will_destroy(c, &record)) < 0 || (r = store_forget(en, c->id, &record)) < 0))
		e = &record;
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
	fault_point("supervisor.forgotten");
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

	if (fstatat(en->data_dirfd, c->id, &st, AT_SYMLINK_NOFOLLOW) == 0 || errno != ENOENT)
		return false;
	for (size_t i = 0; job->volumes && i < c->config->n_mounts; i++)
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

static void remove_now(struct remove_job *job)
{
	static const struct timeval now = { 0, 0 };
	struct container *c = job->c;
	struct worker_args args = {
		.what = "removal", .job = remove_all, .done = removed, .cookie = job, .deadline_ms = REMOVE_MS
	};
	struct err e;

	restart_cancel(c);
	attach_close_all(c);
	(void)state_set_removing(&c->actual); /* c->remove is what says that nobody else is at it */
	c->desired.removed = true;
	c->desired.run = false;
	container_save_config(c);
	fault_point("supervisor.remove");
	container_save_state(c);
	if (has_little(job) &&
		event_base_once(c->engine->base, -1, EV_TIMEOUT, remove_little, job, &now) == 0)
		return;
	int r = worker_start(c->engine->workers, &args, NULL, &e);
	fault_point("supervisor.removing");
	if (r < 0)
		removed(job, r, &e, "", 0);
}

static void stopped(void *cookie, int r, const struct err *e)
{
	struct remove_job *job = cookie;
	struct container *c = job->c;

	if (r < 0 && r != -EALREADY && r != -EBUSY) { /* not running any more is as good */
		c->remove = NULL;
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
	job->volumes = volumes;
	answers_add(&job->answers, done, cookie);
	c->remove = job;
	if (c->exit)
		container_stop(c, 0, 0, stopped, job); /* only waits for what is going on */
	else if (up)
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
	c->remove->volumes |= volumes; /* no help when they are being removed already */
	answers_add(&c->remove->answers, done, cookie);
}

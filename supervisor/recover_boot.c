/* recover_boot - containers of which only the data root knows: after a boot, or a daemon's orderly end. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fault.h"
#include "base/own.h"
#include "base/path.h"
#include "supervisor/config.h"
#include "supervisor/container_start.h"
#include "supervisor/keeper.h"
#include "supervisor/recover.h"
#include "supervisor/restart.h"
#include "supervisor/store.h"
#include "supervisor/worker.h"

#define SWEEP_MS (10 * 60 * 1000)

static void take_result(struct container *c)
{
	struct actual *a = &c->actual;
	const struct result *r = c->result;

	a->generation = r->generation;
	a->exit_code = r->exit_code;
	a->started_ns = r->started_ns;
	a->finished_ns = r->finished_ns;
	a->oom_killed = r->oom_killed;
	a->interrupted = r->interrupted;
	a->restart_count = r->restart_count;
	memcpy(a->error, r->error, sizeof(a->error));
}

static bool starts_again(const struct container *c)
{
	const struct actual *a = &c->actual;

	return !c->desired.removed && a->started_ns != CLOCK_NEVER &&
		restart_at_boot(c->config->restart, c->config->restart_max, a->restart_count, a->exit_code,
			c->desired.stopped_by_user);
}

/* It ran when the power went. */
static void take_loss(struct container *c)
{
	struct actual *a = &c->actual;

	a->generation = c->desired.generation;
	a->exit_code = 255;
	a->started_ns = c->desired.asked_ns;
	a->finished_ns = clock_real_ns();
	a->oom_killed = false;
	a->interrupted = true;
	a->restart_count = 0;
	a->error[0] = '\0';
	log_info("run-lost", "container=%.12s name=%s", c->id, c->name);
	if (starts_again(c) || c->config->auto_remove)
		return; /* the next boot may conclude the same */
	store_set_result(c, a->exit_code, false, true, a->finished_ns);
	c->dirty |= STORE_RESULT;
}

void recover_after_boot(struct container *c)
{
	struct actual *a = &c->actual;
	struct err e;

	if (store_add(c, &e) < 0)
		log_error("record-not-written", "container=%.12s err=\"%s\" action=\"go on\"", c->id, e.text);
	recover_clear_group(c); /* a run root may be lost without a boot */
	if (c->result)
		take_result(c);
	if (!(c->dirty & STORE_RESULT))
		own_free(&c->result);
	if (c->desired.generation > a->generation)
		take_loss(c);
	c->desired.run = c->desired.paused = false;
	container_save_state(c);
	store_commit(c, c->dirty, NULL, NULL);
	if (c->desired.removed || (c->config->auto_remove && a->started_ns != CLOCK_NEVER))
		container_remove(c, true, c->config->auto_remove, NULL, NULL);
}

/* In the run root since policy was carried out. The first supervisor of a keeper may die before it comes to that. */
static const char *policy_path(const struct engine *en, char path[PATH_MAX])
{
	(void)snprintf(path, PATH_MAX, "%s/policy-done", en->options.run_root);
	return path;
}

static bool policy_is_done(const struct engine *en)
{
	char path[PATH_MAX];

	(void)policy_path(en, path);
	if (keeper_limits(en->keeper)->starts > 1)
		return access(path, F_OK) == 0;
	(void)unlink(path); /* another daemon's, that was killed with its keeper */
	return false;
}

static void policy_was_done(const struct engine *en)
{
	char path[PATH_MAX];
	auto_close int fd = open(policy_path(en, path), O_WRONLY | O_CREAT | O_CLOEXEC, 0600);

	if (fd < 0)
		log_warn("policy", "err=\"%s: %s\" action=\"go on\"", path, strerrordesc_np(errno));
}

void recover_policy_forget(const struct engine *en)
{
	char path[PATH_MAX];

	(void)unlink(policy_path(en, path));
}

void recover_policy(struct engine *en)
{
	if (en->stopping || policy_is_done(en))
		return;
	list_each (struct container, c, &en->containers, link) {
		struct actual *a = &c->actual;
		if (a->running || a->starting || a->held || c->start || c->exit || c->remove ||
			!starts_again(c))
			continue;
		log_info("start-by-policy", "container=%.12s name=%s", c->id, c->name);
		a->restart_count = 0;
		a->delay_ns = 0;
		c->desired.run = true;
		if (c->desired.stopped_by_user) {
			c->desired.stopped_by_user = false;
			store_commit(c, STORE_DESIRED, NULL, NULL);
		}
		container_start_by_policy(c);
	}
	policy_was_done(en);
}

/* ---------------------------------------------------------------- the trash */

static bool is_known(struct engine *en, const char *name)
{
	char id[TEXT_ID_LEN + 1];

	snprintf(id, sizeof(id), "%.64s", name);
	return container_by_id(en, id) != NULL;
}

/* The worker's part: layers whose record is gone already, or never was. */
static int sweep(void *cookie, int out_fd, struct err *e)
{
	struct engine *en = cookie;
	int first = 0, fd = openat(en->trash_dirfd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *d = fd < 0 ? NULL : fdopendir(fd);
	(void)out_fd;

	if (!d)
		return err_set(e, errno, "read trash");
	fault_point("worker.sweep");
	for (struct dirent *x; (x = readdir(d));) {
		char log[4096];
		if (strspn(x->d_name, "0123456789abcdef") != TEXT_ID_LEN || is_known(en, x->d_name))
			continue;
		snprintf(log, sizeof(log), "%s/%.64s", en->options.log_root, x->d_name);
		int r = path_remove_tree(AT_FDCWD, log, first ? NULL : e);
		if (r == 0)
			r = path_remove_tree(en->trash_dirfd, x->d_name, first ? NULL : e);
		first = first ? first : r; /* the others go all the same */
	}
	return first;
}

static void swept(void *cookie, int r, const struct err *e, const char *out, size_t out_len)
{
	(void)cookie;
	(void)out;
	(void)out_len;
	if (r < 0)
		log_warn("trash", "err=\"%s\" action=\"again at the next start\"", e->text);
}

static bool has_strangers(struct engine *en)
{
	int fd = openat(en->trash_dirfd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *d = fd < 0 ? NULL : fdopendir(fd);
	bool found = false;

	if (!d) {
		own_close(&fd);
		return false;
	}
	for (struct dirent *x; (x = readdir(d));)
		found |= strspn(x->d_name, "0123456789abcdef") == TEXT_ID_LEN && !is_known(en, x->d_name);
	closedir(d);
	return found;
}

void recover_trash(struct engine *en)
{
	int keep[] = { en->trash_dirfd };
	struct worker_args args = { .what = "trash",
		.job = sweep,
		.done = swept,
		.cookie = en,
		.deadline_ms = SWEEP_MS,
		.keep_fds = keep,
		.n_keep_fds = ARRAY_LEN(keep) };
	struct err e;

	if (has_strangers(en) && worker_start(en->workers, &args, NULL, &e) < 0)
		log_warn("trash", "err=\"%s\" action=\"again at the next start\"", e.text);
}

#include "supervisor/container_volumes.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/own.h"
#include "base/path.h"
#include "image/copy.h"
#include "supervisor/container.h"
#include "supervisor/volumes.h"

int container_volume_path(
	void *engine, const struct config_mount *m, struct arena *a, const char **out, struct err *e)
{
	struct engine *en = engine;
	char path[PATH_MAX];
	int r = volume_make(en->options.data_root, m->source, e);

	if (r < 0 || (r = volume_path(en->options.data_root, m->source, path, e)) < 0)
		return r;
	volumes_note(en, m->source, m->anonymous);
	*out = arena_strdup(a, path);
	return *out ? 0 : err_set(e, ENOMEM, "volume %s", m->source);
}

#define FILLING ".filling" /* beside _data: what is in that is a part of an image's files, and nobody's yet */

/* What somebody who was killed in it has left. Returns _data. */
static int begin_again(int dirfd, struct err *e)
{
	if (faccessat(dirfd, FILLING, F_OK, AT_SYMLINK_NOFOLLOW) == 0) {
		int r = path_remove_tree(dirfd, "_data", e);
		if (r < 0)
			return r;
		if (mkdirat(dirfd, "_data", 0755) < 0 || fsync(dirfd) < 0 ||
			unlinkat(dirfd, FILLING, 0) < 0 || fsync(dirfd) < 0)
			return err_set(e, errno, "empty it");
	} else if (errno != ENOENT) {
		return err_set(e, errno, "look at it");
	}
	int fd = openat(dirfd, "_data", O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	return fd < 0 ? err_set(e, errno, "open it") : fd;
}

/* Wholly, whoever dies when: the note goes once the files are on the disk, and for good before anybody writes to them. */
static int fill(int dirfd, int from, int to, struct err *e)
{
	auto_close int note = openat(dirfd, FILLING, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);

	if (note < 0 || fsync(dirfd) < 0)
		return err_set(e, errno, "begin");
	int r = image_copy_tree(from, to, e);
	if (r < 0)
		return r;
	if (syncfs(to) < 0 || unlinkat(dirfd, FILLING, 0) < 0 || fsync(dirfd) < 0)
		return err_set(e, errno, "sync");
	return 0;
}

static int copy_up_into(int dirfd, const struct config_mount *m, int root_fd, struct err *e)
{
	auto_close int to = begin_again(dirfd, e);

	if (to < 0)
		return err_wrap(e, to, "volume %s", m->source);
	int r = image_is_empty(to);
	if (r < 0)
		return err_set(e, -r, "volume %s", m->source);
	if (r == 0 || m->no_copy || m->subpath)
		return 0;
	auto_close int from = path_open_in_root(root_fd, m->target, O_RDONLY | O_DIRECTORY, 0);
	if (from == -ENOENT || from == -ENOTDIR)
		return 0; /* the image has nothing there */
	if (from < 0)
		return err_set(e, -from, "volume %s: open %s", m->source, m->target);
	if ((r = image_is_empty(from)) < 0)
		return err_set(e, -r, "volume %s: read %s", m->source, m->target);
	/* Without files there is no half of them. */
	r = r ? image_copy_tree(from, to, e) : fill(dirfd, from, to, e);
	return r < 0 ? err_wrap(e, r, "fill volume %s from %s", m->source, m->target) : 0;
}

static int copy_up_one(const struct engine *en, const struct config_mount *m, int root_fd, struct err *e)
{
	char path[PATH_MAX];
	int r = volume_path(en->options.data_root, m->source, path, e);

	if (r < 0)
		return r;
	*strrchr(path, '/') = '\0';
	auto_close int dirfd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (dirfd < 0)
		return err_set(e, errno, "volume %s", m->source);
	while (flock(dirfd, LOCK_EX) < 0)
		if (errno != EINTR)
			return err_set(e, errno, "volume %s: lock", m->source);
	return copy_up_into(dirfd, m, root_fd, e);
}

int container_volumes_copy_up(const struct engine *en, const struct config *c, int root_fd, struct err *e)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < c->n_mounts; i++)
		if (c->mounts[i].type == CONFIG_MOUNT_VOLUME && c->mounts[i].source)
			r = copy_up_one(en, &c->mounts[i], root_fd, e);
	return r;
}

/* ---------------------------------------------------------------- made with the container */

struct making {
	struct engine *engine;
	size_t left;
	struct err e; /* of the first that could not be made */
	done_fn done;
	void *cookie;
};

static void one_made(void *cookie, int r, const struct err *e)
{
	struct making *m = cookie;

	if (r < 0 && !m->e.code)
		m->e = *e;
	if (--m->left > 0)
		return;
	m->done(m->cookie, m->e.code ? -m->e.code : 0, m->e.code ? &m->e : NULL);
	free(m);
}

static bool is_missing(const struct container *c, const struct config_mount *m)
{
	return m->type == CONFIG_MOUNT_VOLUME && m->source && !volumes_find(c->engine, m->source);
}

bool container_volumes_are_there(const struct container *c)
{
	for (size_t i = 0; i < c->config->n_mounts; i++)
		if (is_missing(c, &c->config->mounts[i]))
			return false;
	return true;
}

/* NULL: it has none. */
static json_t *labels_of(const struct config_mount *m)
{
	json_t *labels = m->anonymous || (m->labels && *m->labels) ? json_object() : NULL;

	for (char **l = m->labels; l && *l; l += 2)
		if (json_object_set_new(labels, l[0], json_string(l[1])) < 0)
			abort();
	if (m->anonymous && json_object_set_new(labels, VOLUME_ANONYMOUS, json_string("")) < 0)
		abort();
	return labels;
}

void container_volumes_make(const struct container *c, done_fn done, void *cookie)
{
	struct making *m = malloc(sizeof(*m));

	if (!m)
		abort();
	*m = (struct making){ .engine = c->engine, .left = 1, .done = done, .cookie = cookie };
	for (size_t i = 0; i < c->config->n_mounts; i++) {
		const struct config_mount *at = &c->config->mounts[i];
		if (!is_missing(c, at))
			continue;
		m->left++;
		volumes_create(c->engine, at->source, labels_of(at), NULL, one_made, m);
	}
	engine_answer(c->engine, one_made, m, 0, NULL);
}

void container_volumes_unmake(const struct container *c)
{
	for (size_t i = 0; i < c->config->n_mounts; i++) {
		const struct config_mount *m = &c->config->mounts[i];
		if (m->type == CONFIG_MOUNT_VOLUME && m->anonymous && m->source)
			volumes_discard(c, m->source);
	}
}

/* ---------------------------------------------------------------- removed with it */

void container_volumes_take_along(const struct container *c)
{
	for (size_t i = 0; i < c->config->n_mounts; i++) {
		const struct config_mount *m = &c->config->mounts[i];
		if (m->type == CONFIG_MOUNT_VOLUME && m->anonymous && m->source)
			volumes_take_along(c, m->source);
	}
}

int container_volumes_remove(const struct container *c, struct err *e)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < c->config->n_mounts; i++) {
		const struct config_mount *m = &c->config->mounts[i];
		if (m->type == CONFIG_MOUNT_VOLUME && m->source && volumes_goes_with(c, m->source))
			r = volume_remove(c->engine->options.data_root, m->source, e);
	}
	return r;
}

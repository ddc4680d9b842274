#include "supervisor/container_volumes.h"

#include <fcntl.h>
#include <limits.h>
#include <string.h>

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

static int copy_up_one(const struct engine *en, const struct config_mount *m, int root_fd, struct err *e)
{
	char path[PATH_MAX];
	int r = volume_path(en->options.data_root, m->source, path, e);

	if (r < 0)
		return r;
	auto_close int to = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (to < 0)
		return err_set(e, errno, "volume %s", m->source);
	if ((r = image_is_empty(to)) <= 0)
		return r < 0 ? err_set(e, -r, "volume %s", m->source) : 0;
	auto_close int from = path_open_in_root(root_fd, m->target, O_RDONLY | O_DIRECTORY, 0);
	if (from == -ENOENT || from == -ENOTDIR)
		return 0; /* the image has nothing there */
	if (from < 0)
		return err_set(e, -from, "volume %s: open %s", m->source, m->target);
	r = image_copy_tree(from, to, e);
	return r < 0 ? err_wrap(e, r, "fill volume %s from %s", m->source, m->target) : 0;
}

int container_volumes_copy_up(const struct engine *en, const struct config *c, int root_fd, struct err *e)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < c->n_mounts; i++) {
		const struct config_mount *m = &c->mounts[i];
		if (m->type == CONFIG_MOUNT_VOLUME && !m->no_copy && !m->subpath && m->source)
			r = copy_up_one(en, m, root_fd, e);
	}
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

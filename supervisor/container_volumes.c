#include "supervisor/container_volumes.h"

#include <fcntl.h>
#include <limits.h>
#include <string.h>

#include "base/own.h"
#include "base/path.h"
#include "image/copy.h"
#include "supervisor/container.h"
#include "supervisor/volume.h"

int container_volume_path(
	void *engine, const struct config_mount *m, struct arena *a, const char **out, struct err *e)
{
	const struct engine *en = engine;
	char path[PATH_MAX];
	int r = volume_make(en->options.data_root, m->source, e);

	if (r < 0 || (r = volume_path(en->options.data_root, m->source, path, e)) < 0)
		return r;
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

static bool used_by_another(const struct container *self, const char *name)
{
	list_each (struct container, c, &self->engine->containers, link) {
		for (size_t i = 0; c != self && c->config && i < c->config->n_mounts; i++) {
			const struct config_mount *m = &c->config->mounts[i];
			if (m->type == CONFIG_MOUNT_VOLUME && m->source && strcmp(m->source, name) == 0)
				return true;
		}
	}
	return false;
}

int container_volumes_remove(const struct container *c, struct err *e)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < c->config->n_mounts; i++) {
		const struct config_mount *m = &c->config->mounts[i];
		if (m->type == CONFIG_MOUNT_VOLUME && m->anonymous && m->source &&
			!used_by_another(c, m->source))
			r = volume_remove(c->engine->options.data_root, m->source, e);
	}
	return r;
}

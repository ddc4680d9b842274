#include "supervisor/archive_root.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mount.h>
#include <unistd.h>

#include "base/own.h"
#include "runtime/mount.h"
#include "supervisor/config.h"
#include "supervisor/container_volumes.h"
#include "supervisor/volume.h"

int archive_root_open(struct archive_root *r, const struct container *c, enum archive_op op, struct err *e)
{
	if (c->config->oci_spec)
		return err_say(e, EBUSY, "container %s is not running", c->id);
	r->used = true;
	int x = container_root_open(c, &r->root, e);
	if (x < 0 || op != ARCHIVE_PUT || c->config->root == CONFIG_ROOT_SHARED)
		return x;
	if (c->config->upper == CONFIG_UPPER_TMPFS)
		return err_say(e, EBUSY,
			"container %s is not running: its writable layer is in memory, and only there while it runs",
			c->id);
	r->lock_fd = openat(c->engine->data_dirfd, c->id, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (r->lock_fd < 0)
		return err_set(e, errno, "open layer of %.12s", c->id);
	if (flock(r->lock_fd, LOCK_EX | LOCK_NB) < 0)
		return err_set(e, EAGAIN, "files are being copied into container %s", c->id);
	r->root.locked = true;
	return 0;
}

void archive_root_done(struct archive_root *r)
{
	if (r->used)
		container_root_done(&r->root);
	own_close(&r->lock_fd);
	free(r->uids);
	free(r->gids);
	*r = (struct archive_root)ARCHIVE_ROOT_NONE;
}

/* ---------------------------------------------------------------- ids */

static struct tar_ids *copy_maps(const struct spec_id_map *maps, size_t n)
{
	struct tar_ids *out = calloc(n + 1, sizeof(*out));
	for (size_t i = 0; out && i < n; i++)
		out[i] = (struct tar_ids){ maps[i].container_id, maps[i].host_id, maps[i].size };
	return out;
}

void archive_root_ids(struct archive_root *r, const struct container *c)
{
	const struct config *config = c->config;

	r->uids = copy_maps(config->uid_maps, config->n_uid_maps);
	r->gids = copy_maps(config->gid_maps, config->n_gid_maps);
	r->ids = (struct tar_id_maps){ r->uids, r->gids, config->n_uid_maps, config->n_gid_maps };
}

/* ---------------------------------------------------------------- mounts, in the worker */

struct mounts {
	struct archive_mount *v;
	size_t n;
};

/* A source that is not there is mounted by nobody: the start says so, or makes it. */
static int add_bind(struct mounts *l, const struct spec_mount *m, int root_fd, struct err *e)
{
	if (access(m->source, F_OK) < 0 && errno == ENOENT)
		return 0;
	int fd = mount_prepare(m, root_fd, e);
	if (fd < 0)
		return fd;
	l->v[l->n++] = (struct archive_mount){ fd, m->destination };
	return 0;
}

static int add_declared(
	struct mounts *l, const struct engine *en, const struct config_mount *m, int root_fd, struct err *e)
{
	char path[PATH_MAX];
	struct spec_mount bind = {
		.destination = m->target,
		.type = "bind",
		.source = m->source,
		.subpath = m->subpath,
		.flags = MS_BIND | (m->non_recursive ? 0 : MS_REC) | (m->read_only ? MS_RDONLY : 0),
		.recursive_ro = m->read_only && !m->non_recursive && !m->ro_non_recursive,
	};
	int r = 0;

	if (m->type == CONFIG_MOUNT_TMPFS || !m->source)
		return 0;
	if (m->type == CONFIG_MOUNT_VOLUME) {
		r = volume_path(en->options.data_root, m->source, path, e);
		bind.source = path;
	}
	return r < 0 ? r : add_bind(l, &bind, root_fd, e);
}

/* /etc/hosts and the like, once a start has made them. */
static int add_files(struct mounts *l, const struct container *c, int root_fd, struct err *e)
{
	static const char *const names[][2] = { { "hosts", "/etc/hosts" }, { "hostname", "/etc/hostname" },
		{ "resolv.conf", "/etc/resolv.conf" } };
	char path[PATH_MAX];
	int r = 0;

	for (size_t i = 0; r == 0 && i < ARRAY_LEN(names); i++) {
		bool taken = false;
		for (size_t j = 0; j < l->n; j++)
			taken = taken || strcmp(l->v[j].target, names[i][1]) == 0;
		if (taken ||
			snprintf(path, sizeof(path), "%s/containers/%s/%s", c->engine->options.data_root,
				c->id, names[i][0]) >= (int)sizeof(path))
			continue;
		struct spec_mount bind = { .destination = names[i][1],
			.type = "bind",
			.source = path,
			.flags = MS_BIND | MS_REC | (c->config->readonly_rootfs ? MS_RDONLY : 0) };
		r = add_bind(l, &bind, root_fd, e);
	}
	return r;
}

static int prepare_mounts(const struct container *c, int root_fd, struct mounts *l, struct err *e)
{
	const struct config *config = c->config;

	l->v = calloc(config->n_mounts + 4, sizeof(*l->v)); /* as long as the worker lives */
	if (!l->v)
		return err_set(e, ENOMEM, "archive: mounts");
	int r = 0;
	for (size_t i = 0; r == 0 && i < config->n_mounts; i++)
		if (config->mounts[i].type == CONFIG_MOUNT_VOLUME && config->mounts[i].source)
			r = volume_make(c->engine->options.data_root, config->mounts[i].source, e);
	if (r == 0)
		r = container_volumes_copy_up(c->engine, config, root_fd, e);
	for (size_t i = 0; r == 0 && i < config->n_mounts; i++)
		if (config->mounts[i].type == CONFIG_MOUNT_VOLUME ||
			config->mounts[i].type == CONFIG_MOUNT_BIND)
			r = add_declared(l, c->engine, &config->mounts[i], root_fd, e);
	return r < 0 ? r : add_files(l, c, root_fd, e);
}

int archive_root_fill(struct archive_root *r, struct archive_args *a, struct err *e)
{
	struct mounts l = { 0 };

	if (!r->uids || !r->gids)
		return err_set(e, ENOMEM, "archive: id maps");
	a->ids = r->ids;
	if (!r->used)
		return 0;
	const struct container *c = r->root.c;
	int fd = a->op == ARCHIVE_PUT ? container_root_make(&r->root, e) : container_root_view(&r->root, e);
	int x = fd < 0 ? fd : mount_settle_root(fd, 0, e);
	if (x == 0 && a->op != ARCHIVE_EXPORT)
		x = prepare_mounts(c, fd, &l, e);
	/* A client asks for files: nothing of this is one that he could have named wrong. */
	if (x < 0 && e->code == ENOENT)
		e->code = EIO;
	if (x < 0)
		return -e->code;
	a->root_fd = fd;
	a->mntns_fd = launch_env_mntns(c->engine->launch_env);
	a->mounts = l.v;
	a->n_mounts = l.n;
	a->read_only_root = c->config->readonly_rootfs;
	return 0;
}

#include "supervisor/container_root.h"

#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "base/io.h"
#include "base/own.h"
#include "base/sys.h"
#include "image/overlay.h"
#include "supervisor/config.h"
#include "supervisor/container_configs.h"
#include "supervisor/container_image.h"
#include "supervisor/container_volumes.h"
#include "supervisor/spec_build.h"

#define LAYER_POLL_MS 10
#define LAYER_WAIT_MS 8000 /* below the deadline of a start's phase */
char *container_layer_path(const struct container *c)
{
	char *path = NULL;

	if (c->config->root != CONFIG_ROOT_OVERLAY || c->config->upper != CONFIG_UPPER_DISK)
		return NULL;
	return asprintf(&path, "%s/containers/%s/upper", c->engine->options.data_root, c->id) < 0 ? NULL
												  : path;
}

int container_root_open(const struct container *c, struct container_root *out, struct err *e)
{
	const char *data_root = c->engine->options.data_root;
	struct container_root r = { .c = c };
	int x = rootfs_resolve(container_image_source(c), &r.image, e);

	if (x < 0)
		return x;
	*out = r;
	if (c->config->root != CONFIG_ROOT_OVERLAY || c->config->upper != CONFIG_UPPER_DISK)
		return 0;
	if (mkdirat(c->engine->data_dirfd, c->id, 0700) < 0 && errno != EEXIST)
		return err_set(e, errno, "make layer of %.12s", c->id);
	out->upper = container_layer_path(c);
	if (asprintf(&out->work, "%s/containers/%s/work", data_root, c->id) < 0)
		out->work = NULL;
	return out->upper && out->work ? 0 : err_set(e, ENOMEM, "make layer of %.12s", c->id);
}

void container_root_done(struct container_root *r)
{
	rootfs_done(&r->image);
	free(take_ptr(&r->upper));
	free(take_ptr(&r->work));
}

/* ---------------------------------------------------------------- a user namespace to map the lower's ids by */

static int write_map(pid_t pid, const char *file, const struct spec_id_map *maps, size_t n, struct err *e)
{
	auto_(buf) struct buf text = { 0 };
	char path[64];

	for (size_t i = 0; i < n; i++)
		if (buf_printf(&text, "%u %u %u\n", maps[i].container_id, maps[i].host_id, maps[i].size) < 0)
			return err_set(e, ENOMEM, "write %s", file);
	snprintf(path, sizeof(path), "/proc/%d/%s", pid, file);
	int r = text.len ? io_write_text(AT_FDCWD, path, text.data) : 0;
	return r < 0 ? err_set(e, -r, "write %s", path) : 0;
}

static int open_userns(const struct config *c, struct err *e)
{
	struct clone_args args = { .flags = CLONE_NEWUSER, .exit_signal = SIGCHLD };
	char path[64];
	pid_t self = getpid(), pid = sys_clone3(&args);

	if (pid < 0)
		return err_set(e, errno, "make user namespace");
	if (pid == 0) {
		/* A launcher that takes too long is killed: its helper would stay for ever, with all that it had open. */
		(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
		if (getppid() != self)
			_exit(1);
		for (;;)
			pause();
	}
	snprintf(path, sizeof(path), "/proc/%d/ns/user", pid);
	int r = write_map(pid, "uid_map", c->uid_maps, c->n_uid_maps, e);
	if (r == 0)
		r = write_map(pid, "gid_map", c->gid_maps, c->n_gid_maps, e);
	int fd = r < 0 ? r : open(path, O_RDONLY | O_CLOEXEC);
	if (r == 0 && fd < 0)
		fd = err_set(e, errno, "open %s", path);
	(void)kill(pid, SIGKILL); /* our own child, not reaped yet */
	(void)waitpid(pid, NULL, 0);
	return fd;
}

/* The lock is not kept: while a start is under way, or the container runs, nobody else asks for it. */
static int wait_for_layer(const struct container_root *r, struct err *e)
{
	char path[PATH_MAX];
	int n = snprintf(path, sizeof(path), "%s/containers/%s", r->c->engine->options.data_root, r->c->id);
	auto_close int dirfd = n < (int)sizeof(path) ? open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC) : -1;

	if (dirfd < 0)
		return err_set(e, errno, "open layer of %.12s", r->c->id);
	for (int ms = 0; flock(dirfd, LOCK_EX | LOCK_NB) < 0; ms += LAYER_POLL_MS) {
		if (errno != EWOULDBLOCK && errno != EINTR)
			return err_set(e, errno, "lock layer of %.12s", r->c->id);
		if (ms >= LAYER_WAIT_MS)
			return err_say(e, EBUSY, "files are being copied into container %.12s", r->c->id);
		(void)usleep(LAYER_POLL_MS * 1000);
	}
	return 0;
}

int container_root_make(void *cookie, struct err *e)
{
	const struct container_root *r = cookie;
	const struct config *c = r->c->config;
	auto_close int userns = -1;
	int x = r->upper && !r->locked ? wait_for_layer(r, e) : 0;

	if (x < 0)
		return x;
	if (c->n_uid_maps && (userns = open_userns(c, e)) < 0)
		return userns;
	if (c->root == CONFIG_ROOT_SHARED)
		return overlay_mount_shared(r->image.source.root, c->readonly_rootfs, userns, e);
	struct overlay_args args = {
		.lower = r->image.source.root,
		.upper_dir = r->upper,
		.work_dir = r->work,
		.userns_fd = userns,
	};
	return overlay_mount(&args, e);
}

#define SCRATCH_BYTES (16 << 20) /* mount points */

int container_root_view(const struct container_root *r, struct err *e)
{
	const struct config *c = r->c->config;
	auto_close int userns = -1;

	if (c->n_uid_maps && (userns = open_userns(c, e)) < 0)
		return userns;
	if (c->root == CONFIG_ROOT_SHARED)
		return overlay_mount_shared(r->image.source.root, c->readonly_rootfs, userns, e);
	struct overlay_args args = {
		.lower = r->image.source.root,
		.middle = r->upper && access(r->upper, F_OK) == 0 ? r->upper : NULL,
		.tmpfs_bytes = SCRATCH_BYTES,
		.userns_fd = userns,
	};
	return overlay_mount(&args, e);
}

int container_root_prepare(void *cookie, int root_fd, struct err *e)
{
	const struct container_root *r = cookie;
	int x = spec_build_check_sources(r->c->config, e);
	if (x == 0)
		x = container_configs_write(r->c, e);
	return x < 0 ? x : container_volumes_copy_up(r->c->engine, r->c->config, root_fd, e);
}

#include "supervisor/container_configs.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "base/io.h"
#include "base/own.h"
#include "base/path.h"
#include "supervisor/config.h"

char *container_configs_dir(const struct container *c)
{
	char *path = NULL;
	return asprintf(&path, "%s/containers/%s/configs", c->engine->options.data_root, c->id) < 0 ? NULL
												    : path;
}

/* An id of the container's as the host has it; one that is not mapped belongs to nobody in there, whatever it is called here. */
static uint32_t host_id(const struct spec_id_map *maps, size_t n, uint32_t id)
{
	for (size_t i = 0; i < n; i++)
		if (id >= maps[i].container_id && id - maps[i].container_id < maps[i].size)
			return maps[i].host_id + (id - maps[i].container_id);
	return id;
}

static bool is_there(int dirfd, const char *name, const struct buf *text)
{
	auto_(buf) struct buf there = { 0 };
	return io_read_file(dirfd, name, text->len, &there, NULL) == 0 && there.len == text->len &&
		memcmp(there.data ? there.data : "", text->data ? text->data : "", text->len) == 0;
}

static int set_status(const struct config *c, const struct config_file *f, int fd)
{
	uint32_t uid = host_id(c->uid_maps, c->n_uid_maps, f->uid),
		 gid = host_id(c->gid_maps, c->n_gid_maps, f->gid);
	struct stat st;
	if (fstat(fd, &st) < 0)
		return -errno;
	if (st.st_uid == uid && st.st_gid == gid && (st.st_mode & 07777) == f->mode)
		return 0;
	return fchown(fd, uid, gid) < 0 || fchmod(fd, f->mode) < 0 ? -errno : 0;
}

static int write_one(
	const struct config *c, const struct config_file *f, int dirfd, const char *name, struct err *e)
{
	auto_(buf) struct buf text = { 0 };
	int r = f->source ? io_read_file(AT_FDCWD, f->source, CONTAINER_CONFIG_MAX, &text, e)
			  : buf_puts(&text, f->content);
	if (r < 0)
		return f->source ? err_wrap(e, r, "file for %s", f->target)
				 : err_set(e, ENOMEM, "file for %s", f->target);
	if (!is_there(dirfd, name, &text)) /* a restart by policy writes nothing */
		r = io_replace_file(dirfd, name, text.data ? text.data : "", text.len, 0600, false, e);
	if (r < 0)
		return r;
	auto_close int fd = openat(dirfd, name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
	r = fd < 0 ? -errno : set_status(c, f, fd);
	return r < 0 ? err_set(e, -r, "owner and mode of the file for %s", f->target) : 0;
}

int container_configs_write(const struct container *c, struct err *e)
{
	const struct config *config = c->config;
	auto_free char *dir = config->n_files ? container_configs_dir(c) : NULL;
	if (!config->n_files)
		return 0;
	if (!dir)
		return err_set(e, ENOMEM, "write files");
	int r = path_mkdirs(dir, 0700, e);
	if (r < 0)
		return r;
	auto_close int dirfd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (dirfd < 0)
		return err_set(e, errno, "open %s", dir);
	for (size_t i = 0; r == 0 && i < config->n_files; i++) {
		char name[24];
		(void)snprintf(name, sizeof(name), "%zu", i);
		r = write_one(config, &config->files[i], dirfd, name, e);
	}
	return r;
}

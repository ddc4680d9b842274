/* archive_work - what the process was made for, inside the container's root. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/io.h"
#include "base/own.h"
#include "base/path.h"
#include "base/tar_pack.h"
#include "base/tar_unpack.h"
#include "runtime/archive_int.h"
#include "runtime/plan.h"

#define LINKS_MAX 255

/* ---------------------------------------------------------------- stat */

/* Go's filepath.Base(): the last part, "." of "/dir/.", "/" of "/". */
static void last_part(const char *path, char out[NAME_MAX + 1])
{
	size_t len = strlen(path);
	while (len > 1 && path[len - 1] == '/')
		len--;
	size_t at = len;
	while (at > 0 && path[at - 1] != '/')
		at--;
	if (at == len)
		at = 0; /* the root itself */
	(void)snprintf(out, NAME_MAX + 1, "%.*s", (int)(len - at), path + at);
}

/* The target of the symlink at path, whose parents are none; -EINVAL: it is no symlink. */
static ssize_t read_link(int root_fd, const char *path, char out[PATH_MAX])
{
	auto_close int fd = path_open_in_root(root_fd, path, O_PATH | O_NOFOLLOW, 0);
	ssize_t n = fd < 0 ? fd : readlinkat(fd, "", out, PATH_MAX - 1);

	if (n < 0)
		return fd < 0 ? fd : -EINVAL;
	out[n] = '\0';
	return n;
}

/* Where path leads to in the end, as far as there is anything. */
static int follow(int root_fd, const char *path, char out[PATH_MAX])
{
	char rest[PATH_MAX], joined[2 * PATH_MAX], target[PATH_MAX];
	size_t len = 0;

	if (snprintf(rest, sizeof(rest), "%s", path) >= (int)sizeof(rest))
		return -ENAMETOOLONG;
	for (int links = 0; links <= LINKS_MAX;) {
		char *part = rest + strspn(rest, "/");
		size_t n = strcspn(part, "/");
		if (n == 0) {
			if (len == 0)
				out[len++] = '/';
			out[len] = '\0';
			return 0;
		}
		size_t before = len;
		if (n == 2 && part[0] == '.' && part[1] == '.') {
			while (len > 0 && out[--len] != '/')
				;
		} else if (!(n == 1 && part[0] == '.')) {
			if (len + n + 2 > PATH_MAX)
				return -ENAMETOOLONG;
			out[len++] = '/';
			memcpy(out + len, part, n);
			len += n;
		}
		out[len] = '\0';
		if (len > before && read_link(root_fd, out, target) >= 0) {
			links++;
			len = target[0] == '/' ? 0 : before;
			(void)snprintf(joined, sizeof(joined), "%s%s", target, part + n);
		} else {
			(void)snprintf(joined, sizeof(joined), "%s", part + n);
		}
		if (snprintf(rest, sizeof(rest), "%s", joined) >= (int)sizeof(rest))
			return -ENAMETOOLONG;
	}
	return -ELOOP;
}

static int stat_path(const struct archive_args *a, int root_fd, struct archive_stat *out, struct err *e)
{
	struct stat st;
	size_t len = strlen(a->path);
	bool slash = len > 0 && a->path[len - 1] == '/';
	auto_close int fd =
		path_open_in_root(root_fd, a->path, O_PATH | (slash ? O_DIRECTORY : O_NOFOLLOW), 0);

	if (fd < 0 || fstat(fd, &st) < 0)
		return err_set(e, fd < 0 ? -fd : errno, "lstat %s", a->path);
	*out = (struct archive_stat){
		.magic = ARCHIVE_STAT_MAGIC,
		.mode = st.st_mode,
		.size = st.st_size,
		.mtime_ns = st.st_mtim.tv_sec * NS_PER_S + st.st_mtim.tv_nsec,
	};
	last_part(a->path, out->name);
	int r = S_ISLNK(st.st_mode) ? follow(root_fd, a->path, out->link_target) : 0;
	return r < 0 ? err_set(e, -r, "evaluate the symlink %s", a->path) : 0;
}

/* ---------------------------------------------------------------- out */

static int write_data(void *cookie, const void *data, size_t len)
{
	return io_write_full(*(const int *)cookie, data, len);
}

static int put_out(const struct archive_args *a, int root_fd, struct err *e)
{
	int data_fd = a->data_fd;
	struct archive_stat st = { .magic = ARCHIVE_STAT_MAGIC };
	struct tar_pack p = {
		.root_fd = root_fd,
		.in_root = true,
		.path = a->op == ARCHIVE_EXPORT ? "/" : a->path,
		.ids = a->ids,
		.write = write_data,
		.cookie = &data_fd,
	};
	int r = a->op == ARCHIVE_EXPORT ? 0 : stat_path(a, root_fd, &st, e);

	if (r < 0)
		return r;
	if ((r = io_write_full(data_fd, &st, sizeof(st))) < 0)
		return err_set(e, -r, "archive: answer");
	if (a->op == ARCHIVE_STAT)
		return 0;
	if (a->op == ARCHIVE_GET)
		p.name = strcmp(st.name, "/") == 0 ? "" : st.name;
	return tar_pack(&p, e);
}

/* ---------------------------------------------------------------- in */

static ssize_t read_data(void *cookie, void *data, size_t len)
{
	ssize_t n;
	do
		n = read(*(const int *)cookie, data, len);
	while (n < 0 && errno == EINTR);
	return n < 0 ? -errno : n;
}

static int mount_id(int fd, uint64_t *out)
{
	struct statx st;
	if (statx(fd, "", AT_EMPTY_PATH, STATX_MNT_ID, &st) < 0)
		return -errno;
	*out = st.stx_mnt_id;
	return 0;
}

/* Docker's two sentences. */
static int check_writable(const struct archive_args *a, int root_fd, int dir, struct err *e)
{
	uint64_t root_mount = 0, dir_mount = 1;
	struct statfs fs;
	int r = mount_id(root_fd, &root_mount);

	if (r == 0)
		r = mount_id(dir, &dir_mount);
	if (r == 0 && fstatfs(dir, &fs) < 0)
		r = -errno;
	if (r < 0)
		return err_set(e, -r, "stat %s", a->path);
	bool in_root = root_mount == dir_mount;
	if (in_root && (a->read_only_root || fs.f_flags & ST_RDONLY))
		return err_say(e, EROFS, "container rootfs is marked read-only");
	if (fs.f_flags & ST_RDONLY)
		return err_say(e, EROFS, "mounted volume is marked read-only");
	return 0;
}

/* Out of the container's own passwd and group. */
static int look_up_user(const char *user, int root_fd, struct tar_unpack *u, struct err *e)
{
	char *args[] = { (char[]){ "true" }, NULL };
	struct spec_process s = {
		.args = args, .cwd = "/", .user = user, .umask = SPEC_UNSET, .oom_score_adj = SPEC_UNSET
	};
	auto_(buf) struct buf bytes = { 0 };
	struct stage_ctx c;
	int r = plan_build(&s, NULL, NULL, &bytes, e);

	if (r < 0)
		return r;
	stage_init(&c, (const void *)bytes.data, -1);
	c.root_fd = root_fd;
	if ((r = stage_resolve_user(&c)) < 0)
		return err_say(e, -r, "%s", c.text);
	u->has_owner = true;
	u->uid = c.uid;
	u->gid = c.gid;
	return 0;
}

static int take_in(const struct archive_args *a, int root_fd, struct err *e)
{
	int data_fd = a->data_fd;
	struct tar_reader reader = { .read = read_data, .cookie = &data_fd };
	struct tar_unpack u = {
		.root_fd = root_fd,
		.in_root = true,
		.no_overwrite_dir_non_dir = a->no_overwrite_dir_non_dir,
		.ids = a->ids,
	};
	struct stat st;
	auto_close int dir = path_open_in_root(root_fd, a->path, O_PATH, 0);

	if (dir < 0 || fstat(dir, &st) < 0)
		return err_set(e, dir < 0 ? -dir : errno, "lstat %s", a->path);
	if (!S_ISDIR(st.st_mode))
		return err_say(e, ENOTDIR, "extraction point is not a directory");
	int r = check_writable(a, root_fd, dir, e);
	if (r == 0 && a->user)
		r = look_up_user(a->user, root_fd, &u, e);
	auto_free char *path = r == 0 ? strdup(a->path) : NULL;
	if (r == 0 && !path)
		r = err_set(e, ENOMEM, "archive");
	if (r < 0)
		return r;
	for (size_t n = strlen(path); n > 0 && (path[n - 1] == '/' || strcmp(path + n - 1, ".") == 0);)
		path[--n] = '\0';
	u.dir = path;
	r = tar_unpack(&u, &reader, e);
	/* Here it is no longer the path that is wrong, but what came. */
	return r == -ENOENT || r == -EBADMSG || r == -EPIPE || r == -EISDIR ? -(e->code = EINVAL) : r;
}

int archive_work(const struct archive_args *a, int root_fd, struct err *e)
{
	return a->op == ARCHIVE_PUT ? take_in(a, root_fd, e) : put_out(a, root_fd, e);
}

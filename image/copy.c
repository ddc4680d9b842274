#include "image/copy.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>

#include "base/buf.h"
#include "base/fault.h"
#include "base/own.h"
#include "base/sys.h"

/* The first copy of a file that has more names, found again by its source. */
struct seen {
	dev_t src_dev;
	ino_t src_ino, dst_ino;
	char *path; /* below the destination */
	struct seen *next;
};

struct copy {
	int dst_top;
	dev_t src_dev;	 /* of directories; another one's is a mount */
	struct buf path; /* where we are, for errors and hard links */
	struct seen *seen[1024];
	struct err *e;
};

static void copy_done(struct copy *c)
{
	for (size_t i = 0; i < ARRAY_LEN(c->seen); i++)
		while (c->seen[i]) {
			struct seen *s = c->seen[i];
			c->seen[i] = s->next;
			free(s->path);
			free(s);
		}
	buf_done(&c->path);
}

static const char *here(const struct copy *c)
{
	return c->path.data && *c->path.data ? c->path.data : "/";
}

static int fail(struct copy *c, int code, const char *what)
{
	return err_set(c->e, code, "%s %s", what, here(c));
}

/* Descriptors here are O_PATH, so that nothing is opened before its type is known; what needs more goes through this. */
#define FD_PATH_MAX 40
static const char *fd_path(int fd, char out[FD_PATH_MAX])
{
	(void)snprintf(out, FD_PATH_MAX, "/proc/self/fd/%d", fd);
	return out;
}

/* ---- attributes */

static bool is_copied_xattr(const char *name)
{
	/* Overlay's own notes ("my contents are over there") mean nothing in a copy, or something else. */
	return strncmp(name, "trusted.overlay.", 16) != 0 && strncmp(name, "user.overlay.", 13) != 0;
}

static int copy_xattr(struct copy *c, const char *src, const char *dst, const char *name)
{
	char small[1024];
	auto_free char *large = NULL;
	char *value = small;
	ssize_t len = getxattr(src, name, small, sizeof(small));
	if (len < 0 && errno == ERANGE) {
		value = large = malloc(XATTR_SIZE_MAX);
		len = large ? getxattr(src, name, large, XATTR_SIZE_MAX) : -1;
	}
	if (len < 0)
		return errno == ENODATA ? 0 : fail(c, errno, "read attributes of");
	/* The destination's filesystem may have none, as with Docker. */
	if (setxattr(dst, name, value, (size_t)len, 0) < 0 && errno != EOPNOTSUPP)
		return fail(c, errno, "set attributes of");
	return 0;
}

static int copy_xattrs(struct copy *c, const char *src, const char *dst)
{
	char small[1024];
	auto_free char *large = NULL;
	char *names = small;
	ssize_t len = listxattr(src, small, sizeof(small));
	if (len < 0 && errno == ERANGE) {
		names = large = malloc(XATTR_LIST_MAX);
		len = large ? listxattr(src, large, XATTR_LIST_MAX) : -1;
	}
	if (len < 0)
		return errno == EOPNOTSUPP ? 0 : fail(c, errno, "read attributes of");
	int r = 0;
	for (char *name = names; r == 0 && name < names + len; name += strlen(name) + 1)
		if (is_copied_xattr(name))
			r = copy_xattr(c, src, dst, name);
	return r;
}

/* In the order that the kernel demands: chown takes setuid bits and capabilities away, anything may change times. */
static int copy_attributes(struct copy *c, int src, int dst, const struct stat *st)
{
	char src_path[FD_PATH_MAX], dst_path[FD_PATH_MAX];
	fd_path(src, src_path);
	fd_path(dst, dst_path);
	if (fchownat(dst, "", st->st_uid, st->st_gid, AT_EMPTY_PATH) < 0)
		return fail(c, errno, "set the owner of");
	if (!S_ISLNK(st->st_mode) && chmod(dst_path, st->st_mode & 07777) < 0)
		return fail(c, errno, "set the mode of");
	int r = copy_xattrs(c, src_path, dst_path);
	if (r < 0)
		return r;
	struct timespec times[2] = { st->st_atim, st->st_mtim };
	if (utimensat(dst, "", times, AT_EMPTY_PATH) < 0)
		return fail(c, errno, "set the times of");
	return 0;
}

/* ---- contents */

/* By read and write where the kernel cannot copy between these two files. */
static int copy_bytes_slow(int in, int out, off_t at, off_t end)
{
	static char block[128 * 1024];
	while (at < end) {
		size_t want = end - at < (off_t)sizeof(block) ? (size_t)(end - at) : sizeof(block);
		ssize_t n = pread(in, block, want, at);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		if (n == 0) /* it became shorter meanwhile */
			return 0;
		for (ssize_t done = 0; done < n;) {
			ssize_t w = pwrite(out, block + done, (size_t)(n - done), at + done);
			if (w < 0 && errno != EINTR)
				return -errno;
			done += w > 0 ? w : 0;
		}
		at += n;
	}
	return 0;
}

static int copy_bytes(int in, int out, off_t at, off_t end)
{
	while (at < end) {
		off_t from = at, to = at;
		size_t want = end - at < (1 << 30) ? (size_t)(end - at) : 1 << 30;
		ssize_t n = copy_file_range(in, &from, out, &to, want, 0);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <=
			0) /* EXDEV, EINVAL, EOPNOTSUPP: not between these; 0: also said by filesystems that cannot */
			return copy_bytes_slow(in, out, at, end);
		at += n;
	}
	return 0;
}

/* Extent by extent, so that holes stay holes. */
static int copy_contents(int in, int out, off_t size)
{
	off_t at = 0;
	while (at < size) {
		off_t data = lseek(in, at, SEEK_DATA);
		if (data < 0 && errno == ENXIO) /* a hole up to the end */
			break;
		if (data < 0)
			return errno == EINVAL ? copy_bytes(in, out, at, size) : -errno;
		off_t hole = lseek(in, data, SEEK_HOLE);
		if (hole < 0 || hole > size)
			hole = size;
		int r = copy_bytes(in, out, data, hole);
		if (r < 0)
			return r;
		at = hole;
	}
	return ftruncate(out, size) < 0 ? -errno : 0;
}

static int copy_regular(struct copy *c, int src, int dst_dir, const char *name, const struct stat *st)
{
	char path[FD_PATH_MAX];
	auto_close int in = open(fd_path(src, path), O_RDONLY | O_CLOEXEC | O_NOCTTY);
	if (in < 0)
		return fail(c, errno, "open");
	auto_close int out =
		openat(dst_dir, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (out < 0)
		return fail(c, errno, "create");
	int r = copy_contents(in, out, st->st_size);
	return r < 0 ? fail(c, -r, "copy") : copy_attributes(c, src, out, st);
}

static int copy_symlink(struct copy *c, int src, int dst_dir, const char *name)
{
	char target[PATH_MAX];
	ssize_t len = readlinkat(src, "", target, sizeof(target) - 1);
	if (len < 0)
		return fail(c, errno, "read link");
	target[len] = '\0';
	return symlinkat(target, dst_dir, name) < 0 ? fail(c, errno, "create link") : 0;
}

/* A symlink or special file was made under a name; hold it for its attributes, if it still is what was made. */
static int finish_node(struct copy *c, int src, int dst_dir, const char *name, const struct stat *st)
{
	struct stat made;
	auto_close int dst = openat(dst_dir, name, O_PATH | O_NOFOLLOW | O_CLOEXEC);
	if (dst < 0 || fstat(dst, &made) < 0)
		return fail(c, errno, "open the copy of");
	if ((made.st_mode & S_IFMT) != (st->st_mode & S_IFMT) || made.st_nlink > 1)
		return fail(c, ESTALE, "another process replaced");
	return copy_attributes(c, src, dst, st);
}

/* ---- hard links */

static struct seen **bucket(struct copy *c, const struct stat *st)
{
	uint64_t hash = ((uint64_t)st->st_ino ^ (uint64_t)st->st_dev << 20) * UINT64_C(0x9e3779b97f4a7c15);
	return &c->seen[hash >> 54];
}

static int remember(struct copy *c, int dst_dir, const char *name, const struct stat *st)
{
	struct stat made;
	if (fstatat(dst_dir, name, &made, AT_SYMLINK_NOFOLLOW) < 0)
		return fail(c, errno, "stat the copy of");
	struct seen *s = malloc(sizeof(*s));
	char *path = strdup(here(c) + 1);
	if (!s || !path) {
		free(s);
		free(path);
		return fail(c, ENOMEM, "copy");
	}
	struct seen **head = bucket(c, st);
	s->src_dev = st->st_dev;
	s->src_ino = st->st_ino;
	s->dst_ino = made.st_ino;
	s->path = path;
	s->next = *head;
	*head = s;
	return 0;
}

/* 1: linked, 0: this is the first name of it. */
static int link_to_seen(struct copy *c, int dst_dir, const char *name, const struct stat *st)
{
	struct seen *s = *bucket(c, st);
	while (s && (s->src_ino != st->st_ino || s->src_dev != st->st_dev))
		s = s->next;
	if (!s)
		return 0;
	/* By descriptor, for a directory on the way could have become a symlink to elsewhere on this filesystem. */
	struct stat found;
	char path[FD_PATH_MAX];
	auto_close int first = sys_openat2(
		c->dst_top, s->path, O_PATH | O_NOFOLLOW, 0, RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS);
	if (first < 0 || fstat(first, &found) < 0)
		return fail(c, errno, "open the first copy of");
	if (found.st_ino != s->dst_ino)
		return fail(c, ESTALE, "another process replaced the first copy of");
	if (linkat(AT_FDCWD, fd_path(first, path), dst_dir, name, AT_SYMLINK_FOLLOW) < 0)
		return fail(c, errno, "link");
	return 1;
}

/* ---- the tree */

static int copy_directory(struct copy *c, int src, int dst, const struct stat *st, int depth);

static int copy_subdirectory(
	struct copy *c, int src, int dst_dir, const char *name, const struct stat *st, int depth)
{
	if (mkdirat(dst_dir, name, 0700) < 0)
		return fail(c, errno, "create directory");
	auto_close int dst = openat(dst_dir, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (dst < 0)
		return fail(c, errno, "open directory");
	if (st->st_dev != c->src_dev)
		return copy_attributes(c, src, dst, st);
	return copy_directory(c, src, dst, st, depth + 1);
}

static int copy_entry(struct copy *c, int src_dir, int dst_dir, const char *name, int depth)
{
	struct stat st;
	auto_close int src = openat(src_dir, name, O_PATH | O_NOFOLLOW | O_CLOEXEC);
	if (src < 0 && errno == ENOENT) /* removed meanwhile */
		return 0;
	if (src < 0 || fstat(src, &st) < 0)
		return fail(c, errno, "open");
	if (S_ISDIR(st.st_mode))
		return copy_subdirectory(c, src, dst_dir, name, &st, depth);

	int r = st.st_nlink > 1 ? link_to_seen(c, dst_dir, name, &st) : 0;
	if (r != 0)
		return r < 0 ? r : 0;
	if (S_ISREG(st.st_mode)) {
		r = copy_regular(c, src, dst_dir, name, &st);
	} else {
		if (S_ISLNK(st.st_mode))
			r = copy_symlink(c, src, dst_dir, name);
		else if (mknodat(dst_dir, name, (st.st_mode & S_IFMT) | 0600, st.st_rdev) < 0)
			r = fail(c, errno, "create device");
		if (r == 0)
			r = finish_node(c, src, dst_dir, name, &st);
	}
	return r == 0 && st.st_nlink > 1 ? remember(c, dst_dir, name, &st) : r;
}

static DIR *open_entries(int dirfd)
{
	int fd = openat(dirfd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *d = fd < 0 ? NULL : fdopendir(fd);
	if (!d)
		own_close(&fd);
	return d;
}

static bool is_dots(const char *name)
{
	return name[0] == '.' && (!name[1] || (name[1] == '.' && !name[2]));
}

static int copy_directory(struct copy *c, int src, int dst, const struct stat *st, int depth)
{
	if (depth > IMAGE_COPY_DEPTH)
		return fail(c, ELOOP, "nested too deep:");
	DIR *d = open_entries(src);
	if (!d)
		return fail(c, errno, "read directory");
	int r = 0;
	size_t len = c->path.len;
	for (struct dirent *entry; r == 0 && (errno = 0, entry = readdir(d)) != NULL;) {
		if (is_dots(entry->d_name))
			continue;
		if (buf_printf(&c->path, "/%s", entry->d_name) < 0) {
			r = fail(c, ENOMEM, "copy");
			break;
		}
		r = copy_entry(c, dirfd(d), dst, entry->d_name, depth);
		fault_point("volume.copied");
		c->path.len = len;
		c->path.data[len] = '\0';
	}
	if (r == 0 && errno != 0)
		r = fail(c, errno, "read directory");
	(void)closedir(d);
	/* Last, since making entries changed its times. */
	return r < 0 ? r : copy_attributes(c, src, dst, st);
}

int image_copy_tree(int src_dirfd, int dst_dirfd, struct err *e)
{
	struct stat st;
	auto_close int dst = openat(dst_dirfd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (dst < 0 || fstat(src_dirfd, &st) < 0)
		return err_set(e, errno, "copy a tree: open");
	if (!S_ISDIR(st.st_mode))
		return err_set(e, ENOTDIR, "copy a tree");
	auto_free struct copy *heap = calloc(1, sizeof(*heap));
	if (!heap)
		return err_set(e, ENOMEM, "copy a tree");
	heap->dst_top = dst;
	heap->src_dev = st.st_dev;
	heap->e = e;
	int r = copy_directory(heap, src_dirfd, dst, &st, 0);
	copy_done(heap);
	return r;
}

int image_is_empty(int dirfd)
{
	DIR *d = open_entries(dirfd);
	if (!d)
		return -errno;
	int empty = 1;
	errno = 0;
	for (struct dirent *entry; empty && (entry = readdir(d)) != NULL;)
		empty = is_dots(entry->d_name);
	int saved = errno;
	(void)closedir(d);
	return empty && saved ? -saved : empty;
}

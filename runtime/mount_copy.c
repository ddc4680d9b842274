#include "runtime/mount.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/xattr.h>

#include "base/io.h"
#include "base/own.h"

#define COPY_DEPTH 512 /* each level holds two descriptors */

static int copy_data(int from, int to, const char *name, struct err *e)
{
	char chunk[32768];
	for (;;) {
		ssize_t n = copy_file_range(from, NULL, to, NULL, 1 << 30, 0);
		if (n == 0)
			return 0;
		if (n > 0)
			continue;
		if (errno == EINTR)
			continue;
		if (errno != EXDEV && errno != EINVAL && errno != EOPNOTSUPP && errno != ENOSYS)
			return err_set(e, errno, "copy %s", name);
		break; /* between unlike file systems: by hand, from where both stand */
	}
	for (;;) {
		ssize_t n = read(from, chunk, sizeof(chunk));
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return err_set(e, errno, "read %s", name);
		if (n == 0)
			return 0;
		int r = io_write_full(to, chunk, (size_t)n);
		if (r < 0)
			return err_set(e, -r, "write %s", name);
	}
}

/* What the target's file system does not know is left behind, as cp -a does. */
static int copy_xattrs(int from, int to, const char *name, struct err *e)
{
	char list[4096], value[4096];
	ssize_t len = flistxattr(from, list, sizeof(list));
	if (len < 0)
		return errno == EOPNOTSUPP ? 0 : err_set(e, errno, "list attributes of %s", name);
	for (char *p = list; p < list + len; p += strlen(p) + 1) {
		if (strncmp(p, "trusted.overlay.", 16) == 0)
			continue;
		ssize_t n = fgetxattr(from, p, value, sizeof(value));
		if (n < 0)
			return err_set(e, errno, "read attribute %s of %s", p, name);
		if (fsetxattr(to, p, value, (size_t)n, 0) < 0 && errno != EOPNOTSUPP && errno != EPERM)
			return err_set(e, errno, "set attribute %s of %s", p, name);
	}
	return 0;
}

/* Owner first: changing it clears the set-id bits of the mode. */
static int copy_status(int to, const struct stat *st, const char *name, struct err *e)
{
	struct timespec times[2] = { st->st_atim, st->st_mtim };
	if (fchown(to, st->st_uid, st->st_gid) < 0 || fchmod(to, st->st_mode & 07777) < 0 ||
		futimens(to, times) < 0)
		return err_set(e, errno, "set owner and mode of %s", name);
	return 0;
}

static int copy_file(int from_dir, int to_dir, const char *name, const struct stat *st, struct err *e)
{
	auto_close int from = openat(from_dir, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	struct stat now;
	if (from < 0)
		return err_set(e, errno, "open %s", name);
	if (fstat(from, &now) < 0 || !S_ISREG(now.st_mode))
		return err_say(e, EAGAIN, "copy %s: it changed while it was being copied", name);
	auto_close int to = openat(to_dir, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (to < 0)
		return err_set(e, errno, "create %s", name);
	int r = copy_data(from, to, name, e);
	if (r == 0)
		r = copy_xattrs(from, to, name, e);
	return r < 0 ? r : copy_status(to, st, name, e);
}

static int copy_special(int from_dir, int to_dir, const char *name, const struct stat *st, struct err *e)
{
	char target[PATH_MAX];
	struct timespec times[2] = { st->st_atim, st->st_mtim };

	if (S_ISSOCK(st->st_mode))
		return 0; /* nobody listens to a copy */
	if (S_ISLNK(st->st_mode)) {
		ssize_t len = readlinkat(from_dir, name, target, sizeof(target) - 1);
		if (len < 0)
			return err_set(e, errno, "read link %s", name);
		target[len] = '\0';
		if (symlinkat(target, to_dir, name) < 0)
			return err_set(e, errno, "make link %s", name);
	} else if (mknodat(to_dir, name, st->st_mode & (S_IFMT | 07777), st->st_rdev) < 0) {
		return err_set(e, errno, "make node %s", name);
	}
	if (fchownat(to_dir, name, st->st_uid, st->st_gid, AT_SYMLINK_NOFOLLOW) < 0 ||
		utimensat(to_dir, name, times, AT_SYMLINK_NOFOLLOW) < 0)
		return err_set(e, errno, "set owner of %s", name);
	return 0;
}

static int copy_below(int from, int to, dev_t dev, unsigned depth, struct err *e);

static int copy_directory(
	int from_dir, int to_dir, const char *name, const struct stat *st, unsigned depth, struct err *e)
{
	auto_close int from = openat(from_dir, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (from < 0)
		return err_set(e, errno, "open %s", name);
	if (mkdirat(to_dir, name, 0700) < 0)
		return err_set(e, errno, "make directory %s", name);
	auto_close int to = openat(to_dir, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (to < 0)
		return err_set(e, errno, "open copy of %s", name);
	int r = copy_below(from, to, st->st_dev, depth + 1, e);
	if (r == 0)
		r = copy_xattrs(from, to, name, e);
	return r < 0 ? r : copy_status(to, st, name, e);
}

static int copy_entry(int from, int to, const char *name, dev_t dev, unsigned depth, struct err *e)
{
	struct stat st;
	if (fstatat(from, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return err_set(e, errno, "inspect %s", name);
	if (S_ISDIR(st.st_mode))
		return st.st_dev == dev ? copy_directory(from, to, name, &st, depth, e) : 0;
	return S_ISREG(st.st_mode) ? copy_file(from, to, name, &st, e) : copy_special(from, to, name, &st, e);
}

static int copy_below(int from, int to, dev_t dev, unsigned depth, struct err *e)
{
	int r = 0;
	if (depth > COPY_DEPTH)
		return err_say(e, ELOOP, "directories nested deeper than %d", COPY_DEPTH);
	int list = openat(from, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *d = list < 0 ? NULL : fdopendir(list);
	if (!d) {
		r = err_set(e, errno, "read directory");
		own_close(&list);
		return r;
	}
	for (struct dirent *entry; r == 0 && (errno = 0, entry = readdir(d)) != NULL;)
		if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0)
			r = copy_entry(from, to, entry->d_name, dev, depth, e);
	if (r == 0 && errno)
		r = err_set(e, errno, "read directory");
	(void)closedir(d);
	return r;
}

int mount_copy_tree(int from, int to, struct err *e)
{
	struct stat st;
	if (fstat(from, &st) < 0)
		return err_set(e, errno, "inspect directory");
	return copy_below(from, to, st.st_dev, 0, e);
}

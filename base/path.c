#include "base/path.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/fs.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>

#include "base/own.h"
#include "base/sys.h"

#define IN_ROOT (RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS)

int path_open_in_root(int rootfd, const char *path, int flags, mode_t mode)
{
	/* The kernel answers EAGAIN when a rename ran while ".." was being resolved. */
	for (int tries = 0; tries < 64; tries++) {
		int fd = sys_openat2(rootfd, path, (unsigned)flags, flags & O_CREAT ? mode : 0, IN_ROOT);
		if (fd >= 0)
			return fd;
		if (errno != EAGAIN && errno != EINTR)
			return -errno;
	}
	return -EAGAIN;
}

int path_mkdirs_in_root(int rootfd, const char *path, mode_t mode, struct err *e)
{
	char done[PATH_MAX];
	size_t len = 0;

	auto_close int dir = path_open_in_root(rootfd, "/", O_PATH | O_DIRECTORY, 0);
	if (dir < 0)
		return err_set(e, -dir, "open root directory");
	/* Every prefix is resolved from the root again, since a component may be an absolute symlink; only the
	 * missing last part is made, in a directory that is held by its descriptor. */
	for (const char *p = path; *p;) {
		p += strspn(p, "/");
		size_t n = strcspn(p, "/");
		if (n == 0)
			break;
		if (n > NAME_MAX || len + n + 2 > sizeof(done))
			return err_set(e, ENAMETOOLONG, "make directory %s", path);
		char name[NAME_MAX + 1];
		memcpy(name, p, n);
		name[n] = '\0';
		done[len++] = '/';
		memcpy(done + len, p, n);
		len += n;
		done[len] = '\0';
		p += n;

		int next = path_open_in_root(rootfd, done, O_PATH | O_DIRECTORY, 0);
		if (next == -ENOENT && strcmp(name, "..") != 0) {
			if (mkdirat(dir, name, mode) < 0 && errno != EEXIST)
				return err_set(e, errno, "make directory %s", done);
			next = path_open_in_root(rootfd, done, O_PATH | O_DIRECTORY, 0);
		}
		if (next < 0)
			return err_set(e, -next, "open directory %s", done);
		own_close(&dir);
		dir = next;
	}
	return take_fd(&dir);
}

int path_mkfile_in_root(int rootfd, const char *path, mode_t mode, struct err *e)
{
	int fd = path_open_in_root(rootfd, path, O_PATH, 0);
	if (fd >= 0 || fd != -ENOENT)
		return fd >= 0 ? fd : err_set(e, -fd, "open %s", path);
	const char *slash = strrchr(path, '/');
	const char *name = slash ? slash + 1 : path;
	char parent[PATH_MAX];
	size_t len = slash ? (size_t)(slash - path) : 0;
	if (len >= sizeof(parent) || !*name)
		return err_set(e, *name ? ENAMETOOLONG : EISDIR, "create %s", path);
	memcpy(parent, path, len);
	parent[len] = '\0';
	auto_close int dir = path_mkdirs_in_root(rootfd, parent, 0755, e);
	if (dir < 0)
		return dir;
	auto_close int made = openat(dir, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, mode);
	if (made < 0 && errno != EEXIST)
		return err_set(e, errno, "create %s", path);
	fd = path_open_in_root(rootfd, path, O_PATH, 0);
	return fd >= 0 ? fd : err_set(e, -fd, "open %s", path);
}

int path_mkdirs(const char *path, mode_t mode, struct err *e)
{
	char part[PATH_MAX];
	size_t len = strlen(path);
	if (len >= sizeof(part))
		return err_set(e, ENAMETOOLONG, "make directory %s", path);
	memcpy(part, path, len + 1);
	for (char *p = part + 1; *p; p++) {
		if (*p != '/')
			continue;
		*p = '\0';
		if (mkdir(part, mode) < 0 && errno != EEXIST)
			return err_set(e, errno, "make directory %s", part);
		*p = '/';
	}
	struct stat st;
	if (mkdir(part, mode) < 0 && (errno != EEXIST || stat(part, &st) < 0 || !S_ISDIR(st.st_mode)))
		return err_set(e, errno, "make directory %s", part);
	return 0;
}

#define REMOVE_DEPTH 32 /* levels gone down into, each of which holds a descriptor and a page or two */

/* One removal: top is the directory that everything is in. */
struct removal {
	int top;
	dev_t dev;
	unsigned long moved; /* directories from further below that lie in top now; names them too */
	struct err *e;
};

/* Neither immutable nor append-only: whoever had the right to say so inside does not keep us from deleting it. True: it was. */
static bool lift_flags(int fd)
{
	const int locks = FS_IMMUTABLE_FL | FS_APPEND_FL;
	int flags = 0;
	if (ioctl(fd, FS_IOC_GETFLAGS, &flags) < 0 || !(flags & locks))
		return false;
	flags &= ~locks;
	return ioctl(fd, FS_IOC_SETFLAGS, &flags) == 0;
}

/* Of name below dirfd. Its type is known before it is opened: a device of the payload's making is nobody's to open. */
static bool lift_flags_of(int dirfd, const char *name)
{
	char path[40];
	struct stat st;
	auto_close int held = openat(dirfd, name, O_PATH | O_NOFOLLOW | O_CLOEXEC);
	if (held < 0 || fstat(held, &st) < 0 || !(S_ISREG(st.st_mode) || S_ISDIR(st.st_mode)))
		return false;
	(void)snprintf(path, sizeof(path), "/proc/self/fd/%d", held);
	auto_close int fd = open(path, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	return fd >= 0 && lift_flags(fd);
}

/* unlinkat(2), whatever flags the file has, and its directory when that is ours to change too. */
static int unlink_any(int dirfd, const char *name, int flags, bool whole)
{
	if (unlinkat(dirfd, name, flags) == 0 || errno == ENOENT)
		return 0;
	int code = errno;
	if (code != EPERM)
		return -code;
	bool lifted = lift_flags_of(dirfd, name);
	if (whole && lift_flags(dirfd))
		lifted = true;
	if (!lifted)
		return -code;
	return unlinkat(dirfd, name, flags) == 0 || errno == ENOENT ? 0 : -errno;
}

/* However deep a tree is, what lies too deep is brought up to the top and dealt with from there. */
static int move_to_top(struct removal *x, int dirfd, const char *name)
{
	char fresh[32];
	for (int tries = 0; tries < 2;) {
		(void)snprintf(fresh, sizeof(fresh), "%lu", x->moved);
		if (renameat2(dirfd, name, x->top, fresh, RENAME_NOREPLACE) == 0) {
			x->moved++;
			return 0;
		}
		if (errno == EEXIST)
			x->moved++; /* there are as many names as there may be files */
		else if (errno != EPERM || tries++ || !(lift_flags_of(dirfd, name) | lift_flags(dirfd)))
			return -errno;
	}
	return -EPERM;
}

static int remove_below(struct removal *x, int fd, unsigned depth);

static int remove_directory(struct removal *x, int dirfd, const char *name, unsigned depth)
{
	struct stat st;
	auto_close int fd = openat(dirfd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0 || fstat(fd, &st) < 0)
		return err_set(x->e, errno, "open %s", name);
	if (st.st_dev != x->dev)
		return err_say(x->e, EBUSY, "remove %s: something is mounted there", name);
	if (depth == REMOVE_DEPTH) {
		int r = move_to_top(x, dirfd, name);
		return r < 0 ? err_set(x->e, -r, "move %s", name) : 0;
	}
	int r = remove_below(x, take_fd(&fd), depth + 1);
	if (r == 0 && (r = unlink_any(dirfd, name, AT_REMOVEDIR, true)) < 0)
		r = err_set(x->e, -r, "remove %s", name);
	return r;
}

/* Takes fd. */
static int remove_below(struct removal *x, int fd, unsigned depth)
{
	DIR *d = fdopendir(fd);
	if (!d) {
		int r = err_set(x->e, errno, "read directory");
		(void)close(fd);
		return r;
	}
	int r = 0;
	for (struct dirent *entry; r == 0 && (errno = 0, entry = readdir(d)) != NULL;) {
		const char *name = entry->d_name;
		if (strcmp(name, ".") == 0 || strcmp(name, "..") == 0)
			continue;
		r = unlink_any(dirfd(d), name, 0, true);
		if (r == -EISDIR)
			r = remove_directory(x, dirfd(d), name, depth);
		else if (r < 0)
			r = err_set(x->e, -r, "remove %s", name);
	}
	if (r == 0 && errno)
		r = err_set(x->e, errno, "read directory");
	(void)closedir(d);
	return r;
}

int path_remove_tree(int dirfd, const char *name, struct err *e)
{
	struct stat st;
	int r = unlink_any(dirfd, name, 0, false);
	if (r != -EISDIR)
		return r < 0 ? err_set(e, -r, "remove %s", name) : 0;
	auto_close int top = openat(dirfd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (top < 0)
		return err_set(e, errno, "remove %s", name);
	if (fstat(top, &st) < 0)
		return err_set(e, errno, "stat %s", name);
	struct removal x = { .top = top, .dev = st.st_dev, .e = e };
	unsigned long before;
	do {
		before = x.moved;
		int fd = openat(top, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		r = fd < 0 ? err_set(e, errno, "open %s", name) : remove_below(&x, fd, 0);
	} while (r == 0 && x.moved != before);
	if (r < 0)
		return err_wrap(e, r, "remove %s", name);
	r = unlink_any(dirfd, name, AT_REMOVEDIR, false);
	return r < 0 ? err_set(e, -r, "remove %s", name) : 0;
}

bool path_is_clean_relative(const char *path)
{
	if (!*path || *path == '/')
		return false;
	for (const char *p = path; *p;) {
		size_t n = strcspn(p, "/");
		if (n == 0 || (n == 1 && p[0] == '.') || (n == 2 && p[0] == '.' && p[1] == '.'))
			return false;
		p += n;
		if (*p == '/')
			p++;
	}
	return path[strlen(path) - 1] != '/';
}

int path_clean(const char *path, char *out, size_t room)
{
	bool absolute = *path == '/';
	size_t len = 0, floor = 0; /* floor: how much of out ".." may not eat */

	if (room < 2)
		return -ENAMETOOLONG;
	if (absolute)
		out[len++] = '/', floor = 1;
	for (const char *p = path; *p;) {
		p += strspn(p, "/");
		size_t n = strcspn(p, "/");
		if (n == 0)
			break;
		bool dot = n == 1 && p[0] == '.';
		bool up = n == 2 && p[0] == '.' && p[1] == '.';
		if (up && len > floor) {
			while (len > floor && out[len - 1] != '/')
				len--;
			if (len > floor)
				len--;
		} else if (!dot && !(up && absolute)) {
			if (len + n + 2 > room)
				return -ENAMETOOLONG;
			if (len && out[len - 1] != '/')
				out[len++] = '/';
			memcpy(out + len, p, n);
			len += n;
			if (up)
				floor = len;
		}
		p += n;
	}
	if (len == 0)
		out[len++] = '.';
	out[len] = '\0';
	return (int)len;
}

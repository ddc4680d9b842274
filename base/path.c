#include "base/path.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <string.h>
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

static int remove_below(int fd, dev_t dev, unsigned depth, struct err *e)
{
	if (depth > 4096) { /* each level holds a descriptor */
		(void)close(fd);
		return err_say(e, ELOOP, "remove directory: nested deeper than 4096");
	}
	DIR *d = fdopendir(fd);
	if (!d) {
		int r = err_set(e, errno, "read directory");
		(void)close(fd);
		return r;
	}
	int r = 0;
	for (struct dirent *entry; r == 0 && (errno = 0, entry = readdir(d)) != NULL;) {
		const char *name = entry->d_name;
		if (strcmp(name, ".") == 0 || strcmp(name, "..") == 0)
			continue;
		if (unlinkat(dirfd(d), name, 0) == 0 || errno == ENOENT)
			continue;
		if (errno != EISDIR && errno != EPERM) {
			r = err_set(e, errno, "remove %s", name);
			break;
		}
		struct stat st;
		int sub = openat(dirfd(d), name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
		if (sub < 0 || fstat(sub, &st) < 0) {
			r = err_set(e, errno, "open %s", name);
			own_close(&sub);
		} else if (st.st_dev != dev) {
			r = err_say(e, EBUSY, "remove %s: something is mounted there", name);
			own_close(&sub);
		} else {
			r = remove_below(sub, dev, depth + 1, e);
			if (r == 0 && unlinkat(dirfd(d), name, AT_REMOVEDIR) < 0 && errno != ENOENT)
				r = err_set(e, errno, "remove %s", name);
		}
	}
	(void)closedir(d);
	return r;
}

int path_remove_tree(int dirfd, const char *name, struct err *e)
{
	struct stat st;
	if (unlinkat(dirfd, name, 0) == 0 || errno == ENOENT)
		return 0;
	if (errno != EISDIR && errno != EPERM)
		return err_set(e, errno, "remove %s", name);
	int fd = openat(dirfd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0)
		return err_set(e, errno, "open %s", name);
	if (fstat(fd, &st) < 0) {
		int r = err_set(e, errno, "stat %s", name);
		(void)close(fd);
		return r;
	}
	int r = remove_below(fd, st.st_dev, 0, e);
	if (r < 0)
		return err_wrap(e, r, "remove %s", name);
	if (unlinkat(dirfd, name, AT_REMOVEDIR) < 0 && errno != ENOENT)
		return err_set(e, errno, "remove %s", name);
	return 0;
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

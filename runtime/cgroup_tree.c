/* Groups as directories: walking, listing, removing. A payload may have made any number of them, as deep as it likes and
 * while we look, so nothing here recurses, and no more than two descriptors are open at a time. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/own.h"
#include "runtime/cgroup_private.h"

static DIR *open_list(int dirfd)
{
	int fd = openat(dirfd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return NULL;
	DIR *d = fdopendir(fd);
	if (!d)
		own_close(&fd);
	return d;
}

static const char *next_group(DIR *d)
{
	for (struct dirent *entry; (entry = readdir(d)) != NULL;)
		if (entry->d_type == DT_DIR && strcmp(entry->d_name, ".") != 0 &&
			strcmp(entry->d_name, "..") != 0)
			return entry->d_name;
	return NULL;
}

/* The alphabetically first group behind `after` (NULL: of all); 1, 0: none, or -errno. */
static int group_after(int dirfd, const char *after, char out[NAME_MAX + 1])
{
	DIR *d = open_list(dirfd);
	if (!d)
		return -errno;
	int found = 0;
	for (const char *name; (name = next_group(d)) != NULL;) {
		if ((after && strcmp(name, after) <= 0) || (found && strcmp(name, out) >= 0))
			continue;
		strcpy(out, name); /* d_name is at most NAME_MAX */
		found = 1;
	}
	(void)closedir(d);
	return found;
}

static int first_group(int dirfd, char out[NAME_MAX + 1])
{
	DIR *d = open_list(dirfd);
	if (!d)
		return -errno;
	const char *name = next_group(d);
	if (name)
		strcpy(out, name);
	(void)closedir(d);
	return name != NULL;
}

static bool is_gone(int r)
{
	return r == -ENOENT || r == -ENODEV; /* ENODEV: an open file of a removed group */
}

/* The walk's place: the open group and the names that lead to it, each behind a slash. */
struct walk {
	int dirfd;
	struct buf path;
	int depth;
};

static void walk_done(struct walk *w)
{
	own_close(&w->dirfd);
	buf_done(&w->path);
}
OWN_DEFINE(walk, struct walk, walk_done)

static int walk_down(struct walk *w, const char *name)
{
	int fd = openat(w->dirfd, name, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	int r = buf_printf(&w->path, "/%s", name);
	if (r < 0) {
		own_close(&fd);
		return r;
	}
	own_close(&w->dirfd);
	w->dirfd = fd;
	w->depth++;
	return 0;
}

/* Back to the parent; name receives what was left. */
static int walk_up(struct walk *w, char name[NAME_MAX + 1])
{
	int fd = openat(w->dirfd, "..", O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	own_close(&w->dirfd);
	w->dirfd = fd;
	w->depth--;
	char *slash = strrchr(w->path.data, '/');
	strcpy(name, slash + 1);
	w->path.len = (size_t)(slash - w->path.data);
	*slash = '\0';
	return 0;
}

int cgroup_tree_each(int dirfd, int (*fn)(int group_dirfd, void *cookie), void *cookie)
{
	auto_(walk) struct walk w = { .dirfd = openat(dirfd, ".", O_PATH | O_DIRECTORY | O_CLOEXEC) };
	if (w.dirfd < 0)
		return -errno;
	int r = fn(w.dirfd, cookie);
	char after[NAME_MAX + 1], name[NAME_MAX + 1];
	bool fresh = true; /* nothing below w.dirfd was visited yet */
	while (r == 0) {
		int found = group_after(w.dirfd, fresh ? NULL : after, name);
		if (found == 1) {
			r = walk_down(&w, name);
			fresh = r == 0;
			if (r == 0)
				r = fn(w.dirfd, cookie);
			else
				strcpy(after, name);
			if (is_gone(r))
				r = 0;
			continue;
		}
		if (found < 0 && !is_gone(found))
			return found;
		if (w.depth == 0)
			break;
		r = walk_up(&w, after);
		fresh = false;
	}
	return r;
}

int cgroup_tree_remove(int dirfd, const char *name)
{
	if (unlinkat(dirfd, name, AT_REMOVEDIR) == 0 || errno == ENOENT)
		return 0;
	if (errno != EBUSY)
		return -errno;
	/* Groups below, processes, or both: descend to a group without children, remove it, go on from its parent. */
	auto_(walk) struct walk w = { .dirfd = openat(
					      dirfd, name, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC) };
	if (w.dirfd < 0)
		return errno == ENOENT ? 0 : -errno;
	char child[NAME_MAX + 1];
	for (;;) {
		int found = first_group(w.dirfd, child);
		if (found < 0)
			return found;
		int r = found ? walk_down(&w, child) : 0;
		if (r < 0 && !is_gone(r))
			return r;
		if (found)
			continue;
		if (w.depth == 0)
			break;
		r = walk_up(&w, child);
		if (r < 0)
			return r;
		if (unlinkat(w.dirfd, child, AT_REMOVEDIR) < 0 && errno != ENOENT)
			return -errno;
	}
	return unlinkat(dirfd, name, AT_REMOVEDIR) == 0 || errno == ENOENT ? 0 : -errno;
}

int cgroup_tree_names(int dirfd, char ***names, size_t *n)
{
	DIR *d = open_list(dirfd);
	if (!d)
		return -errno;
	int r = 0;
	for (const char *name; r == 0 && (name = next_group(d)) != NULL;) {
		char **grown = reallocarray(*names, *n + 1, sizeof(*grown));
		char *copy = grown ? strdup(name) : NULL;
		if (grown)
			*names = grown;
		if (copy)
			(*names)[(*n)++] = copy;
		else
			r = -ENOMEM;
	}
	(void)closedir(d);
	return r;
}

static int has_process(int dirfd, void *cookie)
{
	(void)cookie;
	auto_close int fd = openat(dirfd, "cgroup.procs", O_RDONLY | O_CLOEXEC);
	char c;
	if (fd < 0)
		return errno == ENOENT ? 0 : -errno;
	ssize_t n = read(fd, &c, 1);
	/* EOPNOTSUPP: a threaded group; its processes are counted in its domain's. */
	return n > 0 ? 1 : n == 0 || errno == ENODEV || errno == EOPNOTSUPP ? 0 : -errno;
}

int cgroup_tree_has_processes(int dirfd)
{
	return cgroup_tree_each(dirfd, has_process, NULL);
}

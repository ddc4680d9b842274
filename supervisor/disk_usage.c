#include "supervisor/disk_usage.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/io.h"
#include "base/own.h"
#include "supervisor/worker.h"

/* ---------------------------------------------------------------- counting */

/* Files with several names, met before: open addressing by inode. One file system, so the inode says which. */
struct seen {
	ino_t *slots; /* 0: free */
	size_t n, room;
};

struct walk {
	dev_t dev;
	int64_t bytes;
	struct seen seen;
};

static int grow(struct seen *s)
{
	struct seen bigger = { .room = s->room ? 2 * s->room : 256 };

	if (!(bigger.slots = calloc(bigger.room, sizeof(*bigger.slots))))
		return -ENOMEM;
	for (size_t i = 0; i < s->room; i++) {
		if (!s->slots[i])
			continue;
		size_t at = s->slots[i] % bigger.room;
		while (bigger.slots[at])
			at = (at + 1) % bigger.room;
		bigger.slots[at] = s->slots[i];
	}
	bigger.n = s->n;
	free(s->slots);
	*s = bigger;
	return 0;
}

/* 1: it was there already. */
static int remember(struct seen *s, ino_t ino)
{
	if (2 * s->n >= s->room && grow(s) < 0)
		return -ENOMEM;
	size_t at = ino % s->room;
	while (s->slots[at] && s->slots[at] != ino)
		at = (at + 1) % s->room;
	if (s->slots[at])
		return 1;
	s->slots[at] = ino;
	s->n++;
	return 0;
}

static int count_below(struct walk *w, int fd, int depth);

static int count_one(struct walk *w, int dirfd, const char *name, int depth)
{
	struct stat st;

	if (fstatat(dirfd, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return errno == ENOENT ? 0 : -errno;
	if (st.st_dev != w->dev)
		return 0;
	if (S_ISDIR(st.st_mode)) {
		int fd = openat(dirfd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
		if (fd < 0)
			return errno == ENOENT || errno == ENOTDIR || errno == ELOOP ? 0 : -errno;
		return count_below(w, fd, depth + 1);
	}
	int r = st.st_nlink > 1 ? remember(&w->seen, st.st_ino) : 0;
	if (r == 0)
		w->bytes += st.st_size;
	return r < 0 ? r : 0;
}

/* Takes fd. */
static int count_below(struct walk *w, int fd, int depth)
{
	DIR *d = depth > DISK_USAGE_DEPTH_MAX ? NULL : fdopendir(fd);
	int r = 0;

	if (!d) {
		own_close(&fd);
		return depth > DISK_USAGE_DEPTH_MAX ? -ELOOP : -ENOMEM;
	}
	for (struct dirent *x; r == 0 && (x = readdir(d));)
		if (strcmp(x->d_name, ".") != 0 && strcmp(x->d_name, "..") != 0)
			r = count_one(w, dirfd(d), x->d_name, depth);
	closedir(d);
	return r;
}

int64_t disk_usage_of(const char *path)
{
	struct walk w = { .bytes = 0 };
	struct stat st;
	int fd = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

	if (fd < 0)
		return errno == ENOENT ? 0 : -1;
	if (fstat(fd, &st) < 0) {
		own_close(&fd);
		return -1;
	}
	w.dev = st.st_dev;
	int r = count_below(&w, fd, 0);
	free(w.seen.slots);
	return r < 0 ? -1 : w.bytes;
}

/* ---------------------------------------------------------------- by a worker */

struct disk_usage {
	struct engine *engine;
	char **paths;
	size_t n;
	disk_usage_fn done;
	void *cookie;
};

struct disk_usage *disk_usage_new(struct engine *en)
{
	struct disk_usage *u = calloc(1, sizeof(*u));

	if (u)
		u->engine = en;
	return u;
}

void disk_usage_add(struct disk_usage *u, const char *path)
{
	char **more = reallocarray(u->paths, u->n + 1, sizeof(*more));

	if (!more || (path && !(path = strdup(path))))
		abort();
	u->paths = more;
	u->paths[u->n++] = (char *)path;
}

void disk_usage_free(struct disk_usage *u)
{
	for (size_t i = 0; u && i < u->n; i++)
		free(u->paths[i]);
	if (u)
		free(u->paths);
	free(u);
}

static int count_all(void *cookie, int out_fd, struct err *e)
{
	const struct disk_usage *u = cookie;

	for (size_t i = 0; i < u->n; i++) {
		int64_t bytes = u->paths[i] ? disk_usage_of(u->paths[i]) : 0;
		int r = io_write_full(out_fd, &bytes, sizeof(bytes));
		if (r < 0)
			return err_set(e, -r, "count");
	}
	return 0;
}

static void counted(void *cookie, int r, const struct err *e, const char *out, size_t out_len)
{
	struct disk_usage *u = cookie;
	auto_free int64_t *bytes = malloc((u->n + 1) * sizeof(*bytes));

	if (!bytes)
		abort();
	if (r < 0)
		log_warn("disk-usage", "err=\"%s\" action=\"answer without sizes\"", e->text);
	for (size_t i = 0; i < u->n; i++)
		bytes[i] = -1;
	if (r == 0 && out_len == u->n * sizeof(*bytes) && out_len)
		memcpy(bytes, out, out_len);
	u->done(u->cookie, bytes, u->n);
	disk_usage_free(u);
}

void disk_usage_count(struct disk_usage *u, disk_usage_fn done, void *cookie)
{
	struct worker_args args = { .what = "disk usage", .job = count_all, .done = counted, .cookie = u };
	struct err e;

	u->done = done;
	u->cookie = cookie;
	int r = worker_start(u->engine->workers, &args, NULL, &e);
	if (r < 0)
		counted(u, r, &e, "", 0);
}

#include "base/tar_pack.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/magic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/vfs.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/own.h"
#include "base/path.h"
#include "base/tar.h"

#define CHUNK	   (128 * 1024)
#define DEPTH_MAX  1024 /* each level holds a descriptor and its names */
#define SEEN_SLOTS 4096
#define CAPABILITY "security.capability"
#define CAP_MAX	   64

/* The first name of a file that has more. */
struct seen {
	dev_t dev;
	ino_t ino;
	char *name;
	struct seen *next;
};

struct packing {
	const struct tar_pack *p;
	struct buf name; /* the present entry's */
	struct buf head;
	struct seen *seen[SEEN_SLOTS];
	struct err *e;
	char chunk[CHUNK];
};

static void packing_free(struct packing *k)
{
	for (size_t i = 0; i < SEEN_SLOTS; i++) {
		while (k->seen[i]) {
			struct seen *s = k->seen[i];
			k->seen[i] = s->next;
			free(s->name);
			free(s);
		}
	}
	buf_done(&k->name);
	buf_done(&k->head);
	free(k);
}

OWN_DEFINE_PTR(packing, struct packing, packing_free)

/* ---------------------------------------------------------------- ids */

uint32_t tar_id_inside(const struct tar_ids *maps, size_t n, uint32_t host)
{
	for (size_t i = 0; i < n; i++)
		if (host >= maps[i].host && host - maps[i].host < maps[i].count)
			return maps[i].inside + (host - maps[i].host);
	return n ? UINT32_MAX : host;
}

uint32_t tar_id_host(const struct tar_ids *maps, size_t n, uint32_t inside)
{
	for (size_t i = 0; i < n; i++)
		if (inside >= maps[i].inside && inside - maps[i].inside < maps[i].count)
			return maps[i].host + (inside - maps[i].inside);
	return n ? UINT32_MAX : inside;
}

/* The archive's id of whom it does not know is the kernel's: nobody. */
static uint32_t shown_id(const struct tar_ids *maps, size_t n, uint32_t host)
{
	uint32_t id = tar_id_inside(maps, n, host);
	return id == UINT32_MAX ? 65534 : id;
}

/* ---------------------------------------------------------------- output */

static int put(struct packing *k, const void *data, size_t len)
{
	int r = k->p->write(k->p->cookie, data, len);
	return r < 0 ? err_set(k->e, -r, "write the archive") : 0;
}

static int fail(struct packing *k, int code, const char *what)
{
	return err_set(k->e, code, "%s %s", what, k->name.len ? k->name.data : "/");
}

static int put_header(struct packing *k, const struct tar_entry *t)
{
	buf_reset(&k->head);
	int r = tar_put_header(&k->head, t);
	return r < 0 ? fail(k, -r, "archive") : put(k, k->head.data, k->head.len);
}

/* Exactly size bytes, whatever happens to the file meanwhile. */
static int put_contents(struct packing *k, int fd, int64_t size)
{
	int64_t left = size;
	int r = 0;

	while (r == 0 && left > 0) {
		size_t want = left < CHUNK ? (size_t)left : CHUNK;
		ssize_t n = read(fd, k->chunk, want);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return fail(k, errno, "read");
		if (n == 0) {
			memset(k->chunk, 0, want);
			n = (ssize_t)want;
		}
		r = put(k, k->chunk, (size_t)n);
		left -= n;
	}
	memset(k->chunk, 0, TAR_BLOCK);
	size_t padding = tar_padding(size);
	return r < 0 || padding == 0 ? r : put(k, k->chunk, padding);
}

/* ---------------------------------------------------------------- hard links */

static struct seen **bucket(struct packing *k, const struct stat *st)
{
	uint64_t hash = ((uint64_t)st->st_ino ^ (uint64_t)st->st_dev << 20) * UINT64_C(0x9e3779b97f4a7c15);
	return &k->seen[hash >> 52];
}

/* Its first name, or NULL: this is the first, and remembered. */
static int look_up_link(struct packing *k, const struct stat *st, char **out)
{
	struct seen **head = bucket(k, st), *s = *head;

	while (s && (s->ino != st->st_ino || s->dev != st->st_dev))
		s = s->next;
	*out = s ? s->name : NULL;
	if (s)
		return 0;
	s = malloc(sizeof(*s));
	char *name = strdup(k->name.data);
	if (!s || !name) {
		free(s);
		free(name);
		return fail(k, ENOMEM, "archive");
	}
	*s = (struct seen){ st->st_dev, st->st_ino, name, *head };
	*head = s;
	return 0;
}

/* ---------------------------------------------------------------- entries */

/* Kernel revision 3 says whose root it is for; inside, that is the root. */
static size_t plain_capability(unsigned char *value, size_t len)
{
	if (len == 24 && value[3] == 3) {
		value[3] = 2;
		return 20;
	}
	return len;
}

static void describe(struct packing *k, const struct stat *st, struct tar_entry *t)
{
	const struct tar_id_maps *ids = &k->p->ids;

	*t = (struct tar_entry){
		.name = k->name.data,
		.mode = st->st_mode & 07777,
		.uid = shown_id(ids->uids, ids->n_uids, st->st_uid),
		.gid = shown_id(ids->gids, ids->n_gids, st->st_gid),
		.mtime_s = st->st_mtim.tv_sec,
	};
}

static int pack_file(struct packing *k, int dirfd, const char *base, const struct tar_entry *t)
{
	unsigned char value[CAP_MAX];
	struct stat st;
	auto_close int fd = openat(dirfd, base, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);

	if (fd < 0 && errno == ENOENT)
		return 0;
	if (fd < 0 || fstat(fd, &st) < 0)
		return fail(k, errno, "open");
	if (!S_ISREG(st.st_mode))
		return 0; /* it was, a moment ago */
	struct tar_entry file = *t;
	file.type = TAR_FILE;
	file.size = st.st_size;
	ssize_t len = fgetxattr(fd, CAPABILITY, value, sizeof(value));
	struct tar_xattr x = { (char[]){ CAPABILITY }, (char *)value, 0 };
	if (len > 0) {
		x.len = plain_capability(value, (size_t)len);
		file.xattrs = &x;
		file.n_xattrs = 1;
	}
	int r = put_header(k, &file);
	return r < 0 ? r : put_contents(k, fd, st.st_size);
}

static int pack_symlink(struct packing *k, int dirfd, const char *base, const struct tar_entry *t)
{
	char target[PATH_MAX];
	ssize_t len = readlinkat(dirfd, base, target, sizeof(target) - 1);

	if (len < 0)
		return errno == ENOENT || errno == EINVAL ? 0 : fail(k, errno, "read link");
	target[len] = '\0';
	struct tar_entry link = *t;
	link.type = TAR_SYMLINK;
	link.link = target;
	return put_header(k, &link);
}

static int pack_other(
	struct packing *k, int dirfd, const char *base, const struct stat *st, struct tar_entry *t)
{
	char *first = NULL;
	int r = st->st_nlink > 1 ? look_up_link(k, st, &first) : 0;

	if (r < 0)
		return r;
	if (first) {
		t->type = TAR_LINK;
		t->link = first;
		return put_header(k, t);
	}
	switch (st->st_mode & S_IFMT) {
	case S_IFREG:
		return pack_file(k, dirfd, base, t);
	case S_IFLNK:
		return pack_symlink(k, dirfd, base, t);
	case S_IFCHR:
	case S_IFBLK:
		t->type = S_ISCHR(st->st_mode) ? TAR_CHAR : TAR_BLOCKDEV;
		t->major = major(st->st_rdev);
		t->minor = minor(st->st_rdev);
		return put_header(k, t);
	case S_IFIFO:
		t->type = TAR_FIFO;
		return put_header(k, t);
	default:
		return 0; /* a socket is nothing without its process */
	}
}

/* ---------------------------------------------------------------- directories */

bool tar_is_kernels(int fd)
{
	static const unsigned long types[] = { PROC_SUPER_MAGIC, SYSFS_MAGIC, CGROUP_SUPER_MAGIC,
		CGROUP2_SUPER_MAGIC, DEVPTS_SUPER_MAGIC, DEBUGFS_MAGIC, TRACEFS_MAGIC, SECURITYFS_MAGIC,
		BPF_FS_MAGIC, 0x19800202 /* mqueue */ };
	struct statfs fs;

	if (fstatfs(fd, &fs) < 0)
		return false;
	for (size_t i = 0; i < ARRAY_LEN(types); i++)
		if ((unsigned long)fs.f_type == types[i])
			return true;
	return false;
}

static int by_name(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

static void free_names(char **names, size_t n)
{
	for (size_t i = 0; i < n; i++)
		free(names[i]);
	free(names);
}

static bool is_dots(const char *name)
{
	return name[0] == '.' && (!name[1] || (name[1] == '.' && !name[2]));
}

static int add_name(char ***names, size_t *n, const char *name)
{
	if ((*n & (*n - 1)) == 0) { /* full at each power of two */
		char **grown = realloc(*names, (*n ? *n * 2 : 1) * sizeof(*grown));
		if (!grown)
			return -ENOMEM;
		*names = grown;
	}
	char *copy = strdup(name);
	if (!copy)
		return -ENOMEM;
	(*names)[(*n)++] = copy;
	return 0;
}

static int read_names(struct packing *k, int dirfd, char ***out, size_t *out_n)
{
	char **names = NULL;
	size_t n = 0;
	int r = 0, fd = openat(dirfd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *d = fd < 0 ? NULL : fdopendir(fd);

	if (!d) {
		r = fail(k, errno, "read directory");
		own_close(&fd);
		return r;
	}
	for (struct dirent *x; r == 0 && (errno = 0, x = readdir(d)) != NULL;)
		if (!is_dots(x->d_name))
			r = add_name(&names, &n, x->d_name);
	if (r == 0 && errno)
		r = -errno;
	(void)closedir(d);
	if (r < 0) {
		free_names(names, n);
		return fail(k, -r, "read directory");
	}
	if (n)
		qsort(names, n, sizeof(*names), by_name);
	*out = names;
	*out_n = n;
	return 0;
}

static int pack_entry(struct packing *k, int dirfd, const char *base, int depth);

/* dirfd is the directory; the name so far ends without a slash. */
static int pack_below(struct packing *k, int dirfd, bool slash, int depth)
{
	size_t len = k->name.len, n = 0;
	char **names = NULL;

	if (depth > DEPTH_MAX)
		return fail(k, ELOOP, "nested too deep:");
	int r = read_names(k, dirfd, &names, &n);
	for (size_t i = 0; r == 0 && i < n; i++) {
		if (buf_printf(&k->name, "%s%s", slash ? "/" : "", names[i]) < 0)
			r = fail(k, ENOMEM, "archive");
		else if (k->name.len >= PATH_MAX)
			r = err_say(k->e, ENAMETOOLONG, "archive: a name is longer than %d bytes: %.200s...",
				PATH_MAX - 1, k->name.data);
		else
			r = pack_entry(k, dirfd, names[i], depth + 1);
		k->name.len = len;
		if (k->name.data)
			k->name.data[len] = '\0';
	}
	free_names(names, n);
	return r;
}

static int pack_directory(struct packing *k, int fd, struct tar_entry *t, bool foreign, int depth)
{
	if (buf_puts(&k->name, "/") < 0)
		return fail(k, ENOMEM, "archive");
	t->type = TAR_DIR;
	t->name = k->name.data;
	int r = put_header(k, t);
	k->name.data[--k->name.len] = '\0';
	return r < 0 || (foreign && tar_is_kernels(fd)) ? r : pack_below(k, fd, true, depth);
}

static int pack_entry(struct packing *k, int dirfd, const char *base, int depth)
{
	struct stat st, above;
	struct tar_entry t;

	if (fstatat(dirfd, base, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return errno == ENOENT ? 0 : fail(k, errno, "stat");
	describe(k, &st, &t);
	if (!S_ISDIR(st.st_mode))
		return pack_other(k, dirfd, base, &st, &t);
	auto_close int fd = openat(dirfd, base, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0)
		return errno == ENOENT || errno == ENOTDIR ? 0 : fail(k, errno, "open directory");
	bool foreign = fstat(dirfd, &above) < 0 || above.st_dev != st.st_dev;
	return pack_directory(k, fd, &t, foreign, depth);
}

/* ---------------------------------------------------------------- the top */

/* What .path names and, for a file, the directory that it is in: -errno without a text. */
static int open_top(const struct tar_pack *p, const char *path, int flags)
{
	if (p->in_root)
		return path_open_in_root(p->root_fd, path, flags, 0);
	int fd = openat(p->root_fd, path, flags | O_CLOEXEC);
	return fd < 0 ? -errno : fd;
}

static int pack_top_directory(struct packing *k, int fd)
{
	struct tar_entry t;
	struct stat st;

	if (fstat(fd, &st) < 0)
		return fail(k, errno, "stat");
	if (!k->p->name)
		return pack_below(k, fd, false, 0);
	describe(k, &st, &t);
	return pack_directory(k, fd, &t, true, 0);
}

static int pack_top(struct packing *k)
{
	const struct tar_pack *p = k->p;
	const char *slash = strrchr(p->path, '/'), *base = slash ? slash + 1 : p->path;
	/* A symlink that is named itself is archived as one; with a slash behind it, as what it leads to. */
	auto_close int dir = open_top(p, p->path, O_RDONLY | O_DIRECTORY | (*base ? O_NOFOLLOW : 0));

	if (dir >= 0)
		return pack_top_directory(k, dir);
	if (dir != -ENOTDIR && dir != -ELOOP)
		return err_set(k->e, -dir, "open %s", p->path);
	if (!*base || !p->name || is_dots(base))
		return err_set(k->e, ENOTDIR, "open %s", p->path);
	auto_free char *parent = slash ? strndup(p->path, (size_t)(slash - p->path) + 1) : strdup(".");
	if (!parent)
		return err_set(k->e, ENOMEM, "archive %s", p->path);
	auto_close int above = open_top(p, parent, O_RDONLY | O_DIRECTORY);
	return above < 0 ? err_set(k->e, -above, "open %s", parent) : pack_entry(k, above, base, 0);
}

int tar_pack(const struct tar_pack *p, struct err *e)
{
	auto_(packing) struct packing *k = calloc(1, sizeof(*k));
	if (!k)
		return err_set(e, ENOMEM, "archive %s", p->path);
	k->p = p;
	k->e = e;
	int r = buf_puts(&k->name, p->name ? p->name : "");
	r = r < 0 ? err_set(e, -r, "archive %s", p->path) : pack_top(k);
	buf_reset(&k->head);
	if (r == 0 && (r = tar_put_end(&k->head)) < 0)
		r = err_set(e, -r, "archive %s", p->path);
	return r < 0 ? r : put(k, k->head.data, k->head.len);
}

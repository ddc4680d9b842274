#include "base/tar_unpack.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "base/io.h"
#include "base/own.h"
#include "base/path.h"
#include "base/sys.h"

#define CHUNK	   (128 * 1024)
#define CAPABILITY "security.capability"

/* A directory whose time is to be set when nothing is made in it any more. */
struct later {
	char *path;
	int64_t mtime_s;
	struct later *next;
};

struct unpacking {
	const struct tar_unpack *u;
	struct tar_reader *r;
	struct later *later;
	struct err *e;
	char path[PATH_MAX]; /* of the present entry, from the root */
	char chunk[CHUNK];
};

static void unpacking_free(struct unpacking *k)
{
	while (k->later) {
		struct later *l = k->later;
		k->later = l->next;
		free(l->path);
		free(l);
	}
	free(k);
}

OWN_DEFINE_PTR(unpacking, struct unpacking, unpacking_free)

static int fail(struct unpacking *k, int code, const char *what)
{
	return err_set(k->e, code, "%s %s", what, k->path);
}

/* ---------------------------------------------------------------- names */

/* The path of a name in the archive, from the root: never above .dir. */
static int resolve_name(struct unpacking *k, const char *name, char out[PATH_MAX])
{
	const struct tar_unpack *u = k->u;
	size_t from = u->from ? strlen(u->from) : 0;
	char renamed[PATH_MAX], clean[PATH_MAX];
	bool applies = u->from && strncmp(name, u->from, from) == 0;
	int n = snprintf(renamed, sizeof(renamed), "%s%s", applies ? u->to : "", name + (applies ? from : 0));

	if (n < 0 || n >= (int)sizeof(renamed))
		return err_set(k->e, ENAMETOOLONG, "archive: %.200s", name);
	const char *relative = renamed + strspn(renamed, "/");
	if (path_clean(relative, clean, sizeof(clean)) < 0)
		return err_set(k->e, ENAMETOOLONG, "archive: %.200s", name);
	if (strncmp(clean, "..", 2) == 0 && (clean[2] == '/' || !clean[2]))
		return err_say(k->e, EINVAL, "archive: \"%.200s\" is outside of \"%.200s\"", name, u->dir);
	n = snprintf(out, PATH_MAX, "%s%s%s", u->dir, u->in_root ? "/" : "", clean);
	return n < 0 || n >= PATH_MAX ? err_set(k->e, ENAMETOOLONG, "archive: %.200s", name) : 0;
}

static int open_dir(struct unpacking *k, const char *path)
{
	const struct tar_unpack *u = k->u;

	if (u->in_root)
		return path_open_in_root(u->root_fd, path, O_PATH | O_DIRECTORY, 0);
	int fd = sys_openat2(u->root_fd, *path ? path : ".", O_PATH | O_DIRECTORY, 0,
		RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS);
	return fd < 0 ? -errno : fd;
}

/* The directory at path, made with all above it. Each part is resolved from the root, made in one that is held. */
static int make_dirs(struct unpacking *k, const char *path)
{
	char part[PATH_MAX];
	int found = open_dir(k, path);

	if (found != -ENOENT)
		return found;
	auto_close int above = open_dir(k, k->u->in_root ? "/" : "");
	for (const char *p = path + strspn(path, "/"); above >= 0 && *p;) {
		size_t n = strcspn(p, "/"), upto = (size_t)(p - path) + n;
		memcpy(part, path, upto);
		part[upto] = '\0';
		int next = open_dir(k, part);
		if (next == -ENOENT) {
			if (mkdirat(above, part + (p - path), 0755) < 0 && errno != EEXIST)
				return -errno;
			next = open_dir(k, part);
		}
		own_close(&above);
		above = next;
		p += n;
		p += strspn(p, "/");
	}
	return above < 0 ? above : take_fd(&above);
}

/* The directory that path is in; *base is its last part. */
static int open_parent(struct unpacking *k, const char *path, const char **base)
{
	char parent[PATH_MAX];
	const char *slash = strrchr(path, '/');
	size_t len = slash ? (size_t)(slash - path) : 0;

	*base = slash ? slash + 1 : path;
	memcpy(parent, path, len);
	parent[len] = '\0';
	if (k->u->in_root && len == 0)
		strcpy(parent, "/");
	int fd = make_dirs(k, parent);
	if (fd >= 0 && k->u->in_root && tar_is_kernels(fd)) {
		(void)close(fd);
		return -EPERM;
	}
	return fd;
}

/* ---------------------------------------------------------------- attributes */

static int owner(struct unpacking *k, const struct tar_entry *t, uid_t *uid, gid_t *gid)
{
	const struct tar_unpack *u = k->u;
	uint32_t inside_uid = u->has_owner ? u->uid : t->uid, inside_gid = u->has_owner ? u->gid : t->gid;

	*uid = tar_id_host(u->ids.uids, u->ids.n_uids, inside_uid);
	*gid = tar_id_host(u->ids.gids, u->ids.n_gids, inside_gid);
	if (*uid == UINT32_MAX || *gid == UINT32_MAX)
		return err_say(k->e, EINVAL, "archive: %s: owner %u:%u is nobody in the container", k->path,
			inside_uid, inside_gid);
	return 0;
}

/* Of a container with a user namespace, they are its root's: kernel revision 3. */
static size_t own_capability(const struct tar_unpack *u, const struct tar_xattr *x, unsigned char out[24])
{
	uint32_t root = tar_id_host(u->ids.uids, u->ids.n_uids, 0);

	if (x->len > 24)
		return 0;
	memcpy(out, x->value, x->len);
	if (u->ids.n_uids == 0 || x->len != 20)
		return x->len;
	out[3] = 3;
	for (int i = 0; i < 4; i++)
		out[20 + i] = (unsigned char)(root >> 8 * i);
	return 24;
}

/* What this file system, or our rights, do not have is left out, as docker does. */
static int set_xattrs(struct unpacking *k, int fd, const struct tar_entry *t)
{
	unsigned char value[24];

	for (size_t i = 0; i < t->n_xattrs; i++) {
		const struct tar_xattr *x = &t->xattrs[i];
		bool caps = strcmp(x->name, CAPABILITY) == 0;
		size_t len = caps ? own_capability(k->u, x, value) : x->len;
		if (fsetxattr(fd, x->name, caps ? (char *)value : x->value, len, 0) < 0 &&
			errno != EOPNOTSUPP && errno != EPERM)
			return fail(k, errno, "set an attribute of");
	}
	return 0;
}

/* In the order that the kernel demands: a change of owner takes mode bits and capabilities away. */
static int set_attributes(struct unpacking *k, int fd, const struct tar_entry *t)
{
	struct timespec times[2] = { { .tv_nsec = UTIME_NOW }, { .tv_sec = (time_t)t->mtime_s } };
	uid_t uid = 0;
	gid_t gid = 0;
	int r = k->u->no_owner ? 0 : owner(k, t, &uid, &gid);

	if (r < 0)
		return r;
	if (!k->u->no_owner && fchown(fd, uid, gid) < 0)
		return fail(k, errno, "set the owner of");
	if (fchmod(fd, t->mode & 07777) < 0)
		return fail(k, errno, "set the mode of");
	if ((r = set_xattrs(k, fd, t)) < 0)
		return r;
	return futimens(fd, times) < 0 ? fail(k, errno, "set the times of") : 0;
}

/* Of what cannot be opened. */
static int set_node_attributes(struct unpacking *k, int dirfd, const char *base, const struct tar_entry *t)
{
	struct timespec times[2] = { { .tv_nsec = UTIME_NOW }, { .tv_sec = (time_t)t->mtime_s } };
	uid_t uid = 0;
	gid_t gid = 0;
	int r = k->u->no_owner ? 0 : owner(k, t, &uid, &gid);

	if (r < 0)
		return r;
	if (!k->u->no_owner && fchownat(dirfd, base, uid, gid, AT_SYMLINK_NOFOLLOW) < 0)
		return fail(k, errno, "set the owner of");
	return utimensat(dirfd, base, times, AT_SYMLINK_NOFOLLOW) < 0 ? fail(k, errno, "set the times of")
								      : 0;
}

/* ---------------------------------------------------------------- entries */

static int unpack_file(struct unpacking *k, int dirfd, const char *base, const struct tar_entry *t)
{
	ssize_t n;
	auto_close int fd = openat(dirfd, base, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);

	if (fd < 0)
		return fail(k, errno, "create");
	while ((n = tar_read(k->r, k->chunk, sizeof(k->chunk), k->e)) > 0) {
		int r = io_write_full(fd, k->chunk, (size_t)n);
		if (r < 0)
			return fail(k, -r, "write");
	}
	return n < 0 ? (int)n : set_attributes(k, fd, t);
}

static int note_time(struct unpacking *k, int64_t mtime_s)
{
	struct later *l = malloc(sizeof(*l));
	char *path = strdup(k->path);

	if (!l || !path) {
		free(l);
		free(path);
		return fail(k, ENOMEM, "create");
	}
	*l = (struct later){ path, mtime_s, k->later };
	k->later = l;
	return 0;
}

static int unpack_dir(struct unpacking *k, int dirfd, const char *base, const struct tar_entry *t)
{
	if (mkdirat(dirfd, base, 0700) < 0 && errno != EEXIST)
		return fail(k, errno, "create directory");
	auto_close int fd = openat(dirfd, base, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0)
		return fail(k, errno, "open directory");
	int r = set_attributes(k, fd, t);
	return r < 0 ? r : note_time(k, t->mtime_s);
}

static int unpack_link(struct unpacking *k, int dirfd, const char *base, const struct tar_entry *t)
{
	char target[PATH_MAX];
	const char *target_base;
	int r = resolve_name(k, t->link, target);

	if (r < 0)
		return r;
	auto_close int target_dir = open_parent(k, target, &target_base);
	if (target_dir < 0)
		return fail(k, -target_dir, "open the target of link");
	return linkat(target_dir, target_base, dirfd, base, 0) < 0 ? fail(k, errno, "create link") : 0;
}

static int unpack_node(struct unpacking *k, int dirfd, const char *base, const struct tar_entry *t)
{
	static const mode_t types[] = {
		[TAR_CHAR - '0'] = S_IFCHR, [TAR_BLOCKDEV - '0'] = S_IFBLK, [TAR_FIFO - '0'] = S_IFIFO
	};
	mode_t mode = types[t->type - '0'] | (t->mode & 0777);

	if (mknodat(dirfd, base, mode, makedev(t->major, t->minor)) < 0)
		return fail(k, errno, "create device");
	return set_node_attributes(k, dirfd, base, t);
}

static int unpack_symlink(struct unpacking *k, int dirfd, const char *base, const struct tar_entry *t)
{
	if (symlinkat(t->link, dirfd, base) < 0)
		return fail(k, errno, "create symlink");
	return set_node_attributes(k, dirfd, base, t);
}

/* Out of the way with what is there, unless it is merged with. */
static int clear_place(struct unpacking *k, int dirfd, const char *base, const struct tar_entry *t)
{
	struct stat st;

	if (fstatat(dirfd, base, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return errno == ENOENT ? 0 : fail(k, errno, "stat");
	bool dir = S_ISDIR(st.st_mode), to_be_dir = t->type == TAR_DIR;
	if (dir && to_be_dir)
		return 0;
	if (k->u->no_overwrite_dir_non_dir && dir)
		return err_say(k->e, EISDIR, "cannot overwrite directory \"%s\" with non-directory \"%s\"",
			k->path, t->name);
	if (k->u->no_overwrite_dir_non_dir && to_be_dir)
		return err_say(k->e, ENOTDIR, "cannot overwrite non-directory \"%s\" with directory \"%s\"",
			k->path, t->name);
	return path_remove_tree(dirfd, base, k->e);
}

static int unpack_entry(struct unpacking *k, const struct tar_entry *t)
{
	static int (*const unpack[])(
		struct unpacking *, int dirfd, const char *base, const struct tar_entry *) = {
		[TAR_FILE - '0'] = unpack_file,
		[TAR_LINK - '0'] = unpack_link,
		[TAR_SYMLINK - '0'] = unpack_symlink,
		[TAR_CHAR - '0'] = unpack_node,
		[TAR_BLOCKDEV - '0'] = unpack_node,
		[TAR_DIR - '0'] = unpack_dir,
		[TAR_FIFO - '0'] = unpack_node,
	};
	const char *base;
	uid_t uid;
	gid_t gid;
	int r = resolve_name(k, t->name, k->path);

	if (r == 0 && !k->u->no_owner)
		r = owner(k, t, &uid, &gid); /* before anything is taken away for it */
	if (r < 0)
		return r;
	auto_close int dirfd = open_parent(k, k->path, &base);
	if (dirfd < 0)
		return fail(k, -dirfd, "open the directory of");
	if (strcmp(base, ".") == 0) /* the directory itself stays as it is, and nothing else can be it */
		return t->type == TAR_DIR ? 0 : fail(k, EISDIR, "create");
	r = clear_place(k, dirfd, base, t);
	return r < 0 ? r : unpack[t->type - '0'](k, dirfd, base, t);
}

/* Best effort: what is gone meanwhile needs no time. */
static void set_times(struct unpacking *k)
{
	for (struct later *l = k->later; l; l = l->next) {
		struct timespec times[2] = { { .tv_nsec = UTIME_NOW }, { .tv_sec = (time_t)l->mtime_s } };
		const char *base;
		auto_close int dirfd = open_parent(k, l->path, &base);
		if (dirfd >= 0)
			(void)utimensat(dirfd, base, times, AT_SYMLINK_NOFOLLOW);
	}
}

int tar_unpack(const struct tar_unpack *u, struct tar_reader *r, struct err *e)
{
	auto_(unpacking) struct unpacking *k = calloc(1, sizeof(*k));
	int x = k ? 0 : err_set(e, ENOMEM, "unpack the archive");

	if (x < 0)
		return x;
	k->u = u;
	k->r = r;
	k->e = e;
	for (;;) {
		auto_(tar_entry) struct tar_entry t = { 0 };
		x = tar_next(r, &t, e);
		if (x == 1)
			x = unpack_entry(k, &t);
		else
			break;
		if (x < 0)
			break;
	}
	set_times(k);
	return x < 0 ? x : tar_drain(r, e);
}

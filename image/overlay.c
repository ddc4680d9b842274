#include "image/overlay.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <sys/wait.h>

#include "base/io.h"
#include "base/own.h"
#include "base/sys.h"

#ifndef OVERLAYFS_SUPER_MAGIC
#define OVERLAYFS_SUPER_MAGIC 0x794c7630
#endif

/* ---- mounts by descriptor */

/* The kernel's sentence about a failed fsconfig, from the context's log: "e overlay: ...". */
static void kernel_words(int fs, char *out, size_t room)
{
	ssize_t n = read(fs, out, room - 1);
	if (n <= 2)
		n = 0;
	out[n] = '\0';
	if (n && out[n - 1] == '\n')
		out[n - 1] = '\0';
	if (n)
		memmove(out, out + 2, strlen(out + 2) + 1);
}

static int fs_error(int fs, int code, const char *what, struct err *e)
{
	char words[256];
	kernel_words(fs, words, sizeof(words));
	return err_set(e, code, "%s%s%s", what, *words ? ": " : "", words);
}

static int set_option(int fs, const char *key, const char *value)
{
	return fsconfig(fs, FSCONFIG_SET_STRING, key, value, 0) < 0 ? -errno : 0;
}

static int set_option_path(int fs, const char *key, int fd)
{
	char path[40];
	(void)snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	return set_option(fs, key, path);
}

static int open_context(const char *type, struct err *e)
{
	int fs = fsopen(type, FSOPEN_CLOEXEC);
	if (fs < 0 && errno == ENODEV)
		return err_say(e, EOPNOTSUPP, "this kernel has no %s filesystem", type);
	return fs < 0 ? err_set(e, errno, "open a %s filesystem", type) : fs;
}

static int finish_context(int fs, const char *type, struct err *e)
{
	char what[64];
	(void)snprintf(what, sizeof(what), "mount %s", type);
	if (fsconfig(fs, FSCONFIG_CMD_CREATE, NULL, NULL, 0) < 0)
		return fs_error(fs, errno, what, e);
	int mnt = fsmount(fs, FSMOUNT_CLOEXEC, 0);
	return mnt < 0 ? fs_error(fs, errno, what, e) : mnt;
}

static int mount_tmpfs(uint64_t bytes, struct err *e)
{
	auto_close int fs = open_context("tmpfs", e);
	if (fs < 0)
		return fs;
	int r = set_option(fs, "mode", "0700");
	if (r == 0 && bytes) {
		char size[24];
		(void)snprintf(size, sizeof(size), "%llu", (unsigned long long)bytes);
		r = set_option(fs, "size", size);
	}
	return r < 0 ? fs_error(fs, -r, "mount tmpfs", e) : finish_context(fs, "tmpfs", e);
}

static int mount_layers(int lower, int middle, int upper, int work, struct err *e)
{
	char lowers[80];

	static const char *const options[][2] = { { "redirect_dir", "nofollow" }, { "metacopy", "off" },
		{ "index", "off" } };
	auto_close int fs = open_context("overlay", e);
	if (fs < 0)
		return fs;
	(void)snprintf(lowers, sizeof(lowers), "/proc/self/fd/%d:/proc/self/fd/%d", middle, lower);
	int r = middle < 0 ? set_option_path(fs, "lowerdir", lower) : set_option(fs, "lowerdir", lowers);
	if (r == 0)
		r = set_option_path(fs, "upperdir", upper);
	if (r == 0)
		r = set_option_path(fs, "workdir", work);
	for (size_t i = 0; r == 0 && i < ARRAY_LEN(options); i++)
		r = set_option(fs, options[i][0], options[i][1]);
	return r < 0 ? fs_error(fs, -r, "mount overlay", e) : finish_context(fs, "overlay", e);
}

static int map_ids(int mnt, int userns_fd, unsigned flags, const char *path, struct err *e)
{
	struct mount_attr attr = { .attr_set = MOUNT_ATTR_IDMAP, .userns_fd = (uint64_t)userns_fd };
	if (mount_setattr(mnt, "", AT_EMPTY_PATH | flags, &attr, sizeof(attr)) == 0)
		return 0;
	/* EINVAL: the filesystem (or one below it) has no id-mapped mounts; EPERM: it is mapped already, or not ours to map. */
	if (errno == EINVAL || errno == EPERM || errno == ENOSYS)
		return err_set(
			e, EOPNOTSUPP, "map the user ids of %s: its filesystem or this kernel cannot", path);
	return err_set(e, errno, "map the user ids of %s", path);
}

/* ---- layers */

struct layers {
	int lower;  /* the directory, or a detached mount of it with its ids mapped */
	int middle; /* -1 none */
	int tmpfs;  /* a detached mount, -1 none */
	int upper, work;
	bool lower_is_mount;
};

static void layers_done(struct layers *l)
{
	own_close(&l->lower);
	own_close(&l->middle);
	own_close(&l->tmpfs);
	own_close(&l->upper);
	own_close(&l->work);
}
OWN_DEFINE(layers, struct layers, layers_done)

static int open_lower(const struct overlay_args *a, struct layers *l, struct err *e)
{
	if (a->middle && (l->middle = open(a->middle, O_PATH | O_DIRECTORY | O_CLOEXEC)) < 0)
		return err_set(e, errno, "open layer %s", a->middle);
	if (a->userns_fd < 0) {
		l->lower = open(a->lower, O_PATH | O_DIRECTORY | O_CLOEXEC);
		return l->lower < 0 ? err_set(e, errno, "open root filesystem %s", a->lower) : 0;
	}
	/* Overlay sees no mounts below a layer's top, so none is cloned. */
	l->lower = open_tree(AT_FDCWD, a->lower, OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC);
	if (l->lower < 0)
		return err_set(e, errno, "open root filesystem %s", a->lower);
	l->lower_is_mount = true;
	return map_ids(l->lower, a->userns_fd, 0, a->lower, e);
}

static int check_upper_fd(int fd, const char *path, struct err *e)
{
	struct statfs fs;
	if (fstatfs(fd, &fs) < 0)
		return err_set(e, errno, "stat %s", path);
	const char *type = fs.f_type == RAMFS_MAGIC  ? "ramfs"
		: fs.f_type == OVERLAYFS_SUPER_MAGIC ? "overlay"
						     : NULL;
	if (!type)
		return 0;
	return err_say(e, EINVAL,
		"writable layer %s: it is on %s, which cannot hold one: put the data root on a disk, or ask for a layer in "
		"memory (x-berth.upper: tmpfs)",
		path, type);
}

int overlay_check_upper(const char *dir, struct err *e)
{
	auto_close int fd = open(dir, O_PATH | O_DIRECTORY | O_CLOEXEC);
	return fd < 0 ? err_set(e, errno, "open writable layer %s", dir) : check_upper_fd(fd, dir, e);
}

/* Give a new upper the owner and mode that the lower's top has, ids as mapped. */
static int copy_top(int lower, int upper, struct err *e)
{
	struct stat st;
	if (fstat(lower, &st) < 0 || fchown(upper, st.st_uid, st.st_gid) < 0 ||
		fchmod(upper, st.st_mode & 07777) < 0)
		return err_set(e, errno, "set the owner and mode of the writable layer");
	return 0;
}

/* Opens (and makes, when it is missing) one directory; like is whose owner and mode a new one gets, -1: none. */
static int open_layer(int dirfd, const char *path, int like, struct err *e)
{
	bool made = mkdirat(dirfd, path, 0700) == 0;
	if (!made && errno != EEXIST)
		return err_set(e, errno, "make %s", path);
	auto_close int fd = openat(dirfd, path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0)
		return err_set(e, errno, "open writable layer %s", path);
	int r = made && like >= 0 ? copy_top(like, fd, e) : 0;
	return r < 0 ? r : take_fd(&fd);
}

static int open_upper(const struct overlay_args *a, struct layers *l, struct err *e)
{
	int dirfd = AT_FDCWD;
	const char *upper = a->upper_dir, *work = a->work_dir;
	if (!upper) {
		l->tmpfs = mount_tmpfs(a->tmpfs_bytes, e);
		if (l->tmpfs < 0)
			return l->tmpfs;
		dirfd = l->tmpfs;
		upper = "upper";
		work = "work";
	}
	l->upper = open_layer(dirfd, upper, l->middle >= 0 ? l->middle : l->lower, e);
	if (l->upper < 0)
		return l->upper;
	int r = check_upper_fd(l->upper, upper, e);
	if (r < 0)
		return r;
	l->work = open_layer(dirfd, work, -1, e);
	return l->work < 0 ? l->work : 0;
}

/* ---- Linux < 6.15 refuses detached mounts as layers */

static int reopen(int *fd, const char *path, struct err *e)
{
	int fresh = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (fresh < 0)
		return err_set(e, errno, "open %s", path);
	own_close(fd);
	*fd = fresh;
	return 0;
}

/* In a mount namespace of the child's own, attached on top of the lower, where nobody else sees them; overlay keeps private
 * copies, and these end with the child. Plain directories are opened anew: a layer must be of this namespace. */
static int mount_attached(const struct overlay_args *a, struct layers *l, struct err *e)
{
	if (unshare(CLONE_NEWNS) < 0 || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0)
		return err_set(e, errno, "make a mount namespace");
	int r = 0;
	if (!l->lower_is_mount)
		r = reopen(&l->lower, a->lower, e);
	if (r == 0 && l->middle >= 0)
		r = reopen(&l->middle, a->middle, e);
	if (r == 0 && l->tmpfs < 0)
		r = reopen(&l->upper, a->upper_dir, e);
	if (r == 0 && l->tmpfs < 0)
		r = reopen(&l->work, a->work_dir, e);
	int trees[] = { l->lower_is_mount ? l->lower : -1, l->tmpfs };
	for (size_t i = 0; r == 0 && i < ARRAY_LEN(trees); i++)
		if (trees[i] >= 0 &&
			move_mount(trees[i], "", AT_FDCWD, a->lower, MOVE_MOUNT_F_EMPTY_PATH) < 0)
			r = err_set(e, errno, "attach a layer");
	return r < 0 ? r : mount_layers(l->lower, l->middle, l->upper, l->work, e);
}

static void child_main(const struct overlay_args *a, struct layers *l, int sock)
{
	struct err e = { 0 };
	int fd = mount_attached(a, l, &e);
	(void)io_send(sock, &e, sizeof(e), &fd, fd >= 0); /* a parent that gets nothing says so */
	_exit(0);
}

static int mount_in_child(const struct overlay_args *a, struct layers *l, struct err *e)
{
	int pair[2];
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
		return err_set(e, errno, "mount overlay");
	auto_close int ours = pair[0];
	auto_close int theirs = pair[1];
	struct clone_args args = { .exit_signal =
					   0 }; /* waited for here, and no business of a SIGCHLD handler */
	pid_t pid = sys_clone3(&args);
	if (pid == 0)
		child_main(a, l, theirs);
	own_close(&theirs);
	if (pid < 0)
		return err_set(e, errno, "mount overlay: fork");
	struct err said = { 0 };
	int fd = -1;
	size_t n = 1;
	ssize_t len;
	do
		len = io_recv(ours, &said, sizeof(said), &fd, &n, 0);
	while (len == -EINTR);
	while (waitpid(pid, NULL, __WALL) < 0 && errno == EINTR)
		;
	if (len == (ssize_t)sizeof(said) && n == 1)
		return fd;
	said.text[sizeof(said.text) - 1] = '\0';
	if (len == (ssize_t)sizeof(said) && said.code > 0)
		return err_say(e, said.code, "%s", said.text);
	return err_set(e, EPROTO, "mount overlay: the helper ended without a word");
}

/* ---- what others call */

int overlay_mount(const struct overlay_args *a, struct err *e)
{
	auto_(layers) struct layers l = { -1, -1, -1, -1, -1, false };
	int r = open_lower(a, &l, e);
	if (r == 0)
		r = open_upper(a, &l, e);
	if (r < 0)
		return r;
	r = mount_layers(l.lower, l.middle, l.upper, l.work, e);
	if (r == -EINVAL && (l.lower_is_mount || l.tmpfs >= 0))
		r = mount_in_child(a, &l, e);
	return r < 0 ? err_wrap(e, r, "root above %s", a->lower) : r;
}

int overlay_mount_shared(const char *path, bool read_only, int userns_fd, struct err *e)
{
	auto_close int mnt = open_tree(AT_FDCWD, path, OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_RECURSIVE);
	if (mnt < 0)
		return err_set(e, errno, "open root filesystem %s", path);
	/* Private, or what a container mounts in it would appear on the host. */
	struct mount_attr attr = { .attr_set = read_only ? MOUNT_ATTR_RDONLY : 0, .propagation = MS_PRIVATE };
	if (mount_setattr(mnt, "", AT_EMPTY_PATH | AT_RECURSIVE, &attr, sizeof(attr)) < 0)
		return err_set(e, errno, "set mount attributes of %s", path);
	int r = userns_fd >= 0 ? map_ids(mnt, userns_fd, AT_RECURSIVE, path, e) : 0;
	return r < 0 ? r : take_fd(&mnt);
}

/*
 * init_mount - the container's tree: its root, its mounts, what is hidden in it, and the way in.
 *
 * No path is ever handed to a mounting call: every target is first opened below the root's own descriptor (openat2 with
 * RESOLVE_IN_ROOT), made there component by component when it is missing, and mounted upon by descriptor. So a symlink in
 * the image, or one that another container swaps in at any moment, leads nowhere but into the root (CVE-2015-1335,
 * CVE-2019-18837, CVE-2021-30465, CVE-2024-45310).
 */
#include "runtime/stage/init.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/sysmacros.h>

#include "base/own.h"
#include "base/path.h"
#include "base/sys.h"

static const struct init_job *job_of(const struct stage_ctx *c)
{
	return ((const struct init *)c->priv)->job;
}

uint64_t init_mount_attr(unsigned long flags)
{
	uint64_t attr = 0;
	static const struct {
		unsigned long ms;
		uint64_t attr;
	} map[] = {
		{ MS_RDONLY, MOUNT_ATTR_RDONLY },
		{ MS_NOSUID, MOUNT_ATTR_NOSUID },
		{ MS_NODEV, MOUNT_ATTR_NODEV },
		{ MS_NOEXEC, MOUNT_ATTR_NOEXEC },
		{ MS_NOATIME, MOUNT_ATTR_NOATIME },
		{ MS_STRICTATIME, MOUNT_ATTR_STRICTATIME },
		{ MS_NODIRATIME, MOUNT_ATTR_NODIRATIME },
#ifdef MS_NOSYMFOLLOW
		{ MS_NOSYMFOLLOW, MOUNT_ATTR_NOSYMFOLLOW },
#endif
	};
	for (size_t i = 0; i < ARRAY_LEN(map); i++)
		if (flags & map[i].ms)
			attr |= map[i].attr;
	if ((attr & MOUNT_ATTR_NOATIME) && (attr & MOUNT_ATTR_STRICTATIME))
		attr &= ~(uint64_t)MOUNT_ATTR_STRICTATIME; /* one field of the kernel's, not two bits */
	return attr;
}

int init_move_mount(int tree_fd, int target_fd)
{
	return move_mount(tree_fd, "", target_fd, "", MOVE_MOUNT_F_EMPTY_PATH | MOVE_MOUNT_T_EMPTY_PATH) < 0
		? -errno
		: 0;
}

/* Is path dir or below it? Lexically, duplicate slashes aside. */
static bool is_below(const char *path, const char *dir)
{
	while (*dir) {
		if (*path != *dir)
			return false;
		path++, dir++;
		if (path[-1] == '/')
			path += strspn(path, "/");
	}
	return *path == '\0' || *path == '/';
}

static bool is_same(const char *path, const char *dir)
{
	return is_below(path, dir) && path[strlen(path) - 1] != '/' &&
		strcmp(path + strlen(path) - strlen(dir), dir) == 0;
}

int init_open_target(struct stage_ctx *c, const char *path, bool directory, bool ordinary)
{
	uint64_t resolve = RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS | (ordinary ? RESOLVE_NO_SYMLINKS : 0);
	int fd = -1;

	for (int tries = 0; tries < 64; tries++) {
		fd = sys_openat2(job_of(c)->root_fd, path, O_PATH, 0, resolve);
		if (fd >= 0 || (errno != EAGAIN && errno != EINTR))
			break;
	}
	if (fd < 0 && errno == ELOOP && ordinary)
		return stage_say(c, ELOOP, "must be a directory, not a symbolic link:", path);
	if (fd < 0 && errno != ENOENT)
		return stage_say(c, errno, "open", path);
	if (fd < 0) {
		fd = directory ? path_mkdirs_in_root(job_of(c)->root_fd, path, 0755, NULL)
			       : path_mkfile_in_root(job_of(c)->root_fd, path, 0644, NULL);
		if (fd < 0)
			return stage_say(c, -fd, directory ? "make directory" : "make file", path);
	}
	return fd;
}

/* Something in /proc that looks like proc and is not lets a process escape its confinement, or believe that it has one
 * (CVE-2019-16884, CVE-2019-19921): only what lxcfs and the like provide may be mounted there. */
static int refuse_in_proc(struct stage_ctx *c, const char *path, int target_fd)
{
	static const char *const allowed[] = { "/proc/cpuinfo", "/proc/diskstats", "/proc/meminfo",
		"/proc/stat", "/proc/swaps", "/proc/uptime", "/proc/loadavg", "/proc/slabinfo",
		"/proc/sys/kernel/ns_last_pid", "/proc/sys/crypto/fips_enabled" };
	struct statfs fs;

	for (size_t i = 0; i < ARRAY_LEN(allowed); i++)
		if (strcmp(path, allowed[i]) == 0)
			return 0;
	if (fstatfs(target_fd, &fs) < 0)
		return stage_say(c, errno, "inspect", path);
	/* The words say lexically below; the file system says wherever a symlink of the image has led us. */
	if (fs.f_type == PROC_SUPER_MAGIC || (is_below(path, "/proc") && !is_same(path, "/proc")))
		return stage_tell(
			c, EPERM, 128, "mount ", path, ": nothing may be mounted inside /proc", NULL);
	return 0;
}

/* One "key[=value]" of mount data to a file system context. */
static int set_option(int fs_fd, char *option)
{
	char *value = strchr(option, '=');
	if (!value)
		return fsconfig(fs_fd, FSCONFIG_SET_FLAG, option, NULL, 0);
	*value++ = '\0';
	return fsconfig(fs_fd, FSCONFIG_SET_STRING, option, value, 0);
}

static int open_fs(struct stage_ctx *c, const char *type)
{
	struct init *init = c->priv;
	return init->used_proc < init->n_proc && strcmp(type, "proc") == 0 ? init->proc_fds[init->used_proc++]
									   : fsopen(type, FSOPEN_CLOEXEC);
}

int init_new_fs(struct stage_ctx *c, const char *type, const char *source, const char *data, uint64_t attr)
{
	char option[256];
	auto_close int fs = open_fs(c, type);
	if (fs < 0)
		return stage_say(c, errno, "open file system", type);
	if (source && fsconfig(fs, FSCONFIG_SET_STRING, "source", source, 0) < 0)
		return stage_say(c, errno, "set the source of", type);
	for (const char *p = data; p && *p;) {
		size_t len = strcspn(p, ",");
		if (len >= sizeof(option))
			return stage_say(c, ENAMETOOLONG, "set options of", type);
		memcpy(option, p, len);
		option[len] = '\0';
		if (len && set_option(fs, option) < 0)
			return stage_say(c, errno, "set mount option", option);
		p += len + (p[len] == ',');
	}
	if (fsconfig(fs, FSCONFIG_CMD_CREATE, NULL, NULL, 0) < 0)
		return stage_say(c, errno, "make file system", type);
	int fd = fsmount(fs, FSMOUNT_CLOEXEC, (unsigned)attr);
	if (fd < 0)
		return stage_say(c, errno, "make mount of", type);
	return fd;
}

/* Options of the whole file system rather than of a mount, by name. */
static int sb_options(const struct spec_mount *m, char *out, size_t room)
{
	static const struct {
		unsigned long ms;
		const char *word;
	} words[] = { { MS_SYNCHRONOUS, "sync" }, { MS_DIRSYNC, "dirsync" }, { MS_LAZYTIME, "lazytime" } };
	size_t len = m->data ? strlen(m->data) : 0;

	if (len >= room)
		return -ENAMETOOLONG;
	if (len)
		memcpy(out, m->data, len);
	for (size_t i = 0; i < ARRAY_LEN(words); i++) {
		size_t n = strlen(words[i].word);
		if (!(m->flags & words[i].ms))
			continue;
		if (len + n + 2 > room)
			return -ENAMETOOLONG;
		if (len)
			out[len++] = ',';
		memcpy(out + len, words[i].word, n);
		len += n;
	}
	out[len] = '\0';
	return 0;
}

static bool is_type(const struct spec_mount *m, const char *type)
{
	return m->type && strcmp(m->type, type) == 0;
}

/* /proc, /sys and /dev have to be where everybody looks for them. */
static bool must_be_ordinary(const struct spec_mount *m)
{
	return is_type(m, "proc") || is_type(m, "sysfs") || is_same(m->destination, "/proc") ||
		is_same(m->destination, "/sys") || is_same(m->destination, "/dev");
}

static int check_proc_bind(struct stage_ctx *c, const struct spec_mount *m, int tree_fd)
{
	struct statfs fs;
	if (!is_same(m->destination, "/proc") || is_type(m, "proc"))
		return 0;
	if (tree_fd < 0 || fstatfs(tree_fd, &fs) < 0 || fs.f_type != PROC_SUPER_MAGIC)
		return stage_tell(
			c, EPERM, 128, "mount /proc: only a proc file system may be mounted there", NULL);
	return 0;
}

static int attach_new(struct stage_ctx *c, const struct spec_mount *m, int target)
{
	char data[1024];
	uint64_t attr = init_mount_attr(m->flags);
	bool dev = is_same(m->destination, "/dev") && is_type(m, "tmpfs");

	if (sb_options(m, data, sizeof(data)) < 0)
		return stage_say(c, ENAMETOOLONG, "options of", m->destination);
	if (dev)
		attr &= ~(uint64_t)
				MOUNT_ATTR_RDONLY; /* it is still to be filled; init_root_flags() closes it */
	auto_close int tree = init_new_fs(c, m->type, m->source, data, attr);
	if (tree < 0)
		return tree;
	int r = init_move_mount(tree, target);
	return r < 0 ? stage_say(c, -r, "attach", m->destination) : 0;
}

static int attach_mount(struct stage_ctx *c, size_t i)
{
	const struct spec_mount *m = &job_of(c)->spec->mounts[i];
	int tree = job_of(c)->mount_fds[i];
	struct stat st;
	bool directory = true;

	if (m->destination[strspn(m->destination, "/")] == '\0')
		return stage_tell(
			c, EINVAL, 128, "mount /: the root itself cannot be a mount's destination", NULL);
	if (tree >= 0) {
		if (fstat(tree, &st) < 0)
			return stage_say(c, errno, "inspect the source of", m->destination);
		directory = S_ISDIR(st.st_mode);
	}
	int r = check_proc_bind(c, m, tree);
	if (r < 0)
		return r;
	auto_close int target = init_open_target(c, m->destination, directory, must_be_ordinary(m));
	if (target < 0)
		return target;
	r = refuse_in_proc(c, m->destination, target);
	if (r < 0)
		return r;
	if (tree >= 0)
		r = init_move_mount(tree, target);
	else if (is_type(m, "cgroup") || is_type(m, "cgroup2"))
		return init_mount_cgroup(c, m, target);
	else
		return attach_new(c, m, target);
	if (r < 0)
		return stage_say(c, -r, "attach", m->destination);
	(void)close(tree);
	return 0;
}

int init_mounts(struct stage_ctx *c)
{
	struct init *init = c->priv;
	const struct spec *spec = job_of(c)->spec;

	for (size_t i = 0; i < spec->n_mounts; i++) {
		int r = attach_mount(c, i);
		if (r < 0)
			return r;
		if (!is_same(spec->mounts[i].destination, "/dev"))
			continue;
		/* A bound /dev is somebody's own affair. */
		r = job_of(c)->mount_fds[i] >= 0 && !spec->mounts[i].copy_up ? 0 : init_populate_dev(c);
		if (r < 0)
			return r;
		init->dev_done = true;
	}
	return init->dev_done ? 0 : init_populate_dev(c);
}

int init_attach_root(struct stage_ctx *c)
{
	/* Still in the launcher's small tree, all of it ours. */
	if (move_mount(job_of(c)->root_fd, "", AT_FDCWD, INIT_ROOT, MOVE_MOUNT_F_EMPTY_PATH) < 0)
		return stage_say(c, errno, "attach the root", NULL);
	return 0;
}

static int hide_path(struct stage_ctx *c, const char *path)
{
	struct stat st;
	auto_close int target = path_open_in_root(job_of(c)->root_fd, path, O_PATH, 0);
	/* Only what does not exist needs no mask; any other error must not leave it open. */
	if (target == -ENOENT)
		return 0;
	if (target < 0)
		return stage_say(c, -target, "open", path);
	if (fstat(target, &st) < 0)
		return stage_say(c, errno, "inspect", path);
	bool directory = S_ISDIR(st.st_mode);
	/* Never the container's own /dev/null, which the image or a neighbour may have replaced (CVE-2025-31133): both
	 * come from the launcher's tree, whose mount is read-only, so that nobody can change the mode of what all share. */
	auto_close int tree =
		open_tree(AT_FDCWD, directory ? INIT_EMPTY : INIT_NULL, OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC);
	if (tree < 0)
		return stage_say(c, errno, "copy the mask for", path);
	if (!directory && (fstat(tree, &st) < 0 || !S_ISCHR(st.st_mode) || st.st_rdev != makedev(1, 3)))
		return stage_say(c, ENODEV, "copy the null device for", path);
	int r = init_move_mount(tree, target);
	return r < 0 ? stage_say(c, -r, "mask", path) : 0;
}

static int protect_path(struct stage_ctx *c, const char *path)
{
	struct mount_attr attr = { .attr_set = MOUNT_ATTR_RDONLY };
	auto_close int target = path_open_in_root(job_of(c)->root_fd, path, O_PATH, 0);
	if (target == -ENOENT)
		return 0;
	if (target < 0)
		return stage_say(c, -target, "open", path);
	auto_close int tree =
		open_tree(target, "", OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_EMPTY_PATH | AT_RECURSIVE);
	if (tree < 0)
		return stage_say(c, errno, "copy", path);
	if (mount_setattr(tree, "", AT_EMPTY_PATH | AT_RECURSIVE, &attr, sizeof(attr)) < 0)
		return stage_say(c, errno, "make read-only", path);
	int r = init_move_mount(tree, target);
	return r < 0 ? stage_say(c, -r, "make read-only", path) : 0;
}

int init_hide_paths(struct stage_ctx *c)
{
	const struct spec *spec = job_of(c)->spec;
	for (char **p = spec->readonly_paths; p && *p; p++) {
		int r = protect_path(c, *p);
		if (r < 0)
			return r;
	}
	for (char **p = spec->masked_paths; p && *p; p++) {
		int r = hide_path(c, *p);
		if (r < 0)
			return r;
	}
	return 0;
}

int init_pivot(struct stage_ctx *c)
{
	/* New root on top of the old one, then the old one lazily away: no directory for it is needed, and no path. */
	if (fchdir(job_of(c)->root_fd) < 0)
		return stage_say(c, errno, "enter the root", NULL);
	if (syscall(SYS_pivot_root, ".", ".") < 0)
		return stage_say(c, errno, "pivot_root", NULL);
	if (umount2(".", MNT_DETACH) < 0)
		return stage_say(c, errno, "detach the old root", NULL);
	if (chdir("/") < 0)
		return stage_say(c, errno, "chdir /", NULL);
	return 0;
}

static int close_dev(struct stage_ctx *c, const struct spec_mount *m)
{
	struct mount_attr attr = { .attr_set = MOUNT_ATTR_RDONLY };
	auto_close int dev = init_open_target(c, m->destination, true, true);
	if (dev < 0)
		return dev;
	if (mount_setattr(dev, "", AT_EMPTY_PATH, &attr, sizeof(attr)) < 0)
		return stage_say(c, errno, "make read-only", m->destination);
	return 0;
}

/* A missing one is made, as docker does, and before the root may be read-only. Why there is still none is told by the step
 * that enters it, which also is the judge of where it leads. */
static void make_cwd(struct stage_ctx *c)
{
	const char *cwd = plan_string(c->plan, c->plan->cwd_off);
	auto_close int fd = sys_openat2(c->root_fd, cwd, O_PATH, 0, RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS);
	if (fd < 0 && errno == ENOENT)
		fd = path_mkdirs_in_root(c->root_fd, cwd, 0755, NULL);
}

int init_root_flags(struct stage_ctx *c)
{

	const struct spec *spec = job_of(c)->spec;
	struct mount_attr attr = { .attr_set = spec->root_readonly ? MOUNT_ATTR_RDONLY : 0 };
	unsigned long propagation = spec->rootfs_propagation;

	make_cwd(c);
	for (size_t i = 0; i < spec->n_mounts; i++) {
		const struct spec_mount *m = &spec->mounts[i];
		if ((m->flags & MS_RDONLY) && is_same(m->destination, "/dev") && is_type(m, "tmpfs")) {
			int r = close_dev(c, m);
			if (r < 0)
				return r;
		}
	}
	if (attr.attr_set && mount_setattr(job_of(c)->root_fd, "", AT_EMPTY_PATH, &attr, sizeof(attr)) < 0)
		return stage_say(c, errno, "make the root read-only", NULL);
	/* Private and slave were set by the launcher, while nobody could see the tree. These have to wait: pivot_root
	 * refuses to work below shared mounts. */
	attr = (struct mount_attr){ .propagation = propagation & (MS_SHARED | MS_UNBINDABLE) };
	unsigned recursive = propagation & MS_REC ? AT_RECURSIVE : 0;
	if (attr.propagation &&
		mount_setattr(job_of(c)->root_fd, "", AT_EMPTY_PATH | recursive, &attr, sizeof(attr)) < 0)
		return stage_say(c, errno, "set the root's propagation", NULL);
	return 0;
}

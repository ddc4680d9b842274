#include "runtime/mount.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include "base/own.h"
#include "base/path.h"
#include "base/sys.h"
#include "runtime/stage/init.h"

#define PROPAGATION (MS_PRIVATE | MS_SLAVE | MS_SHARED | MS_UNBINDABLE)

int mount_settle_root(int root_fd, unsigned long propagation, struct err *e)
{
	struct mount_attr attr = { .propagation = propagation & MS_SLAVE ? MS_SLAVE : MS_PRIVATE };
	if (mount_setattr(root_fd, "", AT_EMPTY_PATH | AT_RECURSIVE, &attr, sizeof(attr)) < 0)
		return err_set(e, errno, "set the root's propagation");
	return 0;
}

int mount_open_root(const char *path, unsigned long propagation, struct err *e)
{
	auto_close int fd = open_tree(AT_FDCWD, path, OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_RECURSIVE);
	if (fd < 0)
		return err_set(e, errno, "open root %s", path);
	struct stat st;
	if (fstat(fd, &st) < 0 || !S_ISDIR(st.st_mode))
		return err_set(e, ENOTDIR, "open root %s", path);
	int r = mount_settle_root(fd, propagation, e);
	return r < 0 ? r : take_fd(&fd);
}

bool mount_is_prepared(const struct spec_mount *m)
{
	return (m->flags & MS_BIND) || m->copy_up;
}

static int set_attributes(int tree, const struct spec_mount *m, struct err *e)
{
	struct mount_attr attr = { .attr_set = init_mount_attr(m->flags),
		.attr_clr = init_mount_attr(m->clear) };
	unsigned long propagation = m->propagation & PROPAGATION;
	bool all = m->propagation == 0 || (m->propagation & MS_REC);

	attr.attr_clr &= ~attr.attr_set;
	/* The access time mode is one field: to set it, all of it must be cleared. */
	if ((attr.attr_set | attr.attr_clr) & MOUNT_ATTR__ATIME)
		attr.attr_clr |= MOUNT_ATTR__ATIME;
	if ((attr.attr_set || attr.attr_clr) &&
		mount_setattr(tree, "", AT_EMPTY_PATH, &attr, sizeof(attr)) < 0)
		return err_set(e, errno, "set options of %s", m->destination);
	if (m->recursive_ro) {
		attr = (struct mount_attr){ .attr_set = MOUNT_ATTR_RDONLY };
		if (mount_setattr(tree, "", AT_EMPTY_PATH | AT_RECURSIVE, &attr, sizeof(attr)) < 0)
			return err_set(e, errno, "make %s read-only with all below", m->destination);
	}
	attr = (struct mount_attr){ .propagation = propagation ? propagation : MS_PRIVATE };
	if (mount_setattr(tree, "", AT_EMPTY_PATH | (all ? AT_RECURSIVE : 0), &attr, sizeof(attr)) < 0)
		return err_set(e, errno, "set propagation of %s", m->destination);
	return 0;
}

/* By descriptor from the source on: a container that has it mounted too may be swapping its parts for links (CVE-2017-1002101,
 * CVE-2021-25741). -1 and errno. */
static int open_subpath(const struct spec_mount *m, unsigned flags)
{
	auto_close int root = open(m->source, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (root < 0)
		return -1;
	auto_close int part = sys_openat2(
		root, m->subpath, O_PATH, 0, RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS);
	return part < 0 ? -1 : open_tree(part, "", flags | AT_EMPTY_PATH);
}

static int prepare_bind(const struct spec_mount *m, struct err *e)
{
	unsigned recursive = m->flags & MS_REC ? AT_RECURSIVE : 0;
	if (!m->source)
		return err_say(e, EINVAL, "mount %s: a bind mount needs a source", m->destination);
	auto_close int tree = m->subpath
		? open_subpath(m, OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | recursive)
		: open_tree(AT_FDCWD, m->source, OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | recursive);
	if (tree < 0)
		return err_set(e, errno, "mount %s: open source %s%s%s", m->destination, m->source,
			m->subpath ? "/" : "", m->subpath ? m->subpath : "");
	int r = set_attributes(tree, m, e);
	return r < 0 ? r : take_fd(&tree);
}

static int new_tmpfs(const struct spec_mount *m, struct err *e)
{
	char option[256];
	auto_close int fs = fsopen("tmpfs", FSOPEN_CLOEXEC);
	if (fs < 0)
		return err_set(e, errno, "mount %s: open file system tmpfs", m->destination);
	if (fsconfig(fs, FSCONFIG_SET_STRING, "source", m->source ? m->source : "tmpfs", 0) < 0)
		return err_set(e, errno, "mount %s: set source", m->destination);
	for (const char *p = m->data; p && *p;) {
		size_t len = strcspn(p, ",");
		if (len >= sizeof(option))
			return err_set(e, ENAMETOOLONG, "mount %s: options", m->destination);
		memcpy(option, p, len);
		option[len] = '\0';
		char *value = strchr(option, '=');
		if (value)
			*value++ = '\0';
		if (len &&
			fsconfig(fs, value ? FSCONFIG_SET_STRING : FSCONFIG_SET_FLAG, option, value, 0) < 0)
			return err_set(e, errno, "mount %s: option %s", m->destination, option);
		p += len + (p[len] == ',');
	}
	if (fsconfig(fs, FSCONFIG_CMD_CREATE, NULL, NULL, 0) < 0)
		return err_set(e, errno, "mount %s: make tmpfs", m->destination);
	int fd = fsmount(
		fs, FSMOUNT_CLOEXEC, (unsigned)(init_mount_attr(m->flags) & ~(uint64_t)MOUNT_ATTR_RDONLY));
	return fd >= 0 ? fd : err_set(e, errno, "mount %s: make mount of tmpfs", m->destination);
}

static int prepare_copy_up(const struct spec_mount *m, int root_fd, struct err *e)
{
	struct stat st;
	auto_close int tree = new_tmpfs(m, e);
	if (tree < 0)
		return tree;
	auto_close int from = path_open_in_root(root_fd, m->destination, O_RDONLY | O_DIRECTORY, 0);
	if (from < 0 && from != -ENOENT)
		return err_set(e, -from, "mount %s: open what to copy up", m->destination);
	if (from >= 0) {
		auto_close int to = openat(tree, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		if (to < 0)
			return err_set(e, errno, "mount %s: open tmpfs", m->destination);
		int r = mount_copy_tree(from, to, e);
		if (r < 0)
			return err_wrap(e, r, "mount %s: copy up", m->destination);
		/* The directory's own owner; its mode too, unless the options name one. */
		if (fstat(from, &st) < 0 || fchown(to, st.st_uid, st.st_gid) < 0 ||
			(!(m->data && strstr(m->data, "mode=")) && fchmod(to, st.st_mode & 07777) < 0))
			return err_set(e, errno, "mount %s: copy up the directory's owner", m->destination);
	}
	int r = set_attributes(tree, m, e);
	return r < 0 ? r : take_fd(&tree);
}

int mount_prepare(const struct spec_mount *m, int root_fd, struct err *e)
{
	return m->flags & MS_BIND ? prepare_bind(m, e) : prepare_copy_up(m, root_fd, e);
}

int mount_prepare_cgroup(const struct spec_mount *m, struct err *e)
{
	struct spec_mount bind = *m;
	bind.source = "/sys/fs/cgroup";
	bind.flags |= MS_BIND | MS_REC;
	bind.recursive_ro = (m->flags & MS_RDONLY) != 0;
	return prepare_bind(&bind, e);
}

static int open_node(const char *path, mode_t type, dev_t dev)
{
	struct stat st;
	auto_close int tree =
		open_tree(AT_FDCWD, path, OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_SYMLINK_NOFOLLOW);
	if (tree < 0 || fstat(tree, &st) < 0)
		return -errno;
	if ((st.st_mode & S_IFMT) != type || st.st_rdev != dev)
		return -ENODEV;
	return take_fd(&tree);
}

int mount_prepare_device(const char *name, char type, unsigned major, unsigned minor, struct err *e)
{
	char path[128];
	mode_t mode = type == 'b' ? S_IFBLK : S_IFCHR;
	int fd = open_node(name, mode, makedev(major, minor));

	if (fd >= 0)
		return fd;
	/* Under another name on the host: udev's index by number (links into /dev, one level). */
	(void)snprintf(path, sizeof(path), "/dev/%s/%u:%u", type == 'b' ? "block" : "char", major, minor);
	char target[256], real[PATH_MAX];
	ssize_t len = readlink(path, target, sizeof(target) - 1);
	if (len > 3 && strncmp(target, "../", 3) == 0) {
		target[len] = '\0';
		(void)snprintf(real, sizeof(real), "/dev/%s", target + 3);
		fd = open_node(real, mode, makedev(major, minor));
		if (fd >= 0)
			return fd;
	}
	return err_say(
		e, ENODEV, "device %s: the host has no node of %c %u:%u to bind", name, type, major, minor);
}

/* Lexically below an earlier mount: its place is made in that one, by the init. */
static bool is_covered(const struct spec *spec, size_t i)
{
	const char *path = spec->mounts[i].destination;
	for (size_t k = 0; k < i; k++) {
		const char *over = spec->mounts[k].destination;
		size_t len = strlen(over);
		while (len > 1 && over[len - 1] == '/')
			len--;
		if (strncmp(path, over, len) == 0 && (path[len] == '/' || path[len] == '\0' || len == 1))
			return true;
	}
	return false;
}

void mount_make_points(const struct spec *spec, const int *trees, int root_fd)
{
	for (size_t i = 0; i < spec->n_mounts; i++) {
		struct stat st;
		const char *path = spec->mounts[i].destination;
		if (is_covered(spec, i))
			continue;
		bool file = trees[i] >= 0 && fstat(trees[i], &st) == 0 && !S_ISDIR(st.st_mode);
		auto_close int fd = path_open_in_root(root_fd, path, O_PATH, 0);
		if (fd != -ENOENT)
			continue;
		fd = file ? path_mkfile_in_root(root_fd, path, 0644, NULL)
			  : path_mkdirs_in_root(root_fd, path, 0755, NULL);
	}
}

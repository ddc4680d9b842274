/* archive_enter - the way into the container's mounts. */
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/own.h"
#include "base/path.h"
#include "runtime/archive_int.h"
#include "runtime/stage/init.h"

/* A device of the payload's making is nobody's to open, whatever it is renamed to and when: past this its owner's filter of
 * devices does not reach. mknod(2) goes on. Before Linux 5.12 there is no such call, and no copy. */
static int close_devices(int tree, struct err *e)
{
	struct mount_attr attr = { .attr_set = MOUNT_ATTR_NODEV, .propagation = MS_PRIVATE };

	if (mount_setattr(tree, "", AT_EMPTY_PATH | AT_RECURSIVE, &attr, sizeof(attr)) < 0)
		return err_set(
			e, errno, "archive: keep devices below the container's root from being opened");
	return 0;
}

/* Its namespace is frozen with nobody, and ends with nobody but its processes. */
static int join(const struct archive_args *a, struct err *e)
{
	if (setns(a->init_pidfd, CLONE_NEWNS) < 0)
		return err_set(e, errno, "archive: join the container's mount namespace");
	/* The one mount alone: what is below the others is seen again. Copied before its children are locked to it, as they are in
	 * the copy of another user namespace's. */
	if (a->op == ARCHIVE_EXPORT) {
		int root = open_tree(AT_FDCWD, "/", OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC);
		return root < 0 ? err_set(e, errno, "archive: copy the container's root") : root;
	}
	if (unshare(CLONE_NEWNS) < 0)
		return err_set(e, errno, "archive: copy the container's mount namespace");
	int root = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
	return root < 0 ? err_set(e, errno, "archive: open the container's root") : root;
}

static int join_closed(const struct archive_args *a, struct err *e)
{
	auto_close int root = join(a, e);
	int r = root < 0 ? root : close_devices(root, e);
	return r < 0 ? r : take_fd(&root);
}

/* As docker makes it, in the writable layer: a directory, or an empty file for a file. */
static int open_point(int root, const struct archive_mount *m, struct err *e)
{
	struct stat st;

	if (fstat(m->fd, &st) < 0)
		return err_set(e, errno, "archive: mount %s", m->target);
	if (S_ISDIR(st.st_mode))
		return path_mkdirs_in_root(root, m->target, 0755, e);
	return path_mkfile_in_root(root, m->target, 0644, e);
}

static int mount_all(const struct archive_args *a, struct err *e)
{
	int r = close_devices(a->root_fd, e);

	for (size_t i = 0; r == 0 && i < a->n_mounts; i++)
		r = close_devices(a->mounts[i].fd, e);
	if (r < 0)
		return r;
	if (setns(a->mntns_fd, CLONE_NEWNS) < 0 || unshare(CLONE_NEWNS) < 0)
		return err_set(e, errno, "archive: make a mount namespace");
	if (move_mount(a->root_fd, "", AT_FDCWD, INIT_ROOT, MOVE_MOUNT_F_EMPTY_PATH) < 0)
		return err_set(e, errno, "archive: attach the root");
	auto_close int root = open(INIT_ROOT, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (root < 0)
		return err_set(e, errno, "archive: open the root");
	(void)umask(0022);
	for (size_t i = 0; a->op != ARCHIVE_EXPORT && i < a->n_mounts; i++) {
		auto_close int point = open_point(root, &a->mounts[i], e);
		if (point < 0)
			return point;
		if (move_mount(a->mounts[i].fd, "", point, "",
			    MOVE_MOUNT_F_EMPTY_PATH | MOVE_MOUNT_T_EMPTY_PATH) < 0)
			return err_set(e, errno, "archive: mount %s", a->mounts[i].target);
	}
	return take_fd(&root);
}

int archive_enter(const struct archive_args *a, struct err *e)
{
	auto_close int root = a->init_pidfd >= 0 ? join_closed(a, e) : mount_all(a, e);

	if (root < 0)
		return root;
	if (fchdir(root) < 0 || chroot(".") < 0)
		return err_set(e, errno, "archive: enter the root");
	if (a->init_pidfd >= 0)
		(void)close(a->init_pidfd);
	if (a->mntns_fd >= 0)
		(void)close(a->mntns_fd);
	if (a->root_fd >= 0)
		(void)close(a->root_fd);
	for (size_t i = 0; i < a->n_mounts; i++)
		(void)close(a->mounts[i].fd);
	return take_fd(&root);
}

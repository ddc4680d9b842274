/*
 * init_dev - what is in /dev: nodes, links, the further devices of the spec, the console.
 *
 * /dev is opened once, no symlink on the way (CVE-2026-41579), and everything is made by name below that descriptor.
 * Without the right to make nodes (user namespaces) the host's own, opened by the launcher, are bound upon empty files.
 */
#include "runtime/stage/init.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/limits.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include "base/own.h"
#include "base/path.h"
#include "base/sys.h"

const struct init_device init_devices[INIT_DEVICE_COUNT] = {
	{ "null", 1, 3 },
	{ "zero", 1, 5 },
	{ "full", 1, 7 },
	{ "random", 1, 8 },
	{ "urandom", 1, 9 },
	{ "tty", 5, 0 },
};

static const struct {
	const char *name, *target;
} links[] = {
	{ "fd", "/proc/self/fd" },
	{ "stdin", "/proc/self/fd/0" },
	{ "stdout", "/proc/self/fd/1" },
	{ "stderr", "/proc/self/fd/2" },
	{ "core", "/proc/kcore" },
	{ "ptmx", "pts/ptmx" },
};

static const struct init_job *job_of(const struct stage_ctx *c)
{
	return ((const struct init *)c->priv)->job;
}

/* An image may bring its own nodes where no /dev is mounted; they must be what they are called. */
static int make_node(struct stage_ctx *c, int dir, const char *name, mode_t mode, dev_t dev)
{
	struct stat st;
	if (mknodat(dir, name, mode, dev) == 0)
		return 0;
	if (errno != EEXIST)
		return stage_say(c, errno, "make device", name);
	if (fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return stage_say(c, errno, "inspect device", name);
	if ((st.st_mode & S_IFMT) != (mode & S_IFMT) || (!S_ISFIFO(mode) && st.st_rdev != dev))
		return stage_say(c, EEXIST, "something else has the name of device", name);
	return 0;
}

static int bind_node(struct stage_ctx *c, int dir, const char *name, int tree)
{
	auto_close int made = openat(dir, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0644);
	if (made < 0 && errno != EEXIST)
		return stage_say(c, errno, "make a place for device", name);
	auto_close int target = openat(dir, name, O_PATH | O_NOFOLLOW | O_CLOEXEC);
	struct stat st;
	if (target < 0 || fstat(target, &st) < 0)
		return stage_say(c, errno, "open the place for device", name);
	/* Made by the image, it may be any kind of file; upon a symbolic link or a directory nothing is mounted. */
	if (!S_ISREG(st.st_mode) && !S_ISCHR(st.st_mode) && !S_ISBLK(st.st_mode))
		return stage_say(c, EEXIST, "something else has the name of device", name);
	int r = init_move_mount(tree, target);
	if (r < 0)
		return stage_say(c, -r, "attach device", name);
	(void)close(tree);
	return 0;
}

static int make_link(struct stage_ctx *c, int dir, const char *name, const char *target)
{
	struct stat st;
	if (symlinkat(target, dir, name) == 0)
		return 0;
	if (errno != EEXIST)
		return stage_say(c, errno, "make link", name);
	/* What is there already and is no node does no harm: it was reached by nobody's symlink. A foreign ptmx would. */
	if (strcmp(name, "ptmx") != 0)
		return 0;
	if (fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) == 0 && S_ISLNK(st.st_mode))
		return 0;
	if (unlinkat(dir, name, 0) < 0 || symlinkat(target, dir, name) < 0)
		return stage_say(c, errno, "make link", name);
	return 0;
}

int init_populate_dev(struct stage_ctx *c)
{
	const struct init_job *job = job_of(c);
	auto_close int dev = init_open_target(c, "/dev", true, true);
	if (dev < 0)
		return dev;
	for (size_t i = 0; i < INIT_DEVICE_COUNT; i++) {
		const struct init_device *d = &init_devices[i];
		int r = job->device_fds
			? bind_node(c, dev, d->name, job->device_fds[i])
			: make_node(c, dev, d->name, S_IFCHR | 0666, makedev(d->major, d->minor));
		if (r < 0)
			return r;
	}
	for (size_t i = 0; i < ARRAY_LEN(links); i++) {
		int r = make_link(c, dev, links[i].name, links[i].target);
		if (r < 0)
			return r;
	}
	return 0;
}

static mode_t device_type(char type)
{
	switch (type) {
	case 'b':
		return S_IFBLK;
	case 'p':
		return S_IFIFO;
	default:
		return S_IFCHR;
	}
}

static int add_device(struct stage_ctx *c, const struct spec_device *d, int tree)
{
	char parent[PATH_MAX];
	const char *slash = strrchr(d->path, '/');
	size_t len = slash ? (size_t)(slash - d->path) : 0;
	const char *name = slash ? slash + 1 : d->path;

	if (len >= sizeof(parent) || !*name)
		return stage_say(c, EINVAL, "path of device", d->path);
	memcpy(parent, d->path, len);
	parent[len] = '\0';
	auto_close int dir = path_mkdirs_in_root(job_of(c)->root_fd, parent, 0755, NULL);
	if (dir < 0)
		return stage_say(c, -dir, "make the directory of device", d->path);
	if (tree >= 0)
		return bind_node(c, dir, name, tree);
	dev_t dev = d->type == 'p' ? 0 : makedev((unsigned)d->major, (unsigned)d->minor);
	int r = make_node(c, dir, name, device_type(d->type) | (d->mode & 07777), dev);
	if (r < 0)
		return r;
	if ((d->uid || d->gid) && fchownat(dir, name, d->uid, d->gid, AT_SYMLINK_NOFOLLOW) < 0)
		return stage_say(c, errno, "set the owner of device", d->path);
	return 0;
}

int init_devices_step(struct stage_ctx *c)
{
	const struct init_job *job = job_of(c);
	for (size_t i = 0; i < job->spec->n_devices; i++) {
		int tree = job->device_fds ? job->device_fds[INIT_DEVICE_COUNT + i] : -1;
		int r = add_device(c, &job->spec->devices[i], tree);
		if (r < 0)
			return r;
	}
	return 0;
}

/* The slave was got from the master (TIOCGPTPEER), never by its name in /dev/pts, and lands on a plain file of this /dev
 * (CVE-2025-52565, CVE-2026-88264). */
int init_bind_console(struct stage_ctx *c)
{
	if (c->console_fd < 0 || job_of(c)->root_fd < 0)
		return 0;
	auto_close int tree =
		open_tree(c->console_fd, "", OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_EMPTY_PATH);
	if (tree < 0)
		return stage_say(c, errno, "copy the terminal for", "/dev/console");
	auto_close int dev = init_open_target(c, "/dev", true, true);
	if (dev < 0)
		return dev;
	return bind_node(c, dev, "console", take_fd(&tree));
}

/*
 * launch_env - made once per process: the small mount namespace that every launch copies, our procfs, the null device.
 *
 * The template is the mount namespace of a helper that lives just long enough to fill it: a tmpfs as its root with a
 * whole proc and sysfs (a user namespace may mount its own only where it can see whole ones) and the places that
 * stage/init.h names. It is private, so nothing spreads, and read-only, so nothing in it changes.
 */
#include "runtime/launch_int.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/io.h"
#include "base/own.h"
#include "base/sys.h"

#define HELPER_MS 10000 /* it takes a few; a mount that hangs must not take the whole start with it */
#define KILLED_MS 1000

static int new_mount(const char *type, const char *option, const char *value, struct err *e)
{
	auto_close int fs = fsopen(type, FSOPEN_CLOEXEC);
	if (fs < 0)
		return err_set(e, errno, "open file system %s", type);
	if (fsconfig(fs, FSCONFIG_SET_STRING, "source", type, 0) < 0)
		return err_set(e, errno, "set source of %s", type);
	if (option && fsconfig(fs, FSCONFIG_SET_STRING, option, value, 0) < 0)
		return err_set(e, errno, "set option %s of %s", option, type);
	if (fsconfig(fs, FSCONFIG_CMD_CREATE, NULL, NULL, 0) < 0)
		return err_set(e, errno, "make file system %s", type);
	int fd = fsmount(fs, FSMOUNT_CLOEXEC, 0);
	return fd >= 0 ? fd : err_set(e, errno, "make mount of %s", type);
}

/* A new proc or sysfs, or, where we may not make one, all of the one that is there. */
static int whole_mount(const char *type, const char *path, struct err *e)
{
	int fd = new_mount(type, NULL, NULL, NULL);
	if (fd >= 0)
		return fd;
	fd = open_tree(AT_FDCWD, path, OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_RECURSIVE);
	return fd >= 0 ? fd : err_set(e, errno, "copy %s", path);
}

static int verify_null(int fd)
{
	struct stat st;
	if (fstat(fd, &st) < 0)
		return -errno;
	return S_ISCHR(st.st_mode) && st.st_rdev == makedev(1, 3) ? 0 : -ENODEV;
}

/* It lies over what is masked, of every container, and CAP_SYS_ADMIN inside makes the mask's mount writable again; it does not
 * come with CAP_LINUX_IMMUTABLE. Where we cannot, the read-only mount has to do. */
static void make_immutable(int root, const char *name)
{
	int flags = FS_IMMUTABLE_FL;
	auto_close int fd = openat(root, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd >= 0)
		(void)ioctl(fd, FS_IOC_SETFLAGS, &flags);
}

static int fill_template(int root, struct err *e)
{
	if (mkdirat(root, "proc", 0555) < 0 || mkdirat(root, "sys", 0555) < 0 ||
		mkdirat(root, INIT_ROOT + 1, 0700) < 0 || mkdirat(root, INIT_EMPTY + 1, 0555) < 0)
		return err_set(e, errno, "make directories of the launch root");
	make_immutable(root, INIT_EMPTY + 1);
	if (mknodat(root, INIT_NULL + 1, S_IFCHR | 0666, makedev(1, 3)) == 0)
		return fchmodat(root, INIT_NULL + 1, 0666, 0) < 0
			? err_set(e, errno, "set mode of %s", INIT_NULL)
			: 0;
	/* No right to make devices: the host's own. */
	auto_close int file = openat(root, INIT_NULL + 1, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
	auto_close int tree = open_tree(AT_FDCWD, "/dev/null", OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC);
	if (file < 0 || tree < 0 || verify_null(tree) < 0 ||
		move_mount(tree, "", root, INIT_NULL + 1, MOVE_MOUNT_F_EMPTY_PATH) < 0)
		return err_set(e, errno ? errno : ENODEV, "make the null device of the launch root");
	return 0;
}

static int attach_at(int tree, int root, const char *name, struct err *e)
{
	if (move_mount(tree, "", root, name, MOVE_MOUNT_F_EMPTY_PATH) < 0)
		return err_set(e, errno, "attach %s of the launch root", name);
	return 0;
}

/* In an initramfs the first root cannot be pivoted away: take off all that is mounted on it, and stand on top. */
static int stand_on_top(int root, struct err *e)
{
	auto_(buf) struct buf mounts = { 0 };
	auto_close int fd = open("/proc/self/mountinfo", O_RDONLY | O_CLOEXEC);
	char chunk[4096];
	ssize_t n;

	while (fd >= 0 && (n = read(fd, chunk, sizeof(chunk))) > 0)
		if (buf_add(&mounts, chunk, (size_t)n) < 0)
			return err_set(e, ENOMEM, "read mounts");
	for (char *line = mounts.data; line && *line;) {
		char *next = strchr(line, '\n');
		char where[4096];
		if (sscanf(line, "%*d %*d %*s %*s %4095s", where) == 1 && strcmp(where, "/") != 0)
			(void)umount2(where, MNT_DETACH); /* below an earlier one: gone with it */
		line = next ? next + 1 : NULL;
	}
	if (move_mount(root, "", AT_FDCWD, "/", MOVE_MOUNT_F_EMPTY_PATH) < 0)
		return err_set(e, errno, "attach the launch root");
	if (fchdir(root) < 0 || chroot(".") < 0)
		return err_set(e, errno, "enter the launch root");
	return 0;
}

static int enter_root(int root, struct err *e)
{
	/* Any directory serves as the place to attach it to: it is on top of the tree a moment later. */
	if (move_mount(root, "", AT_FDCWD, "/proc", MOVE_MOUNT_F_EMPTY_PATH) < 0)
		return err_set(e, errno, "attach the launch root");
	if (fchdir(root) < 0)
		return err_set(e, errno, "enter the launch root");
	if (syscall(SYS_pivot_root, ".", ".") < 0) {
		if (errno != EINVAL)
			return err_set(e, errno, "pivot_root into the launch root");
		auto_close int again = open_tree(
			root, "", OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_EMPTY_PATH | AT_RECURSIVE);
		if (again < 0 || chdir("/") < 0 || umount2("/proc", MNT_DETACH) < 0)
			return err_set(e, errno, "move the launch root");
		return stand_on_top(again, e);
	}
	if (umount2(".", MNT_DETACH) < 0)
		return err_set(e, errno, "detach the host's mounts");
	return 0;
}

/* In the helper: returns a descriptor of the namespace. */
static int build_template(struct err *e)
{
	struct mount_attr ro = { .attr_set = MOUNT_ATTR_RDONLY };

	if (unshare(CLONE_NEWNS) < 0)
		return err_set(e, errno, "unshare the mount namespace");
	auto_close int ns = open("/proc/self/ns/mnt", O_RDONLY | O_CLOEXEC);
	if (ns < 0)
		return err_set(e, errno, "open /proc/self/ns/mnt");
	if (mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0)
		return err_set(e, errno, "make mounts private");
	auto_close int root = new_mount("tmpfs", "mode", "0755", e);
	if (root < 0)
		return root;
	auto_close int proc = whole_mount("proc", "/proc", e);
	auto_close int sys = proc < 0 ? -1 : whole_mount("sysfs", "/sys", e);
	if (sys < 0)
		return -e->code;
	(void)umask(0);
	int r = enter_root(root, e);
	if (r < 0)
		return r;
	/* The root as it is now mounted; it was copied where pivot_root would not do. */
	auto_close int top = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (top < 0)
		return err_set(e, errno, "open the launch root");
	r = fill_template(top, e);
	if (r == 0)
		r = attach_at(proc, top, "proc", e);
	if (r == 0)
		r = attach_at(sys, top, "sys", e);
	if (r < 0)
		return r;
	if (mount_setattr(top, "", AT_EMPTY_PATH, &ro, sizeof(ro)) < 0)
		return err_set(e, errno, "make the launch root read-only");
	return take_fd(&ns);
}

static bool wait_readable(int fd, int ms)
{
	int64_t until_ns = clock_mono_ns() + ms * NS_PER_MS;
	struct pollfd p = { .fd = fd, .events = POLLIN };
	int n;

	do {
		int64_t left_ms = (until_ns - clock_mono_ns()) / NS_PER_MS;
		n = poll(&p, 1, left_ms > 0 ? (int)left_ms : 0);
	} while (n < 0 && errno == EINTR);
	return n > 0;
}

/* It has said all that it has to say, or never will. */
static void end_helper(pid_t pid)
{
	auto_close int pidfd = sys_pidfd_open(pid, 0);

	(void)kill(pid, SIGKILL);
	(void)wait_readable(pidfd, KILLED_MS);
	(void)waitpid(pid, NULL, WNOHANG); /* one that is stuck in the kernel stays behind */
}

static int open_template(struct err *e)
{
	int pair[2];
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
		return err_set(e, errno, "make a socket pair");
	auto_close int ours = pair[0], theirs = pair[1];
	pid_t pid = fork();
	if (pid < 0)
		return err_set(e, errno, "fork");
	if (pid == 0) {
		struct err why = { 0 };
		int fd = build_template(&why);
		(void)io_send(theirs, &why, sizeof(why), &fd, fd >= 0); /* else: the reader sees the end */
		_exit(fd < 0);
	}
	own_close(&theirs);

	struct err why = { 0 };
	int fd = -1;
	size_t n = 1;
	ssize_t len = wait_readable(ours, HELPER_MS) ? io_recv(ours, &why, sizeof(why), &fd, &n, MSG_DONTWAIT)
						     : -ETIMEDOUT;
	end_helper(pid);
	if (len == -ETIMEDOUT)
		return err_say(
			e, ETIMEDOUT, "launch root: the helper gave no answer within %d s", HELPER_MS / 1000);
	if (len == sizeof(why) && n == 1)
		return fd;
	if (len == sizeof(why) && why.code)
		return err_say(e, why.code, "launch root: %.400s", why.text);
	return err_say(e, EPROTO, "launch root: the helper died");
}

/* "31 23 0:29 / /sys/fs/cgroup/cpu rw - cgroup cgroup rw,cpu,cpuacct": one hierarchy to show, as the host shows it. */
static void add_hierarchy(struct launch_env *env, const char *line)
{
	char where[256], type[32], super[256];
	const char *dash = strstr(line, " - ");
	static const char *const not_selecting[] = { "rw", "ro", "xattr", "noprefix", "clone_children",
		"cpuset_v2_mode" };

	if (!dash || sscanf(line, "%*d %*d %*s %*s %255s", where) != 1 ||
		sscanf(dash, " - %31s %*s %255s", type, super) != 2)
		return;
	bool v2 = strcmp(type, "cgroup2") == 0;
	if ((!v2 && strcmp(type, "cgroup") != 0) || env->n_hierarchies == ARRAY_LEN(env->hierarchies))
		return;
	struct init_hierarchy *h = &env->hierarchies[env->n_hierarchies];
	*h = (struct init_hierarchy){ .v2 = v2 };
	const char *name = strrchr(where, '/');
	if (!name || strlen(name + 1) >= sizeof(h->name) || !name[1])
		return;
	memcpy(h->name, name + 1, strlen(name + 1));
	for (size_t i = 0; i < env->n_hierarchies; i++)
		if (strcmp(env->hierarchies[i].name, h->name) == 0)
			return; /* mounted twice */
	char *save = NULL;
	for (char *word = v2 ? NULL : strtok_r(super, ",", &save); word; word = strtok_r(NULL, ",", &save)) {
		bool skip = strncmp(word, "release_agent=", 14) == 0;
		for (size_t i = 0; i < ARRAY_LEN(not_selecting); i++)
			skip = skip || strcmp(word, not_selecting[i]) == 0;
		size_t len = strlen(h->options);
		if (!skip && len + strlen(word) + 2 < sizeof(h->options))
			(void)snprintf(
				h->options + len, sizeof(h->options) - len, "%s%s", len ? "," : "", word);
	}
	env->n_hierarchies++;
}

static int find_hierarchies(struct launch_env *env, struct err *e)
{
	auto_(buf) struct buf text = { 0 };
	int r = io_read_file(AT_FDCWD, "/proc/self/mountinfo", 4 << 20, &text, e);
	if (r < 0)
		return r;
	char *save = NULL;
	bool any_v1 = false;
	for (char *line = strtok_r(text.data, "\n", &save); line; line = strtok_r(NULL, "\n", &save))
		add_hierarchy(env, line);
	for (size_t i = 0; i < env->n_hierarchies; i++)
		any_v1 = any_v1 || !env->hierarchies[i].v2;
	if (!any_v1)
		env->n_hierarchies = 0;
	return 0;
}

int launch_env_open(struct launch_env **out, struct err *e)
{
	struct launch_env *env = calloc(1, sizeof(*env));
	struct rlimit nofile;
	int r = 0;

	if (!env)
		return err_set(e, ENOMEM, "launch environment");
	env->mntns_fd = env->proc_fd = env->null_fd = -1;
	if (getrlimit(RLIMIT_NOFILE, &nofile) == 0)
		env->nofile_soft = nofile.rlim_cur;
	env->null_fd = open("/dev/null", O_RDWR | O_CLOEXEC | O_NOFOLLOW | O_NOCTTY | O_NONBLOCK);
	if (env->null_fd < 0)
		r = err_set(e, errno, "open /dev/null");
	else if (verify_null(env->null_fd) < 0)
		r = err_say(e, ENODEV, "/dev/null is not the null device");
	if (r == 0)
		r = find_hierarchies(env, e);
	if (r == 0)
		r = env->proc_fd = whole_mount("proc", "/proc", e);
	if (r >= 0)
		r = env->mntns_fd = open_template(e);
	if (r < 0) {
		launch_env_free(env);
		return r;
	}
	*out = env;
	return 0;
}

void launch_env_set_nofile(struct launch_env *env, uint64_t soft)
{
	env->nofile_soft = soft;
}

int launch_env_mntns(const struct launch_env *env)
{
	return env->mntns_fd;
}

void launch_env_free(struct launch_env *env)
{
	if (!env)
		return;
	own_close(&env->mntns_fd);
	own_close(&env->proc_fd);
	own_close(&env->null_fd);
	free(env);
}

/*
 * box - a container made by hand for tests: a busybox root below /tmp, new namespaces, a sleeping pid 1, groups of its own.
 *
 * Owns:    box_open() makes all of it, box_close() ends the container and deletes the root and the groups.
 * Context: root only; tests skip themselves otherwise (box_may_run).
 */
#ifndef TESTS_UNIT_BOX_H
#define TESTS_UNIT_BOX_H

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/io.h"
#include "base/path.h"
#include "base/sys.h"
#include "runtime/cgroup.h"

#define BOX_NS		(CLONE_NEWNS | CLONE_NEWPID | CLONE_NEWUTS | CLONE_NEWIPC | CLONE_NEWNET)
#define BOX_DEADLINE_MS 20000

struct box {
	char root[64];
	pid_t pid;
	int pidfd;
	uint64_t ns;
	struct cgroup group; /* where execs go */
	char group_path[CGROUP_V1_MAX + 1][128];
	int n_groups;
};

static inline bool box_may_run(void)
{
	return geteuid() == 0 && access("/bin/busybox", X_OK) == 0;
}

static inline void box_write(const char *root, const char *name, const char *text)
{
	char path[256];
	(void)snprintf(path, sizeof(path), "%s/%s", root, name);
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
	if (fd < 0 || io_write_full(fd, text, strlen(text)) < 0) {
		perror(path);
		_exit(99);
	}
	(void)close(fd);
}

/* A directory that can be a root: busybox, passwd, group and mount points. */
static inline void box_make_root(char root[64])
{
	static const char *const dirs[] = { "bin", "etc", "proc", "dev", "tmp", "work", "old" };
	char path[256];
	strcpy(root, "/tmp/berth-box-XXXXXX");
	if (!mkdtemp(root) || chmod(root, 0755) < 0)
		_exit(99);
	for (size_t i = 0; i < sizeof(dirs) / sizeof(dirs[0]); i++) {
		(void)snprintf(path, sizeof(path), "%s/%s", root, dirs[i]);
		(void)mkdir(path, 0755);
	}
	(void)snprintf(path, sizeof(path),
		"cp /bin/busybox %s/bin/busybox && chroot %s /bin/busybox --install -s /bin", root, root);
	if (system(path) != 0)
		_exit(99);
	box_write(root, "etc/passwd",
		"root:x:0:0:root:/root:/bin/sh\n"
		"web:x:1000:1001:Web:/home/web:/bin/sh\n"
		"2000:x:3000:3000::/trap:/bin/sh\n"
		"broken:x:abc:0::/:/bin/sh\n");
	box_write(root, "etc/group",
		"root:x:0:\n"
		"webgroup:x:1001:\n"
		"log:x:1002:nobody,web\n"
		"audio:x:1003:web\n"
		"video:x:1004:\n");
}

static inline void box_remove_root(const char *root)
{
	(void)path_remove_tree(AT_FDCWD, root, NULL);
}

/* In the new namespaces: mounts, pivot_root. */
static inline int box_enter_root(const char *root)
{
	if (mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0 ||
		mount(root, root, NULL, MS_BIND | MS_REC, NULL) < 0 || chdir(root) < 0)
		return -1;
	/* In a user namespace the host's table may not allow a fresh one; few tests there need it. */
	if (mount("proc", "proc", "proc", MS_NOSUID | MS_NODEV | MS_NOEXEC, NULL) < 0 && errno != EPERM)
		return -1;
	if (mount("tmpfs", "dev", "tmpfs", MS_NOSUID, "mode=755") < 0 || mkdir("dev/pts", 0755) < 0)
		return -1;
	if (mount("devpts", "dev/pts", "devpts", MS_NOSUID | MS_NOEXEC,
		    "newinstance,ptmxmode=0666,mode=0620,gid=5") < 0 &&
		mount("devpts", "dev/pts", "devpts", MS_NOSUID | MS_NOEXEC,
			"newinstance,ptmxmode=0666,mode=0620") < 0)
		return -1;
	if (mknod("dev/null", S_IFCHR | 0666, makedev(1, 3)) < 0) {
		int fd = open("dev/null", O_CREAT | O_WRONLY | O_CLOEXEC, 0666);
		if (fd < 0 || mount("/dev/null", "dev/null", NULL, MS_BIND, NULL) < 0)
			return -1;
		(void)close(fd);
	} else if (chmod("dev/null", 0666) < 0) {
		return -1;
	}
	if (mknod("dev/tty", S_IFCHR | 0666, makedev(5, 0)) == 0)
		(void)chmod("dev/tty", 0666);
	if (syscall(SYS_pivot_root, ".", "old") < 0 || chdir("/") < 0 || umount2("/old", MNT_DETACH) < 0)
		return -1;
	return 0;
}

static inline void box_make_groups(struct box *b)
{
	static const char *const v1[] = { "memory", "pids", "freezer", "cpu" };
	const char *v2 = access("/sys/fs/cgroup/cgroup.procs", F_OK) == 0 ? "/sys/fs/cgroup"
									  : "/sys/fs/cgroup/unified";
	b->group = (struct cgroup){ .dirfd = -1 };
	for (int i = 0; i < CGROUP_V1_MAX; i++)
		b->group.v1_dirfd[i] = -1;
	char *path = b->group_path[0];
	(void)snprintf(path, 128, "%s/berth-box-%d", v2, (int)getpid());
	if (mkdir(path, 0755) == 0) {
		b->group.dirfd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		b->n_groups = 1;
	}
	for (size_t i = 0; i < sizeof(v1) / sizeof(v1[0]); i++) {
		path = b->group_path[b->n_groups];
		(void)snprintf(path, 128, "/sys/fs/cgroup/%s/berth-box-%d", v1[i], (int)getpid());
		if (mkdir(path, 0755) < 0)
			continue;
		b->group.v1_dirfd[b->group.n_v1++] = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		b->n_groups++;
	}
}

static inline void box_write_map(pid_t pid, const char *name, const char *text)
{
	char path[64];
	(void)snprintf(path, sizeof(path), "/proc/%d/%s", (int)pid, name);
	if (io_write_text(AT_FDCWD, path, text) < 0)
		perror(path);
}

/* program: what pid 1 executes, NULL for a long sleep. */
static inline int box_open(struct box *b, uint64_t ns, char *const *program)
{
	static char *const sleeper[] = { "sleep", "600", NULL };
	int go[2], up[2];
	*b = (struct box){ .ns = ns, .pidfd = -1 };
	box_make_root(b->root);
	box_make_groups(b);
	if (pipe2(go, O_CLOEXEC) < 0 || pipe2(up, O_CLOEXEC) < 0)
		return -1;
	struct clone_args args = { .flags = ns | CLONE_PIDFD | CLONE_CLEAR_SIGHAND,
		.exit_signal = SIGCHLD,
		.pidfd = (uint64_t)(uintptr_t)&b->pidfd };
	b->pid = sys_clone3(&args);
	if (b->pid == 0) {
		char c;
		(void)close(go[1]);
		(void)close(up[0]);
		if (read(go[0], &c, 1) != 1)
			_exit(98);
		if (ns & CLONE_NEWUSER && (setresgid(0, 0, 0) < 0 || setresuid(0, 0, 0) < 0))
			_exit(97);
		if (box_enter_root(b->root) < 0 || setsid() < 0 || write(up[1], "x", 1) != 1)
			_exit(96);
		(void)sys_close_range(3, ~0U, 0);
		(void)execv("/bin/busybox", program ? program : sleeper);
		_exit(95);
	}
	(void)close(go[0]);
	(void)close(up[1]);
	if (b->pid > 0 && ns & CLONE_NEWUSER) {
		box_write_map(b->pid, "uid_map", "0 100000 65536\n");
		box_write_map(b->pid, "gid_map", "0 100000 65536\n");
	}
	char c;
	ssize_t n = b->pid > 0 && write(go[1], "x", 1) == 1 ? read(up[0], &c, 1) : -1;
	(void)close(go[1]);
	(void)close(up[0]);
	return n == 1 ? 0 : -1;
}

static inline void box_close(struct box *b)
{
	if (b->pid > 0) {
		(void)kill(b->pid, SIGKILL);
		while (waitpid(b->pid, NULL, 0) < 0 && errno == EINTR)
			;
		(void)close(b->pidfd);
	}
	if (b->group.dirfd >= 0)
		(void)close(b->group.dirfd);
	for (int i = 0; i < b->group.n_v1; i++)
		(void)close(b->group.v1_dirfd[i]);
	for (int i = 0; i < b->n_groups; i++)
		for (int tries = 0; rmdir(b->group_path[i]) < 0 && errno == EBUSY && tries < 100; tries++) {
			char pids[64], path[160];
			(void)snprintf(path, sizeof(path), "%s/cgroup.procs", b->group_path[i]);
			if (io_read_text(AT_FDCWD, path, pids, sizeof(pids)) > 0)
				(void)kill((pid_t)strtol(pids, NULL, 10),
					SIGKILL); /* left by a failed case; our group, our process */
			(void)poll(NULL, 0, 10);
		}
	box_remove_root(b->root);
}

static inline int64_t box_now_us(void)
{
	struct timespec t;
	(void)clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000000 + t.tv_nsec / 1000;
}

/* Everything that fd gives until its end, or until the deadline (then false). */
static inline bool box_read_all(int fd, char *text, size_t room)
{
	size_t len = 0;
	int64_t end = box_now_us() + BOX_DEADLINE_MS * INT64_C(1000);
	for (;;) {
		struct pollfd p = { .fd = fd, .events = POLLIN };
		int64_t left = (end - box_now_us()) / 1000;
		if (left <= 0 || poll(&p, 1, (int)left) <= 0)
			return false;
		ssize_t n = read(fd, text + len, room - 1 - len);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0 || len + (size_t)n == room - 1) {
			text[len + (n > 0 ? (size_t)n : 0)] = '\0';
			return true;
		}
		len += (size_t)n;
	}
}

static inline int box_count_fds(void)
{
	DIR *d = opendir("/proc/self/fd");
	int n = 0;
	while (d && readdir(d))
		n++;
	if (d)
		(void)closedir(d);
	return n;
}

/* Exit code as a shell has it; -1 when it does not end in time (it is killed then). */
static inline int box_wait(pid_t pid)
{
	int64_t end = box_now_us() + BOX_DEADLINE_MS * INT64_C(1000);
	int status;
	for (;;) {
		pid_t r = waitpid(pid, &status, WNOHANG);
		if (r == pid)
			return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
		if (r < 0 && errno != EINTR)
			return -1;
		if (box_now_us() > end) {
			(void)kill(pid, SIGKILL);
			(void)waitpid(pid, NULL, 0);
			return -1;
		}
		(void)poll(NULL, 0, 1);
	}
}

#endif

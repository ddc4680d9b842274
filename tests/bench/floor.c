#include "tests/bench/floor.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/sched.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/sys.h"

#define MAX_GROUPS 16
#define NAMESPACES (CLONE_NEWNS | CLONE_NEWPID | CLONE_NEWUTS | CLONE_NEWIPC | CLONE_NEWNET)

static const char *root_path;
static char *groups[MAX_GROUPS]; /* NAME's directory per hierarchy; the v2 one last */
static int n_groups;
static int v2_group = -1;

static int add_group(const char *mount, const char *own, const char *name)
{
	if (n_groups == MAX_GROUPS)
		return 0;
	if (asprintf(&groups[n_groups], "%s%s/%s", mount, strcmp(own, "/") == 0 ? "" : own, name) < 0)
		return -1;
	if (mkdir(groups[n_groups], 0755) < 0 && errno != EEXIST)
		return -1;
	n_groups++;
	return 0;
}

int floor_open(const char *name, const char *root)
{
	char line[512];
	root_path = root;
	FILE *f = fopen("/proc/self/cgroup", "r");
	char v2_own[256] = "";
	while (f && fgets(line, sizeof(line), f)) {
		line[strcspn(line, "\n")] = '\0';
		char *controllers = strchr(line, ':') + 1, *own = strchr(controllers, ':');
		*own++ = '\0';
		if (!*controllers) {
			(void)snprintf(v2_own, sizeof(v2_own), "%s", own);
			continue;
		}
		char mount_point[300];
		(void)snprintf(mount_point, sizeof(mount_point), "/sys/fs/cgroup/%s", controllers);
		if (strncmp(controllers, "name=", 5) != 0 && access(mount_point, W_OK) == 0 &&
			add_group(mount_point, own, name) < 0)
			return -1;
	}
	if (f)
		(void)fclose(f);
	for (int i = 0; i < n_groups; i++) { /* cpuset takes nobody before it has cpus and mems */
		static const char *const copied[] = { "cpuset.cpus", "cpuset.mems" };
		for (int k = 0; strstr(groups[i], "/cpuset/") && k < 2; k++) {
			char command[1200];
			(void)snprintf(command, sizeof(command),
				"cat %s/../%s > %s/%s; echo 1 > %s/cgroup.clone_children", groups[i],
				copied[k], groups[i], copied[k], groups[i]);
			if (system(command) != 0)
				return -1;
		}
	}
	if (add_group(
		    access("/sys/fs/cgroup/unified", F_OK) == 0 ? "/sys/fs/cgroup/unified" : "/sys/fs/cgroup",
		    v2_own, name) < 0)
		return -1;
	v2_group = n_groups - 1;
	return 0;
}

void floor_close(void)
{
	for (int i = 0; i < n_groups; i++) {
		(void)rmdir(groups[i]);
		free(groups[i]);
	}
}

static void must(int r)
{
	if (r < 0)
		_exit(98);
}

static void masks(void)
{
	static const char *const files[] = { "/proc/interrupts", "/proc/kcore", "/proc/keys",
		"/proc/latency_stats", "/proc/sched_debug", "/proc/timer_list", "/proc/timer_stats" };
	static const char *const dirs[] = { "/proc/acpi", "/proc/asound", "/proc/scsi",
		"/sys/devices/virtual/powercap", "/sys/firmware" };
	static const char *const readonly[] = { "/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys",
		"/proc/sysrq-trigger" };
	for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++)
		(void)mount("/dev/null", files[i], NULL, MS_BIND, NULL); /* not every kernel has each */
	for (size_t i = 0; i < sizeof(dirs) / sizeof(dirs[0]); i++)
		(void)mount("tmpfs", dirs[i], "tmpfs", MS_RDONLY, NULL);
	for (size_t i = 0; i < sizeof(readonly) / sizeof(readonly[0]); i++)
		if (mount(readonly[i], readonly[i], NULL, MS_BIND | MS_REC, NULL) == 0)
			must(mount(NULL, readonly[i], NULL,
				MS_BIND | MS_REMOUNT | MS_RDONLY | MS_NOSUID | MS_NODEV | MS_NOEXEC, NULL));
}

static void inside(const int *tasks, int n_tasks, char *const argv[])
{
	const unsigned long tight = MS_NOSUID | MS_NOEXEC | MS_NODEV;
	static const struct {
		const char *name;
		int minor;
	} nodes[] = { { "dev/null", 3 }, { "dev/zero", 5 }, { "dev/full", 7 }, { "dev/random", 8 },
		{ "dev/urandom", 9 } };

	for (int i = 0; i < n_tasks; i++)
		if (write(tasks[i], "0", 1) != 1)
			_exit(97);
	must(unshare(CLONE_NEWCGROUP));
	must(setsid());
	must(mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL));
	must(mount(root_path, root_path, NULL, MS_BIND | MS_REC, NULL));
	must(chdir(root_path));
	must(mount("proc", "proc", "proc", tight, NULL));
	must(mount("tmpfs", "dev", "tmpfs", MS_NOSUID | MS_STRICTATIME, "mode=755,size=65536k"));
	must(mkdir("dev/pts", 0755));
	must(mkdir("dev/shm", 0755));
	must(mkdir("dev/mqueue", 0755));
	must(mount("devpts", "dev/pts", "devpts", MS_NOSUID | MS_NOEXEC,
		"newinstance,ptmxmode=0666,mode=0620,gid=5"));
	must(mount("sysfs", "sys", "sysfs", tight | MS_RDONLY, NULL));
	must(mount("mqueue", "dev/mqueue", "mqueue", tight, NULL));
	must(mount("shm", "dev/shm", "tmpfs", tight, "mode=1777,size=67108864"));
	for (size_t i = 0; i < sizeof(nodes) / sizeof(nodes[0]); i++)
		must(mknod(nodes[i].name, S_IFCHR | 0666, makedev(1, (unsigned)nodes[i].minor)));
	must(mknod("dev/tty", S_IFCHR | 0666, makedev(5, 0)));
	must(symlink("pts/ptmx", "dev/ptmx"));
	must(symlink("/proc/self/fd", "dev/fd"));
	must(symlink("/proc/self/fd/0", "dev/stdin"));
	must(symlink("/proc/self/fd/1", "dev/stdout"));
	must(symlink("/proc/self/fd/2", "dev/stderr"));
	must((int)syscall(SYS_pivot_root, ".", "."));
	must(umount2(".", MNT_DETACH));
	must(chdir("/"));
	masks();
	must(sethostname("floor", 5));
	must(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0));
	static char *const env[] = { "PATH=/bin", NULL };
	execve(argv[0], argv, env);
	_exit(127);
}

static pid_t begin(const char *name, char *const argv[])
{
	char path[600];
	int tasks[MAX_GROUPS], n_tasks = 0, v2 = -1;
	for (int i = 0; i < n_groups; i++) {
		(void)snprintf(path, sizeof(path), "%s/%s", groups[i], name);
		if (mkdir(path, 0755) < 0)
			return -1;
		if (i == v2_group) {
			v2 = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
		} else {
			(void)snprintf(path, sizeof(path), "%s/%s/tasks", groups[i], name);
			tasks[n_tasks++] = open(path, O_WRONLY | O_CLOEXEC);
		}
	}
	struct clone_args args = {
		.flags = NAMESPACES | CLONE_INTO_CGROUP, .exit_signal = SIGCHLD, .cgroup = (uint64_t)v2
	};
	pid_t pid = sys_clone3(&args);
	if (pid == 0)
		inside(tasks, n_tasks, argv);
	(void)close(v2);
	for (int i = 0; i < n_tasks; i++)
		(void)close(tasks[i]);
	return pid;
}

static int reap(pid_t pid)
{
	int status;
	while (waitpid(pid, &status, __WALL) < 0)
		if (errno != EINTR)
			return -1;
	return status;
}

static void remove_groups(const char *name)
{
	char path[600];
	for (int i = 0; i < n_groups; i++) {
		(void)snprintf(path, sizeof(path), "%s/%s", groups[i], name);
		(void)rmdir(path);
	}
}

int floor_start(void)
{
	static char *const argv[] = { "/bin/true", NULL };
	pid_t pid = begin("start", argv);
	int status = pid < 0 ? -1 : reap(pid);
	remove_groups("start");
	errno = ECHILD;
	return status == 0 ? 0 : -1;
}

pid_t floor_sleeper(void)
{
	static char *const argv[] = { "/bin/sleep", "1000", NULL };
	pid_t pid = begin("sleeper", argv);
	(void)usleep(50000); /* until it has pivoted */
	return pid;
}

void floor_sleeper_end(pid_t sleeper)
{
	(void)kill(sleeper, SIGKILL);
	(void)reap(sleeper);
	remove_groups("sleeper");
}

struct exec_plan {
	int pidfd, tasks[MAX_GROUPS], n_tasks;
	pid_t payload;
};

static char outer_stack[16384] __attribute__((aligned(64))), inner_stack[16384] __attribute__((aligned(64)));

static int payload(void *cookie)
{
	static char *const argv[] = { "/bin/true", NULL }, *const env[] = { "PATH=/bin", NULL };
	struct exec_plan *p = cookie;
	for (int i = 0; i < p->n_tasks; i++)
		if (write(p->tasks[i], "0", 1) != 1)
			_exit(97);
	must(chdir("/"));
	must(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0));
	execve(argv[0], argv, env);
	_exit(127);
}

static int joiner(void *cookie)
{
	struct exec_plan *p = cookie;
	must(setns(p->pidfd, NAMESPACES | CLONE_NEWCGROUP));
	p->payload = clone(payload, inner_stack + sizeof(inner_stack),
		CLONE_VM | CLONE_VFORK | CLONE_PARENT | SIGCHLD, p);
	_exit(p->payload < 0);
}

int floor_exec(pid_t sleeper)
{
	struct exec_plan p = { .pidfd = sys_pidfd_open(sleeper, 0) };
	char path[600];
	for (int i = 0; i < n_groups; i++) {
		(void)snprintf(path, sizeof(path), "%s/sleeper/%s", groups[i],
			i == v2_group ? "cgroup.procs" : "tasks");
		if (i != v2_group)
			p.tasks[p.n_tasks++] = open(path, O_WRONLY | O_CLOEXEC);
	}
	pid_t outer = clone(joiner, outer_stack + sizeof(outer_stack), CLONE_VM | CLONE_VFORK | SIGCHLD, &p);
	int r = outer < 0 || reap(outer) != 0 || reap(p.payload) != 0 ? -1 : 0;
	(void)close(p.pidfd);
	for (int i = 0; i < p.n_tasks; i++)
		(void)close(p.tasks[i]);
	errno = ECHILD;
	return r;
}

/*
 * spy - what a container does to the processes that enter it, while they are still ours.
 *
 *   spy look SECONDS [FILE]   without stopping them: whose program is a berth's, what it holds open, what is in its memory
 *   spy stop SECONDS [FILE]   the same with them stopped by ptrace, and goes on after that
 *   spy hold SECONDS            stops them by ptrace and keeps them so
 *   spy trace SECONDS           traces whatever enters, lets it run, and never takes note of its end
 *   spy keep SECONDS            keeps a copy of every descriptor that they have
 *   spy write SECONDS           keeps their programs open, and tries to write to them all the time
 *
 * It starts with "ready". Then a line for every success: "seen PID" (a process in which a berth's program still runs, and
 * that could be looked at), "rights PID CAPABILITIES" (it was stopped and has some that the spy has not), "directory PID FD",
 * "file PID FD TARGET", "needle PID", "held PID", "kept PID FD", "wrote".
 * A needle is a file, whose text is looked for.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define PIDS 65536

static unsigned char seen[PIDS];
static char chunk[1 << 16];
static int programs[256];
static int n_programs;

static double now(void)
{
	struct timespec t;
	(void)clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static bool say(const char *what, int pid, int fd, const char *more)
{
	printf("%s %d", what, pid);
	if (fd >= 0)
		printf(" %d", fd);
	printf("%s%s\n", more ? " " : "", more ? more : "");
	(void)fflush(stdout);
	return true;
}

static bool is_named_berth(const char *link)
{
	char target[256];
	ssize_t n = readlink(link, target, sizeof(target) - 1);
	if (n <= 0)
		return false;
	target[n] = '\0';
	return strstr(target, "berth") != NULL;
}

static bool is_ours(int pid)
{
	char path[64];
	(void)snprintf(path, sizeof(path), "/proc/%d/exe", pid);
	return is_named_berth(path);
}

/* Of the host: a directory that is not our own root, a file in memory, a process, a control group that is not on the way. */
static void look_at_descriptors(int pid)
{
	char path[80], target[512];
	struct stat st, root;
	(void)stat("/", &root);
	for (int fd = 0; fd < 64; fd++) {
		(void)snprintf(path, sizeof(path), "/proc/%d/fd/%d", pid, fd);
		ssize_t n = readlink(path, target, sizeof(target) - 1);
		if (n <= 0)
			continue;
		target[n] = '\0';
		if (!is_ours(pid)) /* it has become the payload meanwhile: what it opens is its own affair */
			return;
		if (stat(path, &st) == 0 && S_ISDIR(st.st_mode) &&
			(st.st_dev != root.st_dev || st.st_ino != root.st_ino))
			(void)say("directory", pid, fd, target);
		else if (strstr(target, "memfd:") || strstr(target, "pidfd"))
			(void)say("file", pid, fd, target);
	}
}

#define REGION_MAX (1UL << 30) /* no berth has more; the shadow memory of a sanitizer takes hours to read */

static void look_for(int pid, const char *needle)
{
	char path[64], line[512];
	size_t len = strlen(needle);
	(void)snprintf(path, sizeof(path), "/proc/%d/maps", pid);
	FILE *maps = fopen(path, "re");
	(void)snprintf(path, sizeof(path), "/proc/%d/mem", pid);
	int mem = open(path, O_RDWR | O_CLOEXEC);
	while (maps && mem >= 0 && fgets(line, sizeof(line), maps)) {
		unsigned long from, to;
		if (sscanf(line, "%lx-%lx", &from, &to) != 2 || to - from > REGION_MAX)
			continue;
		for (unsigned long at = from; at < to; at += sizeof(chunk) - 256) {
			ssize_t n = pread(
				mem, chunk, to - at < sizeof(chunk) ? to - at : sizeof(chunk), (off_t)at);
			if (n <= 0)
				break;
			if (memmem(chunk, (size_t)n, needle, len)) {
				(void)say("needle", pid, -1, line);
				break;
			}
		}
	}
	if (maps)
		(void)fclose(maps);
	if (mem >= 0)
		(void)close(mem);
}

static unsigned long long field_of(int pid, const char *name, int base)
{
	char path[64];
	(void)snprintf(path, sizeof(path), "/proc/%d/status", pid);
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t n = read(fd, chunk, sizeof(chunk) - 1);
	(void)close(fd);
	chunk[n > 0 ? n : 0] = '\0';
	const char *at = strstr(chunk, name);
	return at ? strtoull(at + strlen(name), NULL, base) : 0;
}

/* Whoever stopped it may have it do what it likes. One is let go: it may open a procfs by CAP_SYS_ADMIN, and its filter lets it
 * do nothing else. */
static void look_at_rights(int pid)
{
	unsigned long long own = field_of(getpid(), "CapPrm:", 16), its = field_of(pid, "CapPrm:", 16);
	char text[32];
	if (its == 1ULL << 21 && field_of(pid, "Seccomp:", 10) == 2 && field_of(pid, "NoNewPrivs:", 10) == 1)
		return;
	(void)snprintf(text, sizeof(text), "%llx", its);
	if (its & ~own)
		(void)say("rights", pid, -1, text);
}

static bool stop(int pid)
{
	if (ptrace(PTRACE_SEIZE, pid, 0, 0) < 0 || ptrace(PTRACE_INTERRUPT, pid, 0, 0) < 0)
		return false;
	return waitpid(pid, NULL, __WALL) == pid;
}

static void keep_descriptors(int pid)
{
	int pidfd = (int)syscall(SYS_pidfd_open, pid, 0);
	for (int fd = 0; pidfd >= 0 && fd < 32; fd++)
		if (syscall(SYS_pidfd_getfd, pidfd, fd, 0) >= 0)
			(void)say("kept", pid, fd, NULL);
	if (pidfd >= 0)
		(void)close(pidfd);
}

static void keep_program(int pid)
{
	char path[64];
	(void)snprintf(path, sizeof(path), "/proc/%d/exe", pid);
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return;
	/* By now it may be a program of the container. */
	(void)snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	if (n_programs < 256 && is_named_berth(path)) {
		programs[n_programs++] = fd;
		(void)say("program", pid, fd, NULL);
	} else {
		(void)close(fd);
	}
}

/* Its own first byte: a success changes nothing. */
static void write_programs(void)
{
	char path[64], byte;
	for (int i = 0; i < n_programs; i++) {
		(void)snprintf(path, sizeof(path), "/proc/self/fd/%d", programs[i]);
		int fd = open(path, O_RDWR | O_CLOEXEC);
		if (fd < 0)
			continue;
		if (pread(fd, &byte, 1, 0) == 1 && pwrite(fd, &byte, 1, 0) == 1)
			(void)say("wrote", 0, -1, path);
		(void)close(fd);
	}
}

static void attack(const char *mode, int pid, const char *needle)
{
	if (strcmp(mode, "trace") == 0) {
		if (ptrace(PTRACE_SEIZE, pid, 0, 0) == 0)
			seen[pid] = say("traced", pid, -1, NULL);
		return;
	}
	bool stopping = strcmp(mode, "stop") == 0 || strcmp(mode, "hold") == 0;
	if (stopping && !stop(pid))
		return;
	if (!is_ours(pid)) {
		if (stopping)
			(void)ptrace(PTRACE_DETACH, pid, 0, 0);
		return;
	}
	seen[pid] = 2;
	(void)say(strcmp(mode, "hold") == 0 ? "held" : "seen", pid, -1, NULL);
	if (stopping)
		look_at_rights(pid);
	if (strcmp(mode, "hold") == 0)
		return;
	if (strcmp(mode, "keep") == 0)
		keep_descriptors(pid);
	else if (strcmp(mode, "write") == 0)
		keep_program(pid);
	else
		look_at_descriptors(pid);
	if (needle)
		look_for(pid, needle);
	if (stopping)
		(void)ptrace(PTRACE_DETACH, pid, 0, 0);
}

static const char *needle_of(const char *path)
{
	static char text[128];
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t n = read(fd, text, sizeof(text) - 1);
	if (n <= 0) {
		perror(path);
		exit(2);
	}
	(void)close(fd);
	return text;
}

int main(int argc, char **argv)
{
	if (argc < 3)
		return 2;
	const char *mode = argv[1], *needle = argc > 3 ? needle_of(argv[3]) : NULL;
	bool once = strcmp(mode, "hold") == 0 || strcmp(mode, "stop") == 0;
	double end = now() + atof(argv[2]);
	DIR *proc = opendir("/proc");
	if (!proc)
		return 1;
	/* Who is here already is nobody who enters. */
	for (struct dirent *d; (d = readdir(proc));) {
		int pid = atoi(d->d_name);
		if (pid > 0 && pid < PIDS)
			seen[pid] = 1;
	}
	puts("ready");
	(void)fflush(stdout);
	while (now() < end) {
		rewinddir(proc);
		for (struct dirent *d; (d = readdir(proc));) {
			int pid = atoi(d->d_name);
			if (pid <= 0 || pid >= PIDS || seen[pid] == 1 ||
				(seen[pid] == 2 && strcmp(mode, "look") != 0))
				continue;
			if (once)
				seen[pid] = 1;
			attack(mode, pid, needle);
		}
		if (strcmp(mode, "write") == 0)
			write_programs();
	}
	return 0;
}

/*
 * keeper_scenes - the supervisors of test_keeper: what each does under the real keeper, and what it expects to see.
 *
 * A scene ends with leave(status), which the test sees as the keeper's; 99 is a failed NEED. What several supervisors of one
 * keeper share are numbers in files of a directory: mark(), marked().
 */
#ifndef TESTS_UNIT_KEEPER_SCENES_H
#define TESTS_UNIT_KEEPER_SCENES_H

#include <dirent.h>
#include <errno.h>
#include <poll.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "base/clock.h"
#include "base/io.h"
#include "base/proc.h"
#include "base/sys.h"
#include "init/protocol.h"
#include "supervisor/keeper.h"

struct scene {
	const char *dir;
	struct event_base *base;
	struct keeper *keeper;
	int raw_fd; /* the protocol socket, for scenes that speak for themselves */
	struct keeper_exit exits[1024];
	size_t n_exits;
	bool gone, free_in_exit;
};

static struct scene scene = { .raw_fd = -1 };
static struct err said; /* of the last call that failed */

__attribute__((noreturn)) static void leave(int status)
{
	if (scene.keeper)
		(void)keeper_stopping(scene.keeper, status, NULL);
	_exit(status);
}

#define NEED(cond)    need((cond), #cond, __LINE__)
#define NEED_OK(call) need_ok((call), #call, __LINE__)

static void need(bool ok, const char *what, int line)
{
	if (ok)
		return;
	(void)fprintf(stderr, "scene: line %d: %s (errno %d)\n", line, what, errno);
	if (!scene.keeper) {
		int fd = keeper_env_fd(NULL);
		(void)keeper_open(fd >= 0 ? fd : scene.raw_fd, NULL, NULL, NULL, NULL, &scene.keeper, NULL);
	}
	leave(99);
}

static void mark(const char *name, long long value)
{
	char path[200], text[32];
	(void)snprintf(path, sizeof(path), "%s/%s.new", scene.dir, name);
	int len = snprintf(text, sizeof(text), "%lld", value);
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	NEED(fd >= 0 && io_write_full(fd, text, (size_t)len) == 0);
	(void)close(fd);
	char final[200];
	(void)snprintf(final, sizeof(final), "%s/%s", scene.dir, name);
	NEED(rename(path, final) == 0);
}

static long long marked_in(const char *dir, const char *name)
{
	char path[200], text[32];
	(void)snprintf(path, sizeof(path), "%s/%s", dir, name);
	return io_read_text(AT_FDCWD, path, text, sizeof(text)) < 0 ? -1 : atoll(text);
}

static long long marked(const char *name)
{
	return marked_in(scene.dir, name);
}

static void on_exit_told(void *cookie, const struct keeper_exit *x)
{
	NEED(cookie == &scene && scene.n_exits < ARRAY_LEN(scene.exits));
	scene.exits[scene.n_exits++] = *x;
	if (scene.free_in_exit) {
		keeper_free(scene.keeper);
		scene.keeper = NULL;
	}
}

static void on_gone(void *cookie)
{
	NEED(cookie == &scene && !scene.gone);
	scene.gone = true;
}

static void need_ok(int r, const char *what, int line)
{
	if (r < 0)
		(void)fprintf(stderr, "%s\n", said.text);
	need(r >= 0, what, line);
}

static void connect_keeper(void)
{
	scene.base = event_base_new();
	NEED(scene.base);
	int fd = keeper_env_fd(NULL);
	NEED(fd == KEEPER_FD && !getenv(KEEPER_FD_ENV));
	NEED_OK(keeper_open(fd, scene.base, on_exit_told, on_gone, &scene, &scene.keeper, &said));
}

/* Runs the loop until n exits were told (or the end of the keeper, n = SIZE_MAX). */
static void run_until(size_t n, int64_t ms)
{
	int64_t until = clock_mono_ns() + ms * NS_PER_MS;
	while (scene.n_exits < n && !scene.gone) {
		(void)event_base_loop(scene.base, EVLOOP_NONBLOCK);
		NEED(clock_mono_ns() < until);
		(void)usleep(1000);
	}
}

/* As a container's init is made: the keeper's child, exit_signal 0, no execve. It ends when *gate is written to. */
static pid_t clone_child(int gate, int status, uint64_t *start)
{
	struct clone_args how = { .flags = CLONE_PARENT | CLONE_CLEAR_SIGHAND, .exit_signal = 0 };
	pid_t pid = sys_clone3(&how);
	if (pid == 0) {
		char byte;
		(void)prctl(PR_SET_PDEATHSIG, SIGKILL); /* with the keeper, should the scene fail */
		if (gate >= 0)
			(void)!read(gate, &byte, 1);
		if (status < 0)
			(void)kill(getpid(), -status);
		_exit(status);
	}
	NEED(pid > 0);
	NEED(proc_start_time(pid, start) == 0 || gate < 0);
	return pid;
}

static void scene_slots(void)
{
	int gate[2];
	uint64_t start[3];
	connect_keeper();
	NEED(pipe2(gate, O_CLOEXEC) == 0);
	pid_t a = clone_child(gate[0], 7, &start[0]);
	pid_t b = clone_child(gate[0], -SIGKILL, &start[1]);
	NEED_OK(keeper_watch(scene.keeper, a, start[0], &said));
	NEED_OK(keeper_watch(scene.keeper, b, start[1], &said));
	NEED_OK(keeper_watch(scene.keeper, b, start[1], &said)); /* again is fine */

	NEED(keeper_watch(scene.keeper, a, start[0] + 1, &said) == -ESRCH);
	NEED(keeper_watch(scene.keeper, 0x3fffff, 1, &said) == -ESRCH);
	NEED(keeper_watch(scene.keeper, getpid(), 1, &said) == -ESRCH);
	pid_t mine = fork();
	if (mine == 0)
		for (;;)
			(void)pause();
	uint64_t mine_start;
	NEED(proc_start_time(mine, &mine_start) == 0);
	NEED(keeper_watch(scene.keeper, mine, mine_start, &said) == -ECHILD);
	NEED(strstr(said.text, "not the keeper's child"));
	(void)kill(mine, SIGKILL);
	NEED(waitpid(mine, NULL, 0) == mine);

	int64_t before = clock_real_ns(), mono = clock_mono_ns();
	NEED(write(gate[1], "xx", 2) == 2);
	run_until(2, 1000); /* no hint was sent: the keeper noticed by itself */
	const struct keeper_exit *x = scene.exits[0].pid == a ? &scene.exits[0] : &scene.exits[1];
	const struct keeper_exit *y = scene.exits[0].pid == a ? &scene.exits[1] : &scene.exits[0];
	NEED(x->pid == a && x->start_ticks == start[0] && x->exited && x->code == CLD_EXITED &&
		x->value == 7);
	NEED(keeper_exit_code(x) == 7);
	NEED(x->real_ns >= before && x->real_ns <= clock_real_ns());
	NEED(x->mono_ns >= mono && x->mono_ns <= clock_mono_ns());
	NEED(y->pid == b && y->code == CLD_KILLED && y->value == SIGKILL &&
		keeper_exit_code(y) == 128 + SIGKILL);
	NEED_OK(keeper_ack(scene.keeper, a, start[0], &said));
	NEED(keeper_ack(scene.keeper, a, start[0], &said) == -ENOENT);

	/* Dead before it is named: answered from the ring. */
	(void)close(gate[1]);
	NEED(pipe2(gate, O_CLOEXEC) == 0);
	pid_t c = clone_child(gate[0], 9, &start[2]);
	NEED(write(gate[1], "x", 1) == 1);
	while (proc_start_time(c, &mine_start) == 0)
		NEED_OK(keeper_reap_hint(scene.keeper, &said));
	NEED_OK(keeper_watch(scene.keeper, c, start[2], &said));
	NEED(scene.n_exits == 2); /* never from inside a call */
	struct keeper_exit how;
	NEED_OK(keeper_await_exit(
		scene.keeper, c, start[2], &how, &said)); /* to look at it takes nothing away */
	NEED(how.pid == c && how.code == CLD_EXITED && how.value == 9);
	NEED(keeper_await_exit(scene.keeper, c, start[2] + 1, &how, &said) == -ETIMEDOUT);
	NEED(scene.n_exits == 2);
	run_until(3, 1000);
	NEED(scene.exits[2].pid == c && scene.exits[2].value == 9);

	/* An exit that waits to be told is told by keeper_slots() instead. */
	pid_t d = clone_child(gate[0], 10, &start[0]);
	NEED_OK(keeper_watch(scene.keeper, d, start[0], &said));
	NEED(write(gate[1], "x", 1) == 1);
	while (proc_start_time(d, &mine_start) == 0)
		NEED_OK(keeper_reap_hint(scene.keeper, &said));
	NEED_OK(keeper_reap_hint(scene.keeper, &said));

	struct keeper_exit *all;
	size_t n;
	NEED_OK(keeper_slots(scene.keeper, &all, &n, &said));
	NEED(n == 3 && all[0].exited && all[1].exited && all[2].exited);
	NEED(all[0].pid == c && all[2].pid == d && all[2].value == 10); /* c has the slot that a gave back */
	free(all);
	for (int i = 0; i < 20; i++)
		(void)event_base_loop(scene.base, EVLOOP_NONBLOCK);
	NEED(scene.n_exits == 3);
	leave(0);
}

/* Supervisors die; slots, descriptors, and an exit that nobody was there to see do not. */
static void scene_survive(void)
{
	uint64_t start;
	connect_keeper();
	unsigned turn = keeper_limits(scene.keeper)->starts;
	if (turn == 1) {
		int data[2], gate[2];
		NEED(pipe2(data, O_CLOEXEC) == 0 && pipe2(gate, O_CLOEXEC) == 0);
		NEED(write(data[1], "kept", 4) == 4);
		NEED_OK(keeper_put_fd(scene.keeper, "log.r", data[0], &said));
		NEED_OK(keeper_put_fd(scene.keeper, "gate.w", gate[1], &said));
		pid_t b = clone_child(gate[0], 8, &start);
		NEED_OK(keeper_watch(scene.keeper, b, start, &said));
		mark("b", b);
		struct clone_args how = { .flags = CLONE_PARENT, .exit_signal = 0 };
		pid_t a = sys_clone3(&how);
		if (a == 0) {
			(void)usleep(250000); /* there is no supervisor from 100 to 300 ms */
			_exit(5);
		}
		NEED(proc_start_time(a, &start) == 0);
		NEED_OK(keeper_watch(scene.keeper, a, start, &said));
		mark("a", a);
		(void)raise(SIGKILL);
	}
	if (turn < 4)
		(void)raise(SIGKILL); /* the next start waits for 0, 100, 200 ms */
	pid_t a = (pid_t)marked("a"), b = (pid_t)marked("b");
	struct keeper_exit *all;
	size_t n;
	NEED_OK(keeper_slots(scene.keeper, &all, &n, &said));
	NEED(n == 2);
	size_t of_a = all[0].pid == a ? 0 : 1;
	NEED(all[of_a].pid == a && all[of_a].exited && all[of_a].value == 5);
	NEED(all[1 - of_a].pid == b && !all[1 - of_a].exited);

	char **names;
	NEED_OK(keeper_list_fds(scene.keeper, &names, &said));
	NEED(names[0] && names[1] && !names[2]);
	keeper_names_free(names);
	auto_close int data = keeper_get_fd(scene.keeper, "log.r", &said);
	char text[8];
	NEED(data >= 0 && (fcntl(data, F_GETFD) & FD_CLOEXEC));
	NEED(read(data, text, sizeof(text)) == 4 && memcmp(text, "kept", 4) == 0);
	NEED_OK(keeper_drop_fd(scene.keeper, "log.r", &said));
	NEED(keeper_get_fd(scene.keeper, "log.r", &said) == -ENOENT);
	auto_close int gate = keeper_get_fd(scene.keeper, "gate.w", &said);
	NEED(write(gate, "x", 1) == 1);
	run_until(1, 1000);
	NEED(scene.exits[0].pid == b && scene.exits[0].value == 8);
	NEED_OK(keeper_ack(scene.keeper, b, all[1 - of_a].start_ticks, &said));
	NEED_OK(keeper_ack(scene.keeper, a, all[of_a].start_ticks, &said));
	free(all);
	NEED_OK(keeper_slots(scene.keeper, &all, &n, &said));
	NEED(n == 0);
	free(all);
	leave(0);
}

static void scene_back_off(void)
{
	char name[24];
	connect_keeper();
	unsigned turn = keeper_limits(scene.keeper)->starts;
	(void)snprintf(name, sizeof(name), "start%u", turn);
	mark(name, clock_mono_ns() / NS_PER_MS);
	if (turn < 6)
		_exit(1);
	leave(0);
}

static void scene_full(void)
{
	char name[64];
	connect_keeper();
	unsigned room = keeper_limits(scene.keeper)->descriptors;
	NEED(room > 10 && room < 100);
	for (unsigned i = 0; i < room; i++) {
		(void)snprintf(name, sizeof(name), "fd.%u", i);
		NEED_OK(keeper_put_fd(scene.keeper, name, STDERR_FILENO, &said));
	}
	NEED(keeper_put_fd(scene.keeper, "one.more", STDERR_FILENO, &said) == -ENOSPC);
	NEED(strstr(said.text, "keep descriptor 'one.more'") && strstr(said.text, "is full"));
	NEED_OK(keeper_put_fd(scene.keeper, "fd.3", STDERR_FILENO, &said)); /* in place of the old one */
	NEED_OK(keeper_drop_fd(scene.keeper, "fd.5", &said));
	NEED_OK(keeper_put_fd(scene.keeper, "one.more", STDERR_FILENO, &said));
	NEED(keeper_put_fd(scene.keeper, "a/b", STDERR_FILENO, &said) == -EINVAL &&
		strstr(said.text, "'a/b': not a name"));
	NEED(keeper_put_fd(scene.keeper, "", STDERR_FILENO, &said) == -EINVAL);
	memset(name, 'x', sizeof(name));
	char longest[KEEPER_NAME_MAX + 2] = { 0 };
	memset(longest, 'x', KEEPER_NAME_MAX + 1);
	NEED(keeper_get_fd(scene.keeper, longest, &said) == -EINVAL);
	longest[KEEPER_NAME_MAX] = '\0';
	NEED(keeper_get_fd(scene.keeper, longest, &said) == -ENOENT);
	leave(0);
}

static int count_descriptors(pid_t pid)
{
	char path[64];
	int n = 0;
	(void)snprintf(path, sizeof(path), "/proc/%d/fd", (int)pid);
	DIR *d = opendir(path);
	NEED(d);
	for (struct dirent *entry; (entry = readdir(d));)
		n += entry->d_name[0] != '.';
	(void)closedir(d);
	return n;
}

/* A descriptor that can be told from others: its size. */
static off_t size_of(int fd)
{
	struct stat st;
	NEED(fd >= 0 && fstat(fd, &st) == 0);
	return st.st_size;
}

/* Tables with holes, read and taken many at a time. */
static void scene_many(void)
{
	enum { N = 300 };
	char name[N + 2][16];
	char *wanted[N + 2] = { NULL };
	size_t left = 0;
	connect_keeper();
	for (int i = 0; i < N; i++) {
		auto_close int fd = memfd_create("many", MFD_CLOEXEC);
		NEED(fd >= 0 && ftruncate(fd, 1000 + i) == 0);
		(void)snprintf(name[i], sizeof(name[i]), "many.%d", i);
		NEED_OK(keeper_put_fd(scene.keeper, name[i], fd, &said));
	}
	for (int i = 0; i < N; i++) {
		if (i % 7 == 0 || (i > 20 && i < 200) || i == N - 1)
			NEED_OK(keeper_drop_fd(scene.keeper, name[i], &said));
		else
			wanted[left++] = name[i];
	}
	char **names = NULL;
	NEED_OK(keeper_list_fds(scene.keeper, &names, &said));
	for (size_t i = 0; i < left; i++)
		NEED(names[i] && strcmp(names[i], wanted[i]) == 0);
	NEED(!names[left]);
	keeper_names_free(names);

	int before = count_descriptors(getpid());
	wanted[left] = strcpy(name[N], "many.missing"); /* no error */
	NEED_OK(keeper_fetch(scene.keeper, wanted, &said));
	for (size_t i = 0; i < left; i += 2) {
		auto_close int fd = keeper_get_fd(scene.keeper, wanted[i], &said);
		NEED(size_of(fd) == 1000 + atoi(wanted[i] + 5));
	}
	auto_close int again =
		keeper_get_fd(scene.keeper, wanted[0], &said); /* asked for: it was given once */
	NEED(size_of(again) == 1000 + atoi(wanted[0] + 5));
	NEED(keeper_get_fd(scene.keeper, "many.missing", &said) == -ENOENT);
	keeper_fetch_end(scene.keeper);
	NEED(count_descriptors(getpid()) == before + 1); /* what nobody wanted is closed */
	leave(0);
}

/* Exits in the middle of reading the slots: each told once, by that or from the loop. */
static void scene_dying(void)
{
	enum { N = 60 };
	int gate[2];
	uint64_t start[N];
	pid_t pid[N];
	bool told[N] = { false }, forgotten[N] = { false };
	connect_keeper();
	NEED(pipe2(gate, O_CLOEXEC) == 0);
	for (int i = 0; i < N; i++) {
		pid[i] = clone_child(gate[0], i, &start[i]);
		NEED_OK(keeper_watch(scene.keeper, pid[i], start[i], &said));
	}
	for (int i = 5; i < 50; i += i % 2 ? 2 : 3) { /* holes */
		NEED_OK(keeper_ack(scene.keeper, pid[i], start[i], &said));
		forgotten[i] = true;
	}
	for (int i = 0; i < N; i++) {
		if (i % 4 == 3)
			continue;
		struct keeper_exit *all;
		size_t n;
		if (i % 4 == 0) {
			char bytes[4] = "";
			NEED(write(gate[1], bytes, 4) == 4);
		}
		NEED_OK(keeper_slots(scene.keeper, &all, &n, &said));
		for (size_t k = 0; k < n; k++)
			for (int j = 0; j < N && all[k].exited; j++)
				if (all[k].pid == pid[j]) {
					NEED(all[k].value == j);
					told[j] = true;
				}
		free(all);
	}
	int64_t until = clock_mono_ns() + 10 * NS_PER_S;
	for (int missing = 1; missing;) {
		NEED(clock_mono_ns() < until);
		(void)event_base_loop(scene.base, EVLOOP_NONBLOCK);
		for (; scene.n_exits; scene.n_exits--)
			for (int j = 0; j < N; j++)
				if (scene.exits[scene.n_exits - 1].pid == pid[j]) {
					NEED(!told[j] && scene.exits[scene.n_exits - 1].value == j);
					told[j] = true;
				}
		missing = 0;
		for (int j = 0; j < N; j++)
			missing += !forgotten[j] && !told[j];
	}
	leave(0);
}

/* What a supervisor starts with. */
static void scene_start(void)
{
	struct rlimit limit;
	char comm[32];
	connect_keeper();
	const struct keeper_limits *l = keeper_limits(scene.keeper);
	NEED(l->nofile_soft == 500 && l->nofile_hard == 1000 && l->starts == 1 && l->stop_signal == 0);
	NEED(getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur == 1000);
	NEED(count_descriptors(getppid()) == 6); /* 0-2, signals, socket, image: nothing of its starter's */
	NEED(getsid(0) == getpid() && getsid(getppid()) != getpid());
	(void)snprintf(comm, sizeof(comm), "/proc/%d/comm", (int)getppid());
	char text[32];
	NEED(io_read_text(AT_FDCWD, comm, text, sizeof(text)) > 0 && strcmp(text, "berth-init") == 0);
	struct sigaction action;
	for (int sig = 1; sig < 32; sig++)
		NEED(sigaction(sig, NULL, &action) < 0 || sig == SIGKILL || sig == SIGSTOP ||
			action.sa_handler != SIG_IGN);
	leave(0);
}

/* Run before anything opens a descriptor. */
static void check_descriptors(void)
{
	for (int fd = 0; fd < 1000; fd++)
		NEED((fcntl(fd, F_GETFD) >= 0) == (fd <= KEEPER_FD));
}

static int open_signals(void)
{
	sigset_t set;
	NEED(sigprocmask(SIG_SETMASK, NULL, &set) == 0); /* as the keeper left it */
	NEED(sigismember(&set, SIGTERM) && sigismember(&set, SIGHUP) && !sigismember(&set, SIGSEGV));
	int fd = signalfd(-1, &set, SFD_CLOEXEC);
	NEED(fd >= 0);
	return fd;
}

static int next_signal(int fd)
{
	struct signalfd_siginfo info;
	struct pollfd p = { .fd = fd, .events = POLLIN };
	NEED(poll(&p, 1, 5000) == 1 && read(fd, &info, sizeof(info)) == (ssize_t)sizeof(info));
	return (int)info.ssi_signo;
}

static void scene_signals(void)
{
	connect_keeper();
	mark("up", getpid());
	while (marked("sent") < 0)
		(void)usleep(1000);
	int fd = open_signals(); /* only now: the first signal has waited */
	NEED(next_signal(fd) == SIGTERM);
	for (int i = 0;; i++) {
		char name[24];
		int sig = next_signal(fd);
		(void)snprintf(name, sizeof(name), "got%d", i);
		mark(name, sig);
		if (sig == SIGINT)
			leave(4);
	}
}

/* The wish to stop outlives the supervisor that died over it. */
static void scene_wish(void)
{
	connect_keeper();
	int fd = open_signals();
	if (keeper_limits(scene.keeper)->starts == 1) {
		mark("up", getpid());
		NEED(next_signal(fd) == SIGTERM);
		(void)raise(SIGKILL);
	}
	NEED(keeper_limits(scene.keeper)->stop_signal == SIGTERM);
	NEED(next_signal(fd) == SIGTERM);
	leave(3);
}

static void scene_gone(void)
{
	connect_keeper();
	mark("up", getpid());
	run_until(SIZE_MAX, 10000);
	NEED(keeper_reap_hint(scene.keeper, &said) == -EPIPE && strstr(said.text, "gone"));
	mark("gone", 1);
	_exit(0);
}

/* CVE-2019-5736: what runs cannot be written to, by whichever way it is reached. */
static void scene_sealed(void)
{
	connect_keeper();
	if (keeper_limits(scene.keeper)->starts == 1) {
		auto_close int exe = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
		int seals = fcntl(exe, F_GET_SEALS);
		NEED(seals >= 0 && (seals & F_SEAL_WRITE) && (seals & F_SEAL_GROW) &&
			(seals & F_SEAL_SHRINK) && (seals & F_SEAL_SEAL));
		auto_close int rw = open("/proc/self/exe", O_RDWR | O_CLOEXEC);
		NEED(rw < 0 || (write(rw, "x", 1) < 0 && errno == EPERM));
		NEED(truncate("/proc/self/exe", 0) < 0);
		mark("up", getpid());
		(void)pause();
	}
	leave(0);
}

static int sealed_copy(const char *path)
{
	auto_close int from = open(path, O_RDONLY | O_CLOEXEC);
	NEED(from >= 0);
	int fd = io_memfd_sealed_copy("berth", from, true, NULL);
	NEED(fd >= 0);
	return fd;
}

static void scene_replace(void)
{
	connect_keeper();
	const struct keeper_limits *l = keeper_limits(scene.keeper);
	if (l->starts == 1) {
		auto_close int bad = sealed_copy("/bin/false");
		NEED(keeper_replace(scene.keeper, bad, &said) == -EBUSY && strstr(said.text, "ready"));
		NEED_OK(keeper_ready(scene.keeper, &said));
		auto_close int open_memfd = memfd_create("x", MFD_CLOEXEC | MFD_ALLOW_SEALING);
		NEED(keeper_replace(scene.keeper, open_memfd, &said) == -EINVAL &&
			strstr(said.text, "sealed"));
		auto_close int text = io_memfd_sealed("x", "#!/bin/sh\n", 10, true, &said);
		NEED(keeper_replace(scene.keeper, text, &said) == -ENOEXEC &&
			strstr(said.text, "not an ELF"));
		NEED_OK(keeper_replace(scene.keeper, bad, &said));
		_exit(0); /* the new one dies before it is ready */
	}
	if (l->starts == 3) {
		NEED(l->rolled_back == 1 && !l->trial && l->last_code == CLD_EXITED && l->last_value == 1);
		NEED_OK(keeper_ready(scene.keeper, &said));
		auto_close int self = sealed_copy("/proc/self/exe");
		NEED_OK(keeper_replace(scene.keeper, self, &said));
		mark("hang", 1);
		(void)raise(SIGKILL); /* the new one hangs */
	}
	if (l->starts == 4) {
		NEED(l->trial);
		mark("hung", clock_mono_ns() / NS_PER_MS);
		for (;;)
			(void)pause();
	}
	if (l->starts == 5) {
		int64_t ms = clock_mono_ns() / NS_PER_MS - marked("hung");
		NEED(l->rolled_back == 2 && ms >= 9500 && ms < 12000);
		NEED(l->last_late && l->last_code == CLD_KILLED && l->last_value == SIGKILL);
		NEED_OK(keeper_ready(scene.keeper, &said));
		auto_close int self = sealed_copy("/proc/self/exe");
		NEED_OK(keeper_replace(scene.keeper, self, &said));
		_exit(0); /* the new one comes up */
	}
	if (l->starts == 6) {
		NEED_OK(keeper_ready(scene.keeper, &said));
		(void)raise(SIGKILL); /* but not for long */
	}
	NEED(l->rolled_back == 3 && !l->trial && !l->last_late && l->last_value == SIGKILL);
	leave(0);
}

/* A supervisor that closes its socket and lives on. */
static void scene_deaf(void)
{
	connect_keeper();
	if (keeper_limits(scene.keeper)->starts == 1) {
		int gate[2];
		uint64_t start;
		NEED(pipe2(gate, O_CLOEXEC) == 0);
		pid_t pid = clone_child(gate[0], 0, &start);
		NEED_OK(keeper_watch(scene.keeper, pid, start, &said));
		NEED(write(gate[1], "x", 1) == 1);
		scene.free_in_exit = true;
		run_until(1, 1000);
		NEED(!scene.keeper);
		mark("deaf", clock_mono_ns() / NS_PER_MS);
		for (;;)
			(void)pause();
	}
	int64_t ms = clock_mono_ns() / NS_PER_MS - marked("deaf");
	NEED(ms >= 4900 && ms < 7000);
	leave(0);
}

static void send_raw(const void *data, size_t len, const int *fds, size_t n)
{
	/* The pair's ends both hold answers; they are read now and then below. */
	while (io_send(scene.raw_fd, data, len, fds, n) == -EAGAIN)
		(void)usleep(100);
}

static struct keeper_msg ask_raw(uint8_t version, uint8_t op, const int *fds, size_t n)
{
	struct keeper_msg msg = { .version = version, .op = op, .serial = 4711 }, answer;
	send_raw(&msg, sizeof(msg), fds, n);
	for (;;) {
		int fd = -1;
		size_t room = 1;
		struct pollfd p = { .fd = scene.raw_fd, .events = POLLIN };
		NEED(poll(&p, 1, 2000) == 1);
		NEED(io_recv(scene.raw_fd, &answer, sizeof(answer), &fd, &room, 0) ==
			(ssize_t)sizeof(answer));
		if (room)
			(void)close(fd);
		if (answer.serial == 4711)
			return answer;
	}
}

/* As many questions as fit, and nobody who reads the answers: each is answered all the same, once and in order. */
static void ask_too_much(void)
{
	struct keeper_msg msg = { .version = KEEPER_PROTOCOL_VERSION, .op = KEEPER_OP_HELLO }, answer;
	struct pollfd p = { .fd = scene.raw_fd, .events = POLLIN };
	NEED(io_set_nonblock(scene.raw_fd, true) == 0);
	for (int idle = 0; idle < 50;) {
		msg.serial++;
		if (io_send(scene.raw_fd, &msg, sizeof(msg), NULL, 0) == 0) {
			idle = 0;
			continue;
		}
		msg.serial--;
		idle++;
		(void)usleep(2000);
	}
	NEED(msg.serial > 300);
	for (uint32_t i = 1; i <= msg.serial; i++) {
		NEED(poll(&p, 1, 2000) == 1);
		NEED(recv(scene.raw_fd, &answer, sizeof(answer), 0) == (ssize_t)sizeof(answer));
		NEED(answer.serial == i);
	}
	NEED(io_set_nonblock(scene.raw_fd, false) == 0);
}

static void scene_garbage(void)
{
	const char *text = getenv("BERTH_SEED");
	unsigned seed = text ? (unsigned)strtoul(text, NULL, 10) : 1;
	int two[2] = { STDERR_FILENO, STDERR_FILENO };
	char bytes[200] = { KEEPER_PROTOCOL_VERSION, KEEPER_OP_STOPPING };

	scene.raw_fd = keeper_env_fd(NULL);
	NEED(scene.raw_fd >= 0);
	send_raw(bytes, 0, NULL, 0);
	send_raw(bytes, 1, NULL, 0);
	send_raw(bytes, sizeof(struct keeper_msg) - 1, two, 2);
	send_raw(bytes, sizeof(struct keeper_msg) + 1, two, 1);
	NEED(ask_raw(9, KEEPER_OP_STOPPING, NULL, 0).status == -EPROTONOSUPPORT);
	NEED(ask_raw(KEEPER_PROTOCOL_VERSION, 0, NULL, 0).status == -ENOSYS);
	NEED(ask_raw(KEEPER_PROTOCOL_VERSION, 77, two, 1).status == -ENOSYS);
	NEED(ask_raw(KEEPER_PROTOCOL_VERSION, KEEPER_OP_EXITED, NULL, 0).status == -ENOSYS);
	NEED(ask_raw(KEEPER_PROTOCOL_VERSION, KEEPER_OP_PUT, NULL, 0).status == -EBADF);
	NEED(ask_raw(KEEPER_PROTOCOL_VERSION, KEEPER_OP_PUT, two, 2).status == -EBADF);
	NEED(ask_raw(KEEPER_PROTOCOL_VERSION, KEEPER_OP_REPLACE, NULL, 0).status == -EBADF);
	NEED(ask_raw(KEEPER_PROTOCOL_VERSION, KEEPER_OP_HELLO, two, 1).u.hello.refused == 8);
	ask_too_much();
	for (int i = 0; i < 20000; i++) {
		size_t len =
			rand_r(&seed) % 8 ? sizeof(struct keeper_msg) : (size_t)rand_r(&seed) % sizeof(bytes);
		for (size_t j = 0; j < len; j++)
			bytes[j] = (char)rand_r(&seed);
		if (rand_r(&seed) % 8) {
			bytes[0] = KEEPER_PROTOCOL_VERSION;
			bytes[1] = (char)(rand_r(&seed) % (KEEPER_OP_COUNT + 1));
		}
		if (bytes[1] == KEEPER_OP_REPLACE)
			bytes[1] = KEEPER_OP_PUT; /* that one would be done as asked */
		send_raw(bytes, len, two, (size_t)rand_r(&seed) % 3);
		if (i % 50 == 0)
			(void)ask_raw(KEEPER_PROTOCOL_VERSION, KEEPER_OP_READY, NULL, 0);
	}
	(void)ask_raw(KEEPER_PROTOCOL_VERSION, KEEPER_OP_READY, NULL, 0); /* all before it has been done */
	int open_fds = count_descriptors(getppid());
	int kept = 0;
	struct keeper_msg msg = { .version = KEEPER_PROTOCOL_VERSION, .op = KEEPER_OP_LIST, .serial = 4711 };
	for (;; kept++) {
		struct keeper_msg answer;
		send_raw(&msg, sizeof(msg), NULL, 0);
		struct pollfd p = { .fd = scene.raw_fd, .events = POLLIN };
		NEED(poll(&p, 1, 2000) == 1 && recv(scene.raw_fd, &answer, sizeof(answer), 0) > 0);
		if (answer.status < 0)
			break;
		msg.cursor = answer.cursor;
	}
	NEED(open_fds - kept <= 7); /* 0-2, signals, socket, image and one to spare */
	NEED_OK(keeper_open(scene.raw_fd, NULL, NULL, NULL, NULL, &scene.keeper, &said));
	leave(0);
}

/* More exits at once than the socket holds, and nobody who reads: none is lost or told twice, questions are answered. */
static void scene_flood(void)
{
	enum { COUNT = 600 };
	static uint64_t starts[COUNT];
	static pid_t pids[COUNT];
	static unsigned told[COUNT];
	int gate[2];
	connect_keeper();
	NEED(pipe2(gate, O_CLOEXEC) == 0);
	for (int i = 0; i < COUNT; i++) {
		struct clone_args how = { .flags = CLONE_PARENT, .exit_signal = 0 };
		pids[i] = sys_clone3(&how);
		if (pids[i] == 0) {
			char byte;
			(void)close(gate[1]);
			(void)!read(gate[0], &byte, 1); /* EOF */
			_exit(i % 100);
		}
		NEED(pids[i] > 0 && proc_start_time(pids[i], &starts[i]) == 0);
		NEED_OK(keeper_watch(scene.keeper, pids[i], starts[i], &said));
	}
	(void)close(gate[1]);
	for (int i = 0; i < COUNT; i++) {
		uint64_t ticks;
		while (proc_start_time(pids[i], &ticks) == 0)
			(void)usleep(1000); /* until the keeper has reaped it */
	}
	NEED(scene.n_exits == 0);
	NEED_OK(keeper_ready(scene.keeper, &said));
	run_until(COUNT, 5000);
	for (int i = 0; i < 20; i++)
		(void)event_base_loop(scene.base, EVLOOP_NONBLOCK);
	NEED(scene.n_exits == COUNT);
	for (size_t i = 0; i < COUNT; i++)
		for (int j = 0; j < COUNT; j++)
			if (pids[j] == scene.exits[i].pid && scene.exits[i].value == j % 100)
				told[j]++;
	for (int j = 0; j < COUNT; j++) {
		NEED(told[j] == 1);
		NEED_OK(keeper_ack(scene.keeper, pids[j], starts[j], &said));
	}
	leave(0);
}

static int count_zombies(pid_t parent)
{
	int n = 0;
	DIR *d = opendir("/proc");
	for (struct dirent *entry; d && (entry = readdir(d));) {
		char path[300], text[600];
		(void)snprintf(path, sizeof(path), "/proc/%s/stat", entry->d_name);
		if (io_read_text(AT_FDCWD, path, text, sizeof(text)) < 0)
			continue;
		char *p = strrchr(text, ')');
		n += p && p[2] == 'Z' && atoi(p + 4) == parent;
	}
	if (d)
		(void)closedir(d);
	return n;
}

static long long switches_of(pid_t pid)
{
	char path[64], text[4000];
	(void)snprintf(path, sizeof(path), "/proc/%d/status", (int)pid);
	NEED(io_read_text(AT_FDCWD, path, text, sizeof(text)) > 0);
	char *p = strstr(text, "\nvoluntary_ctxt_switches:");
	NEED(p);
	return atoll(p + 25);
}

static void print_memory(pid_t pid, const char *when)
{
	char path[64], text[4000];
	int anon = -1, file = -1;
	(void)snprintf(path, sizeof(path), "/proc/%d/status", (int)pid);
	NEED(io_read_text(AT_FDCWD, path, text, sizeof(text)) > 0);
	for (char *line = strtok(text, "\n"); line; line = strtok(NULL, "\n")) {
		(void)sscanf(line, "RssAnon: %d", &anon);
		(void)sscanf(line, "RssFile: %d", &file);
	}
	(void)fprintf(
		stderr, "keeper %s: RSS %d kB (anonymous %d, file %d)\n", when, anon + file, anon, file);
	NEED(anon >= 0 &&
		anon + file < 200); /* a libc at hand that is not musl takes more than the 50 we want */
}

/* Orphans are reaped, nobody stays a zombie, an idle keeper sleeps, and it is small. */
static void scene_idle(void)
{
	int gate[2];
	connect_keeper();
	print_memory(getppid(), "idle");
	for (int i = 0; i < 300; i++) {
		pid_t middle = fork();
		if (middle == 0) {
			if (fork() == 0)
				_exit(1);
			_exit(0);
		}
		NEED(waitpid(middle, NULL, 0) == middle);
	}
	NEED(pipe2(gate, O_CLOEXEC) == 0);
	for (int i = 0; i < 100; i++) {
		uint64_t start;
		char name[KEEPER_NAME_MAX + 1];
		(void)snprintf(name, sizeof(name), "%064d.out", i);
		pid_t pid = clone_child(gate[0], 0, &start);
		NEED_OK(keeper_watch(scene.keeper, pid, start, &said));
		NEED_OK(keeper_put_fd(scene.keeper, name, gate[1], &said));
	}
	int64_t until = clock_mono_ns() + NS_PER_S;
	while (count_zombies(getppid()) > 0) {
		NEED(clock_mono_ns() < until);
		(void)usleep(10000);
	}
	print_memory(getppid(), "with 100 children and descriptors");
	long long before = switches_of(getppid());
	(void)usleep(1000000);
	NEED(switches_of(getppid()) - before <= 1);
	for (int i = 0; i < 100; i++)
		NEED(write(gate[1], "x", 1) == 1);
	run_until(100, 2000);
	leave(0);
}

/* The keeper as PID 1 outlives its supervisor's end and still reaps. */
static void scene_pid1(void)
{
	connect_keeper();
	NEED(getppid() == 1);
	if (fork() == 0) {
		(void)setsid();
		while (marked("ended") < 0)
			(void)usleep(5000);
		pid_t orphan = fork();
		if (orphan == 0)
			_exit(0);
		mark("orphan", 1);
		_exit(0);
	}
	leave(5);
}

static const struct {
	const char *name;
	void (*run)(void);
} scenes[] = { { "slots", scene_slots }, { "survive", scene_survive }, { "back_off", scene_back_off },
	{ "full", scene_full }, { "start", scene_start }, { "signals", scene_signals },
	{ "wish", scene_wish }, { "gone", scene_gone }, { "sealed", scene_sealed },
	{ "replace", scene_replace }, { "deaf", scene_deaf }, { "garbage", scene_garbage },
	{ "flood", scene_flood }, { "idle", scene_idle }, { "pid1", scene_pid1 }, { "many", scene_many },
	{ "dying", scene_dying } };

static int supervise(int argc, char **argv)
{
	check_descriptors();
	if (argc != 2)
		return 98;
	scene.dir = argv[1];
	/* Should the test be killed: only the scene about the keeper's end is to see it. */
	if (strcmp(argv[0], "gone") != 0)
		(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
	for (size_t i = 0; i < ARRAY_LEN(scenes); i++)
		if (strcmp(argv[0], scenes[i].name) == 0)
			scenes[i].run();
	return 97;
}

#endif

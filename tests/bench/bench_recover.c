/*
 * bench_recover - death of the supervisor until it supervises again.
 *
 *   floor    a program of the same libraries, forked and executed, that reads the same records, opens each container's
 *            process and log file, takes two descriptors for each and watches them: what a successor cannot do without
 *   listed   from the kill until the API has listed all containers as running
 *   cpu      what of that the successor itself was on a processor: the same on a machine that has more to do
 *   told     the same until the end of a container that died meanwhile is told, with its code
 *
 * usage (root): bench_recover SOCKET RUN-ROOT DATA-ROOT ROOT ROUNDS
 * The daemon runs some containers already; one more, to die, is made and removed here. A supervisor that dies within ten
 * seconds of its start is started again with a delay, so each round waits that long first. Prints medians, p10, p90.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/http.h"
#include "base/io.h"
#include "base/json.h"
#include "base/own.h"
#include "base/proc.h"
#include "base/sys.h"
#include "tests/bench/measure.h"

#define LONG_LIFE_S 10 /* init/life.c */
#define FLOOR_VERB  "--floor"

static const char *sock, *run_root, *data_root, *root;

/* ---------------------------------------------------------------- floor */

/* All small files of a directory, as a successor reads its records. */
static void read_records(const char *base, const char *id)
{
	char path[512];
	(void)snprintf(path, sizeof(path), "%s/containers/%s", base, id);
	DIR *d = opendir(path);
	for (struct dirent *x; d && (x = readdir(d));) {
		auto_(buf) struct buf text = { 0 };
		if (strstr(x->d_name, ".json"))
			(void)io_read_file(dirfd(d), x->d_name, 1 << 20, &text, NULL);
	}
	if (d)
		(void)closedir(d);
}

/* In the new program: records, processes, log files and two descriptors each; then one byte says that it is done. */
static int floor_child(char **argv)
{
	int from = atoi(argv[0]), n = 0, poller = epoll_create1(EPOLL_CLOEXEC);
	run_root = argv[1];
	data_root = argv[2];
	char name[512], line[160];
	for (ssize_t len; (len = read(from, line, sizeof(line) - 1)) > 0 && line[0] != '.'; n++) {
		int fds[2], pid;
		size_t got = 2;
		char id[80];
		line[len] = '\0';
		if (sscanf(line, "%79s %d", id, &pid) != 2 || write(from, id, 1) != 1 ||
			io_recv(from, line, sizeof(line), fds, &got, 0) < 0 || got != 2)
			return 1;
		read_records(run_root, id);
		read_records(data_root, id);
		uint64_t ticks;
		int pidfd = sys_pidfd_open(pid, 0);
		(void)snprintf(name, sizeof(name), "%s/logs/%s/0.log", data_root, id);
		int log = open(name, O_RDWR | O_CREAT | O_CLOEXEC, 0640);
		struct epoll_event ev = { .events = EPOLLIN };
		if (pidfd < 0 || proc_start_time(pid, &ticks) < 0 || log < 0 ||
			epoll_ctl(poller, EPOLL_CTL_ADD, fds[0], &ev) < 0 ||
			epoll_ctl(poller, EPOLL_CTL_ADD, fds[1], &ev) < 0)
			return 1;
	}
	return write(from, "r", 1) != 1;
}

struct kept {
	char id[80];
	int pid;
	int pipes[2][2];
};

static int64_t floor_once(struct kept *kept, int n)
{
	int pair[2];
	char fd_text[16], byte;
	if (socketpair(AF_UNIX, SOCK_SEQPACKET, 0, pair) < 0)
		measure_die("floor", strerror(errno));
	(void)fcntl(pair[0], F_SETFD, FD_CLOEXEC);
	(void)snprintf(fd_text, sizeof(fd_text), "%d", pair[1]);
	int64_t start = clock_mono_ns();
	pid_t child = vfork();
	if (child == 0) {
		execl("/proc/self/exe", "bench_recover", FLOOR_VERB, fd_text, run_root, data_root,
			(char *)NULL);
		_exit(127);
	}
	(void)close(pair[1]);
	for (int i = 0; i < n; i++) {
		char line[160];
		int len = snprintf(line, sizeof(line), "%s %d", kept[i].id, kept[i].pid);
		int fds[2] = { kept[i].pipes[0][0], kept[i].pipes[1][0] };
		if (io_send(pair[0], line, (size_t)len, NULL, 0) < 0 || read(pair[0], &byte, 1) != 1 ||
			io_send(pair[0], "f", 1, fds, 2) < 0)
			measure_die("floor", "its program has died");
	}
	if (write(pair[0], ".", 1) != 1 || read(pair[0], &byte, 1) != 1)
		measure_die("floor", "its program has failed");
	int64_t took = clock_mono_ns() - start;
	(void)close(pair[0]);
	(void)waitpid(child, NULL, 0);
	return took;
}

/* ---------------------------------------------------------------- the daemon */

static int count_running(struct buf *answer, struct kept **out)
{
	struct err e;
	measure_call(sock, "GET", "/containers/json", NULL, answer);
	auto_(json) json_t *list = json_parse(answer->data, answer->len, "list", &e);
	int n = (int)json_array_size(list);
	if (out && !(*out = calloc((size_t)n, sizeof(**out))))
		measure_die("list", "out of memory");
	for (int i = 0; out && i < n; i++) {
		struct kept *k = &(*out)[i];
		auto_(buf) struct buf text = { 0 };
		char target[120];
		(void)snprintf(k->id, sizeof(k->id), "%s",
			json_string_value(json_object_get(json_array_get(list, (size_t)i), "Id")));
		(void)snprintf(target, sizeof(target), "/containers/%s/json", k->id);
		measure_call(sock, "GET", target, NULL, &text);
		auto_(json) json_t *seen = json_parse(text.data, text.len, "inspect", &e);
		k->pid = (int)json_integer_value(json_object_get(json_object_get(seen, "State"), "Pid"));
		if (pipe2(k->pipes[0], O_CLOEXEC) < 0 || pipe2(k->pipes[1], O_CLOEXEC) < 0)
			measure_die("pipe", strerror(errno));
	}
	return n;
}

static pid_t supervisor_pid(void)
{
	char path[512], text[32];
	(void)snprintf(path, sizeof(path), "%s/supervisor.pid", run_root);
	return io_read_text(AT_FDCWD, path, text, sizeof(text)) > 0 ? atoi(text) : 0;
}

static int victim_pid(struct buf *answer)
{
	struct err e;
	measure_call(sock, "GET", "/containers/bench-victim/json", NULL, answer);
	auto_(json) json_t *seen = json_parse(answer->data, answer->len, "inspect", &e);
	return (int)json_integer_value(json_object_get(json_object_get(seen, "State"), "Pid"));
}

static void make_victim(struct buf *answer)
{
	char body[1024];
	(void)snprintf(body, sizeof(body),
		"{\"Image\":\"dir:%s\",\"Cmd\":[\"/bin/sleep\",\"1000\"],\"HostConfig\":{\"NetworkMode\":\"none\"}}",
		root);
	measure_call(sock, "POST", "/containers/create?name=bench-victim", body, answer);
}

/* Time on a processor so far. */
static int64_t cpu_ns(pid_t pid)
{
	char path[64], text[128];
	(void)snprintf(path, sizeof(path), "/proc/%d/schedstat", (int)pid);
	return io_read_text(AT_FDCWD, path, text, sizeof(text)) > 0 ? atoll(text) : 0;
}

/* Kills, first the supervisor and then a container. The connection is made after the death, so it is a successor that
 * answers: the keeper holds the socket that it waits on. */
static void kill_once(int running, struct measured *listed, struct measured *cpu, struct measured *told)
{
	auto_(buf) struct buf answer = { 0 };
	measure_call(sock, "POST", "/containers/bench-victim/start", NULL, &answer);
	int victim = victim_pid(&answer);
	pid_t pid = supervisor_pid();
	auto_close int pidfd = sys_pidfd_open(pid, 0);
	struct pollfd death = { .fd = pidfd, .events = POLLIN };
	if (pidfd < 0 || victim <= 0)
		measure_die("supervisor or victim", "is not there");
	(void)sleep(LONG_LIFE_S);

	int64_t start = clock_mono_ns();
	(void)sys_pidfd_send_signal(pidfd, SIGKILL);
	(void)poll(&death, 1, -1);
	(void)kill(victim, SIGKILL);
	int seen = count_running(&answer, NULL);
	int64_t then = clock_mono_ns(), busy = cpu_ns(supervisor_pid());
	if (seen != running && seen != running + 1) /* the victim may be on its way out */
		measure_die("list", "containers are missing");
	measure_call(sock, "POST", "/containers/bench-victim/wait", NULL, &answer);
	int64_t last = clock_mono_ns();
	if (!answer.data || !strstr(answer.data, "\"StatusCode\":137"))
		measure_die("wait", "the code is lost");
	measure_add(listed, then - start);
	measure_add(cpu, busy);
	measure_add(told, last - start);
}

int main(int argc, char **argv)
{
	static struct measured rows[4];
	static const char *const names[4] = { "floor", "listed", "cpu", "told" };
	auto_(buf) struct buf answer = { 0 };
	struct kept *kept;

	if (argc > 2 && strcmp(argv[1], FLOOR_VERB) == 0)
		return floor_child(argv + 2);
	if (argc != 6) {
		(void)fprintf(stderr, "usage: bench_recover SOCKET RUN-ROOT DATA-ROOT ROOT ROUNDS\n");
		return 2;
	}
	sock = argv[1];
	run_root = argv[2];
	data_root = argv[3];
	root = argv[4];
	int n = count_running(&answer, &kept);
	make_victim(&answer);
	for (int i = 0; i < atoi(argv[5]); i++) {
		measure_add(&rows[0], floor_once(kept, n));
		kill_once(n, &rows[1], &rows[2], &rows[3]);
	}
	measure_call(sock, "DELETE", "/containers/bench-victim?force=1", NULL, &answer);
	for (int i = 0; i < 4; i++)
		(void)printf(
			"supervisor back   %-8s %4d containers %9.1f ms (p10 %.1f, p90 %.1f) %6.2f x floor\n",
			names[i], n, (double)measure_percentile(&rows[i], 50) / 1e6,
			(double)measure_percentile(&rows[i], 10) / 1e6,
			(double)measure_percentile(&rows[i], 90) / 1e6,
			(double)measure_percentile(&rows[i], 50) / (double)measure_percentile(&rows[0], 50));
	free(kept);
	return 0;
}

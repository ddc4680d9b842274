/*
 * bench_log - how long a program takes to write its lines, one by one, until all of them are in a file with a time stamp.
 *
 *   floor    a reader of the pipe in blocks of 64 KiB that stamps each line and writes
 *   api      a container of a running daemon, from its start to its end; the log file is counted
 *
 * usage (root): bench_log SOCKET ROOT WRITER LINES ROUNDS     WRITER is build/tool/lines; ROOT has it as /bin/lines
 * Prints medians and lines per second.
 */
#include <errno.h>
#include <fcntl.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/http.h"
#include "base/io.h"
#include "base/json.h"
#include "base/own.h"

#define BLOCK	   65536
#define ROUNDS_MAX 100

extern char **environ;
static const char *sock, *root, *writer, *lines;

static _Noreturn void die(const char *what, const char *why)
{
	(void)fprintf(stderr, "bench_log: %s: %s\n", what, why);
	exit(1);
}

static size_t count_lines(const char *path)
{
	static char block[BLOCK];
	auto_close int fd = open(path, O_RDONLY | O_CLOEXEC);
	size_t n = 0;
	ssize_t got;

	while ((got = read(fd, block, sizeof(block))) > 0)
		for (const char *p = block; (p = memchr(p, '\n', (size_t)(block + got - p))); p++)
			n++;
	return n;
}

/* ---------------------------------------------------------------- floor */

/* What the pipe gave, each line behind a stamp; how much of it was whole lines. */
static size_t stamp(const char *in, size_t len, char *out, size_t *out_len)
{
	char head[64];
	size_t done = 0;
	const char *nl;

	clock_format_rfc3339(clock_real_ns(), head);
	size_t head_len = strlen(head);
	memcpy(head + head_len, " stdout F ", 10);
	head_len += 10;
	while ((nl = memchr(in + done, '\n', len - done))) {
		size_t n = (size_t)(nl + 1 - in) - done;
		memcpy(out + *out_len, head, head_len);
		memcpy(out + *out_len + head_len, in + done, n);
		*out_len += head_len + n;
		done += n;
	}
	return done;
}

static void copy_lines(int in, int out)
{
	static char from[2 * BLOCK], to[4 * BLOCK];
	size_t kept = 0, len;
	ssize_t n;

	while ((n = read(in, from + kept, BLOCK)) > 0) {
		kept += (size_t)n;
		len = 0;
		size_t done = stamp(from, kept, to, &len);
		memmove(from, from + done, kept - done);
		kept -= done;
		if (io_write_full(out, to, len) < 0)
			die("write", strerror(errno));
	}
}

static int64_t floor_once(void)
{
	char path[256];
	int pipe_fds[2];
	posix_spawn_file_actions_t actions;
	char *const argv[] = { (char *)writer, (char *)lines, NULL };
	pid_t pid;

	(void)snprintf(path, sizeof(path), "%s/floor.log", root);
	int64_t start = clock_mono_ns();
	auto_close int out = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	if (out < 0 || pipe2(pipe_fds, O_CLOEXEC) < 0)
		die(path, strerror(errno));
	(void)posix_spawn_file_actions_init(&actions);
	(void)posix_spawn_file_actions_adddup2(&actions, pipe_fds[1], 1);
	if (posix_spawn(&pid, writer, &actions, NULL, argv, environ) != 0)
		die(writer, "cannot be run");
	(void)posix_spawn_file_actions_destroy(&actions);
	(void)close(pipe_fds[1]);
	copy_lines(pipe_fds[0], out);
	(void)close(pipe_fds[0]);
	(void)waitpid(pid, NULL, 0);
	int64_t took = clock_mono_ns() - start;
	if (count_lines(path) != (size_t)atol(lines))
		die(path, "lines are missing");
	(void)unlink(path);
	return took;
}

/* ---------------------------------------------------------------- api */

static void call(const char *method, const char *target, const char *body, struct buf *answer)
{
	struct err e;
	int status;

	buf_reset(answer);
	if (http_call(sock, method, target, body, body ? strlen(body) : 0, &status, answer, &e) < 0)
		die(target, e.text);
	if (status >= 400)
		die(target, answer->data ? answer->data : "refused");
}

static int64_t api_once(void)
{
	auto_(buf) struct buf answer = { 0 };
	char body[1024];
	struct err e;

	(void)snprintf(body, sizeof(body),
		"{\"Image\":\"dir:%s\",\"Cmd\":[\"/bin/lines\",\"%s\"],\"HostConfig\":{\"NetworkMode\":\"none\",\"SecurityOpt\":[\"seccomp=unconfined\"]},"
		"\"Berth\":{\"Root\":\"shared\"}}",
		root, lines);
	call("POST", "/containers/create?name=bench-log", body, &answer);
	int64_t start = clock_mono_ns();
	call("POST", "/containers/bench-log/start", NULL, &answer);
	call("POST", "/containers/bench-log/wait", NULL, &answer);
	int64_t took = clock_mono_ns() - start;
	call("GET", "/containers/bench-log/json", NULL, &answer);
	auto_(json) json_t *seen = json_parse(answer.data, answer.len, "inspect", &e);
	const char *path = json_string_value(json_object_get(seen, "LogPath"));
	if (!path || count_lines(path) != (size_t)atol(lines))
		die("the container's log", "lines are missing");
	call("DELETE", "/containers/bench-log", NULL, &answer);
	return took;
}

/* ---------------------------------------------------------------- */

static int by_time(const void *x, const void *y)
{
	int64_t a = *(const int64_t *)x, b = *(const int64_t *)y;
	return (a > b) - (a < b);
}

int main(int argc, char **argv)
{
	static int64_t took[2][ROUNDS_MAX];
	static const char *const names[2] = { "floor", "api" };

	if (argc != 6) {
		(void)fprintf(stderr, "usage: bench_log SOCKET ROOT WRITER LINES ROUNDS\n");
		return 2;
	}
	sock = argv[1];
	root = argv[2];
	writer = argv[3];
	lines = argv[4];
	int rounds = atoi(argv[5]);
	if (rounds < 1 || rounds > ROUNDS_MAX)
		die(argv[5], "not a number of rounds");
	for (int i = 0; i < rounds; i++) {
		took[0][i] = floor_once();
		took[1][i] = api_once();
	}
	for (int i = 0; i < 2; i++) {
		qsort(took[i], (size_t)rounds, sizeof(took[i][0]), by_time);
		(void)printf("log lines        %-8s %9.0f us   %5.2f million lines/s %7.2f x floor\n",
			names[i], (double)took[i][rounds / 2] / 1000,
			(double)atol(lines) * 1000 / (double)took[i][rounds / 2],
			(double)took[i][rounds / 2] / (double)took[0][rounds / 2]);
	}
	return 0;
}

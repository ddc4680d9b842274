/*
 * bench_log - how long a program takes to write its lines, one by one and in large blocks, until all of them are in a file
 * with a time stamp.
 *
 *   floor    a reader of the pipe in blocks of 64 KiB that stamps each line and writes
 *   api      a container of a running daemon, from its start to its end; the log file is counted, and not rotated for that
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
#include "base/io.h"
#include "base/json.h"
#include "base/own.h"
#include "tests/bench/measure.h"

#define BLOCK	   65536
#define BLOCK_TEXT "65500" /* as many whole lines as go into 64 KiB */

extern char **environ;
static const char *sock, *root, *writer, *lines;

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
			measure_die("write", strerror(errno));
	}
}

/* at_once: bytes per write */
static int64_t floor_once(const char *at_once)
{
	char path[256];
	int pipe_fds[2];
	posix_spawn_file_actions_t actions;
	char *const argv[] = { (char *)writer, (char *)lines, (char *)at_once, NULL };
	pid_t pid;

	(void)snprintf(path, sizeof(path), "%s/floor.log", root);
	int64_t start = clock_mono_ns();
	auto_close int out = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	if (out < 0 || pipe2(pipe_fds, O_CLOEXEC) < 0)
		measure_die(path, strerror(errno));
	(void)posix_spawn_file_actions_init(&actions);
	(void)posix_spawn_file_actions_adddup2(&actions, pipe_fds[1], 1);
	if (posix_spawn(&pid, writer, &actions, NULL, argv, environ) != 0)
		measure_die(writer, "cannot be run");
	(void)posix_spawn_file_actions_destroy(&actions);
	(void)close(pipe_fds[1]);
	copy_lines(pipe_fds[0], out);
	(void)close(pipe_fds[0]);
	(void)waitpid(pid, NULL, 0);
	int64_t took = clock_mono_ns() - start;
	if (count_lines(path) != (size_t)atol(lines))
		measure_die(path, "lines are missing");
	(void)unlink(path);
	return took;
}

/* ---------------------------------------------------------------- api */

static int64_t api_once(const char *at_once)
{
	auto_(buf) struct buf answer = { 0 };
	char body[1024];
	struct err e;

	(void)snprintf(body, sizeof(body),
		"{\"Image\":\"dir:%s\",\"Cmd\":[\"/bin/lines\",\"%s\",\"%s\"],\"HostConfig\":{\"NetworkMode\":\"none\",\"SecurityOpt\":[\"seccomp=unconfined\"],"
		"\"LogConfig\":{\"Config\":{\"max-size\":\"-1\"}}},"
		"\"Berth\":{\"Root\":\"shared\"}}",
		root, lines, at_once);
	measure_call(sock, "POST", "/containers/create?name=bench-log", body, &answer);
	int64_t start = clock_mono_ns();
	measure_call(sock, "POST", "/containers/bench-log/start", NULL, &answer);
	measure_call(sock, "POST", "/containers/bench-log/wait", NULL, &answer);
	int64_t took = clock_mono_ns() - start;
	measure_call(sock, "GET", "/containers/bench-log/json", NULL, &answer);
	auto_(json) json_t *seen = json_parse(answer.data, answer.len, "inspect", &e);
	const char *path = json_string_value(json_object_get(seen, "LogPath"));
	if (!path || count_lines(path) != (size_t)atol(lines))
		measure_die("the container's log", "lines are missing");
	measure_call(sock, "DELETE", "/containers/bench-log", NULL, &answer);
	return took;
}

/* ---------------------------------------------------------------- */

int main(int argc, char **argv)
{
	static struct measured rows[2][2];
	static const char *const at_once[2] = { "100", BLOCK_TEXT },
				 *const jobs[2] = { "log lines", "log blocks" },
				 *const names[2] = { "floor", "api" };

	if (argc != 6) {
		(void)fprintf(stderr, "usage: bench_log SOCKET ROOT WRITER LINES ROUNDS\n");
		return 2;
	}
	sock = argv[1];
	root = argv[2];
	writer = argv[3];
	lines = argv[4];
	for (int i = 0; i < atoi(argv[5]); i++) {
		for (int job = 0; job < 2; job++) {
			measure_add(&rows[job][0], floor_once(at_once[job]));
			measure_add(&rows[job][1], api_once(at_once[job]));
		}
	}
	for (int i = 0; i < 4; i++) {
		struct measured *row = &rows[i / 2][i % 2];
		double took = (double)measure_percentile(row, 50),
		       floor = (double)measure_percentile(&rows[i / 2][0], 50);
		(void)printf("%-16s %-8s %9.0f us   %5.2f million lines/s %7.2f of the floor's rate\n",
			jobs[i / 2], names[i % 2], took / 1000, (double)atol(lines) * 1000 / took,
			floor / took);
	}
	return 0;
}

/*
 * bench_restart - the death of a process until its successor's first instruction, beside what a start takes.
 *
 *   start    from the request until the program's first instruction, through the API
 *   restart  from the program's last instruction until the first one of the next run, less the back-off
 *
 * Both end with the same event, told by the program itself (tests/tool/stamp.c) in its log. The back-off is policy and not
 * work: the first one of a container, 100 ms, is taken off, and what the timer is late is not. So each round makes a
 * container of its own, whose first run gives both figures; it is the same start in the same minute.
 *
 * usage (root): bench_restart SOCKET ROOT ROUNDS     ROOT has build/tool/stamp as /bin/stamp
 * Prints medians, p10, p90 and the ratio.
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/io.h"
#include "base/json.h"
#include "base/own.h"
#include "tests/bench/measure.h"

#define FIRST_BACK_OFF_NS (100 * NS_PER_MS)
#define PATIENCE_NS	  (10 * NS_PER_S)

static const char *sock, *root;

struct run {
	int64_t first_ns, last_ns;
};

/* The lines of a log: a stamp, a stream, F, and what the program wrote. */
static size_t read_runs(const char *path, struct run *runs, size_t room)
{
	auto_(buf) struct buf text = { 0 };
	size_t n = 0;
	if (io_read_file(AT_FDCWD, path, 1 << 20, &text, NULL) < 0)
		return 0;
	for (char *p = text.data; n < room && p && (p = strstr(p, " stdout F ")); p++) {
		long long first, last;
		if (sscanf(p, " stdout F %lld %lld\n", &first, &last) == 2 && strchr(p, '\n'))
			runs[n++] = (struct run){ first, last };
	}
	return n;
}

static void log_path(char *path, size_t room, struct buf *answer)
{
	struct err e;
	measure_call(sock, "GET", "/containers/bench-restart/json", NULL, answer);
	auto_(json) json_t *seen = json_parse(answer->data, answer->len, "inspect", &e);
	const char *text = json_string_value(json_object_get(seen, "LogPath"));
	if (!text || snprintf(path, room, "%s", text) >= (int)room)
		measure_die("inspect", "no LogPath");
}

static void once(struct measured *start, struct measured *restart)
{
	auto_(buf) struct buf answer = { 0 };
	char body[1024], path[512];
	struct run runs[2];
	(void)snprintf(body, sizeof(body),
		"{\"Image\":\"dir:%s\",\"Cmd\":[\"/bin/stamp\"],\"HostConfig\":{\"NetworkMode\":\"none\","
		"\"RestartPolicy\":{\"Name\":\"always\"}},\"Berth\":{\"Root\":\"shared\"}}",
		root);
	measure_call(sock, "POST", "/containers/create?name=bench-restart", body, &answer);
	log_path(path, sizeof(path), &answer);
	int64_t asked = clock_mono_ns();
	measure_call(sock, "POST", "/containers/bench-restart/start", NULL, &answer);
	while (read_runs(path, runs, 2) < 2) {
		if (clock_mono_ns() - asked > PATIENCE_NS)
			measure_die(path, "no second run");
		(void)usleep(5000);
	}
	measure_call(sock, "DELETE", "/containers/bench-restart?force=1", NULL, &answer);
	if (runs[1].first_ns - runs[0].last_ns < FIRST_BACK_OFF_NS)
		measure_die(path, "the second run came before its time");
	measure_add(start, runs[0].first_ns - asked);
	measure_add(restart, runs[1].first_ns - runs[0].last_ns - FIRST_BACK_OFF_NS);
}

int main(int argc, char **argv)
{
	static struct measured rows[2];
	static const char *const names[2] = { "start", "restart" };

	if (argc != 4) {
		(void)fprintf(stderr, "usage: bench_restart SOCKET ROOT ROUNDS\n");
		return 2;
	}
	sock = argv[1];
	root = argv[2];
	for (int i = -2; i < atoi(argv[3]); i++) {
		once(&rows[0], &rows[1]);
		if (i < 0) /* to warm up */
			rows[0].n = rows[1].n = 0;
	}
	for (int i = 0; i < 2; i++)
		(void)printf("%-16s %-8s %9.0f us (p10 %.0f, p90 %.0f) %7.2f x a start\n",
			i ? "exit -> restart" : "request -> start", names[i],
			(double)measure_percentile(&rows[i], 50) / 1e3,
			(double)measure_percentile(&rows[i], 10) / 1e3,
			(double)measure_percentile(&rows[i], 90) / 1e3,
			(double)measure_percentile(&rows[i], 50) / (double)measure_percentile(&rows[0], 50));
	return 0;
}

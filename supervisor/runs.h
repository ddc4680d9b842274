/*
 * runs - how a container's last runs ended: code, times, the reason, and the last lines that each of them said.
 *
 * RUNS_KEPT of them, in runs.json of the container's directory in the run root. They are for people who ask why it restarts; nothing
 * is decided by them, so a record that cannot be written or read is logged and left out.
 *
 * Units:   real time in nanoseconds, CLOCK_NEVER for a start that failed.
 * Owns:    struct run_end belongs to its container's list.
 * Context: the loop; reads at most RUNS_READ_MAX bytes of the log file.
 */
#ifndef SUPERVISOR_RUNS_H
#define SUPERVISOR_RUNS_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/list.h"

struct container;

#define RUNS_KEPT	5
#define RUNS_LINES	10
#define RUNS_OUTPUT_MAX 4096
#define RUNS_READ_MAX	8192

struct run_end {
	struct list link; /* oldest first */
	uint64_t generation;
	int exit_code;
	bool oom_killed;
	int64_t started_ns, finished_ns;
	char *reason, *output; /* never NULL; valid UTF-8 */
};

/* The run (or the start) that .actual says has just ended. */
void runs_note(struct container *c);
/* Of the last one; NULL: there is none. */
const struct run_end *runs_last(const struct container *c);
/* Its last line, else its reason; cut to RUNS_LINE_MAX bytes. NULL: nothing ended yet. */
#define RUNS_LINE_MAX 256
const char *runs_last_line(const struct container *c, char out[RUNS_LINE_MAX + 1]);
void runs_load(struct container *c);
void runs_free(struct container *c);
/* New reference: [{"ExitCode", "OOMKilled", "StartedAt", "FinishedAt", "Reason", "Output"}]; NULL when memory is out. */
json_t *runs_to_json(const struct container *c);

/* Pure, for tests: the last lines of a piece of a log file that say since_ns or later, as text with an end of line after each. A
 * piece that begins in the middle of a line loses that one. malloc'd; NULL when memory is out. */
char *runs_last_lines(const char *log, size_t len, int64_t since_ns);

#endif

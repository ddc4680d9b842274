/*
 * stdio - the supervisor's ends of one run's input and output.
 *
 * Without a terminal: two pipes, each read in batches of 64 KiB, and a third for stdin when the container has one open. With
 * a terminal: its master, which comes from the launch. The keeper holds a copy of each (log.ID.out, log.ID.err, in.ID,
 * tty.ID), so that a supervisor's death neither breaks a writer nor loses what is in the pipe.
 *
 * What is read goes to the log first and to the attachments next, by way of the batch (logbatch.h), so that nothing of it is
 * lost with us. A log that takes no more loses lines, counted and said; a stalled lossless attachment (attach.h) stops the reading until it goes on.
 *
 * Owns:    its descriptors and the log file. stdio_free() takes them out of the keeper too.
 */
#ifndef SUPERVISOR_STDIO_H
#define SUPERVISOR_STDIO_H

#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"
#include "supervisor/logfile.h"

struct container;
struct engine;
struct stdio;

/* Makes the pipes; container_ends are the caller's to hand to the launch and to close (-1: null device). With a terminal all
 * three are -1 and stdio_set_console() follows. */
int stdio_open(struct container *c, int container_ends[3], struct err *e);
/* Our ends to the keeper, and the log file: what can be done while the launcher works, and has to be before it is released. */
int stdio_keep(struct container *c, struct err *e);
/* The master is taken, also on failure. */
int stdio_set_console(struct container *c, int console_fd, struct err *e);
/* A new supervisor takes up what the keeper holds for this container. What is not there reads as ended. */
int stdio_adopt(struct container *c, struct err *e);
/* Read from now on. */
void stdio_start(struct container *c);
/* Everything was read to its end. container_on_drained() is called when that becomes so. */
bool stdio_is_drained(const struct container *c);
/* Enough waited: unfinished lines go to the log file, nothing is read any more. */
void stdio_cut(struct container *c);
void stdio_free(struct container *c);
/* Ours are closed, what the keeper has stays for the next supervisor. */
void stdio_leave(struct container *c);

/* No lossless attachment is stalled any more: go on reading. */
void stdio_resume(struct container *c);
void stdio_write_input(struct container *c, const void *data, size_t len);
bool stdio_input_is_full(const struct container *c);
void stdio_end_input(struct container *c);
int stdio_resize(struct container *c, unsigned width, unsigned height, struct err *e);
/* The line that has not come to its end yet: it is in no file. NULL: there is none. */
const char *stdio_unfinished(const struct container *c, enum log_stream stream, size_t *len);
/* Of this run's bytes those that the log did not take, and does not say so yet. */
uint64_t stdio_lost(const struct container *c, enum log_stream stream);
/* Bytes of this run that came from the stream up to now. */
uint64_t stdio_count(const struct container *c, enum log_stream stream);

/* Before anything is recovered: what the former supervisor had read, or a new one of these. */
int stdio_open_batch(struct engine *en, struct err *e);
/* After that: what belongs to no run. */
void stdio_sweep_batch(struct engine *en);

/* Forget what the keeper holds of this container (a start that was undone). */
void stdio_drop_kept(struct container *c);

#endif

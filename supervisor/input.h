/*
 * input - bytes on their way into a process's stdin (a pipe's write end or a terminal), without ever blocking.
 *
 * Writes go out at once as far as the pipe takes them; the rest waits. When more than 64 KiB wait the sender should pause
 * (input_is_full) until ready() is called. A reader that has gone turns everything after into nothing.
 *
 * Owns:    the descriptor.
 * Context: ready() is called from the loop.
 */
#ifndef SUPERVISOR_INPUT_H
#define SUPERVISOR_INPUT_H

#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"

struct event_base;
struct input;

/* fd is taken on success only, and made non-blocking. ready may be NULL. */
int input_new(struct event_base *base, int fd, void (*ready)(void *cookie), void *cookie, struct input **out,
	struct err *e);
void input_free(struct input *in);
void input_write(struct input *in, const void *data, size_t len);
bool input_is_full(const struct input *in);
/* Close when what waits is written. A terminal is not to be ended. */
void input_end(struct input *in);

#endif

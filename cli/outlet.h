/*
 * outlet - one of our output descriptors, written without ever blocking the loop for long.
 *
 * A pipe or terminal is written when it is ready, at most PIPE_BUF bytes at a time (which cannot block then); its flags are
 * left alone, since it may be shared with other programs. What epoll refuses (files, /dev/null) is written at once.
 *
 * Owns:    nothing of the descriptor. outlet_done() frees what is queued.
 * Errors:  kept in .error (EPIPE: the reader has gone); later data is dropped.
 */
#ifndef CLI_OUTLET_H
#define CLI_OUTLET_H

#include <event2/buffer.h>
#include <event2/event.h>
#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"

#define OUTLET_HIGH (256 * 1024)
#define OUTLET_LOW  (64 * 1024)

struct outlet {
	int fd;
	struct evbuffer *queue;
	struct event *ev; /* NULL: written at once */
	int error;
	void (*moved)(void *cookie); /* something was written, or failed */
	void *cookie;
};

int outlet_init(struct outlet *o, struct event_base *base, int fd, void (*moved)(void *cookie), void *cookie,
	struct err *e);
void outlet_done(struct outlet *o);
void outlet_write(struct outlet *o, const void *data, size_t len);
size_t outlet_queued(const struct outlet *o);

#endif

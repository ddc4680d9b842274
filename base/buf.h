/*
 * buf - a growing run of bytes, always NUL-terminated behind its length.
 *
 * Owns:    .data; buf_done() frees it and leaves an empty buf. {0} is an empty buf.
 * Errors:  -ENOMEM; the contents stay as they were.
 */
#ifndef BASE_BUF_H
#define BASE_BUF_H

#include <stddef.h>

#include "base/own.h"

struct buf {
	char *data; /* NULL while empty */
	size_t len, room;
};

void buf_done(struct buf *b);
void buf_reset(struct buf *b); /* length 0, memory kept */
int buf_reserve(struct buf *b, size_t more);
int buf_add(struct buf *b, const void *data, size_t len);
int buf_puts(struct buf *b, const char *s);
int buf_printf(struct buf *b, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* The contents as a malloc'd string the caller frees ("" when empty, NULL when memory is out); the buf is empty after. */
char *buf_take(struct buf *b);

OWN_DEFINE(buf, struct buf, buf_done)

#endif

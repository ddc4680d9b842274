/*
 * detach - the keys that leave an attached terminal.
 *
 * Source:  docker's --detach-keys: a comma list of single characters or ctrl-X with X one of a-z @ [ \ ] ^ _;
 *          ctrl-p,ctrl-q when nothing is said.
 * Context: pure. Bytes of a sequence that did not come to its end are given out, none is lost.
 */
#ifndef SUPERVISOR_DETACH_H
#define SUPERVISOR_DETACH_H

#include <stdbool.h>
#include <stddef.h>

#include "base/buf.h"
#include "base/err.h"

#define DETACH_KEYS_MAX 32

struct detach {
	unsigned char keys[DETACH_KEYS_MAX];
	size_t n, matched;
};

/* NULL and "" are the default. -EINVAL names the key. */
int detach_parse(const char *text, struct detach *out, struct err *e);
/* Append to out what goes on to the container. 1: the sequence is complete (the rest of data is not looked at), 0, -ENOMEM. */
int detach_feed(struct detach *d, const char *data, size_t len, struct buf *out);

#endif

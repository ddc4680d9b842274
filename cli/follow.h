/*
 * follow - the output of several containers on ours, each line behind its container's name in a colour of its own.
 *
 * What comes from a log goes on over the deaths of supervisors (cli/logstream.h); what has no log is attached to, and lost with
 * the connection. When our readers are slow all of it waits.
 *
 * Owns:    follow_free() gives back everything; names are copied.
 * Context: the caller runs the loop.
 */
#ifndef CLI_FOLLOW_H
#define CLI_FOLLOW_H

#include <event2/event.h>
#include <stdbool.h>
#include <stddef.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/own.h"
#include "cli/cli.h"

struct follow;

struct follow_setup {
	const struct cli *cli;
	struct event_base *base;
	bool colors, bare; /* bare: lines without a name */
};

int follow_new(const struct follow_setup *setup, struct follow **out, struct err *e);
void follow_free(struct follow *f);
/* All names, before the first is added: the prefix is as wide as the longest. */
void follow_width(struct follow *f, size_t width);
/* By the log: target is "/containers/ID/logs?...". Returns the number of the one that was added. */
int follow_add_log(struct follow *f, const char *name, const char *target, struct err *e);
/* By its output, for who has no log. */
int follow_add_attached(struct follow *f, const char *name, const char *id, bool tty, struct err *e);
/* One that has ended goes on where its log was; whoever has none stays as it is. */
int follow_again(struct follow *f, size_t number, struct err *e);

/* The next one that has ended and was not told of yet; false when there is none. *r: 0 or -errno, *e says why. */
bool follow_ended(struct follow *f, size_t *number, int *r, struct err *e);
/* How many have not ended. */
size_t follow_open(const struct follow *f);
/* Lines wait to be written. */
bool follow_pending(const struct follow *f);
/* A line of ours between theirs. */
void follow_say(struct follow *f, const char *line);
/* Ends the program by SIGPIPE when our reader has gone; -errno of another failure. */
int follow_check(struct follow *f, struct err *e);

OWN_DEFINE_PTR(follow, struct follow, follow_free)

/* One container's bytes as whole lines with a prefix; for tests. */
struct prefixer {
	const char *name;  /* NULL: none */
	const char *color; /* NULL: none */
	int width;
	struct buf line;
};
int prefixer_feed(struct prefixer *p, const char *data, size_t len, struct buf *out);
/* The last line, when it has no end. */
int prefixer_end(struct prefixer *p, struct buf *out);

#endif

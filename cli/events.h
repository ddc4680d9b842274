/*
 * events - the pure part of the verb: one event as a line.
 *
 * Source:  docker's client: "TIME TYPE ACTION ID (key=value, ...)", time local with nine digits, keys sorted.
 */
#ifndef CLI_EVENTS_H
#define CLI_EVENTS_H

#include <jansson.h>

#include "base/buf.h"
#include "base/err.h"
#include "cli/cli.h"

/* format: NULL or "" for docker's line, "json", or a template (.Type .Action .Actor .Scope .Time .TimeNano .Status .ID .From).
 * Appends the line with its end. */
int events_line(const json_t *event, const char *format, struct buf *out, struct err *e);

/* GET /events with this query ("?filters=..."; NULL: none), on standard output and over the deaths of supervisors, to its end. line
 * appends what is to be printed of one event, or nothing. */
int events_watch(const struct cli *cli, const char *query,
	int (*line)(const json_t *event, void *cookie, struct buf *out, struct err *e), void *cookie,
	struct err *e);

#endif

/*
 * objects - what the verbs on volumes and on the system share: filters in a query, inspect, the question before a prune.
 *
 * Source:  docker's client, its texts.
 * Context: as all of cli/.
 */
#ifndef CLI_OBJECTS_H
#define CLI_OBJECTS_H

#include <jansson.h>
#include <stdbool.h>

#include "base/buf.h"
#include "base/err.h"
#include "cli/cli.h"

/* The option --filter, when it was given, as the query's "filters"; more (may be NULL): a key that is set to "true" too. */
int objects_add_filters(const struct args *o, const char *more, struct buf *target, struct err *e);
/* GET target (which has one %s) for each argument; --format as `inspect` has it. Exit status. */
int objects_inspect(const struct cli *cli, const struct args *o, const char *target);
/* True with --force; else asks on standard output, and only "y" or "yes" on standard input is true. */
bool objects_confirm(const struct args *o, const char *warning);
/* POST target, a prune. The names in its member deleted are printed below title, unless there are none; *reclaimed grows. */
int objects_prune(const struct cli *cli, const char *target, const char *deleted, const char *title,
	int64_t *reclaimed, struct err *e);
void objects_print_reclaimed(int64_t bytes);
/* "12.3kB" as docker's HumanSize. */
char *objects_size(double bytes, char out[32]);
/* A JSON value by a template, or "json": one line. Exit status. */
int objects_print(const json_t *value, const char *format);

#endif

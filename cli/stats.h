/*
 * stats - the pure part of the verb: one answer of GET /containers/X/stats as the fields of a row.
 *
 * Source:  docker's client: .Container .ID .Name .CPUPerc .MemUsage .MemPerc .NetIO .BlockIO .PIDs.
 */
#ifndef CLI_STATS_H
#define CLI_STATS_H

#include <jansson.h>
#include <stdbool.h>

#include "base/buf.h"
#include "base/err.h"

/* A new reference; NULL: out of memory. sample NULL: nothing is known yet ("--"). */
json_t *stats_row(const char *container, const json_t *sample, bool trunc);
int stats_format(const json_t *rows, const char *format, struct buf *out, struct err *e);

#endif

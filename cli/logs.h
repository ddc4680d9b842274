/*
 * logs - the flags of logs as a request: --since and --until, which events has too, and the rest.
 */
#ifndef CLI_LOGS_H
#define CLI_LOGS_H

#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"
#include "cli/args.h"

/* "10m" (ago), RFC 3339 or Unix seconds, as "seconds.nanoseconds". */
int logs_time(const char *text, int64_t now_ns, struct buf *out, struct err *e);
/* Those that were given become parameters of the request. */
int logs_times(const struct args *o, struct buf *target, struct err *e);
/* "/containers/ID/logs?..." by the flags of logs_options(). */
int logs_target(const struct args *o, const char *container, struct buf *target, struct err *e);

#endif

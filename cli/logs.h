/*
 * logs - the pure part of the verb: --since and --until.
 */
#ifndef CLI_LOGS_H
#define CLI_LOGS_H

#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"

/* "10m" (ago), RFC 3339 or Unix seconds, as "seconds.nanoseconds". */
int logs_time(const char *text, int64_t now_ns, struct buf *out, struct err *e);

#endif

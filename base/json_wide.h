/*
 * json_wide - JSON whose whole numbers may reach 2^64 - 1.
 *
 * jansson's integers are signed: a config.json with the rlimit 18446744073709551615, as other tools write it, would be
 * refused whole. Such a number becomes a string behind a mark which no JSON text can spell by accident, and turns back into
 * digits when it is written.
 *
 * Owns:    json_parse_wide() returns a new reference; the text of json_dump_wide() is appended to the caller's buf.
 * Errors:  as json_parse(); -ENOMEM.
 */
#ifndef BASE_JSON_WIDE_H
#define BASE_JSON_WIDE_H

#include <jansson.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"

json_t *json_parse_wide(const char *text, size_t len, const char *what, struct err *e);
int json_dump_wide(const json_t *v, size_t jansson_flags, struct buf *out);

/* A number of any size as a new value. */
json_t *json_wide(uint64_t n);
/* Value of a whole number that is not negative, wide or not; -EINVAL for anything else. */
int json_wide_value(const json_t *v, uint64_t *out);

#endif

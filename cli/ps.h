/*
 * ps - the pure parts of the verb: filters, rows, formats.
 *
 * Owns:    json results are new references.
 */
#ifndef CLI_PS_H
#define CLI_PS_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"
#include "cli/args.h"

/* "k=v" values as the API's {"k":["v"]}. */
int ps_filters(const struct option_value *given, json_t **out, struct err *e);
/* One element of GET /containers/json as the fields that templates name. NULL when memory is out. */
json_t *ps_row(const json_t *container, bool trunc, int64_t now_ns);
/* format: NULL or "table" for docker's columns, "table T", "json", or a template per row. */
int ps_format(const json_t *rows, const char *format, struct buf *out, struct err *e);

#endif

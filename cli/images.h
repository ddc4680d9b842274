/*
 * images - the pure parts of the verb: rows, formats.
 *
 * Owns:    json results are new references.
 */
#ifndef CLI_IMAGES_H
#define CLI_IMAGES_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"

/* GET /images/json as rows of the fields that templates name, one for each name; once: one for each image. */
int images_rows(const json_t *images, bool trunc, bool once, int64_t now_ns, json_t **out, struct err *e);
/* format: NULL or "table" for docker's columns, "table T", "json", or a template per row. */
int images_format(const json_t *rows, bool digests, const char *format, struct buf *out, struct err *e);

#endif

/*
 * rows - lists as docker's --format prints them: a table with titles, or a line per row by a template.
 *
 * Errors:  those of cli/template.h; -ENOMEM.
 */
#ifndef CLI_ROWS_H
#define CLI_ROWS_H

#include <jansson.h>
#include <stddef.h>

#include "base/buf.h"
#include "base/err.h"

struct row_column {
	const char *key, *title; /* of a field that templates may name */
};

/* rows: an array of objects of strings. format: NULL, "" or "table" for default_table (a template with tabs), "table T", "json",
 * or a template per row. Appends to out. */
int rows_format(const json_t *rows, const struct row_column *columns, size_t n, const char *default_table,
	const char *format, struct buf *out, struct err *e);
/* An object of strings as "k=v,k=v". */
int rows_add_labels(struct buf *out, const json_t *labels);

#endif

/*
 * output - what a verb says: errors on standard error, tables and ids on standard output.
 *
 * docker's words: "Error response from daemon: ...", one message per object that failed, exit status 1.
 */
#ifndef CLI_OUTPUT_H
#define CLI_OUTPUT_H

#include <jansson.h>
#include <stddef.h>

#include "base/buf.h"
#include "base/err.h"
#include "cli/cli.h"

/* Print the error's text as a line on standard error; returns code. */
int output_error(const struct err *e, int code);
/* The same with "berth: " before and a hint at --help behind. */
int print_usage_error(const char *verb, const struct err *e, int code);
void print_warnings(const json_t *list);
/* Ends the program by SIGPIPE, as it ends any filter. */
void output_reader_gone(void);
/* What was printed goes out. A reader that has gone ends the program; -errno of another failure. */
int output_flush(struct err *e);

/* One request per argument: prints its name, or its error; 0, or 1 when one failed. target has one %s. */
int for_each_container(const struct cli *cli, const struct args *o, const char *method, const char *target);

/* Rows of cells in columns as Go's tabwriter sets docker's: at least 10 wide, 3 blanks apart. cells is row by row. */
int table_print(struct buf *out, const char *const *cells, size_t rows, size_t columns);
int table_print_wide(
	struct buf *out, const char *const *cells, size_t rows, size_t columns, size_t min_width);

#endif

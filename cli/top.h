/*
 * top - the answer of GET /containers/ID/top as a table on standard output.
 *
 * Errors:  -EPROTO: it has no titles. -ENOMEM.
 */
#ifndef CLI_TOP_H
#define CLI_TOP_H

#include <jansson.h>
#include <stddef.h>

#include "base/err.h"

#define TOP_WIDTH	  20 /* of a column at least, as docker sets this table */
#define TOP_COMPOSE_WIDTH 4  /* and as compose does */

int top_print(const json_t *answer, size_t width, struct err *e);

#endif

/*
 * template - the part of Go's templates that --format is used for: text, {{.A.B}}, {{json .A}}, {{index .A "key"}}.
 *
 * Values print as Go prints them: strings bare, [a b], map[k:v], <no value> for null. \t and \n in the text are a tab and a
 * line end, as docker's client reads them.
 *
 * Errors:  -EINVAL: not this grammar, or no such field ("template: no field 'X' in '.State.X'").
 */
#ifndef CLI_TEMPLATE_H
#define CLI_TEMPLATE_H

#include <jansson.h>

#include "base/buf.h"
#include "base/err.h"

int template_render(const char *text, const json_t *value, struct buf *out, struct err *e);

#endif

/*
 * exec - the verb's request body, as a pure function of its options.
 */
#ifndef CLI_EXEC_H
#define CLI_EXEC_H

#include <jansson.h>

#include "base/err.h"
#include "cli/args.h"

/* POST /containers/X/exec; a new reference, NULL on error. words[0] is the container. */
json_t *exec_body(const struct args *o, char *const *env, struct err *e);

#endif

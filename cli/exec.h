/*
 * exec - the verb's request body, as a pure function of its options.
 */
#ifndef CLI_EXEC_H
#define CLI_EXEC_H

#include <jansson.h>

#include "base/err.h"
#include "cli/options.h"

/* POST /containers/X/exec; a new reference, NULL on error. args[0] is the container. */
json_t *exec_body(const struct options *o, char *const *env, struct err *e);

#endif

/*
 * yaml - a JSON value as YAML, as people write it: blocks, indented by two, quotes only where they are needed.
 *
 * Source:  YAML 1.1, which is what compose files are read as: a word that some reader could take for a number, a
 *          boolean, a date or nothing is quoted, and so is what is not printable.
 * Errors:  -ENOMEM.
 */
#ifndef CLI_YAML_H
#define CLI_YAML_H

#include <jansson.h>

#include "base/buf.h"

int yaml_write(const json_t *v, struct buf *out);

#endif

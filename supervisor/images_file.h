/*
 * images_file - the table of images.h as a file.
 *
 * Owns:    a table is a JSON object of records by name; new references.
 * Errors:  -EINVAL: damaged, the text says where; -EPROTONOSUPPORT: of a later version.
 * Context: blocks; a worker, or the start.
 */
#ifndef SUPERVISOR_IMAGES_FILE_H
#define SUPERVISOR_IMAGES_FILE_H

#include <jansson.h>

#include "base/err.h"

#define IMAGES_FILE   "images.json"
#define IMAGES_SCHEMA 1

/* None: an empty table. */
int images_file_read(int dirfd, json_t **out, struct err *e);
int images_file_write(int dirfd, const json_t *table, struct err *e);

#endif

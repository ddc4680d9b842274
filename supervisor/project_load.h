/*
 * project_load - a client's request to a loaded compose project: the worker's side of supervisor/project.c.
 *
 * Owns:    *out is the caller's (compose_free).
 * Errors:  -EINVAL names the request's member, or is compose's own text.
 */
#ifndef SUPERVISOR_PROJECT_LOAD_H
#define SUPERVISOR_PROJECT_LOAD_H

#include <jansson.h>

#include "base/err.h"

struct compose_project;

/* In a worker: read the files that request names, write the model's JSON to out_fd. */
int project_load(const json_t *request, int out_fd, struct err *e);

#endif

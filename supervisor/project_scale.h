/*
 * project_scale - containers of a service beyond the number that is wanted now: stopped and removed, the last ones first.
 *
 * Errors:  a failure ends the job.
 * Context: the loop.
 */
#ifndef SUPERVISOR_PROJECT_SCALE_H
#define SUPERVISOR_PROJECT_SCALE_H

#include "supervisor/project_job.h"

/* then(j), unless something failed and the job is ended. */
void project_scale_down(struct project_job *j, void (*then)(struct project_job *j));
/* The number that a container has in its service; from 1. */
unsigned project_number(const struct container *c);

#endif

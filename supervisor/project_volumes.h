/*
 * project_volumes - the volumes that a project declares: made before its containers, removed after them when asked.
 *
 * Errors:  then() gets NULL, or what failed first; the others were tried all the same. One that is in use by a container of
 *          somebody else stays, and is reported.
 * Context: the loop. then() is called from it, never from inside a call.
 */
#ifndef SUPERVISOR_PROJECT_VOLUMES_H
#define SUPERVISOR_PROJECT_VOLUMES_H

#include "supervisor/project_job.h"

/* Are the external ones there? */
int project_volumes_check(const struct project_job *j, struct err *e);
/* Those that a service mounts, with the labels of their declaration. */
void project_volumes_make(struct project_job *j, void (*then)(struct project_job *j, const struct err *e));
void project_volumes_remove(struct project_job *j, void (*then)(struct project_job *j, const struct err *e));

#endif

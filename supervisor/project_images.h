/*
 * project_images - the images of a project: those that its files name are named, those that its services ask for are there.
 *
 * Context: the loop.
 */
#ifndef SUPERVISOR_PROJECT_IMAGES_H
#define SUPERVISOR_PROJECT_IMAGES_H

#include "supervisor/project_job.h"

/* All names of x-berth-images at once, or, after an error, none; then then(j). An error ends the job. */
void project_name_images(struct project_job *j, void (*then)(struct project_job *j));
/* -ENOENT: a service whose container is still to be made has an image that nobody knows. */
int project_check_images(struct project_job *j, struct err *e);

#endif

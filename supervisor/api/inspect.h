/*
 * inspect - a container as JSON, in docker's two shapes: one row of a list, and all of it.
 *
 * Source:  Docker Engine API, ContainerSummary and ContainerInspect.
 * Owns:    new references; NULL when memory is out.
 */
#ifndef SUPERVISOR_API_INSPECT_H
#define SUPERVISOR_API_INSPECT_H

#include <jansson.h>

#include "supervisor/container.h"

json_t *inspect_summary(const struct container *c);
json_t *inspect_container(const struct container *c);

#endif

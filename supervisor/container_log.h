/*
 * container_log - where a container's log is, how large it may grow, and what goes with each of its lines.
 *
 * Owns:    strings returned are malloc'd, the caller's; NULL when memory is out.
 */
#ifndef SUPERVISOR_CONTAINER_LOG_H
#define SUPERVISOR_CONTAINER_LOG_H

#include <stdbool.h>

#include "supervisor/container.h"
#include "supervisor/logset.h"

/* Below the log root, or with the container's record in the run root when its logs are volatile. */
void container_log_place(const struct container *c, struct logplace *out);
/* false: nothing is kept (driver none). */
bool container_log_limits(const struct container *c, struct logset_limits *out);
/* Full path of the live file; "" with driver none. */
char *container_log_path(const struct container *c);
/* "k=v,k=v", percent-encoded, of the labels and variables that its LogConfig names; "" when there are none. */
char *container_log_details(const struct container *c);

#endif

/*
 * container_files - the files that each run finds in /etc: hostname, hosts, resolv.conf, as they should be at every start.
 *
 * One that is right already is not written again: a container in a restart loop costs a flash nothing. They go with the container.
 *
 * Source:  hosts(5), resolv.conf(5); what docker puts there. They lie in <data-root>/containers/ID/.
 */
#ifndef SUPERVISOR_CONTAINER_FILES_H
#define SUPERVISOR_CONTAINER_FILES_H

#include "base/err.h"

struct container;

#define CONTAINER_FILES 3 /* hosts, hostname, resolv.conf */

/* out_paths: absolute, malloc'd, the caller's. */
int container_files_write(struct container *c, char *out_paths[CONTAINER_FILES], struct err *e);

#endif

/*
 * container_files - the files that each run finds in /etc: hostname, hosts, resolv.conf, made anew at every start.
 *
 * Source:  hosts(5), resolv.conf(5); what docker puts there. They lie in <run-root>/containers/ID/.
 */
#ifndef SUPERVISOR_CONTAINER_FILES_H
#define SUPERVISOR_CONTAINER_FILES_H

#include "base/err.h"

struct container;

#define CONTAINER_FILES 3 /* hosts, hostname, resolv.conf */

/* out_paths: absolute, malloc'd, the caller's. */
int container_files_write(struct container *c, char *out_paths[CONTAINER_FILES], struct err *e);
void container_files_remove(struct container *c);

#endif

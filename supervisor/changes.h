/*
 * changes - what differs between a container's writable layer and the root filesystem below it.
 *
 * The layer is read as overlay has written it: a device 0:0 takes a name away, an opaque directory has nothing of the one
 * below. A directory that is in the layer for the sake of what is in it alone is no change of its own. The places that
 * every start makes (/proc, /dev, /etc/hosts, ...) are no changes either.
 *
 * Source:  kernel Documentation/filesystems/overlayfs.rst; docker diff: the order is by name, and above what was added
 *          or deleted its directory is said to be modified.
 * Owns:    a new reference.
 * Errors:  -errno with the file's name; the layer may change meanwhile, what has gone is left out.
 * Context: blocks: a worker's, on the host's side of the layer.
 */
#ifndef SUPERVISOR_CHANGES_H
#define SUPERVISOR_CHANGES_H

#include <jansson.h>
#include <stddef.h>

#include "base/err.h"
#include "base/tar_pack.h"

enum changes_kind { CHANGES_MODIFIED, CHANGES_ADDED, CHANGES_DELETED };

struct changes_args {
	const char *upper, *lower; /* directories; a missing upper has no changes */
	struct tar_id_maps ids;	   /* the lower's owners are shown through these */
};

/* [{"Path":"/x","Kind":n}] */
int changes_list(const struct changes_args *a, json_t **out, struct err *e);

#endif

/*
 * container_spec - what one start of a container runs: its declaration, its image and its files as an OCI spec, or the spec that it
 * was declared by.
 *
 * Owns:    c->spec, which is set on success.
 * Errors:  those of spec_build(), container_files_write() and config_parse_oci().
 */
#ifndef SUPERVISOR_CONTAINER_SPEC_H
#define SUPERVISOR_CONTAINER_SPEC_H

#include "runtime/spec.h"
#include "supervisor/container.h"
#include "supervisor/rootfs.h"

int container_spec_build(struct container *c, const struct rootfs *image, struct err *e);
/* The inits of the containers whose namespaces this one joins, as pidfds of theirs; the spec names them by their pids. */
size_t container_spec_joined(const struct container *c, int out[SPEC_NS_COUNT]);

#endif

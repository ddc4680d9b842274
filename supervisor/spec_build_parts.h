/*
 * spec_build_parts - the parts of a spec, each with its own file (private to supervisor/spec_build*.c).
 *
 * Each fills its part of the spec, which may already hold a bundle's; strings go to the spec's arena.
 */
#ifndef SUPERVISOR_SPEC_BUILD_PARTS_H
#define SUPERVISOR_SPEC_BUILD_PARTS_H

#include "base/err.h"
#include "supervisor/spec_build.h"

struct spec_build_ctx {
	const struct config *c;
	const struct spec_build_env *env;
	struct spec *s;
	struct arena *a; /* the spec's */
};

/* spec_build_mounts.c; namespaces must be known */
int spec_build_mounts(const struct spec_build_ctx *x, struct err *e);
/* spec_build_paths.c: masked and read-only ones */
int spec_build_paths(const struct spec_build_ctx *x, struct err *e);
/* spec_build_devices.c: nodes, device rules, per-device limits */
int spec_build_devices(const struct spec_build_ctx *x, struct err *e);
/* spec_build_process.c: arguments, environment, user, capabilities, limits; hostname must be known */
int spec_build_process(const struct spec_build_ctx *x, struct err *e);

int spec_build_no_memory(struct err *e);

#endif

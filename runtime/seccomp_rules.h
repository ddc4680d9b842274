/*
 * seccomp_rules - what Docker's profiles and the OCI form have in common (private to runtime/seccomp*.c).
 *
 * Errors:  -EINVAL and the member's path below the object ("syscalls[3].args[0].op: ...").
 */
#ifndef RUNTIME_SECCOMP_RULES_H
#define RUNTIME_SECCOMP_RULES_H

#include <jansson.h>

#include "base/arena.h"
#include "runtime/spec.h"

/* Answers whether this rule is meant for the container at hand: 1, 0, or -errno. */
typedef int seccomp_applies_fn(const json_t *rule, const char *path, void *cookie, struct err *e);

/* defaultAction, defaultErrnoRet, flags, syscalls; refuses listeners. applies may be NULL: all do. */
int seccomp_read_common(const json_t *obj, struct arena *a, seccomp_applies_fn *applies, void *cookie,
	struct spec_seccomp *out, struct err *e);
/* A list of architecture names. */
int seccomp_read_arches(const json_t *obj, struct arena *a, struct spec_seccomp *out, struct err *e);

#endif

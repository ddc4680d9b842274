/*
 * seccomp_cache - compiled seccomp programs, one per (profile, capabilities), made when first asked for.
 *
 * Building one takes milliseconds and a start must not pay for it: nearly all containers of a host share one
 * or two.
 *
 * Owns:    the programs. A program is valid until the next seccomp_cache_get(): launch and exec copy it at once.
 * Errors:  those of seccomp_parse_profile() and seccomp_compile().
 */
#ifndef SUPERVISOR_SECCOMP_CACHE_H
#define SUPERVISOR_SECCOMP_CACHE_H

#include "runtime/seccomp.h"
#include "supervisor/config.h"

struct seccomp_cache;

/* default_profile: text that replaces the built-in profile, NULL for the built-in one; copied and checked. */
int seccomp_cache_new(const char *default_profile, size_t len, struct seccomp_cache **out, struct err *e);
void seccomp_cache_free(struct seccomp_cache *sc);
/* *out is NULL when the container runs without a filter (unconfined, privileged). caps are the bounding set
 * in spec->process.caps; a bundle's own profile (spec->seccomp) is used unless the config names one. */
int seccomp_cache_get(struct seccomp_cache *sc, const struct config *c, const struct spec *s,
	const struct seccomp_prog **out, struct err *e);

OWN_DEFINE_PTR(seccomp_cache, struct seccomp_cache, seccomp_cache_free)

#endif

/*
 * caps - capability names and sets.
 *
 * Source:  capabilities(7), linux/capability.h; Docker's default set of 14 and its rules for cap_add and cap_drop.
 */
#ifndef RUNTIME_CAPS_H
#define RUNTIME_CAPS_H

#include <stdint.h>

#include "base/err.h"

/* Bit of "CAP_CHOWN", "chown", "NET_ADMIN", ...; -EINVAL when unknown. */
int caps_from_name(const char *name);
/* "CAP_CHOWN"; NULL past the last one this header knows. */
const char *caps_name(int cap);
/* All that this kernel has (/proc/sys/kernel/cap_last_cap). */
uint64_t caps_all(void);
/* What this process itself holds and may pass on: permitted and in its bounding set. */
uint64_t caps_own(void);
uint64_t caps_docker_default(void);
/* Docker's tweak: base set, add and drop lists ("ALL" allowed); NULL lists are empty. */
int caps_tweak(uint64_t base, const char *const *add, const char *const *drop, uint64_t *out, struct err *e);

#endif

/*
 * cgroup_convert - the specification's cgroup v1 numbers as cgroup v2 ones.
 *
 * Source:  OCI config-linux.md; the conversions that runc and crun use, so that a container weighs the same under each.
 * Units:   bytes; -1 is unlimited, SPEC_UNSET and (in config.json) 0 are "not set".
 * Owns:    nothing. Pure.
 * Errors:  -EINVAL with a sentence.
 */
#ifndef RUNTIME_CGROUP_CONVERT_H
#define RUNTIME_CGROUP_CONVERT_H

#include <stdint.h>

#include "base/err.h"

/* cpu.shares 2..262144 to cpu.weight 1..10000, so that both defaults meet: 1024 is 100. */
uint64_t cgroup_weight_of_shares(uint64_t shares);
/* blkio.weight 10..1000 to io.weight 1..10000. */
uint64_t cgroup_io_weight_of_blkio(uint64_t weight);
/* v1's sum of memory and swap to v2's swap alone: *out is bytes, -1 unlimited, SPEC_UNSET leave it alone. */
int cgroup_swap_of_sum(int64_t memory, int64_t memory_and_swap, int64_t *out, struct err *e);

#endif

/*
 * stats - what a container uses, in docker's words.
 *
 * Source:  docker's stats: CPU% = (container's difference / system's difference) x online_cpus x 100, memory = usage less inactive
 *          file pages; /proc/stat of proc(5), whose first seven numbers are the system's time.
 * Units:   nanoseconds, bytes. UINT64_MAX is "not known here", as runtime/cgroup.h has it, and leaves its member out.
 * Context: quick: a handful of kernel files.
 */
#ifndef SUPERVISOR_STATS_H
#define SUPERVISOR_STATS_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "runtime/cgroup.h"

/* Once for all containers. */
struct stats_host {
	uint64_t cpu_ns; /* all CPUs, idle too */
	uint64_t memory_bytes;
	unsigned online_cpus;
};

struct stats_sample {
	bool taken;	     /* false: all is zero, as of a container that does not run */
	int64_t time_ns;     /* real time */
	uint64_t generation; /* of the run */
	struct stats_host host;
	struct cgroup_stats group;
};

/* The kernel's idle time may go back a little; ours never does: *host keeps its cpu_ns then. A host of zeros to begin with. */
int stats_read_host(struct stats_host *host, struct err *e);
/* From "cpu  1 2 3 ..." of /proc/stat. */
int stats_parse_cpu(const char *text, long ticks_per_s, uint64_t *out_ns);
/* What a run has used up is never less than it was: of the same run, the larger number of each. */
void stats_keep_growing(const struct stats_sample *before, struct stats_sample *now);

/* name with its slash. A new reference. v1: the memory numbers carry the names of cgroup v1. */
json_t *stats_to_json(const char *id, const char *name, const struct stats_sample *before,
	const struct stats_sample *now, bool v1);

#endif

/*
 * restart - does a container come back after its run, and when.
 *
 * Delays: 0.1 s, doubled at each restart up to 60 s; a run of 10 s or more begins again at 0.1 s (the count goes on).
 * A start that failed is a run that failed.
 *
 * Source:  docker's restart policies (no, always, unless-stopped, on-failure[:N]).
 * Context: pure; times are passed in.
 */
#ifndef SUPERVISOR_RESTART_H
#define SUPERVISOR_RESTART_H

#include <stdbool.h>
#include <stdint.h>

#include "supervisor/config.h"

#define RESTART_DELAY_FIRST_NS (INT64_C(100) * 1000 * 1000)
#define RESTART_DELAY_MAX_NS   (INT64_C(60) * 1000 * 1000 * 1000)
#define RESTART_RESET_NS       (INT64_C(10) * 1000 * 1000 * 1000)

struct restart_run {
	enum config_restart policy;
	int64_t max;	  /* on-failure: at most so many restarts, 0: no limit */
	int64_t count;	  /* restarts so far */
	int64_t delay_ns; /* the last one, 0: none yet */
	int64_t ran_ns;	  /* how long this run lasted */
	int exit_code;
	bool start_failed;
	bool stopped_by_user;
	bool daemon_stopping;
};

/* true: again, after *out_delay_ns. */
bool restart_decide(const struct restart_run *run, int64_t *out_delay_ns);

/* A daemon's first start: does a container that ran before, and does not run now, run again? Docker's answers; but one that a
 * person stopped does not count as failed. */
bool restart_at_boot(
	enum config_restart policy, int64_t max, int64_t count, int exit_code, bool stopped_by_user);

#endif

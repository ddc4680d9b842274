/*
 * state - what a container is wanted to be, what it is, and the words people see for that.
 *
 * Desired and actual are apart: a person's verbs write the first, the kernel's answers the second, and no function here
 * touches both. Every change of .actual goes through one of the state_* functions, so that the flags never contradict
 * each other (Paused and Restarting imply Running, as docker's clients expect).
 *
 * Source:  moby's container State (the seven status strings, the human form of `ps`).
 * Units:   real time in nanoseconds, CLOCK_NEVER for "not yet".
 * Context: pure; the clock is passed in.
 */
#ifndef SUPERVISOR_STATE_H
#define SUPERVISOR_STATE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/err.h"
#include "base/proc.h"

struct desired {
	bool run;	      /* started by a person or a policy, and not stopped since */
	bool stopped_by_user; /* unless-stopped stays down */
	bool removed;	      /* a removal was begun: whoever finds this finishes it */
};

struct actual {
	uint64_t generation; /* one per start; a late message of an older one is dropped */
	bool starting; /* a launch is under way; what it made is undone when it does not come to its end */
	bool running, paused, restarting, oom_killed, dead, removing;
	pid_t pid; /* 0: none */
	uint64_t start_ticks;
	char boot_id[BOOT_ID_LEN + 1];
	uint64_t netns_inode;
	int exit_code;
	char error[ERR_TEXT_MAX]; /* of a failed start or removal */
	int64_t started_ns, finished_ns;
	int64_t started_mono_ns; /* the same start by the clock that is never set: how long it ran */
	int restart_count;
	int64_t next_try_ns; /* real time of the next restart, CLOCK_NEVER: none */
	int64_t delay_ns;    /* the back-off that led there; 0 before the first */
	int unsaid; /* EVENTS_* (events.h): what happened in this generation and is not announced yet */
};

void state_init(struct actual *a);
/* A launch begins: a new generation. */
void state_set_starting(struct actual *a);
void state_set_running(struct actual *a, int64_t started_ns, int64_t started_mono_ns);
void state_set_stopped(struct actual *a, int exit_code, int64_t finished_ns);
void state_set_restarting(struct actual *a, int exit_code, int64_t finished_ns, int64_t next_try_ns);
/* A start failed: docker keeps a code of an earlier run unless the failure says 126 or 127. */
void state_set_start_failed(struct actual *a, int exit_code, const char *error);

/* "created", "running", "paused", "restarting", "removing", "exited", "dead". */
const char *state_status(const struct actual *a);
bool state_is_status(const char *word);
/* `ps`: "Up 3 minutes", "Exited (1) About an hour ago". */
char *state_human(const struct actual *a, int64_t now_ns, char *out, size_t room);

#endif

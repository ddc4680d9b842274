/*
 * life - when a supervisor is started, killed, replaced and given up: decisions only, no clock and no system call.
 *
 * Respawn:  the first at once, then after 0.1 s, doubling to 5 s, for ever; ten seconds alive start again at once.
 * Late:     one that is not ready after a minute is killed. The next has twice as long, up to eight minutes: it may be slow and
 *           not stuck. Who was ready once may take its time over everything.
 * Replace:  a supervisor on trial that is not ready within KEEPER_TRIAL_S, or that dies before it has been ready for as long,
 *           gives way to the previous image (rollback). The start after its predecessor's end is at once, whatever was before.
 * Deaf:     a supervisor that closed the protocol socket and does not end within five seconds is killed: it can neither
 *           learn of exits nor of our end.
 * The end:  a supervisor that said STOPPING takes the keeper with it. A wish to stop (SIGTERM, SIGINT) outlives the
 *           supervisor that it was meant for: the next one is told again. When supervisors die over it, and none is ready
 *           thirty seconds after the first did, or after the wish where none was ready then, the keeper kills the one there is,
 *           gives up and ends its children itself. So it does when one that it killed is not dead five seconds later.
 *
 * Units:   nanoseconds of one monotonic clock; LIFE_NEVER is "no such time".
 */
#ifndef INIT_LIFE_H
#define INIT_LIFE_H

#include <stdbool.h>
#include <stdint.h>

#define LIFE_NEVER INT64_MAX

struct life {
	int32_t pid; /* 0: none alive */
	bool ready, trial, killed;
	bool late;	 /* killed, and for not being ready */
	bool trial_next; /* the next start is that of a replaced image */
	bool stopping, ended;
	int status;	    /* with stopping: how the keeper ends */
	int stop_signal;    /* 0: nobody asked us to end */
	bool died_stopping; /* a supervisor did, after that */
	int64_t started_ns, ready_ns, spawn_at_ns, delay_ns;
	int64_t patience_ns; /* for a supervisor that is on no trial to be ready */
	int64_t deaf_until_ns, stop_until_ns;
};

enum life_act {
	LIFE_WAIT,    /* until the time given */
	LIFE_SPAWN,   /* start a supervisor: then life_started() or life_not_started() */
	LIFE_KILL,    /* kill it; its death follows */
	LIFE_ACCEPT,  /* its trial is over: the previous image can go */
	LIFE_END,     /* end with .status */
	LIFE_GIVE_UP, /* kill the children, then end */
};

void life_init(struct life *l, int64_t now_ns);
enum life_act life_next(struct life *l, int64_t now_ns, int64_t *out_until_ns);

void life_started(struct life *l, int32_t pid, int64_t now_ns);
void life_not_started(struct life *l, int64_t now_ns);
/* True: the image on trial failed, go back to the previous one. */
bool life_died(struct life *l, int64_t now_ns);
void life_ready(struct life *l, int64_t now_ns);
/* The next start is that of a replaced image; the present one is on trial no more. */
void life_replaced(struct life *l);
void life_deaf(struct life *l, int64_t now_ns);
void life_stop_wanted(struct life *l, int sig, int64_t now_ns);

#endif

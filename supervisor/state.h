/*
 * state - what a container is wanted to be, what it is, and the words people see for that.
 *
 * Desired and actual are apart: a person's verbs write the first, the kernel's answers the second, and no function here
 * touches both. The states and the events between them are a table (state_step()). Every change of a struct actual's state goes
 * through one of the state_set_* functions, which carry out what the table says; what it does not allow is refused, logged as
 * our own bug, and changes nothing. So the flags never contradict each other (Paused and Restarting imply Running, as docker's
 * clients expect).
 *
 * Source:  moby's container State (the seven status strings, the human form of `ps`).
 * Units:   real time in nanoseconds, CLOCK_NEVER for "not yet".
 * Errors:  false: refused.
 * Context: pure but for that one log line; the clock is passed in.
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
	bool paused;	      /* whoever takes it up freezes it again */
	bool removed;	      /* a removal was begun: whoever finds this finishes it */
	bool remove_volumes;
	/* Of the run that was asked for last, 0: none was. It has ended when there is a result of this or a later one. */
	uint64_t generation;
	int64_t asked_ns; /* when */
};

/* A run that ended and was not restarted, or a start that failed. */
struct result {
	uint64_t generation; /* 0: there is none */
	int exit_code;
	char error[ERR_TEXT_MAX];
	int64_t started_ns, finished_ns;
	bool oom_killed, interrupted;
	int restart_count;
};

struct actual {
	uint64_t generation; /* one per start; a late message of an older one is dropped */
	bool starting; /* a launch is under way; what it made is undone when it does not come to its end */
	bool held;     /* made and not started: .pid waits for its start */
	bool running, paused, restarting, oom_killed, dead, removing;
	pid_t pid; /* 0: none */
	uint64_t start_ticks;
	char boot_id[BOOT_ID_LEN + 1];
	uint64_t netns_inode;
	pid_t exited_pid;  /* of the last process that ended */
	bool task_deleted; /* that end was fetched, as libcontainerd's engines do */
	int exit_code;
	bool interrupted; /* the last run was ended by the daemon's end or a loss of power, neither by itself nor by a person */
	char error[ERR_TEXT_MAX]; /* of a failed start or removal */
	int64_t started_ns, finished_ns;
	int64_t started_mono_ns; /* the same start by the clock that is never set: how long it ran */
	int restart_count;
	int64_t released_mono_ns; /* of a start: from then on its program may run; 0: not before */
	int64_t stop_until_ns; /* monotonic: a stop signal was sent, the kill follows then; 0: none was; INT64_MAX: never */
	int64_t next_try_ns; /* real time of the next restart, CLOCK_NEVER: none */
	int64_t delay_ns;    /* the back-off that led there; 0 before the first */
	int unsaid; /* EVENTS_* (events.h): what happened in this generation and is not announced yet */
	int64_t log_start; /* where in the log this run begins */
};

/* ---- the table */

enum state {
	STATE_CREATED, /* has never run */
	STATE_STARTING,
	STATE_HELD, /* made, and waits for its start (container_hold.h) */
	STATE_RUNNING,
	STATE_PAUSED,
	STATE_BACKOFF,	/* nothing runs; policy starts it again in a while */
	STATE_RETRYING, /* the start after that */
	STATE_EXITED,
	STATE_REMOVING,
	STATE_DEAD, /* a removal failed half-way */
	STATE_COUNT
};

enum state_event {
	STATE_ON_START,	       /* a launch begins */
	STATE_ON_HELD,	       /* it is made, and to wait */
	STATE_ON_STARTED,      /* its program runs */
	STATE_ON_FAILED,       /* it does not, and that is the end of it */
	STATE_ON_FAILED_AGAIN, /* the same, but policy tries again */
	STATE_ON_ENDED,	       /* the program ended */
	STATE_ON_ENDED_AGAIN,  /* the same, but policy starts it again */
	STATE_ON_FROZEN,
	STATE_ON_THAWED,
	STATE_ON_CALLED_OFF, /* a person stops it in the back-off */
	STATE_ON_REMOVE,
	STATE_ON_REMOVE_FAILED,
	STATE_ON_REMOVE_FORGOTTEN, /* the supervisor that was at it is gone */
	STATE_ON_COUNT
};

enum state_action {
	STATE_UNSET, /* a cell that nobody has thought of */
	STATE_REFUSE,
	STATE_DO_LAUNCH,
	STATE_DO_HOLD,
	STATE_DO_LET_GO,
	STATE_DO_RUN,
	STATE_DO_REST, /* the process, if any, is gone; nothing is planned */
	STATE_DO_WAIT, /* the same; a restart is planned */
	STATE_DO_FREEZE,
	STATE_DO_THAW,
	STATE_DO_REMOVE,
	STATE_DO_BURY, /* what is left of it is dead */
};

struct state_move {
	enum state_action action;
	enum state next; /* EXITED: at rest, which is CREATED for one that has never run */
};

/* Pure. */
struct state_move state_step(enum state from, enum state_event on);
enum state state_of(const struct actual *a);
const char *state_name(enum state s);
const char *state_event_name(enum state_event on);

/* ---- what carries it out */

void state_init(struct actual *a);
/* A launch begins: a new generation. */
bool state_set_starting(struct actual *a);
/* The launch is through its first half; state_set_starting() begins the second. */
bool state_set_held(struct actual *a);
bool state_set_running(struct actual *a, int64_t started_ns, int64_t started_mono_ns);
/* Why the start fails, as soon as that is known; its end follows. Docker keeps a code of an earlier run unless the failure
 * says 126 or 127. */
void state_note_start_error(struct actual *a, int exit_code, const char *error);

/* How a run or a start ended. */
struct state_end {
	uint64_t generation; /* of the start that it is the end of: another's is refused */
	bool start_failed;   /* then code and error are those that were noted */
	int exit_code;
	bool oom_killed;
	int64_t finished_ns;
	int64_t next_try_ns; /* CLOCK_NEVER: policy does not start it again */
	int64_t delay_ns;
};
bool state_set_ended(struct actual *a, const struct state_end *end);
bool state_set_paused(struct actual *a, bool paused);
bool state_set_called_off(struct actual *a);
/* False and no log line: somebody else is at it already. */
bool state_set_removing(struct actual *a);
bool state_set_remove_failed(struct actual *a, const char *error);
/* A removal that its supervisor did not survive; true when there was one. */
bool state_forget_removal(struct actual *a);

/* ---- the words */

/* "created", "running", "paused", "restarting", "removing", "exited", "dead". */
const char *state_status(const struct actual *a);
bool state_is_status(const char *word);
/* `ps`: "Up 3 minutes", "Exited (1) About an hour ago". */
char *state_human(const struct actual *a, int64_t now_ns, char *out, size_t room);

#endif

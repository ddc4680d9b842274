#include "supervisor/state.h"

#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/own.h"

/* ---------------------------------------------------------------- the table */

#define NO                                                                                                   \
	{                                                                                                    \
		STATE_REFUSE, STATE_COUNT                                                                    \
	}

static const struct state_move table[STATE_COUNT][STATE_ON_COUNT] = {
	[STATE_CREATED] = {
		[STATE_ON_START] = { STATE_DO_LAUNCH, STATE_STARTING },
		[STATE_ON_HELD] = NO,
		[STATE_ON_STARTED] = NO,
		[STATE_ON_FAILED] = NO,
		[STATE_ON_FAILED_AGAIN] = NO,
		[STATE_ON_ENDED] = NO,
		[STATE_ON_ENDED_AGAIN] = NO,
		[STATE_ON_FROZEN] = NO,
		[STATE_ON_THAWED] = NO,
		[STATE_ON_CALLED_OFF] = NO,
		[STATE_ON_REMOVE] = { STATE_DO_REMOVE, STATE_REMOVING },
		[STATE_ON_REMOVE_FAILED] = NO,
		[STATE_ON_REMOVE_FORGOTTEN] = NO,
	},
	[STATE_STARTING] = {
		[STATE_ON_START] = NO,
		[STATE_ON_HELD] = { STATE_DO_HOLD, STATE_HELD },
		[STATE_ON_STARTED] = { STATE_DO_RUN, STATE_RUNNING },
		[STATE_ON_FAILED] = { STATE_DO_REST, STATE_EXITED },
		[STATE_ON_FAILED_AGAIN] = { STATE_DO_WAIT, STATE_BACKOFF },
		[STATE_ON_ENDED] = NO,
		[STATE_ON_ENDED_AGAIN] = NO,
		[STATE_ON_FROZEN] = NO,
		[STATE_ON_THAWED] = NO,
		[STATE_ON_CALLED_OFF] = NO,
		[STATE_ON_REMOVE] = NO,
		[STATE_ON_REMOVE_FAILED] = NO,
		[STATE_ON_REMOVE_FORGOTTEN] = NO,
	},
	[STATE_HELD] = {
		[STATE_ON_START] = { STATE_DO_LET_GO, STATE_STARTING },
		[STATE_ON_HELD] = NO,
		[STATE_ON_STARTED] = NO,
		[STATE_ON_FAILED] = NO,
		[STATE_ON_FAILED_AGAIN] = NO,
		[STATE_ON_ENDED] = { STATE_DO_REST, STATE_EXITED },
		[STATE_ON_ENDED_AGAIN] = { STATE_DO_WAIT, STATE_BACKOFF },
		[STATE_ON_FROZEN] = NO,
		[STATE_ON_THAWED] = NO,
		[STATE_ON_CALLED_OFF] = NO,
		[STATE_ON_REMOVE] = NO,
		[STATE_ON_REMOVE_FAILED] = NO,
		[STATE_ON_REMOVE_FORGOTTEN] = NO,
	},
	[STATE_RUNNING] = {
		[STATE_ON_START] = NO,
		[STATE_ON_HELD] = NO,
		[STATE_ON_STARTED] = NO,
		[STATE_ON_FAILED] = NO,
		[STATE_ON_FAILED_AGAIN] = NO,
		[STATE_ON_ENDED] = { STATE_DO_REST, STATE_EXITED },
		[STATE_ON_ENDED_AGAIN] = { STATE_DO_WAIT, STATE_BACKOFF },
		[STATE_ON_FROZEN] = { STATE_DO_FREEZE, STATE_PAUSED },
		[STATE_ON_THAWED] = NO,
		[STATE_ON_CALLED_OFF] = NO,
		[STATE_ON_REMOVE] = NO,
		[STATE_ON_REMOVE_FAILED] = NO,
		[STATE_ON_REMOVE_FORGOTTEN] = NO,
	},
	[STATE_PAUSED] = {
		[STATE_ON_START] = NO,
		[STATE_ON_HELD] = NO,
		[STATE_ON_STARTED] = NO,
		[STATE_ON_FAILED] = NO,
		[STATE_ON_FAILED_AGAIN] = NO,
		[STATE_ON_ENDED] = { STATE_DO_REST, STATE_EXITED },
		[STATE_ON_ENDED_AGAIN] = { STATE_DO_WAIT, STATE_BACKOFF },
		[STATE_ON_FROZEN] = NO,
		[STATE_ON_THAWED] = { STATE_DO_THAW, STATE_RUNNING },
		[STATE_ON_CALLED_OFF] = NO,
		[STATE_ON_REMOVE] = NO,
		[STATE_ON_REMOVE_FAILED] = NO,
		[STATE_ON_REMOVE_FORGOTTEN] = NO,
	},
	[STATE_BACKOFF] = {
		[STATE_ON_START] = { STATE_DO_LAUNCH, STATE_RETRYING },
		[STATE_ON_HELD] = NO,
		[STATE_ON_STARTED] = NO,
		[STATE_ON_FAILED] = NO,
		[STATE_ON_FAILED_AGAIN] = NO,
		[STATE_ON_ENDED] = NO,
		[STATE_ON_ENDED_AGAIN] = NO,
		[STATE_ON_FROZEN] = NO,
		[STATE_ON_THAWED] = NO,
		[STATE_ON_CALLED_OFF] = { STATE_DO_REST, STATE_EXITED },
		[STATE_ON_REMOVE] = { STATE_DO_REMOVE, STATE_REMOVING },
		[STATE_ON_REMOVE_FAILED] = NO,
		[STATE_ON_REMOVE_FORGOTTEN] = NO,
	},
	[STATE_RETRYING] = {
		[STATE_ON_START] = NO,
		[STATE_ON_HELD] = NO,
		[STATE_ON_STARTED] = { STATE_DO_RUN, STATE_RUNNING },
		[STATE_ON_FAILED] = { STATE_DO_REST, STATE_EXITED },
		[STATE_ON_FAILED_AGAIN] = { STATE_DO_WAIT, STATE_BACKOFF },
		[STATE_ON_ENDED] = NO,
		[STATE_ON_ENDED_AGAIN] = NO,
		[STATE_ON_FROZEN] = NO,
		[STATE_ON_THAWED] = NO,
		[STATE_ON_CALLED_OFF] = NO,
		[STATE_ON_REMOVE] = NO,
		[STATE_ON_REMOVE_FAILED] = NO,
		[STATE_ON_REMOVE_FORGOTTEN] = NO,
	},
	[STATE_EXITED] = {
		[STATE_ON_START] = { STATE_DO_LAUNCH, STATE_STARTING },
		[STATE_ON_HELD] = NO,
		[STATE_ON_STARTED] = NO,
		[STATE_ON_FAILED] = NO,
		[STATE_ON_FAILED_AGAIN] = NO,
		[STATE_ON_ENDED] = NO,
		[STATE_ON_ENDED_AGAIN] = NO,
		[STATE_ON_FROZEN] = NO,
		[STATE_ON_THAWED] = NO,
		[STATE_ON_CALLED_OFF] = NO,
		[STATE_ON_REMOVE] = { STATE_DO_REMOVE, STATE_REMOVING },
		[STATE_ON_REMOVE_FAILED] = NO,
		[STATE_ON_REMOVE_FORGOTTEN] = NO,
	},
	[STATE_REMOVING] = {
		[STATE_ON_START] = NO,
		[STATE_ON_HELD] = NO,
		[STATE_ON_STARTED] = NO,
		[STATE_ON_FAILED] = NO,
		[STATE_ON_FAILED_AGAIN] = NO,
		[STATE_ON_ENDED] = NO,
		[STATE_ON_ENDED_AGAIN] = NO,
		[STATE_ON_FROZEN] = NO,
		[STATE_ON_THAWED] = NO,
		[STATE_ON_CALLED_OFF] = NO,
		[STATE_ON_REMOVE] = NO,
		[STATE_ON_REMOVE_FAILED] = { STATE_DO_BURY, STATE_DEAD },
		[STATE_ON_REMOVE_FORGOTTEN] = { STATE_DO_REST, STATE_EXITED },
	},
	[STATE_DEAD] = {
		[STATE_ON_START] = NO,
		[STATE_ON_HELD] = NO,
		[STATE_ON_STARTED] = NO,
		[STATE_ON_FAILED] = NO,
		[STATE_ON_FAILED_AGAIN] = NO,
		[STATE_ON_ENDED] = NO,
		[STATE_ON_ENDED_AGAIN] = NO,
		[STATE_ON_FROZEN] = NO,
		[STATE_ON_THAWED] = NO,
		[STATE_ON_CALLED_OFF] = NO,
		[STATE_ON_REMOVE] = { STATE_DO_REMOVE, STATE_REMOVING },
		[STATE_ON_REMOVE_FAILED] = NO,
		[STATE_ON_REMOVE_FORGOTTEN] = NO,
	},
};

static const char *const state_names[STATE_COUNT] = {
	[STATE_CREATED] = "created",
	[STATE_STARTING] = "starting",
	[STATE_HELD] = "held",
	[STATE_RUNNING] = "running",
	[STATE_PAUSED] = "paused",
	[STATE_BACKOFF] = "back-off",
	[STATE_RETRYING] = "retrying",
	[STATE_EXITED] = "exited",
	[STATE_REMOVING] = "removing",
	[STATE_DEAD] = "dead",
};

static const char *const event_names[STATE_ON_COUNT] = {
	[STATE_ON_START] = "start",
	[STATE_ON_HELD] = "held",
	[STATE_ON_STARTED] = "started",
	[STATE_ON_FAILED] = "failed",
	[STATE_ON_FAILED_AGAIN] = "failed-again",
	[STATE_ON_ENDED] = "ended",
	[STATE_ON_ENDED_AGAIN] = "ended-again",
	[STATE_ON_FROZEN] = "frozen",
	[STATE_ON_THAWED] = "thawed",
	[STATE_ON_CALLED_OFF] = "called-off",
	[STATE_ON_REMOVE] = "remove",
	[STATE_ON_REMOVE_FAILED] = "remove-failed",
	[STATE_ON_REMOVE_FORGOTTEN] = "remove-forgotten",
};

const char *state_name(enum state s)
{
	return (unsigned)s < STATE_COUNT ? state_names[s] : NULL;
}

const char *state_event_name(enum state_event on)
{
	return (unsigned)on < STATE_ON_COUNT ? event_names[on] : NULL;
}

struct state_move state_step(enum state from, enum state_event on)
{
	return table[from][on];
}

enum state state_of(const struct actual *a)
{
	if (a->removing)
		return STATE_REMOVING;
	if (a->running && a->restarting)
		return a->starting ? STATE_RETRYING : STATE_BACKOFF;
	if (a->starting)
		return STATE_STARTING;
	if (a->held)
		return STATE_HELD;
	if (a->running)
		return a->paused ? STATE_PAUSED : STATE_RUNNING;
	if (a->dead)
		return STATE_DEAD;
	return a->started_ns == CLOCK_NEVER ? STATE_CREATED : STATE_EXITED;
}

/* ---------------------------------------------------------------- carrying it out */

void state_init(struct actual *a)
{
	*a = (struct actual){
		.started_ns = CLOCK_NEVER, .finished_ns = CLOCK_NEVER, .next_try_ns = CLOCK_NEVER
	};
}

static void forget_process(struct actual *a)
{
	if (a->pid)
		a->exited_pid = a->pid;
	a->pid = 0;
	a->start_ticks = 0;
	a->netns_inode = 0;
	a->stop_until_ns = 0;
	a->released_mono_ns = 0;
	a->starting = false;
	a->held = false;
	a->paused = false;
}

/* The flags are what is stored and shown; this is their only writer. */
static void carry_out(struct actual *a, enum state_action action)
{
	switch (action) {
	case STATE_DO_LAUNCH:
		a->generation++;
		forget_process(a);
		a->task_deleted = false;
		a->starting = true;
		a->next_try_ns = CLOCK_NEVER;
		break;
	case STATE_DO_HOLD:
		a->starting = false;
		a->held = true;
		break;
	case STATE_DO_LET_GO:
		a->starting = true; /* and held, so that whoever finds this goes on with it */
		break;
	case STATE_DO_RUN:
		a->running = true;
		a->starting = a->held = a->paused = a->restarting = false;
		break;
	case STATE_DO_REST:
	case STATE_DO_WAIT:
		forget_process(a);
		a->removing = false;
		a->running = a->restarting = action == STATE_DO_WAIT;
		a->next_try_ns = CLOCK_NEVER;
		break;
	case STATE_DO_FREEZE:
		a->paused = true;
		break;
	case STATE_DO_THAW:
		a->paused = false;
		break;
	case STATE_DO_REMOVE:
		a->removing = true;
		a->running = a->restarting = a->dead = false;
		a->next_try_ns = CLOCK_NEVER;
		break;
	case STATE_DO_BURY:
		a->removing = false;
		a->dead = true;
		break;
	case STATE_UNSET:
	case STATE_REFUSE:
		break;
	}
}

static bool is_allowed(const struct actual *a, enum state_event on)
{
	return state_step(state_of(a), on).action > STATE_REFUSE;
}

static bool move(struct actual *a, enum state_event on)
{
	enum state from = state_of(a);

	if (!is_allowed(a, on)) {
		log_error("state-refused", "state=%s event=%s generation=%llu action=\"change nothing\"",
			state_names[from], event_names[on], (unsigned long long)a->generation);
		return false;
	}
	carry_out(a, state_step(from, on).action);
	return true;
}

bool state_set_starting(struct actual *a)
{
	return move(a, STATE_ON_START);
}

bool state_set_held(struct actual *a)
{
	return move(a, STATE_ON_HELD);
}

bool state_set_running(struct actual *a, int64_t started_ns, int64_t started_mono_ns)
{
	if (!move(a, STATE_ON_STARTED))
		return false;
	a->oom_killed = false;
	a->exit_code = 0;
	a->error[0] = '\0';
	a->started_ns = started_ns;
	a->started_mono_ns = started_mono_ns;
	return true;
}

void state_note_start_error(struct actual *a, int exit_code, const char *error)
{
	if (a->exit_code == 0 || exit_code == 126 || exit_code == 127)
		a->exit_code = exit_code;
	snprintf(a->error, sizeof(a->error), "%s", error);
}

bool state_set_ended(struct actual *a, const struct state_end *end)
{
	bool again = end->next_try_ns != CLOCK_NEVER;

	if (end->generation != a->generation) {
		log_error("state-refused", "generation=%llu of=%llu action=\"drop the late end\"",
			(unsigned long long)end->generation, (unsigned long long)a->generation);
		return false;
	}
	if (!move(a,
		    end->start_failed ? (again ? STATE_ON_FAILED_AGAIN : STATE_ON_FAILED)
				      : (again ? STATE_ON_ENDED_AGAIN : STATE_ON_ENDED)))
		return false;
	if (!end->start_failed) {
		a->exit_code = end->exit_code;
		a->oom_killed = end->oom_killed;
	}
	if (!end->start_failed || again)
		a->finished_ns = end->finished_ns;
	if (again) {
		a->next_try_ns = end->next_try_ns;
		a->delay_ns = end->delay_ns;
		a->restart_count++;
	}
	return true;
}

bool state_set_paused(struct actual *a, bool paused)
{
	return move(a, paused ? STATE_ON_FROZEN : STATE_ON_THAWED);
}

bool state_set_called_off(struct actual *a)
{
	return move(a, STATE_ON_CALLED_OFF);
}

bool state_set_removing(struct actual *a)
{
	return !a->removing && move(a, STATE_ON_REMOVE);
}

bool state_set_remove_failed(struct actual *a, const char *error)
{
	if (!move(a, STATE_ON_REMOVE_FAILED))
		return false;
	snprintf(a->error, sizeof(a->error), "%s", error);
	return true;
}

bool state_forget_removal(struct actual *a)
{
	return a->removing && move(a, STATE_ON_REMOVE_FORGOTTEN);
}

/* ---------------------------------------------------------------- the words */

static const char *const words[] = { "created", "running", "paused", "restarting", "removing", "exited",
	"dead" };

const char *state_status(const struct actual *a)
{
	if (a->running)
		return a->paused ? "paused" : a->restarting ? "restarting" : "running";
	if (a->removing)
		return "removing";
	if (a->dead)
		return "dead";
	return a->held || a->started_ns == CLOCK_NEVER ? "created" : "exited";
}

bool state_is_status(const char *word)
{
	for (size_t i = 0; i < ARRAY_LEN(words); i++)
		if (strcmp(words[i], word) == 0)
			return true;
	return false;
}

char *state_human(const struct actual *a, int64_t now_ns, char *out, size_t room)
{
	char up[64] = "", ago[64] = "";

	if (a->started_ns != CLOCK_NEVER)
		clock_human_duration(now_ns - a->started_ns, up, sizeof(up));
	if (a->finished_ns != CLOCK_NEVER)
		clock_human_duration(now_ns - a->finished_ns, ago, sizeof(ago));
	if (a->running && a->paused)
		snprintf(out, room, "Up %s (Paused)", up);
	else if (a->running && a->restarting)
		snprintf(out, room, "Restarting (%d) %s ago", a->exit_code, ago);
	else if (a->running)
		snprintf(out, room, "Up %s", up);
	else if (a->removing)
		snprintf(out, room, "Removal In Progress");
	else if (a->dead)
		snprintf(out, room, "Dead");
	else if (a->held || a->started_ns == CLOCK_NEVER)
		snprintf(out, room, "Created");
	else if (a->finished_ns == CLOCK_NEVER)
		snprintf(out, room, "%s", "");
	else
		snprintf(out, room, "Exited (%d) %s ago", a->exit_code, ago);
	return out;
}

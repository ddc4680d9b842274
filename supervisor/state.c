#include "supervisor/state.h"

#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/own.h"

void state_init(struct actual *a)
{
	*a = (struct actual){
		.started_ns = CLOCK_NEVER, .finished_ns = CLOCK_NEVER, .next_try_ns = CLOCK_NEVER
	};
}

static void forget_process(struct actual *a)
{
	a->pid = 0;
	a->start_ticks = 0;
	a->netns_inode = 0;
	a->starting = false;
	a->paused = false;
}

void state_set_starting(struct actual *a)
{
	a->generation++;
	forget_process(a);
	a->starting = true;
	a->next_try_ns = CLOCK_NEVER;
}

void state_set_running(struct actual *a, int64_t started_ns, int64_t started_mono_ns)
{
	a->starting = false;
	a->running = true;
	a->paused = a->restarting = a->oom_killed = false;
	a->exit_code = 0;
	a->error[0] = '\0';
	a->started_ns = started_ns;
	a->started_mono_ns = started_mono_ns;
	a->next_try_ns = CLOCK_NEVER;
}

void state_set_stopped(struct actual *a, int exit_code, int64_t finished_ns)
{
	forget_process(a);
	a->running = a->restarting = false;
	a->exit_code = exit_code;
	a->finished_ns = finished_ns;
	a->next_try_ns = CLOCK_NEVER;
}

void state_set_restarting(struct actual *a, int exit_code, int64_t finished_ns, int64_t next_try_ns)
{
	state_set_stopped(a, exit_code, finished_ns);
	a->running = a->restarting = true;
	a->next_try_ns = next_try_ns;
}

void state_set_start_failed(struct actual *a, int exit_code, const char *error)
{
	forget_process(a);
	a->running = a->restarting = false;
	a->next_try_ns = CLOCK_NEVER;
	if (a->exit_code == 0 || exit_code == 126 || exit_code == 127)
		a->exit_code = exit_code;
	snprintf(a->error, sizeof(a->error), "%s", error);
}

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
	return a->started_ns == CLOCK_NEVER ? "created" : "exited";
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
	else if (a->started_ns == CLOCK_NEVER)
		snprintf(out, room, "Created");
	else if (a->finished_ns == CLOCK_NEVER)
		snprintf(out, room, "%s", "");
	else
		snprintf(out, room, "Exited (%d) %s ago", a->exit_code, ago);
	return out;
}

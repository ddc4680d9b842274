/*
 * The end of a run, in the order that clients may rely on: code known -> output drained -> group gone -> result durable, when
 * it is not restarted -> state changed and written -> keeper told -> events -> waiters -> streams closed -> what follows from it
 * (restart, auto-remove, removal).
 */
#include "base/clock.h"
#include "base/fault.h"
#include "supervisor/attach.h"
#include "supervisor/config.h"
#include "supervisor/container.h"
#include "supervisor/container_hold.h"
#include "supervisor/events.h"
#include "supervisor/exec_session.h"
#include "supervisor/keeper.h"
#include "supervisor/runs.h"
#include "supervisor/stdio.h"
#include "supervisor/store.h"
#include "supervisor/waiter.h"

#define DRAIN_NS (2 * NS_PER_S)

struct exit_job {
	struct container *c;
	pid_t pid;
	uint64_t start_ticks, generation;
	int code;
	bool oom;
	int64_t finished_ns, ran_ns;
	bool drained, cleared, recording;
	bool lost; /* nobody saw its end */
	struct event *drain_timer;
};

/* Who waits is told, and then what policy or a person wants happens. */
static void follow_up(struct container *c)
{
	waiter_wake_exit(c);
	if (!c->config->auto_remove)
		runs_note(c);
	attach_close_all(c);
	stop_after_exit(c); /* a stop or a removal waited for this */
	if (c->actual.restarting)
		restart_arm(c);
	else if (c->config->auto_remove && !c->remove && !c->restarting_by_user && !attach_holds_removal(c))
		container_remove(c, true, true, NULL, NULL);
}

static bool is_interrupted(const struct exit_job *job)
{
	return job->lost || (job->c->engine->stopping && !job->c->desired.stopped_by_user);
}

static struct state_end end_of(const struct exit_job *job)
{
	return (struct state_end){ .generation = job->generation,
		.exit_code = job->code,
		.oom_killed = job->oom,
		.finished_ns = job->finished_ns,
		.next_try_ns = CLOCK_NEVER };
}

static void complete(struct exit_job *job)
{
	struct container *c = job->c;
	struct exit_job x = *job;

	fault_point("supervisor.drained");
	event_free(job->drain_timer);
	free(job);
	c->exit = NULL;
	stdio_free(c);
	container_close_process(c);
	hold_drop(c);
	store_drop_spec(c);
	struct state_end end = end_of(&x);
	restart_settle(c, &end, x.ran_ns);
	c->actual.unsaid |= EVENTS_DIE | (x.oom ? EVENTS_OOM : 0);
	c->actual.interrupted = is_interrupted(&x);
	if (!c->actual.restarting && !c->restarting_by_user)
		c->desired.run = false; /* in the data root the result says as much */
	container_save_state(c);
	fault_point("supervisor.exited");
	if (x.pid)
		(void)keeper_ack(c->engine->keeper, x.pid, x.start_ticks, NULL); /* it is on record now */
	fault_point("supervisor.acknowledged");
	events_announce(c);
	fault_point("supervisor.told-die");
	follow_up(c);
}

static void recorded(void *cookie, int r, const struct err *e)
{
	(void)r; /* the store has said so, and goes on trying: nobody is to wait for room on a disk */
	(void)e;
	fault_point("supervisor.recorded-exit");
	complete(cookie);
}

/* A boot must not run again what has ended, and has to know its code. What is run again or removed now needs neither. */
static bool has_to_be_recorded(const struct exit_job *job)
{
	const struct container *c = job->c;
	struct state_end end = end_of(job);

	return !c->restarting_by_user && !c->config->auto_remove && !c->remove &&
		!restart_follows(c, &end, job->ran_ns);
}

static void step(struct exit_job *job)
{
	struct container *c = job->c;

	if (!job->drained || !job->cleared || job->recording)
		return;
	if (!has_to_be_recorded(job)) {
		complete(job);
		return;
	}
	job->recording = true;
	store_set_result(c, job->code, job->oom, is_interrupted(job), job->finished_ns);
	store_commit(c, STORE_RESULT, recorded, job);
}

static void group_is_cleared(void *cookie)
{
	struct exit_job *job = cookie;

	job->cleared = true;
	step(job);
}

void container_on_drained(struct container *c)
{
	if (!c->exit)
		return; /* it closed its output and lives on */
	c->exit->drained = true;
	step(c->exit);
}

static void on_drain_deadline(evutil_socket_t fd, short what, void *cookie)
{
	struct exit_job *job = cookie;
	(void)fd;
	(void)what;

	if (job->drained)
		return;
	if (attach_is_stalled(job->c)) { /* a pipeline behind it is slow, and loses nothing for that */
		engine_timer_arm(job->drain_timer, DRAIN_NS);
		return;
	}
	log_warn("drain-cut", "container=%.12s action=\"end its output\"", job->c->id);
	stdio_cut(job->c);
	job->drained = true;
	step(job);
}

static void begin(struct container *c, int code, int64_t finished_ns, int64_t ran_ns, bool lost)
{
	struct exit_job *job = calloc(1, sizeof(*job));
	uint64_t kills = 0;

	if (!job || !(job->drain_timer = evtimer_new(c->engine->base, on_drain_deadline, job)))
		abort();
	job->c = c;
	job->pid = c->actual.pid;
	job->start_ticks = c->actual.start_ticks;
	job->generation = c->actual.generation;
	job->code = code;
	job->lost = lost;
	job->finished_ns = finished_ns;
	job->ran_ns = ran_ns;
	job->oom =
		c->group.path[0] && cgroup_oom_kills(&c->group, c->engine->cgroups, &kills) == 0 && kills > 0;
	job->drained = c->actual.held || stdio_is_drained(c); /* its program never ran */
	c->exit = job;
	fault_point("supervisor.exit");
	pause_after_exit(c);
	exec_session_container_ended(c);
	stdio_resume(c);
	if (!job->drained)
		engine_timer_arm(job->drain_timer, DRAIN_NS);
	group_clear(c, group_is_cleared,
		job); /* kills first: in a shared pid namespace others may live and hold the pipes */
}

void container_on_exit(struct container *c, const struct keeper_exit *x)
{
	if (c->start) {
		start_on_exit(c, x);
		return;
	}
	if (c->exit)
		return;
	begin(c, keeper_exit_code(x), x->real_ns, x->mono_ns - c->actual.started_mono_ns, false);
}

void container_on_lost(struct container *c)
{
	if (!c->exit && !c->start)
		begin(c, 255, clock_real_ns(), 0, true);
}

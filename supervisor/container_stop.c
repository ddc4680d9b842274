/* Stop, kill and restart: a signal, a grace, the kill of the whole group, and everybody who asked answered at the exit. */
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/fault.h"
#include "base/own.h"
#include "base/sys.h"
#include "supervisor/answers.h"
#include "supervisor/config.h"
#include "supervisor/container.h"
#include "supervisor/events.h"
#include "supervisor/store.h"
#include "supervisor/waiter.h"

#define KILL_AGAIN_NS (2 * NS_PER_S)
#define KILL_TRIES    5

struct stop_job {
	struct container *c;
	struct answers answers;
	int sig;
	int64_t timeout_ns; /* < 0: for ever; counted from the signal, which waits for a start under way */
	int64_t until_ns;   /* monotonic: the end of the grace that runs */
	bool announce;	    /* a stop, not a kill: says so in the end */
	struct event *timer;
	int kills;
};

static void job_free(struct stop_job *job)
{
	job->c->stop = NULL;
	if (job->timer)
		event_free(job->timer);
	free(job);
}

static void kill_group(struct stop_job *job)
{
	struct container *c = job->c;
	struct err e = { .code = 0 };

	if (c->pidfd >= 0)
		(void)sys_pidfd_send_signal(c->pidfd, SIGKILL); /* -ESRCH: its exit is on the way */
	if (c->group.path[0] && cgroup_kill(&c->group, c->engine->cgroups, &e) < 0)
		log_warn("kill-failed", "container=%.12s err=\"%s\" action=\"again in 2 s\"", c->id, e.text);
	job->kills++;
	engine_timer_arm(job->timer, KILL_AGAIN_NS);
}

static void on_timer(evutil_socket_t fd, short what, void *cookie)
{
	struct stop_job *job = cookie;
	struct container *c = job->c;
	struct err e;
	(void)fd;
	(void)what;

	if (job->kills < KILL_TRIES) {
		kill_group(job);
		return;
	}
	(void)err_say(
		&e, ETIMEDOUT, "tried to kill container %s, but did not receive an exit event", c->name);
	log_error("kill-failed", "container=%.12s err=\"no exit\" action=\"give up\"", c->id);
	answers_give(&job->answers, c->engine, -ETIMEDOUT, &e);
	job_free(job);
}

/* The earliest end of all graces holds. */
static void give_grace(struct stop_job *job, int64_t timeout_ns)
{
	int64_t until = timeout_ns < 0 ? INT64_MAX : clock_mono_ns() + timeout_ns;

	if (job->kills > 0 || until >= job->until_ns)
		return;
	job->until_ns = until;
	engine_timer_arm(job->timer, timeout_ns);
}

static void emit_kill(struct container *c, int sig)
{
	char number[16];

	snprintf(number, sizeof(number), "%d", sig);
	events_emit(c, "kill", "signal", number, NULL);
}

static void send_signal(struct stop_job *job, int sig, int64_t timeout_ns)
{
	struct container *c = job->c;

	if (c->exit)
		return; /* it is over; the rest is drained */
	emit_kill(c, sig);
	if (sig == SIGKILL)
		kill_group(job);
	else if (c->pidfd >= 0)
		(void)sys_pidfd_send_signal(c->pidfd, sig); /* -ESRCH: its exit is on the way */
	pause_end(c);
	if (sig != SIGKILL)
		give_grace(job, timeout_ns);
	c->actual.stop_until_ns = sig == SIGKILL ? clock_mono_ns() : job->until_ns;
	container_save_state(c); /* who comes after us goes on with it, and does not begin anew */
}

/* In back-off nothing runs: the wait is called off. */
static void call_off_restart(struct container *c)
{
	restart_cancel(c);
	(void)state_set_called_off(&c->actual); /* who calls has asked */
	c->actual.interrupted = c->engine->stopping;
	store_set_result(
		c, c->actual.exit_code, c->actual.oom_killed, c->actual.interrupted, c->actual.finished_ns);
	store_commit(c, STORE_RESULT, NULL, NULL);
	container_save_state(c);
	waiter_wake_exit(c);
}

static void want_stopped(struct container *c)
{
	if (c->restarting_by_user || c->engine->stopping)
		return; /* it is not a person who wants that for good */
	c->desired.run = false;
	c->desired.stopped_by_user = true;
	container_save_desired(c);
}

static bool is_stricter(int64_t timeout_ns, int64_t than_ns)
{
	return timeout_ns >= 0 && (than_ns < 0 || timeout_ns < than_ns);
}

/* One more who waits. Its signal is sent too, and who is less patient than the first is not held up by that one. */
static void stop_join(struct stop_job *job, int sig, int64_t timeout_ns)
{
	struct container *c = job->c;

	if (job->sig == SIGKILL)
		return;
	if (sig == SIGKILL)
		job->sig = sig;
	if (!c->start)
		send_signal(job, sig, timeout_ns);
	else if (sig == SIGKILL)
		start_abort(c, "killed while it was starting");
	else if (is_stricter(timeout_ns, job->timeout_ns))
		job->timeout_ns = timeout_ns;
}

static struct stop_job *new_job(
	struct container *c, int sig, int64_t timeout_ns, bool announce, done_fn done, void *cookie)
{
	struct stop_job *job = calloc(1, sizeof(*job));

	if (!job || !(job->timer = evtimer_new(c->engine->base, on_timer, job)))
		abort();
	job->c = c;
	job->sig = sig;
	job->timeout_ns = timeout_ns;
	job->until_ns = INT64_MAX;
	job->announce = announce;
	answers_add(&job->answers, done, cookie);
	c->stop = job;
	return job;
}

static void stop_begin(
	struct container *c, int sig, int64_t timeout_ns, bool announce, done_fn done, void *cookie)
{
	struct stop_job *job = c->stop;

	if (job) {
		answers_add(&job->answers, done, cookie);
		job->announce |= announce;
		stop_join(job, sig, timeout_ns);
		return;
	}
	job = new_job(c, sig, timeout_ns, announce, done, cookie);
	if (c->start && sig == SIGKILL)
		start_abort(c, "killed while it was starting");
	else if (!c->start)
		send_signal(job, sig, timeout_ns);
}

void stop_after_start(struct container *c)
{
	if (!c->stop)
		return;
	if (c->actual.running && !c->actual.restarting)
		send_signal(c->stop, c->stop->sig, c->stop->timeout_ns);
	else
		stop_after_exit(c); /* it never ran */
}

void stop_after_exit(struct container *c)
{
	struct stop_job *job = c->stop;
	struct answers answers;

	if (!job)
		return;
	if (c->actual.restarting)
		call_off_restart(c);
	if (job->announce)
		events_emit(c, "stop", NULL);
	answers_move(&answers, &job->answers);
	job_free(job);
	store_answer(c, &answers, 0, NULL);
}

static bool is_up(const struct container *c)
{
	return c->start || c->exit || (c->actual.running && !c->actual.restarting);
}

int64_t container_grace_ns(const struct container *c)
{
	if (c->config->stop_grace_ns != SPEC_UNSET)
		return c->config->stop_grace_ns;
	if (c->config->stop_timeout_s == SPEC_UNSET)
		return c->engine->options.stop_timeout_ns;
	return c->config->stop_timeout_s < 0 ? -1 : c->config->stop_timeout_s * NS_PER_S;
}

void container_stop(struct container *c, int sig, int64_t timeout_ns, done_fn done, void *cookie)
{
	struct err e;

	if (!is_up(c) && !c->actual.restarting) {
		int r = err_say(&e, EALREADY, "container %s is already stopped", c->name);
		engine_answer(c->engine, done, cookie, r, &e);
		return;
	}
	want_stopped(c);
	if (!is_up(c)) {
		call_off_restart(c);
		events_emit(c, "stop", NULL);
		store_commit(c, 0, done, cookie);
		return;
	}
	if (timeout_ns == CONTAINER_TIMEOUT_DEFAULT)
		timeout_ns = container_grace_ns(c);
	stop_begin(c, sig ? sig : config_stop_signal(c->config), timeout_ns, true, done, cookie);
}

void container_stop_again(struct container *c, int sig, int64_t timeout_ns, done_fn done, void *cookie)
{
	if (c->stop)
		answers_add(&c->stop->answers, done, cookie);
	else
		container_stop(c, sig, timeout_ns, done, cookie);
}

void container_await_exit(struct container *c, done_fn done, void *cookie)
{
	want_stopped(c);
	if (c->stop)
		answers_add(&c->stop->answers, done, cookie);
	else
		(void)new_job(c, SIGKILL, -1, false, done,
			cookie); /* answered by the exit; nobody needs a signal */
}

void container_kill(struct container *c, int sig, done_fn done, void *cookie)
{
	struct err e;
	int r = 0;

	if (sig == SIGKILL && c->actual.restarting && !is_up(c)) {
		want_stopped(c);
		call_off_restart(c);
		store_commit(c, 0, done, cookie);
		return;
	} else if ((!is_up(c) && !(c->actual.held && sig == SIGKILL)) || c->exit) {
		r = err_say(&e, EBUSY, "container %s is not running", c->name);
	} else if (sig == SIGKILL) {
		want_stopped(c);
		stop_begin(c, sig, -1, false, done, cookie);
		return;
	} else if (c->start) {
		r = err_say(&e, EBUSY, "container %s is not running", c->name);
	} else if (sys_pidfd_send_signal(c->pidfd, sig) < 0) {
		r = errno == ESRCH ? err_say(&e, EBUSY, "container %s is not running", c->name)
				   : err_set(&e, errno, "kill container %s", c->name);
	} else {
		emit_kill(c, sig);
		if (sig == config_stop_signal(c->config))
			pause_end(c); /* it is asked to end, which it cannot while it is frozen */
	}
	engine_answer(c->engine, done, cookie, r, &e);
}

/* ---------------------------------------------------------------- restart */

struct restart_call {
	struct engine *engine;
	char id[TEXT_ID_LEN + 1]; /* it may be removed between the halves */
	done_fn done;
	void *cookie;
};

static void restarted(void *cookie, int r, const struct err *e)
{
	struct restart_call *call = cookie;
	struct container *c = container_by_id(call->engine, call->id);

	if (c && r == 0)
		events_emit(c, "restart", NULL);
	if (call->done)
		call->done(call->cookie, r, e);
	free(call);
}

static void restart_stopped(void *cookie, int r, const struct err *e)
{
	struct restart_call *call = cookie;
	struct container *c = container_by_id(call->engine, call->id);
	struct err gone;

	if (!c) {
		r = err_say(&gone, ENOENT, "No such container: %s", call->id);
		e = &gone;
	} else {
		c->restarting_by_user = false;
	}
	if (r < 0 && r != -EALREADY &&
		(!c || is_up(c))) /* else it is stopped, whatever could not be written */
		restarted(call, r, e);
	else
		container_start(c, restarted, call);
}

static struct restart_call *new_restart(struct container *c, done_fn done, void *cookie)
{
	struct restart_call *call = calloc(1, sizeof(*call));

	if (!call)
		abort();
	call->engine = c->engine;
	memcpy(call->id, c->id, sizeof(call->id));
	call->done = done;
	call->cookie = cookie;
	c->restarting_by_user = true;
	return call;
}

void container_restart(struct container *c, int sig, int64_t timeout_ns, done_fn done, void *cookie)
{
	struct restart_call *call = new_restart(c, done, cookie);
	container_stop(c, sig, timeout_ns, restart_stopped, call);
}

void stop_take_up(struct container *c)
{
	int64_t until = c->actual.stop_until_ns, left = until - clock_mono_ns();
	struct restart_call *restart = c->desired.run && until ? new_restart(c, NULL, NULL) : NULL;
	done_fn done = restart ? restart_stopped : NULL;

	if (!until) { /* it was wanted, and nothing was sent so far */
		container_stop(c, 0, CONTAINER_TIMEOUT_DEFAULT, NULL, NULL);
		return;
	}
	struct stop_job *job = new_job(c, config_stop_signal(c->config), left, true, done, restart);
	if (left <= 0)
		kill_group(job);
	else if (until != INT64_MAX)
		give_grace(job, left);
}

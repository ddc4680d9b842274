/*
 * Pause and unpause: the freezer of the whole group, execs included. Whoever else freezes or thaws the group has paused or unpaused
 * the container: it is the kernel that says what is, and one event says it.
 */
#include "base/clock.h"
#include "base/own.h"
#include "supervisor/answers.h"
#include "supervisor/container.h"
#include "supervisor/events.h"
#include "supervisor/store.h"

#define LOOK_FIRST_NS (500 * NS_PER_US)
#define LOOK_MAX_NS   (20 * NS_PER_MS)
#define FREEZE_NS     (10 * NS_PER_S) /* for the last process to leave the kernel */

struct pause_job {
	struct container *c;
	struct answers answers;
	struct event *timer;
	int64_t until_ns, look_ns;
};

static void want_paused(struct container *c, bool paused)
{
	if (c->desired.paused == paused)
		return;
	c->desired.paused = paused;
	container_save_desired(c);
}

/* The group is (or is not) frozen, and nobody was told yet. */
static void announce(struct container *c, bool paused)
{
	if (!state_set_paused(&c->actual, paused))
		return;
	container_save_state(c);
	events_emit(c, paused ? "pause" : "unpause", NULL);
}

static void end_job(struct container *c, int r, const struct err *e)
{
	struct pause_job *job = take_ptr(&c->pause);

	store_answer(c, &job->answers, r, e);
	event_free(job->timer);
	free(job);
}

static void thaw(struct container *c)
{
	struct err e;

	if (cgroup_freeze(&c->group, c->engine->cgroups, false, &e) < 0)
		log_error("thaw-failed", "container=%.12s err=\"%s\" action=\"go on\"", c->id, e.text);
}

/* Not frozen in the end: as if nothing had been asked. */
static void give_up(struct container *c, int code, const char *why)
{
	struct err e;
	int r = err_say(&e, code, "cannot pause container %s: %s", c->name, why);

	want_paused(c, false);
	thaw(c);
	if (c->actual.paused)
		announce(c, false); /* it was before a supervisor died, and cannot be made so again */
	end_job(c, r, &e);
}

static void look(evutil_socket_t fd, short what, void *cookie)
{
	struct pause_job *job = cookie;
	struct container *c = job->c;
	int frozen = cgroup_is_frozen(&c->group, c->engine->cgroups);
	(void)fd;
	(void)what;

	if (frozen == 1) {
		if (!c->actual.paused)
			announce(c, true);
		end_job(c, 0, NULL);
	} else if (clock_mono_ns() >= job->until_ns) {
		give_up(c, ETIMEDOUT, "a process in it cannot be stopped just now");
	} else {
		job->look_ns = job->look_ns < LOOK_MAX_NS ? job->look_ns * 2 : job->look_ns;
		engine_timer_arm(job->timer, job->look_ns);
	}
}

static void freeze(struct container *c, done_fn done, void *cookie)
{
	struct pause_job *job = calloc(1, sizeof(*job));
	struct err e;

	if (!job || !(job->timer = evtimer_new(c->engine->base, look, job)))
		abort();
	job->c = c;
	job->until_ns = clock_mono_ns() + FREEZE_NS;
	job->look_ns = LOOK_FIRST_NS;
	answers_add(&job->answers, done, cookie);
	c->pause = job;
	want_paused(c, true); /* first: what is frozen and not wanted so would stand still for ever */
	if (cgroup_freeze(&c->group, c->engine->cgroups, true, &e) < 0)
		give_up(c, e.code, e.text);
	else
		engine_timer_arm(job->timer, LOOK_FIRST_NS);
}

void container_pause(struct container *c, done_fn done, void *cookie)
{
	const struct actual *a = &c->actual;
	struct err e;
	int r = 0;

	if (a->restarting)
		r = err_say(
			&e, EBUSY, "Container %s is restarting, wait until the container is running", c->id);
	else if (!a->running || c->exit || c->pidfd < 0)
		r = err_say(&e, EBUSY, "container %s is not running", c->id);
	else if (a->paused)
		r = err_say(&e, EBUSY, "Container %s is already paused", c->id);
	else if (c->stop)
		r = err_say(&e, EBUSY, "container %s is being stopped", c->id);
	if (r < 0)
		engine_answer(c->engine, done, cookie, r, &e);
	else if (c->pause)
		answers_add(&c->pause->answers, done, cookie);
	else
		freeze(c, done, cookie);
}

void container_unpause(struct container *c, done_fn done, void *cookie)
{
	struct err e;
	int r = 0;

	if (!c->actual.running || c->actual.restarting || c->exit)
		r = err_say(&e, EBUSY, "container %s is not running", c->id);
	else if (!c->actual.paused)
		r = err_say(&e, EBUSY, "Container %s is not paused", c->id);
	else
		r = cgroup_freeze(&c->group, c->engine->cgroups, false, &e);
	if (r == 0) {
		if (c->pause) /* the work of a supervisor that found it thawed */
			end_job(c, 0, NULL);
		want_paused(c, false);
		announce(c, false);
		store_commit(c, 0, done, cookie);
		return;
	}
	engine_answer(c->engine, done, cookie, r, &e);
}

bool container_is_frozen(const struct container *c)
{
	return c->actual.paused || c->pause || cgroup_is_freeze_asked(&c->group, c->engine->cgroups) == 1;
}

void pause_end(struct container *c)
{
	if (c->pause)
		give_up(c, EBUSY, "it is being stopped");
	if (!c->actual.paused)
		return;
	want_paused(c, false);
	thaw(c);
	announce(c, false);
}

void pause_after_exit(struct container *c)
{
	struct err e;

	if (c->pause)
		end_job(c, err_say(&e, EBUSY, "container %s is not running", c->id), &e);
	want_paused(c, false);
}

/* ---------------------------------------------------------------- what others do to the group */

/* The kernel's word against ours. */
static void compare(struct container *c)
{
	const struct actual *a = &c->actual;
	const struct cgroup_root *r = c->engine->cgroups;

	if (!a->running || a->restarting || c->exit || c->stop)
		return;
	if (c->pause) {
		look(-1, 0, c->pause);
		return;
	}
	int asked = cgroup_is_freeze_asked(&c->group, r);
	if (a->paused ? asked != 0 : asked != 1 || cgroup_is_frozen(&c->group, r) != 1)
		return;
	want_paused(c, asked);
	announce(c, asked);
}

static void on_change(evutil_socket_t fd, short what, void *cookie)
{
	struct engine *en = cookie;
	int changed[64], n;
	(void)what;

	while ((n = cgroup_watch_read(fd, changed, ARRAY_LEN(changed))) > 0)
		for (int i = 0; i < n; i++)
			list_each (struct container, c, &en->containers, link)
				if (changed[i] == CGROUP_WATCH_ALL || c->freeze_watch == changed[i])
					compare(c);
}

void pause_watch(struct container *c)
{
	struct engine *en = c->engine;
	struct err e;

	if (en->freeze_fd < 0 || c->group.dirfd < 0)
		return; /* v1 tells nobody */
	int watch = cgroup_watch_add(en->freeze_fd, &c->group, &e);
	if (watch < 0)
		log_warn(
			"freeze-watch", "container=%.12s err=\"%s\" action=\"go on without\"", c->id, e.text);
	else
		c->freeze_watch = watch;
}

void pause_take_up(struct container *c)
{
	pause_watch(c);
	if (c->desired.paused && c->desired.run)
		freeze(c, NULL, NULL);
	else
		compare(c);
}

void pause_unwatch(struct container *c)
{
	if (c->freeze_watch)
		cgroup_watch_drop(c->engine->freeze_fd, c->freeze_watch);
	c->freeze_watch = 0;
}

void pause_open(struct engine *en)
{
	struct err e;

	if ((en->freeze_fd = cgroup_watch_open(&e)) < 0) {
		log_warn("freeze-watch", "err=\"%s\" action=\"go on without\"", e.text);
		return;
	}
	en->freeze_event = event_new(en->base, en->freeze_fd, EV_READ | EV_PERSIST, on_change, en);
	if (!en->freeze_event || event_add(en->freeze_event, NULL) < 0)
		abort();
}

void pause_close(struct engine *en)
{
	engine_event_free(&en->freeze_event);
	own_close(&en->freeze_fd);
}

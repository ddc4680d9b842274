/* The end of a container's control group. */
#include "base/clock.h"
#include "supervisor/container.h"
#include "supervisor/debt.h"

#define CLEAR_NS (2 * NS_PER_S)

struct clearing {
	struct container *c;
	struct event *timer;
	int64_t until_ns, delay_ns;
	void (*done)(void *cookie);
	void *cookie;
};

static void try_clear(evutil_socket_t fd, short what, void *cookie)
{
	struct clearing *x = cookie;
	struct err e;
	int r = cgroup_remove(x->c->engine->cgroups, x->c->id, 0, &e);
	(void)fd;
	(void)what;

	if (r < 0 && clock_mono_ns() < x->until_ns) {
		engine_timer_arm(x->timer, x->delay_ns);
		x->delay_ns = x->delay_ns < 50 * NS_PER_MS ? x->delay_ns * 2 : x->delay_ns;
		return;
	}
	if (r < 0)
		debt_add_group(x->c->engine, x->c->id);
	event_free(x->timer);
	void (*done)(void *cookie) = x->done;
	void *done_cookie = x->cookie;
	free(x);
	done(done_cookie);
}

void group_clear(struct container *c, void (*done)(void *cookie), void *cookie)
{
	struct clearing *x = calloc(1, sizeof(*x));

	if (!x || !(x->timer = evtimer_new(c->engine->base, try_clear, x)))
		abort();
	x->c = c;
	x->until_ns = clock_mono_ns() + CLEAR_NS;
	x->delay_ns = NS_PER_MS;
	x->done = done;
	x->cookie = cookie;
	engine_timer_arm(x->timer, 0);
}

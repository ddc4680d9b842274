/* What policy does when a run or a start is over: back-off, and the start after it. */
#include "base/clock.h"
#include "supervisor/config.h"
#include "supervisor/container.h"
#include "supervisor/container_start.h"
#include "supervisor/restart.h"

static bool decide(
	const struct container *c, const struct state_end *end, int64_t ran_ns, int64_t *out_delay_ns)
{
	struct restart_run run = {
		.policy = c->config->restart,
		.max = c->config->restart_max,
		.count = c->actual.restart_count,
		.delay_ns = c->actual.delay_ns,
		.ran_ns = ran_ns,
		.exit_code = end->exit_code,
		.start_failed = end->start_failed,
		.stopped_by_user = c->desired.stopped_by_user || !c->desired.run || c->restarting_by_user,
		.daemon_stopping = c->engine->stopping,
	};

	return restart_decide(&run, out_delay_ns);
}

bool restart_follows(const struct container *c, const struct state_end *end, int64_t ran_ns)
{
	int64_t delay_ns;
	return decide(c, end, ran_ns, &delay_ns);
}

void restart_settle(struct container *c, const struct state_end *end, int64_t ran_ns)
{
	struct state_end how = *end;

	how.next_try_ns = CLOCK_NEVER;
	if (decide(c, end, ran_ns, &how.delay_ns))
		how.next_try_ns = clock_real_ns() + how.delay_ns;
	(void)state_set_ended(&c->actual, &how); /* a late end of another run changes nothing */
}

static void start_again(evutil_socket_t fd, short what, void *cookie)
{
	struct container *c = cookie;
	(void)fd;
	(void)what;

	container_start_by_policy(c);
}

void restart_arm(struct container *c)
{
	if (!c->actual.restarting)
		return;
	if (!c->restart_timer && !(c->restart_timer = evtimer_new(c->engine->base, start_again, c)))
		abort();
	int64_t delay = c->actual.next_try_ns - clock_real_ns();
	if (delay > RESTART_DELAY_MAX_NS)
		delay = RESTART_DELAY_MAX_NS; /* the clock was set back meanwhile */
	log_info("restart-wait", "container=%.12s name=%s delay_ms=%lld count=%d", c->id, c->name,
		(long long)(delay / NS_PER_MS), c->actual.restart_count);
	engine_timer_arm(c->restart_timer, delay);
}

void restart_cancel(struct container *c)
{
	if (c->restart_timer)
		event_free(c->restart_timer);
	c->restart_timer = NULL;
}

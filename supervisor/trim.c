#include "supervisor/trim.h"

#include <malloc.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "supervisor/events.h"

#define QUIET_NS NS_PER_S

struct trim {
	struct engine_subscriber subscriber;
	struct event *timer;
};

static void on_quiet(evutil_socket_t fd, short what, void *cookie)
{
	(void)fd;
	(void)what;
	(void)cookie;

	(void)malloc_trim(0); /* says whether there was something */
}

static void on_event(void *cookie, const struct engine_event *ev)
{
	static const char *const lasting[] = { "create", "start", "die", "destroy" };
	const struct trim *t = cookie;

	for (size_t i = 0; i < ARRAY_LEN(lasting); i++)
		if (strcmp(ev->action, lasting[i]) == 0)
			engine_timer_arm(t->timer, QUIET_NS);
}

struct trim *trim_new(struct engine *en)
{
	struct trim *t = calloc(1, sizeof(*t));

	if (!t || !(t->timer = evtimer_new(en->base, on_quiet, t))) {
		free(t);
		return NULL;
	}
	t->subscriber = (struct engine_subscriber){ .fn = on_event, .cookie = t };
	events_subscribe(en, &t->subscriber);
	engine_timer_arm(t->timer, QUIET_NS);
	return t;
}

void trim_free(struct trim *t)
{
	if (!t)
		return;
	events_unsubscribe(&t->subscriber);
	event_free(t->timer);
	free(t);
}

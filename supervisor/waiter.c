#include "supervisor/waiter.h"

#include <string.h>

#include "base/clock.h"
#include "supervisor/container.h"

#define TOMB_KEPT_NS (60 * NS_PER_S)

struct waiter {
	struct list link; /* in the container's list; empty once it is woken */
	struct engine *engine;
	enum wait_condition condition;
	wait_fn fn;
	void *cookie;
	struct event *wake;
	int exit_code;
	bool has_error;
	char error[ERR_TEXT_MAX];
};

/* What is left of a removed container. */
struct tomb {
	struct list link;
	char id[TEXT_ID_LEN + 1];
	char name[CONTAINER_NAME_MAX + 1];
	int exit_code;
	char error[ERR_TEXT_MAX];
	int64_t until_ns;
};

static const char *const condition_names[WAIT_COUNT] = { "not-running", "next-exit", "removed" };

int wait_parse_condition(const char *word, enum wait_condition *out, struct err *e)
{
	if (!word || !*word)
		word = condition_names[WAIT_NOT_RUNNING];
	for (int i = 0; i < WAIT_COUNT; i++) {
		if (strcmp(word, condition_names[i]) == 0) {
			*out = (enum wait_condition)i;
			return 0;
		}
	}
	return err_say(e, EINVAL, "invalid condition: \"%s\"", word);
}

static void waiter_free(struct waiter *w)
{
	list_remove(&w->link);
	if (w->wake)
		event_free(w->wake);
	free(w);
}

static void woken(evutil_socket_t fd, short what, void *cookie)
{
	struct waiter *w = cookie;
	(void)fd;
	(void)what;

	w->fn(w->cookie, w->exit_code, w->has_error ? w->error : NULL);
	waiter_free(w);
}

/* From the loop, in the order in which they came. */
static void wake(struct waiter *w, int exit_code, const char *error)
{
	list_remove(&w->link);
	w->exit_code = exit_code;
	w->has_error = error && *error;
	snprintf(w->error, sizeof(w->error), "%s", error ? error : "");
	event_active(w->wake, EV_TIMEOUT, 0); /* unlike timers that are due, these keep their order */
}

static struct tomb *find_tomb(struct engine *en, const char *ref)
{
	int64_t now = clock_mono_ns();
	struct tomb *found = NULL;
	size_t len = strlen(ref);

	list_each_safe (struct tomb, t, &en->tombs, link) {
		if (now >= t->until_ns) {
			list_remove(&t->link);
			free(t);
		} else if (strcmp(t->name, ref) == 0 || (len >= 12 && strncmp(t->id, ref, len) == 0)) {
			found = t; /* the latest of a name that was used again */
		}
	}
	return found;
}

int container_wait(struct engine *en, const char *ref, enum wait_condition condition, wait_fn fn,
	void *cookie, struct waiter **out, struct err *e)
{
	struct container *c = container_find(en, ref, e);
	struct tomb *t = c ? NULL : find_tomb(en, ref);

	if (!c && !t)
		return e ? -e->code : -ENOENT;
	struct waiter *w = calloc(1, sizeof(*w));
	if (!w || !(w->wake = evtimer_new(en->base, woken, w))) {
		free(w);
		return err_set(e, ENOMEM, "wait");
	}
	list_init(&w->link);
	w->engine = en;
	w->condition = condition;
	w->fn = fn;
	w->cookie = cookie;
	if (t)
		wake(w, t->exit_code, t->error);
	else if (condition == WAIT_NOT_RUNNING && c->actual.pid == 0 && !c->actual.starting)
		wake(w, c->actual.exit_code, c->actual.error); /* in back-off nothing runs either */
	else
		list_append(&c->waiters, &w->link);
	*out = w;
	return 0;
}

void container_wait_cancel(struct waiter *w)
{
	waiter_free(w);
}

void waiter_wake_exit(struct container *c)
{
	list_each_safe (struct waiter, w, &c->waiters, link)
		if (w->condition != WAIT_REMOVED)
			wake(w, c->actual.exit_code, c->actual.error);
}

void waiter_wake_removed(struct container *c, const char *error)
{
	list_each_safe (struct waiter, w, &c->waiters, link)
		wake(w, c->actual.exit_code, error ? error : c->actual.error);
	struct tomb *t = error ? NULL : calloc(1, sizeof(*t));
	if (!t)
		return; /* a late wait will be told that there is no such container */
	memcpy(t->id, c->id, sizeof(t->id));
	memcpy(t->name, c->name, sizeof(t->name));
	memcpy(t->error, c->actual.error, sizeof(t->error));
	t->exit_code = c->actual.exit_code;
	t->until_ns = clock_mono_ns() + TOMB_KEPT_NS;
	list_append(&c->engine->tombs, &t->link);
	(void)find_tomb(c->engine, ""); /* the old ones go */
}

void waiter_forget_all(struct engine *en)
{
	list_each_safe (struct tomb, t, &en->tombs, link) {
		list_remove(&t->link);
		free(t);
	}
}

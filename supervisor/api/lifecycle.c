/* lifecycle - the verbs that change a container, and the wait for its end. */
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/json.h"
#include "base/own.h"
#include "base/text.h"
#include "supervisor/api/api.h"
#include "supervisor/event_ring.h"
#include "supervisor/events.h"
#include "supervisor/hooks.h"
#include "supervisor/waiter.h"

#define WAIT_LATE_NS (60 * NS_PER_S) /* as long as the end of what was removed can be asked for */

static void start(struct api_call *call)
{
	struct container *c = api_container(call);
	if (c && !api_refuse_checkpoint(call))
		hooks_start(c, api_done, call);
}

/* t in seconds (-1: wait for ever) and signal, as stop and restart take them. */
static int stop_arguments(const struct api_call *call, int *sig, int64_t *timeout_ns, struct err *e)
{
	int64_t t = INT64_MIN;
	int r = api_query_int(call, "t", -INT32_MAX, INT32_MAX, &t, e);
	if (r < 0)
		return r;
	if (t != INT64_MIN)
		*timeout_ns = t < 0 ? -1 : t * NS_PER_S;
	const char *name = http_query(call->rq, "signal");
	if (name && *name) {
		*sig = text_parse_signal(name);
		if (*sig < 0)
			return err_say(e, EINVAL, "invalid signal: %.64s", name);
	}
	return 0;
}

static void stop_or_restart(
	struct api_call *call, void (*verb)(struct container *, int, int64_t, done_fn, void *))
{
	struct container *c = api_container(call);
	if (!c)
		return;
	int sig = 0;
	int64_t timeout_ns = CONTAINER_TIMEOUT_DEFAULT;
	struct err e;
	if (stop_arguments(call, &sig, &timeout_ns, &e) < 0)
		api_reply_err(call, &e);
	else
		verb(c, sig, timeout_ns, api_done, call);
}

static void stop(struct api_call *call)
{
	stop_or_restart(call, api_query_bool(call, "berth_again") ? hooks_stop_again : hooks_stop);
}

static void restart(struct api_call *call)
{
	stop_or_restart(call, hooks_restart);
}

static void kill_(struct api_call *call)
{
	struct container *c = api_container(call);
	if (!c)
		return;
	int sig = SIGKILL;
	const char *name = http_query(call->rq, "signal");
	if (name && *name)
		sig = text_parse_signal(name);
	if (sig < 0) {
		struct err e;
		(void)err_say(&e, EINVAL, "invalid signal: %.64s", name);
		api_reply_err(call, &e);
		return;
	}
	container_kill(c, sig, api_done, call);
}

static void pause_(struct api_call *call)
{
	struct container *c = api_container(call);
	if (c)
		container_pause(c, api_done, call);
}

static void unpause(struct api_call *call)
{
	struct container *c = api_container(call);
	if (c)
		container_unpause(c, api_done, call);
}

static void rename_(struct api_call *call)
{
	struct container *c = api_container(call);
	if (!c)
		return;
	const char *name = http_query(call->rq, "name");
	container_rename(c, name ? name : "", api_done, call);
}

static void updated(void *cookie, int r, const struct err *e)
{
	if (r < 0)
		api_reply_err(cookie, e);
	else
		api_reply_json(cookie, 200, json_pack("{s:[]}", "Warnings"));
}

static void update_with(struct api_call *call, json_t *body)
{
	struct container *c = api_container(call);
	if (c)
		container_update(c, body, updated, call);
}

static void update(struct api_call *call)
{
	api_read_json(call, update_with);
}

static void remove_(struct api_call *call)
{
	struct container *c = api_container(call);
	if (!c)
		return;
	if (api_query_bool(call, "link")) {
		struct err e;
		(void)err_say(&e, EINVAL, "link: links between containers are not built");
		api_reply_err(call, &e);
		return;
	}
	container_remove(c, api_query_bool(call, "force"), api_query_bool(call, "v"), api_done, call);
}

static void resize(struct api_call *call)
{
	struct container *c = api_container(call);
	if (!c)
		return;
	int64_t width = 0, height = 0;
	struct err e;
	if (api_query_int(call, "w", 0, UINT16_MAX, &width, &e) < 0 ||
		api_query_int(call, "h", 0, UINT16_MAX, &height, &e) < 0 ||
		container_resize(c, (unsigned)width, (unsigned)height, &e) < 0)
		api_reply_err(call, &e);
	else
		api_reply_empty(call, 200);
}

/* ---- wait: the headers leave at once, so that a client knows it is registered; the body is the end. */

static char *wait_body(int exit_code, const char *error)
{
	auto_(json) json_t *o = error
		? json_pack("{s:i, s:{s:s}}", "StatusCode", exit_code, "Error", "Message", error)
		: json_pack("{s:i, s:n}", "StatusCode", exit_code, "Error");
	return o ? json_dumps(o, JSON_COMPACT) : NULL;
}

static void waited(void *cookie, int exit_code, const char *error)
{
	struct api_call *call = cookie;
	auto_free char *text = wait_body(exit_code, error);
	if (text) {
		http_reply_write(call->rq, text, strlen(text));
		http_reply_end(call->rq);
	} else {
		http_drop(call->rq);
	}
	api_call_free(call);
}

static void wait_client_gone(struct http_request *rq, void *cookie)
{
	struct api_call *call = cookie;
	container_wait_cancel(call->data);
	http_drop(rq);
	api_call_free(call);
}

/* What a client waits for may have come while no supervisor was there to tell it, or just before it asked: then the ring of events
 * knows. Such a client names the place that it was given when it began. 1: the call is answered. */
static int answer_from_ring(struct api_call *call, enum wait_condition condition, bool gone, struct err *e)
{
	struct engine *en = call->engine;
	const char *cursor = http_query(call->rq, "cursor");
	bool removal = condition == WAIT_REMOVED, found = false;
	struct events_end end;
	uint64_t after = 0;
	int r = 0;
	if (gone)
		found = events_find_end(en, call->param[0], true, 0, clock_real_ns() - WAIT_LATE_NS, &end);
	else if (cursor && *cursor && (r = event_ring_parse_cursor(en->events, cursor, &after, e)) > 0)
		found = events_find_end(en, call->param[0], removal, after, CLOCK_NEVER, &end);
	if (r < 0 || !found)
		return r < 0 ? r : 0;
	auto_free char *text = wait_body(end.code, *end.error ? end.error : NULL);
	http_reply(call->rq, text ? 200 : 500, "application/json", text, text ? strlen(text) : 0);
	api_call_free(call);
	return 1;
}

/* The ring does not know any more what came behind the client's place: what it waited for may be long over. */
static bool place_is_lost(const struct api_call *call)
{
	const struct event_ring *ring = call->engine->events;
	const char *cursor = http_query(call->rq, "cursor");
	uint64_t after;
	return cursor && *cursor &&
		(event_ring_parse_cursor(ring, cursor, &after, NULL) <= 0 ||
			after + 1 < event_ring_oldest(ring));
}

static void wait_(struct api_call *call)
{
	const char *word = http_query(call->rq, "condition");
	bool with_place = http_query(call->rq, "cursor");
	struct event_ring *ring = call->engine->events;
	enum wait_condition condition;
	char cursor[EVENT_CURSOR_MAX];
	struct waiter *w;
	struct err e;
	int r = wait_parse_condition(word ? word : "", &condition, &e);
	if (r == 0)
		r = answer_from_ring(call, condition, false, &e);
	if (condition == WAIT_NEXT_EXIT && r == 0 && place_is_lost(call))
		condition = WAIT_NOT_RUNNING;
	if (r == 0)
		r = container_wait(call->engine, call->param[0], condition, waited, call, &w, &e);
	else if (r > 0)
		return;
	if (r == -ENOENT && answer_from_ring(call, condition, true, NULL) > 0)
		return;
	if (r < 0) {
		api_reply_err(call, &e);
		return;
	}
	const struct container *c = container_find(call->engine, call->param[0], NULL);
	const char *const headers[] = { "Berth-Cursor",
		event_ring_format_cursor(ring, event_ring_next(ring) - 1, cursor),
		c ? "Berth-Container" : NULL, c ? c->id : NULL, NULL };
	call->data = w;
	http_on_close(call->rq, wait_client_gone, call);
	http_reply_begin(call->rq, 200, "application/json", with_place ? headers : NULL);
}

static const struct api_route routes[] = {
	{ "POST", "/containers/{}/start", start },
	{ "POST", "/containers/{}/stop", stop },
	{ "POST", "/containers/{}/restart", restart },
	{ "POST", "/containers/{}/kill", kill_ },
	{ "POST", "/containers/{}/pause", pause_ },
	{ "POST", "/containers/{}/unpause", unpause },
	{ "POST", "/containers/{}/rename", rename_ },
	{ "POST", "/containers/{}/update", update },
	{ "POST", "/containers/{}/resize", resize },
	{ "POST", "/containers/{}/wait", wait_ },
	{ "DELETE", "/containers/{}", remove_ },
};
const struct api_routes api_lifecycle_routes = { routes, ARRAY_LEN(routes) };

/*
 * events - GET /events: what happened, as one JSON object per line, from the ring and then as it comes.
 *
 * A client that is slower than the events is not fed any more: it reads on from the ring when it has taken what it got, so it
 * costs no memory, and may be behind by all that the ring holds. What was dropped from there meanwhile is told to it:
 *
 *     {"Type": "berth", "Action": "lost", "Actor": {"ID": "", "Attributes": {"count": "12"}}, ...}
 *
 * Whatever the filters; the count is of all events, and "unknown" across daemons.
 *
 * For clients that go on after the supervisor's death: with "cursor" in the query every object has a "Cursor" and the answer
 * a header Berth-Cursor, the place where it begins. A later call with cursor=PLACE begins right behind it. A bare
 * cursor= begins now.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/json.h"
#include "base/own.h"
#include "supervisor/api/api.h"
#include "supervisor/api/event_filter.h"
#include "supervisor/event_ring.h"
#include "supervisor/events.h"

#define LOW_WATER  (32 * 1024)
#define HIGH_WATER (128 * 1024)
#define AT_ONCE	   256 /* events read back before the loop has its turn again */

struct event_stream {
	struct api_call *call;
	struct engine_subscriber subscriber;
	struct filters filters;
	int64_t since_ns, until_ns; /* CLOCK_NEVER: no bound */
	bool with_cursor;
	uint64_t
		next; /* the first that the client was not given (or that its filters have not kept from it) */
	struct event_reader *reader; /* while it is behind */
	struct event *more, *until;
};

static void stream_free(struct event_stream *s)
{
	events_unsubscribe(&s->subscriber);
	event_reader_free(s->reader);
	engine_event_free(&s->more);
	engine_event_free(&s->until);
	filters_done(&s->filters);
	api_call_free(s->call);
	free(s);
}

static void stream_end(struct event_stream *s)
{
	http_reply_end(s->call->rq);
	stream_free(s);
}

static struct event_ring *ring_of(const struct event_stream *s)
{
	return s->call->engine->events;
}

/* ---------------------------------------------------------------- writing */

static void write_doc(struct event_stream *s, json_t *doc)
{
	auto_(json) json_t *owned = doc;
	auto_free char *text = doc ? json_dumps(owned, JSON_COMPACT) : NULL;

	if (!text)
		abort(); /* as an event that cannot be made */
	http_reply_write(s->call->rq, text, strlen(text));
	http_reply_write(s->call->rq, "\n", 1);
}

static void write_event(struct event_stream *s, uint64_t seq, const char *json, size_t len)
{
	char cursor[EVENT_CURSOR_MAX];

	if (!s->with_cursor) {
		http_reply_write(s->call->rq, json, len);
		http_reply_write(s->call->rq, "\n", 1);
		return;
	}
	event_ring_format_cursor(ring_of(s), seq, cursor);
	json_t *doc = json_loadb(json, len, 0, NULL);
	if (!doc || json_object_set_new(doc, "Cursor", json_string(cursor)) < 0)
		abort();
	write_doc(s, doc);
}

/* Events before seq are gone. */
static void say_lost(struct event_stream *s, const char *count, uint64_t seq)
{
	int64_t now = clock_real_ns();
	char cursor[EVENT_CURSOR_MAX];
	json_t *doc = json_pack("{s:s, s:s, s:{s:s, s:{s:s}}, s:s, s:I, s:I}", "Type", "berth", "Action",
		"lost", "Actor", "ID", "", "Attributes", "count", count, "scope", "local", "time",
		(json_int_t)(now / NS_PER_S), "timeNano", (json_int_t)now);

	event_ring_format_cursor(ring_of(s), seq - 1, cursor);
	if (s->with_cursor && doc && json_object_set_new(doc, "Cursor", json_string(cursor)) < 0)
		abort();
	write_doc(s, doc);
}

static void say_gap(struct event_stream *s, uint64_t seq)
{
	char count[24];

	if (seq <= s->next)
		return;
	snprintf(count, sizeof(count), "%" PRIu64, seq - s->next);
	say_lost(s, count, seq);
}

static bool is_wanted(const struct event_stream *s, int64_t time_ns, const char *type, const char *action,
	const char *id, const json_t *attributes)
{
	return (s->since_ns == CLOCK_NEVER || time_ns >= s->since_ns) &&
		(s->until_ns == CLOCK_NEVER || time_ns <= s->until_ns) &&
		event_filter_match(&s->filters, type, action, id, attributes);
}

/* ---------------------------------------------------------------- from the ring */

static void give_line(struct event_stream *s, const struct event_line *line)
{
	auto_(json) json_t *doc = json_loadb(line->json, line->len, 0, NULL);
	const json_t *actor = json_object_get(doc, "Actor");
	const char *type = json_string_value(json_object_get(doc, "Type"));
	const char *action = json_string_value(json_object_get(doc, "Action"));
	const char *id = json_string_value(json_object_get(actor, "ID"));

	say_gap(s, line->seq);
	s->next = line->seq + 1;
	if (type && action &&
		is_wanted(s, json_integer_value(json_object_get(doc, "timeNano")), type, action,
			id ? id : line->id, json_object_get(actor, "Attributes")))
		write_event(s, line->seq, line->json, line->len);
}

static bool is_over(const struct event_stream *s)
{
	return s->until_ns != CLOCK_NEVER && clock_real_ns() >= s->until_ns;
}

/* Nothing is behind us that the ring could give. */
static void caught_up(struct event_stream *s)
{
	say_gap(s, event_ring_next(ring_of(s))); /* what could not be kept */
	s->next = event_ring_next(ring_of(s));
	event_reader_free(take_ptr(&s->reader));
	if (is_over(s))
		stream_end(s);
	else if (s->until_ns != CLOCK_NEVER)
		engine_timer_arm(s->until, s->until_ns - clock_real_ns());
}

static void read_on(struct event_stream *s)
{
	struct http_request *rq = s->call->rq;
	struct event_line line;
	struct err e;

	for (int n = 0; http_pending(rq) < HIGH_WATER; n++) {
		if (n == AT_ONCE) {
			engine_timer_arm(s->more, 0);
			return;
		}
		int r = event_reader_next(s->reader, &line, &e);
		if (r < 0)
			log_error("events-not-read", "err=\"%s\" action=\"skip them\"", e.text);
		if (r <= 0) {
			caught_up(s);
			return;
		}
		give_line(s, &line);
	}
}

static void on_more(evutil_socket_t fd, short what, void *cookie)
{
	struct event_stream *s = cookie;
	(void)fd;
	(void)what;

	if (s->reader)
		read_on(s);
}

static void on_drain(struct http_request *rq, void *cookie)
{
	(void)rq;
	on_more(-1, 0, cookie);
}

static void fall_behind(struct event_stream *s)
{
	if (event_reader_new(ring_of(s), s->next, &s->reader, NULL) < 0)
		abort();
}

/* ---------------------------------------------------------------- as they come */

static void on_event(void *cookie, const struct engine_event *ev)
{
	struct event_stream *s = cookie;

	if (s->reader)
		return; /* it will come to this one */
	if (http_pending(s->call->rq) >= HIGH_WATER) {
		fall_behind(s);
		return; /* until the client has taken something */
	}
	s->next = ev->seq + 1;
	if (is_wanted(s, ev->time_ns, ev->type, ev->action, ev->id, ev->attributes))
		write_event(s, ev->seq, ev->json, ev->len);
}

static void on_until(evutil_socket_t fd, short what, void *cookie)
{
	struct event_stream *s = cookie;
	(void)fd;
	(void)what;

	if (!is_over(s))
		engine_timer_arm(s->until, s->until_ns - clock_real_ns()); /* the clock was set */
	else if (!s->reader)
		stream_end(s);
}

static void on_client_gone(struct http_request *rq, void *cookie)
{
	http_drop(rq);
	stream_free(cookie);
}

/* ---------------------------------------------------------------- the request */

static int parse_time(const struct api_call *call, const char *key, int64_t *out, struct err *e)
{
	const char *text = http_query(call->rq, key);

	*out = CLOCK_NEVER;
	if (!text || !*text)
		return 0;
	return clock_parse_timestamp(text, out) < 0
		? err_say(e, EINVAL, "%s: \"%.64s\" is neither unix seconds nor a RFC 3339 time", key, text)
		: 0;
}

/* Returns 1 when it begins behind another daemon's place. */
static int parse_query(struct event_stream *s, struct err *e)
{
	const struct api_call *call = s->call;
	const char *cursor = http_query(call->rq, "cursor");
	int r = parse_time(call, "since", &s->since_ns, e);

	if (r < 0 || (r = parse_time(call, "until", &s->until_ns, e)) < 0)
		return r;
	if ((r = event_filter_parse(http_query(call->rq, "filters"), &s->filters, e)) < 0)
		return r;
	if (s->since_ns != CLOCK_NEVER && s->until_ns != CLOCK_NEVER && s->until_ns < s->since_ns)
		return err_say(e, EINVAL, "`since` time (%s) cannot be after `until` time (%s)",
			http_query(call->rq, "since"), http_query(call->rq, "until"));
	s->with_cursor = cursor != NULL;
	if ((r = event_ring_find_place(ring_of(s), cursor, &s->next, e)) < 0)
		return r;
	if ((!cursor || !*cursor) && (s->since_ns != CLOCK_NEVER || s->until_ns != CLOCK_NEVER))
		s->next = event_ring_oldest(ring_of(s));
	return r;
}

static void begin(struct event_stream *s, bool elsewhere)
{
	struct http_request *rq = s->call->rq;
	char cursor[EVENT_CURSOR_MAX];
	const char *const headers[] = { "Berth-Cursor", cursor, NULL };

	event_ring_format_cursor(ring_of(s), s->next - 1, cursor);
	http_on_close(rq, on_client_gone, s);
	http_on_drain(rq, LOW_WATER, on_drain, s);
	http_reply_begin(rq, 200, "application/json", s->with_cursor ? headers : NULL);
	s->subscriber = (struct engine_subscriber){ .fn = on_event, .cookie = s };
	events_subscribe(s->call->engine, &s->subscriber);
	if (elsewhere)
		say_lost(s, "unknown", s->next);
	fall_behind(s);
	engine_timer_arm(s->more, 0);
}

static void events(struct api_call *call)
{
	struct event_stream *s = calloc(1, sizeof(*s));
	struct event_base *base = call->engine->base;
	struct err e;

	if (!s) {
		api_reply_empty(call, 500);
		return;
	}
	s->call = call;
	list_init(&s->subscriber.link);
	s->more = evtimer_new(base, on_more, s);
	s->until = evtimer_new(base, on_until, s);
	int r = s->more && s->until ? parse_query(s, &e) : err_set(&e, ENOMEM, "events");
	if (r < 0) {
		s->call = NULL;
		stream_free(s);
		api_reply_err(call, &e);
		return;
	}
	begin(s, r > 0);
}

static const struct api_route routes[] = {
	{ "GET", "/events", events },
};
const struct api_routes api_event_routes = { routes, ARRAY_LEN(routes) };

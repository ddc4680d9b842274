/*
 * libcontainerd_events - GET /berth/libcontainerd/events: one JSON object per line, from the ring and then as it comes.
 *
 * Always read from the ring, at the speed at which the client takes them. The answer begins with a header Berth-Cursor,
 * INSTANCE-SEQ: with cursor=INSTANCE-SEQ a later call goes on behind the event of that number, with the next supervisor too;
 * of another instance (a daemon that was started anew) and for a number of old all that is there is told, after an "unknown".
 * Without it the events from now on.
 */
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/own.h"
#include "supervisor/api/api.h"
#include "supervisor/event_ring.h"
#include "supervisor/events.h"
#include "supervisor/libcontainerd.h"
#include "supervisor/libcontainerd_event.h"

#define LOW_WATER  (32 * 1024)
#define HIGH_WATER (128 * 1024)
#define AT_ONCE	   256 /* events before the loop has its turn again */

struct lc_stream {
	struct api_call *call;
	struct engine_subscriber subscriber;
	struct event_reader *reader;
	struct event *more;
	uint64_t next; /* the first that was not read */
	char *only;    /* of this container; NULL: of all */
};

static void stream_free(struct lc_stream *s)
{
	events_unsubscribe(&s->subscriber);
	event_reader_free(s->reader);
	engine_event_free(&s->more);
	free(s->only);
	if (s->call)
		api_call_free(s->call);
	free(s);
}

static void write_line(struct lc_stream *s, json_t *o)
{
	auto_(json) json_t *owned = o;
	auto_free char *text = o ? json_dumps(o, JSON_COMPACT) : NULL;

	if (!text)
		abort(); /* as for an event that cannot be made: the next supervisor goes on */
	http_reply_write(s->call->rq, text, strlen(text));
	http_reply_write(s->call->rq, "\n", 1);
}

static void say_lost(struct lc_stream *s, uint64_t seq)
{
	if (seq > s->next)
		write_line(s, lc_event_lost(seq, seq - s->next));
	s->next = seq;
}

static void give(struct lc_stream *s, const struct event_line *line)
{
	say_lost(s, line->seq);
	s->next = line->seq + 1;
	json_t *o = lc_event_of(line);
	if (o && s->only && strcmp(s->only, json_string_value(json_object_get(o, "ContainerID"))) != 0 &&
		strcmp(s->only, line->id) != 0)
		json_decref(o);
	else if (o)
		write_line(s, o);
}

static void read_on(evutil_socket_t fd, short what, void *cookie)
{
	struct lc_stream *s = cookie;
	struct event_line line;
	struct err e;
	(void)fd;
	(void)what;

	for (int n = 0; http_pending(s->call->rq) < HIGH_WATER; n++) {
		if (n == AT_ONCE) {
			engine_timer_arm(s->more, 0);
			return;
		}
		int r = event_reader_next(s->reader, &line, &e);
		if (r < 0)
			log_error("events-not-read", "err=\"%s\" action=\"skip them\"", e.text);
		if (r <= 0)
			return;
		give(s, &line);
	}
}

static void on_event(void *cookie, const struct engine_event *ev)
{
	struct lc_stream *s = cookie;
	(void)ev;

	engine_timer_arm(s->more, 0);
}

static void on_drain(struct http_request *rq, void *cookie)
{
	(void)rq;
	read_on(-1, 0, cookie);
}

static void on_client_gone(struct http_request *rq, void *cookie)
{
	http_drop(rq);
	stream_free(cookie);
}

static int prepare(struct lc_stream *s, struct err *e)
{
	const struct event_ring *ring = s->call->engine->events;
	const char *only = http_query(s->call->rq, "container");
	int elsewhere = event_ring_find_place(ring, http_query(s->call->rq, "cursor"), &s->next, e);

	if (elsewhere < 0)
		return elsewhere;
	if (!(s->more = evtimer_new(s->call->engine->base, read_on, s)) ||
		(only && !(s->only = strdup(only))))
		return err_set(e, ENOMEM, "events");
	int r = event_reader_new(s->call->engine->events, s->next, &s->reader, e);
	return r < 0 ? r : elsewhere;
}

void api_libcontainerd_events(struct api_call *call)
{
	struct lc_stream *s = calloc(1, sizeof(*s));
	char cursor[EVENT_CURSOR_MAX];
	struct err e;

	if (!s) {
		api_reply_empty(call, 500);
		return;
	}
	s->call = call;
	list_init(&s->subscriber.link);
	int r = prepare(s, &e);
	if (r < 0) {
		s->call = NULL;
		stream_free(s);
		api_reply_err(call, &e);
		return;
	}
	const char *const headers[] = { "Berth-Cursor", cursor, NULL };
	event_ring_format_cursor(call->engine->events, s->next - 1, cursor);
	http_on_close(call->rq, on_client_gone, s);
	http_on_drain(call->rq, LOW_WATER, on_drain, s);
	http_reply_begin(call->rq, 200, "application/json", headers);
	s->subscriber = (struct engine_subscriber){ .fn = on_event, .cookie = s };
	events_subscribe(call->engine, &s->subscriber);
	if (r > 0) /* how many is not known: the count is of another life */
		write_line(s, lc_event_lost(s->next, 0));
	engine_timer_arm(s->more, 0);
}

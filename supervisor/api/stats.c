/*
 * stats - GET /containers/{}/stats: one sample, two of them (stream=false), or one each second.
 *
 * All streams share one clock: the host's numbers are read once per second, the containers' a few per turn of the loop.
 * stream=false takes one sample at once and answers at the next beat but one, so that the two are a second or more apart;
 * one-shot=true does not wait. A container that does not run has one sample of zeros, or one each second in a stream.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/json.h"
#include "base/own.h"
#include "supervisor/api/api.h"
#include "supervisor/stats.h"

#define BEAT_NS	   NS_PER_S
#define AT_ONCE	   8		/* containers read before the loop has its turn again */
#define HIGH_WATER (256 * 1024) /* a client that is slower misses samples */

struct stats_clock {
	struct engine *engine;
	struct list streams; /* struct stats_stream.link */
	struct event *beat, *more;
	struct stats_host host;
	uint64_t beats;
};

struct stats_stream {
	struct list link;
	struct stats_clock *clock;
	struct api_call *call;
	char id[TEXT_ID_LEN + 1];
	bool once;	  /* answer with the second sample and end */
	int64_t begun_ns; /* monotonic */
	uint64_t beat;	  /* the last that was dealt with */
	struct stats_sample last;
};

/* ---------------------------------------------------------------- the clock */

static void on_beat(evutil_socket_t fd, short what, void *cookie);
static void on_more(evutil_socket_t fd, short what, void *cookie);

static void clock_free(struct stats_clock *k)
{
	k->engine->stats = NULL;
	engine_event_free(&k->beat);
	engine_event_free(&k->more);
	free(k);
}

/* The one there is, or a new one. */
static struct stats_clock *get_clock(struct engine *en)
{
	struct stats_clock *k = en->stats ? en->stats : calloc(1, sizeof(*k));

	if (!k || en->stats)
		return k;
	k->engine = en;
	list_init(&k->streams);
	k->beat = event_new(en->base, -1, EV_PERSIST, on_beat, k);
	k->more = evtimer_new(en->base, on_more, k);
	en->stats = k;
	if (!k->beat || !k->more) {
		clock_free(k);
		return NULL;
	}
	static const struct timeval second = { BEAT_NS / NS_PER_S, 0 };
	(void)event_add(k->beat, &second); /* cannot fail once it is made, but for memory */
	return k;
}

static void read_host(struct stats_clock *k)
{
	struct err e;

	if (stats_read_host(&k->host, &e) < 0)
		log_warn("stats", "err=\"%s\" action=\"go on with the last\"", e.text);
}

static void stream_free(struct stats_stream *s)
{
	struct stats_clock *k = s->clock;

	list_remove(&s->link);
	api_call_free(s->call);
	free(s);
	if (list_empty(&k->streams))
		clock_free(k);
}

/* ---------------------------------------------------------------- one sample */

static bool is_running(const struct container *c)
{
	return c->actual.running && !c->actual.restarting && c->group.path[0];
}

static void take(struct stats_clock *k, struct container *c, struct stats_sample *out)
{
	struct err e;

	*out = (struct stats_sample){ .host = k->host };
	if (!is_running(c) || cgroup_read_stats(&c->group, k->engine->cgroups, &out->group, &e) < 0)
		return; /* its end is on the way */
	out->taken = true;
	out->time_ns = clock_real_ns();
	out->generation = c->actual.generation;
}

static char *sample_text(
	const struct container *c, const struct stats_sample *before, const struct stats_sample *now)
{
	char name[CONTAINER_NAME_MAX + 2];

	snprintf(name, sizeof(name), "/%s", c->name);
	auto_(json) json_t *o =
		stats_to_json(c->id, name, before, now, !cgroup_root_is_v2(c->engine->cgroups));
	return o ? json_dumps(o, JSON_COMPACT) : NULL;
}

/* Returns false when that was its last. */
static bool next_sample(struct stats_stream *s)
{
	struct container *c = container_by_id(s->clock->engine, s->id);
	struct http_request *rq = s->call->rq;
	struct stats_sample now;

	if (!c) {
		http_reply_end(rq);
		return false;
	}
	if (http_pending(rq) > HIGH_WATER)
		return true;
	take(s->clock, c, &now);
	stats_keep_growing(&s->last, &now);
	auto_free char *text = sample_text(c, &s->last, &now);
	if (text) {
		http_reply_write(rq, text, strlen(text));
		http_reply_write(rq, "\n", 1);
	}
	s->last = now;
	if (s->once)
		http_reply_end(rq);
	return !s->once;
}

/* A stream=false that has come since the last beat waits for the next but one. */
static bool is_due(const struct stats_stream *s)
{
	return s->beat != s->clock->beats && (!s->once || clock_mono_ns() - s->begun_ns >= BEAT_NS * 9 / 10);
}

static void on_more(evutil_socket_t fd, short what, void *cookie)
{
	struct stats_clock *k = cookie;
	int n = 0;
	(void)fd;
	(void)what;

	list_each_safe (struct stats_stream, s, &k->streams, link) {
		if (!is_due(s))
			continue;
		if (n++ == AT_ONCE) {
			engine_timer_arm(k->more, 0);
			return;
		}
		s->beat = k->beats;
		bool last = &s_next->link == &k->streams; /* the clock may go with its last stream */
		if (!next_sample(s))
			stream_free(s);
		if (last)
			return;
	}
}

static void on_beat(evutil_socket_t fd, short what, void *cookie)
{
	struct stats_clock *k = cookie;

	k->beats++;
	read_host(k);
	on_more(fd, what, k);
}

/* ---------------------------------------------------------------- the request */

static void on_client_gone(struct http_request *rq, void *cookie)
{
	http_drop(rq);
	stream_free(cookie);
}

/* A container that does not run has nothing to wait for. */
static void reply_one(struct api_call *call, const struct container *c, const struct stats_sample *now)
{
	static const struct stats_sample none;
	auto_free char *text = sample_text(c, &none, now);
	auto_(buf) struct buf line = { 0 };
	bool made = text && buf_puts(&line, text) == 0 && buf_puts(&line, "\n") == 0;

	http_reply(call->rq, made ? 200 : 500, "application/json", line.data, made ? line.len : 0);
	api_call_free(call);
}

static void stats(struct api_call *call)
{
	const char *stream = http_query(call->rq, "stream");
	bool once = stream && !api_query_bool(call, "stream");
	struct container *c = api_container(call);
	struct err e;

	if (!c)
		return;
	if (!once && api_query_bool(call, "one-shot")) {
		(void)err_say(&e, EINVAL, "cannot have stream=true and one-shot=true");
		api_reply_err(call, &e);
		return;
	}
	struct stats_stream *s = calloc(1, sizeof(*s));
	struct stats_clock *k = s ? get_clock(call->engine) : NULL;
	if (!k) {
		free(s);
		api_reply_empty(call, 500);
		return;
	}
	*s = (struct stats_stream){
		.clock = k, .call = call, .once = once, .begun_ns = clock_mono_ns(), .beat = k->beats
	};
	memcpy(s->id, c->id, sizeof(s->id));
	list_append(&k->streams, &s->link);
	read_host(k);
	if (once) {
		take(k, c, &s->last);
		if (!s->last.taken || api_query_bool(call, "one-shot")) {
			struct stats_sample now = s->last;
			s->call = NULL;
			stream_free(s);
			reply_one(call, c, &now);
			return;
		}
	}
	http_on_close(call->rq, on_client_gone, s);
	http_reply_begin(call->rq, 200, "application/json", NULL);
	if (!once)
		(void)next_sample(s);
}

static const struct api_route routes[] = {
	{ "GET", "/containers/{}/stats", stats },
};
const struct api_routes api_stats_routes = { routes, ARRAY_LEN(routes) };

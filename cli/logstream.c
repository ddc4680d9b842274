#include "cli/logstream.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "cli/api.h"
#include "cli/reconnect.h"

enum { OUT, ERR, STREAMS };

struct logstream {
	const struct cli *cli;
	struct event_base *base;
	const struct logstream_ops *ops;
	void *cookie;
	struct buf query;
	struct remote remote;
	struct reconnect reconnect;
	struct event *next; /* the next connection */
	struct frames frames;
	bool broken;		 /* a frame that is none */
	struct buf position;	 /* the last whole one; empty: none yet */
	struct buf coming;	 /* one, as far as it is here */
	uint64_t given[STREAMS]; /* bytes behind the position that our reader has had */
	uint64_t seen[STREAMS];	 /* of this connection */
};

/* ---------------------------------------------------------------- what comes */

static void take_position(struct logstream *l, const char *data, size_t len)
{
	if (buf_add(&l->coming, data, len) < 0 || l->frames.left > 0)
		return;
	buf_reset(&l->position);
	(void)buf_add(&l->position, l->coming.data, l->coming.len); /* without it we would begin anew */
	buf_reset(&l->coming);
	for (int i = 0; i < STREAMS; i++) {
		l->given[i] -= l->seen[i] < l->given[i] ? l->seen[i] : l->given[i];
		l->seen[i] = 0;
	}
}

static void on_frame(enum frame_stream stream, const char *data, size_t len, void *cookie)
{
	struct logstream *l = cookie;
	int i = stream == FRAME_STDOUT ? OUT : ERR;

	if (stream == FRAME_POSITION) {
		take_position(l, data, len);
		return;
	}
	if (stream == FRAME_ERROR) {
		l->ops->on_data(l->cookie, stream, data, len);
		return;
	}
	l->seen[i] += len;
	if (l->seen[i] <= l->given[i])
		return;
	size_t fresh = l->seen[i] - l->given[i] < len ? (size_t)(l->seen[i] - l->given[i]) : len;
	l->given[i] = l->seen[i];
	l->ops->on_data(l->cookie, stream, data + len - fresh, fresh);
}

static void log_data(struct remote *r, const char *data, size_t len)
{
	struct logstream *l = r->cookie;

	if (l->broken || frames_feed(&l->frames, data, len, on_frame, l) == 0)
		return;
	l->broken = true;
	event_active(l->next, EV_TIMEOUT, 0); /* what ends it may free it, which is not for here */
}

/* ---------------------------------------------------------------- connections */

/* One that has ended: tried again where it broke, else the end of all. */
static void ended(struct logstream *l, struct err *why)
{
	struct err e = { 0 };
	int r = 0;

	if (l->broken) {
		r = err_say(&e, EPROTO, "the daemon's stream has a broken frame; the rest is not shown");
	} else if (why) {
		e = *why;
		(void)api_connection_error(l->cli, &e);
		int ms = reconnect_delay(&l->reconnect, -e.code, &e);
		struct timeval tv = { ms / 1000, ms % 1000 * 1000 };
		if (ms >= 0 && event_add(l->next, &tv) == 0)
			return;
		r = ms < 0 ? ms : err_set(&e, ENOMEM, "logs");
	} else if (l->remote.status >= 400) {
		r = api_error(l->remote.status, l->remote.body.data, l->remote.body.len, &e);
	}
	l->ops->on_end(l->cookie, r, r < 0 ? &e : NULL);
}

static void changed(struct remote *r)
{
	struct logstream *l = r->cookie;

	if (r->status && !r->err.code)
		reconnect_made(&l->reconnect);
	if (r->ended && !l->broken)
		ended(l, r->err.code ? &r->err : NULL);
}

static int connect_once(struct logstream *l, struct err *e)
{
	auto_(buf) struct buf target = { 0 };
	int r = buf_puts(&target, l->query.data);

	remote_done(&l->remote);
	l->remote = (struct remote){ .on_data = log_data, .changed = changed, .cookie = l };
	l->frames = (struct frames){ 0 };
	buf_reset(&l->coming);
	memset(l->seen, 0, sizeof(l->seen));
	if (r == 0 && l->position.len)
		r = api_query(&target, "berth_from", l->position.data);
	if (r < 0)
		return err_set(e, -r, "logs");
	return remote_start(&l->remote, l->cli, l->base, "GET", target.data, NULL, false, e);
}

static void connect_again(evutil_socket_t fd, short what, void *arg)
{
	struct logstream *l = arg;
	struct err e;

	(void)fd;
	(void)what;
	if (l->broken)
		ended(l, NULL);
	else if (connect_once(l, &e) < 0)
		ended(l, &e);
}

/* ---------------------------------------------------------------- outside */

int logstream_new(const struct cli *cli, struct event_base *base, const char *target,
	const struct logstream_ops *ops, void *cookie, struct logstream **out, struct err *e)
{
	auto_(logstream) struct logstream *l = calloc(1, sizeof(*l));

	if (!l)
		return err_set(e, ENOMEM, "logs");
	*l = (struct logstream){
		.cli = cli, .base = base, .ops = ops, .cookie = cookie, .reconnect.cli = cli
	};
	l->next = evtimer_new(base, connect_again, l);
	if (!l->next || buf_puts(&l->query, target) < 0 || api_query(&l->query, "berth_resume", "1") < 0)
		return err_set(e, ENOMEM, "logs");
	int r = connect_once(l, e);
	if (r == 0)
		*out = take_ptr(&l);
	return r;
}

void logstream_free(struct logstream *l)
{
	if (!l)
		return;
	remote_done(&l->remote);
	if (l->next)
		event_free(l->next);
	buf_done(&l->query);
	buf_done(&l->position);
	buf_done(&l->coming);
	free(l);
}

int logstream_again(struct logstream *l, struct err *e)
{
	return connect_once(l, e);
}

void logstream_pause(struct logstream *l)
{
	if (l->remote.client && !l->remote.ended)
		http_client_pause(l->remote.client);
}

void logstream_resume(struct logstream *l)
{
	if (l->remote.client && !l->remote.ended)
		http_client_resume(l->remote.client);
}

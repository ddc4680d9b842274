#include "base/http_wire.h"

#include <errno.h>
#include <event2/buffer.h>
#include <linux/sockios.h>
#include <stdlib.h>
#include <sys/ioctl.h>

#include "base/clock.h"

#define HOLD_MAX_NS    (100 * NS_PER_MS)
#define HOLD_POLL_US   1000
#define LINGER_SECONDS 2

struct http_stream {
	struct list link;
	struct http_stream_setup setup;
	struct bufferevent *bev;
	int fd;
	const struct http_stream_ops *ops;
	void *cookie;
	struct evbuffer *held; /* NULL: nothing is held back (any more) */
	int64_t hold_until_ns;
	uint64_t skip;
	struct event kick, timer;
	struct http_watch watch;
	unsigned busy; /* frames of ours on the stack: the memory must stay */
	bool ended;    /* the owner or we have ended it: free when not busy */
	bool paused, eof, eof_told, gone, broken;
	bool shut_asked, shut_done, finishing, lingering;
	bool deaf;  /* the peer takes nothing any more, but what it sent is still to be read */
	bool above; /* pending was above the low-water mark */
	int error;
};

static void stream_release(struct http_stream *s)
{
	if (!s->ended || s->busy)
		return;
	(void)event_del(&s->kick);
	(void)event_del(&s->timer);
	http_watch_stop(&s->watch);
	list_remove(&s->link);
	if (s->held)
		evbuffer_free(s->held);
	bufferevent_free(s->bev);
	if (s->setup.released)
		s->setup.released(s->setup.owner);
	free(s);
}

static void stream_end(struct http_stream *s)
{
	s->ended = true;
	stream_release(s);
}

/* ---------------------------------------------------------------- input */

static bool nothing_unread(const struct http_stream *s)
{
	int queued = 0;
	return evbuffer_get_length(bufferevent_get_input(s->bev)) == 0 &&
		(ioctl(s->fd, FIONREAD, &queued) < 0 || queued == 0);
}

static bool may_deliver(const struct http_stream *s)
{
	return !s->ended && (s->finishing || (s->ops && !s->paused));
}

static void deliver_input(struct http_stream *s)
{
	struct evbuffer *in = bufferevent_get_input(s->bev);
	while (may_deliver(s)) {
		struct evbuffer_iovec v;
		if (evbuffer_get_length(in) == 0 || evbuffer_peek(in, -1, NULL, &v, 1) < 1)
			break;
		size_t len = v.iov_len;
		if (s->skip > 0) {
			len = len < s->skip ? len : (size_t)s->skip;
			s->skip -= len;
		} else if (!s->finishing && s->ops->on_data) {
			s->ops->on_data(s, v.iov_base, len, s->cookie);
		}
		(void)evbuffer_drain(in, len);
	}
	if (may_deliver(s) && s->eof && !s->eof_told && evbuffer_get_length(in) == 0) {
		s->eof_told = true;
		if (!s->finishing && s->ops->on_eof)
			s->ops->on_eof(s, s->cookie);
	}
}

/* ---------------------------------------------------------------- output */

static bool header_was_taken(const struct http_stream *s)
{
	int queued = 0;
	if (evbuffer_get_length(bufferevent_get_output(s->bev)) > 0)
		return false;
	/* For a Unix socket: what the peer has not read yet. */
	return ioctl(s->fd, SIOCOUTQ, &queued) < 0 || queued == 0;
}

static void release_held(struct http_stream *s)
{
	(void)evbuffer_add_buffer(bufferevent_get_output(s->bev), s->held);
	evbuffer_free(s->held);
	s->held = NULL;
}

static void regulate(struct http_stream *s)
{
	if (!s->ended)
		http_regulate_input(
			s->bev, !s->eof && !s->broken && (s->finishing || (s->ops && !s->paused)));
}

static void set_timer(struct http_stream *s, long seconds, long us)
{
	struct timeval tv = { seconds, us };
	(void)event_add(&s->timer, &tv);
}

static void flush_step(struct http_stream *s)
{
	if (s->ended || s->held || evbuffer_get_length(bufferevent_get_output(s->bev)) > 0)
		return;
	if ((s->shut_asked || s->finishing) && !s->shut_done) {
		s->shut_done = true;
		(void)shutdown(s->fd, SHUT_WR);
	}
	if (!s->finishing)
		return;
	if (s->eof || s->broken) {
		stream_end(s);
	} else if (!s->lingering) {
		/* Closing over unread input would give the peer ECONNRESET in place of the end: read it away for a while. */
		s->lingering = true;
		set_timer(s, LINGER_SECONDS, 0);
	}
}

static void tell_drain(struct http_stream *s)
{
	if (s->ended || s->finishing || !s->above || http_stream_pending(s) > HTTP_STREAM_LOW_WATER)
		return;
	s->above = false;
	if (s->ops && s->ops->on_drain)
		s->ops->on_drain(s, s->cookie);
}

/* ---------------------------------------------------------------- the step: everything the loop wakes us for */

static void stream_step(struct http_stream *s)
{
	s->busy++;
	deliver_input(s);
	tell_drain(s);
	flush_step(s);
	bool over = s->broken || (s->gone && (s->eof_told || (s->paused && nothing_unread(s))));
	if (!s->ended && over) {
		if (!s->finishing && s->ops && s->ops->on_close)
			s->ops->on_close(s, s->error, s->cookie);
		/* Without ops nobody has been told yet: http_stream_set will kick. */
		if (s->finishing || s->ops)
			s->ended = true;
	}
	regulate(s);
	s->busy--;
	stream_release(s);
}

static void on_watch(evutil_socket_t fd, short what, void *arg)
{
	struct http_stream *s = arg;
	(void)fd;
	(void)what;
	if (!s->gone && http_hung_up(s->fd))
		s->gone = true;
	if (s->gone)
		stream_step(s);
}

static void peer_eof(struct http_stream *s)
{
	s->eof = true;
	/* Without a watch (no descriptor left) a peer that is gone is seen by the next write. */
	(void)http_watch_start(&s->watch, s->setup.base, s->fd, on_watch, s);
	if (http_hung_up(s->fd) && !s->shut_done)
		s->gone = true;
}

static void on_read(struct bufferevent *bev, void *arg)
{
	(void)bev;
	stream_step(arg);
}

static void on_write(struct bufferevent *bev, void *arg)
{
	(void)bev;
	stream_step(arg);
}

static void on_event(struct bufferevent *bev, short what, void *arg)
{
	struct http_stream *s = arg;
	if (what & BEV_EVENT_EOF) {
		peer_eof(s);
	} else if (what & BEV_EVENT_TIMEOUT) {
		if (!s->finishing && http_stream_pending(s) <= s->setup.high_water) {
			(void)bufferevent_enable(bev, EV_WRITE);
			return;
		}
		s->broken = true;
		s->error = -ETIMEDOUT;
	} else if ((what & BEV_EVENT_WRITING) && s->setup.read_past_error && !s->deaf) {
		struct evbuffer *out = bufferevent_get_output(bev);
		s->deaf = true;
		(void)evbuffer_drain(out, evbuffer_get_length(out));
	} else if (what & BEV_EVENT_ERROR) {
		s->broken = true;
		s->error = -ECONNRESET;
	}
	stream_step(s);
}

static void on_kick(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	stream_step(arg);
}

static void on_timer(evutil_socket_t fd, short what, void *arg)
{
	struct http_stream *s = arg;
	(void)fd;
	(void)what;
	if (s->held) {
		if (header_was_taken(s) || clock_mono_ns() >= s->hold_until_ns)
			release_held(s);
		else
			set_timer(s, 0, HOLD_POLL_US);
	} else if (s->lingering) {
		s->broken = true;
	}
	stream_step(s);
}

static void kick(struct http_stream *s)
{
	event_active(&s->kick, EV_READ, 0);
}

/* ---------------------------------------------------------------- calls */

int http_stream_new(const struct http_stream_setup *setup, struct http_stream **out)
{
	struct http_stream *s = calloc(1, sizeof(*s));
	if (!s)
		return -ENOMEM;
	s->setup = *setup;
	s->bev = setup->bev;
	s->fd = bufferevent_getfd(s->bev);
	s->skip = setup->skip;
	http_watch_init(&s->watch);
	if (setup->hold) {
		s->hold_until_ns = clock_mono_ns() + HOLD_MAX_NS;
		s->held = evbuffer_new();
		if (!s->held) {
			free(s);
			return -ENOMEM;
		}
	}
	(void)event_assign(&s->kick, setup->base, -1, 0, on_kick, s);
	(void)event_assign(&s->timer, setup->base, -1, 0, on_timer, s);
	list_init(&s->link);
	if (setup->owner_list)
		list_append(setup->owner_list, &s->link);
	bufferevent_setcb(s->bev, on_read, on_write, on_event, s);
	bufferevent_setwatermark(s->bev, EV_WRITE, HTTP_STREAM_LOW_WATER, 0);
	struct timeval stall = { setup->stall_ms / 1000, (setup->stall_ms % 1000) * 1000L };
	(void)bufferevent_set_timeouts(s->bev, NULL, setup->stall_ms ? &stall : NULL);
	(void)bufferevent_disable(s->bev, EV_READ);
	(void)bufferevent_enable(s->bev, EV_WRITE);
	if (setup->peer_eof)
		peer_eof(s);
	*out = s;
	return 0;
}

void http_stream_cancel(struct list *item)
{
	struct http_stream *s = list_entry(item, struct http_stream, link);
	list_remove(&s->link);
	s->setup.released = NULL; /* the owner will not be there when an outer frame of ours lets go */
	s->busy++;
	if (!s->ended && !s->finishing && s->ops && s->ops->on_close)
		s->ops->on_close(s, -ECANCELED, s->cookie);
	s->busy--;
	stream_end(s);
}

void http_stream_set(struct http_stream *s, const struct http_stream_ops *ops, void *cookie)
{
	s->ops = ops;
	s->cookie = cookie;
	kick(s);
}

int http_stream_write(struct http_stream *s, const void *data, size_t len)
{
	if (s->broken || s->gone || s->deaf)
		return -EPIPE;
	if (len == 0)
		return 0;
	if (s->held && evbuffer_get_length(s->held) == 0) {
		if (header_was_taken(s))
			release_held(s);
		else
			set_timer(s, 0, HOLD_POLL_US);
	}
	if (evbuffer_add(s->held ? s->held : bufferevent_get_output(s->bev), data, len) < 0)
		return -ENOMEM;
	if (http_stream_pending(s) > HTTP_STREAM_LOW_WATER)
		s->above = true;
	return 0;
}

size_t http_stream_pending(const struct http_stream *s)
{
	return evbuffer_get_length(bufferevent_get_output(s->bev)) +
		(s->held ? evbuffer_get_length(s->held) : 0);
}

void http_stream_pause_read(struct http_stream *s)
{
	s->paused = true;
	regulate(s);
}

void http_stream_watch_paused(struct http_stream *s)
{
	/* Without a watch (no descriptor left) a peer that is gone is seen when reading goes on. */
	if (s->paused)
		(void)http_watch_start(&s->watch, s->setup.base, s->fd, on_watch, s);
}

void http_stream_resume_read(struct http_stream *s)
{
	if (!s->paused)
		return;
	s->paused = false;
	if (!s->eof)
		http_watch_stop(&s->watch); /* it would be woken by all that is read */
	kick(s);
}

/* With nothing held the header may leave alone; low-water marks no longer matter, the last byte does. */
static void stop_holding_when_empty(struct http_stream *s)
{
	if (s->held && evbuffer_get_length(s->held) == 0)
		release_held(s);
	bufferevent_setwatermark(s->bev, EV_WRITE, 0, 0);
}

void http_stream_shutdown(struct http_stream *s)
{
	s->shut_asked = true;
	stop_holding_when_empty(s);
	kick(s);
}

void http_stream_finish(struct http_stream *s)
{
	s->finishing = true;
	stop_holding_when_empty(s);
	kick(s); /* what still comes is discarded */
}

void http_stream_abort(struct http_stream *s)
{
	stream_end(s);
}

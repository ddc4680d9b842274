#include "supervisor/logfollow.h"

#include <string.h>

#include "base/buf.h"
#include "base/http.h"
#include "base/list.h"
#include "base/own.h"
#include "supervisor/container.h"
#include "supervisor/container_log.h"
#include "supervisor/frame.h"
#include "supervisor/logread.h"

#define LOW_WATER  (64 * 1024)
#define HIGH_WATER (256 * 1024)

struct logfollower {
	struct list link;
	struct http_request *rq;
	struct logread *reader;
	bool following; /* more may come */
	struct event *again;
	void (*done)(void *cookie);
	void *cookie;
};

static void end(struct logfollower *f)
{
	list_remove(&f->link);
	engine_event_free(&f->again);
	logread_free(f->reader);
	f->done(f->cookie);
	free(f);
}

static void client_gone(struct http_request *rq, void *cookie)
{
	http_drop(rq);
	end(cookie);
}

static void say_error(struct http_request *rq, const char *text)
{
	unsigned char head[FRAME_HEADER];

	frame_header(head, FRAME_ERROR, strlen(text));
	http_reply_write(rq, head, sizeof(head));
	http_reply_write(rq, text, strlen(text));
}

static void more(struct http_request *rq, void *cookie)
{
	struct logfollower *f = cookie;
	auto_(buf) struct buf piece = { 0 };
	struct err e;
	int r = 1;

	while (r > 0 && http_pending(rq) < HIGH_WATER) {
		buf_reset(&piece);
		r = logread_next(f->reader, &piece, &e);
		if (piece.len)
			http_reply_write(rq, piece.data, piece.len);
		if (r > 0 && !piece.len) { /* nothing of it was wanted: others have their turn */
			engine_timer_arm(f->again, 0);
			return;
		}
	}
	if (r > 0 || (r == 0 && f->following && !logread_is_over(f->reader)))
		return; /* goes on when the client has taken some, or when more is written */
	if (r < 0)
		say_error(rq, e.text);
	http_reply_end(rq);
	end(f);
}

static void on_again(evutil_socket_t fd, short what, void *cookie)
{
	struct logfollower *f = cookie;
	(void)fd;
	(void)what;

	more(f->rq, f);
}

static bool will_run_on(const struct container *c)
{
	return c->restarting_by_user || c->actual.restarting || c->actual.starting || c->start;
}

int logfollow_start(struct container *c, struct http_request *rq, const char *type,
	const struct logread_options *o, void (*done)(void *cookie), void *cookie, struct err *e)
{
	struct logfollower *f = calloc(1, sizeof(*f));
	struct logread_options options = *o;
	struct logplace place;

	if (!f)
		return err_set(e, ENOMEM, "read log");
	list_init(&f->link);
	container_log_place(c, &place);
	f->following = o->live && (c->actual.running || will_run_on(c));
	options.live = f->following;
	f->again = evtimer_new(c->engine->base, on_again, f);
	int r = f->again ? logread_open(&place, &options, &f->reader, e) : err_set(e, ENOMEM, "read log");
	if (r < 0) {
		engine_event_free(&f->again);
		free(f);
		return r;
	}
	f->rq = rq;
	f->done = done;
	f->cookie = cookie;
	if (f->following)
		list_append(&c->followers, &f->link);
	http_on_close(rq, client_gone, f);
	http_on_drain(rq, LOW_WATER, more, f);
	http_reply_begin(rq, 200, type, NULL);
	more(rq, f);
	return 0;
}

void logfollow_wake(struct container *c)
{
	list_each_safe (struct logfollower, f, &c->followers, link)
		if (http_pending(f->rq) < LOW_WATER)
			more(f->rq, f);
}

static void stop_following(struct container *c)
{
	list_each_safe (struct logfollower, f, &c->followers, link) {
		list_remove(&f->link);
		list_init(&f->link);
		f->following = false;
		if (http_pending(f->rq) < LOW_WATER)
			more(f->rq, f);
	}
}

void logfollow_run_ended(struct container *c)
{
	if (!will_run_on(c))
		stop_following(c);
}

void logfollow_forget(struct container *c)
{
	stop_following(c);
}

#include "supervisor/attach.h"

#include <string.h>

#include "base/clock.h"
#include "base/http.h"
#include "base/list.h"
#include "base/own.h"
#include "supervisor/config.h"
#include "supervisor/container.h"
#include "supervisor/container_log.h"
#include "supervisor/detach.h"
#include "supervisor/events.h"
#include "supervisor/frame.h"
#include "supervisor/logfollow.h"
#include "supervisor/logread.h"
#include "supervisor/stdio.h"

#define BEHIND_MAX (1024 * 1024)

struct attach {
	struct list link;
	struct container *c; /* NULL: the run is over, only the replay of its log goes on */
	struct engine *engine;
	struct http_stream *stream;
	struct attach_options o;
	struct detach detach;
	bool tty, lossless;
	bool stalled;	   /* lossless and too far behind */
	bool input_paused; /* the client is not read */
	struct logread *replay;
	struct event *more;
};

static void attach_free(struct attach *a)
{
	list_remove(&a->link);
	logread_free(a->replay);
	if (a->more)
		event_free(a->more);
	free(a);
}

/* The client's stdin is over, by its half-close or with its connection. */
static void input_over(struct attach *a)
{
	if (a->c && a->o.use_stdin && a->c->config->stdin_once)
		stdio_end_input(a->c);
	a->o.use_stdin = false;
}

/* Ends from our side: what is queued still goes out. */
static void finish(struct attach *a)
{
	struct container *c = a->c;

	http_stream_finish(take_ptr(&a->stream));
	input_over(a);
	attach_free(a);
	if (c)
		stdio_resume(c);
}

/* ---------------------------------------------------------------- output */

static void send_piece(struct attach *a, enum frame_stream stream, const void *data, size_t len)
{
	unsigned char head[FRAME_HEADER];

	if (!a->tty) {
		frame_header(head, stream, len);
		(void)http_stream_write(
			a->stream, head, sizeof(head)); /* a peer that is gone is told by on_close */
	}
	(void)http_stream_write(a->stream, data, len);
}

static void cut_slow_reader(struct attach *a)
{
	static const char notice[] = "berth: this client reads too slowly; output was cut here (see logs)\n";

	log_warn("attach-cut", "container=%.12s pending=%zu action=\"drop the client\"", a->c->id,
		http_stream_pending(a->stream));
	if (!a->tty)
		send_piece(a, FRAME_ERROR, notice, sizeof(notice) - 1);
	finish(a);
}

void attach_output(struct container *c, int stream, const void *data, size_t len)
{
	list_each_safe (struct attach, a, &c->attachments, link) {
		if (a->replay || !(stream == LOG_STDOUT ? a->o.use_stdout : a->o.use_stderr))
			continue;
		send_piece(a, stream == LOG_STDOUT ? FRAME_STDOUT : FRAME_STDERR, data, len);
		if (http_stream_pending(a->stream) <= BEHIND_MAX)
			continue;
		if (a->lossless)
			a->stalled = true;
		else
			cut_slow_reader(a);
	}
}

bool attach_is_stalled(const struct container *c)
{
	list_each (struct attach, a, &c->attachments, link)
		if (a->stalled)
			return true;
	return false;
}

/* The log has been replayed up to now: what is still in no file follows, then what comes. */
static void go_live(struct attach *a)
{
	logread_free(take_ptr(&a->replay));
	if (!a->c || !a->o.stream) {
		finish(a);
		return;
	}
	for (int i = 0; i < LOG_STREAM_COUNT; i++) {
		size_t len;
		const char *rest = stdio_unfinished(a->c, (enum log_stream)i, &len);
		if (rest && (i == LOG_STDOUT ? a->o.use_stdout : a->o.use_stderr))
			send_piece(a, i == LOG_STDOUT ? FRAME_STDOUT : FRAME_STDERR, rest, len);
	}
}

static void replay_more(evutil_socket_t fd, short what, void *cookie)
{
	struct attach *a = cookie;
	auto_(buf) struct buf out = { 0 };
	struct err e;
	int r = logread_next(a->replay, &out, &e);
	(void)fd;
	(void)what;

	if (out.len)
		(void)http_stream_write(a->stream, out.data, out.len);
	if (r > 0) {
		if (http_stream_pending(a->stream) <= HTTP_STREAM_LOW_WATER)
			engine_timer_arm(a->more, 0);
		return; /* else on_drain goes on */
	}
	if (r < 0)
		log_warn("attach-replay", "err=\"%s\" action=\"go on without the rest\"", e.text);
	go_live(a);
}

static void on_drain(struct http_stream *s, void *cookie)
{
	struct attach *a = cookie;
	(void)s;

	if (a->replay) {
		engine_timer_arm(a->more, 0);
	} else if (a->stalled) {
		a->stalled = false;
		stdio_resume(a->c);
	}
}

/* ---------------------------------------------------------------- input */

static void pause_if_full(struct attach *a)
{
	if (a->c && stdio_input_is_full(a->c) && !a->input_paused) {
		a->input_paused = true;
		http_stream_pause_read(a->stream);
	}
}

void attach_stdin_ready(struct container *c)
{
	list_each (struct attach, a, &c->attachments, link) {
		if (!a->input_paused || stdio_input_is_full(c))
			continue;
		a->input_paused = false;
		http_stream_resume_read(a->stream);
	}
}

static void on_data(struct http_stream *s, const char *data, size_t len, void *cookie)
{
	struct attach *a = cookie;
	auto_(buf) struct buf out = { 0 };
	(void)s;

	if (!a->c || !a->o.use_stdin)
		return; /* nobody wants it */
	if (!a->tty) {
		stdio_write_input(a->c, data, len);
		pause_if_full(a);
		return;
	}
	int r = detach_feed(&a->detach, data, len, &out);
	if (r >= 0)
		stdio_write_input(a->c, out.data, out.len);
	if (r != 0) {
		a->o.use_stdin = false; /* leaving a terminal ends nobody's input */
		if (r > 0)
			events_emit(a->c, "detach", NULL);
		finish(a);
		return;
	}
	pause_if_full(a);
}

static void on_eof(struct http_stream *s, void *cookie)
{
	(void)s;
	input_over(cookie);
}

static void on_close(struct http_stream *s, int r, void *cookie)
{
	struct attach *a = cookie;
	struct container *c = a->c;
	(void)s;

	if (r == -ETIMEDOUT && c)
		log_warn("attach-stuck", "container=%.12s action=\"drop the client\"", c->id);
	a->stream = NULL;
	input_over(a);
	attach_free(a);
	if (c)
		stdio_resume(c);
}

static const struct http_stream_ops ops = { on_data, on_eof, on_drain, on_close };

/* ---------------------------------------------------------------- begin and end */

int attach_check(const struct container *c, const struct attach_options *o, struct err *e)
{
	struct detach d;

	if (c->actual.paused)
		return err_say(
			e, EBUSY, "container %s is paused, unpause the container before attach", c->name);
	if (c->actual.restarting)
		return err_say(
			e, EBUSY, "container %s is restarting, wait until the container is running", c->name);
	return detach_parse(o->detach_keys, &d, e);
}

static int start_replay(struct attach *a, struct err *e)
{
	struct logread_options lo = { .use_stdout = a->o.use_stdout,
		.use_stderr = a->o.use_stderr,
		.framed = !a->tty,
		.since_ns = CLOCK_NEVER,
		.until_ns = CLOCK_NEVER,
		.tail = -1,
		.to = -1,
		.live = true };
	struct logplace place;

	container_log_place(a->c, &place);
	if (!(a->more = evtimer_new(a->engine->base, replay_more, a)))
		return err_set(e, ENOMEM, "attach");
	int r = logread_open(&place, &lo, &a->replay, e);
	if (r == 0)
		engine_timer_arm(a->more, 0);
	return r;
}

/* Whoever asks for what was said and finds a run that is over has it all: `up` looks at services that may have ended before it
 * came. Without the log an attach waits for the next start, as docker's clients expect. */
static bool is_over(const struct container *c)
{
	const struct actual *x = &c->actual;
	return !x->running && !x->starting && !x->restarting && x->finished_ns != 0;
}

int attach_start(struct container *c, struct http_stream *s, const struct attach_options *o, struct err *e)
{
	struct attach *a = calloc(1, sizeof(*a));
	int r;

	if (!a)
		return err_set(e, ENOMEM, "attach");
	list_init(&a->link);
	a->c = c;
	a->engine = c->engine;
	a->stream = s;
	a->o = *o;
	a->o.detach_keys = NULL;
	a->o.stream = o->stream && !(o->logs && is_over(c));
	a->tty = c->config->tty;
	a->o.use_stdin = o->use_stdin && o->stream && c->config->open_stdin;
	a->lossless = a->o.use_stdin && c->config->stdin_once;
	if ((r = detach_parse(o->detach_keys, &a->detach, e)) < 0 ||
		((o->logs || !o->stream) && (r = start_replay(a, e)) < 0)) {
		attach_free(a);
		return r;
	}
	list_append(&c->attachments, &a->link);
	http_stream_set(s, &ops, a);
	if (a->o.use_stdin)
		pause_if_full(a);
	if (a->input_paused)
		http_stream_watch_paused(s); /* the container may never be started */
	if (o->stream)
		events_emit(c, "attach", NULL);
	return 0;
}

void attach_close_all(struct container *c)
{
	logfollow_run_ended(c);
	list_each_safe (struct attach, a, &c->attachments, link) {
		if (a->replay) { /* it has the log file open and finishes by itself */
			list_remove(&a->link);
			a->c = NULL;
			a->o.use_stdin = false;
		} else {
			a->o.use_stdin = false;
			finish(a);
		}
	}
}

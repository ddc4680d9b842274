#include "supervisor/attach.h"

#include <stdio.h>
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

#define BEHIND_MAX    (1024 * 1024)
#define CUT_OFF_NS    (10 * NS_PER_S) /* how long after a supervisor's death clients may come again */
#define HOLD_NS	      (3 * NS_PER_S)
#define BEHIND_LOSING (768 * 1024) /* below what makes the server drop a client that takes nothing */

struct attach {
	struct list link;
	struct container *c; /* NULL: the run is over, only the replay of its log goes on */
	struct engine *engine;
	struct http_stream *stream;
	struct attach_options o;
	struct detach detach;
	bool tty, raw, lossless;
	uint64_t lost;	   /* bytes left out since the client last kept up */
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

/* ---------------------------------------------------------------- output */

static void send_piece(struct attach *a, enum frame_stream stream, const void *data, size_t len)
{
	unsigned char head[FRAME_HEADER];

	if (!a->raw) {
		frame_header(head, stream, len);
		(void)http_stream_write(
			a->stream, head, sizeof(head)); /* a peer that is gone is told by on_close */
	}
	(void)http_stream_write(a->stream, data, len);
}

static bool wants(const struct attach *a, enum log_stream stream)
{
	return stream == LOG_STDOUT ? a->o.use_stdout : a->o.use_stderr;
}

/* A line of ours in the middle of the container's. */
static void say(struct attach *a, const char *text)
{
	send_piece(a, a->o.resume ? FRAME_ERROR : FRAME_STDERR, text, strlen(text));
}

static void say_position(struct attach *a, const struct attach_position *p)
{
	char text[96];

	if (!a->o.resume)
		return;
	int n = snprintf(text, sizeof(text), "%llu:%lld:%llu:%llu", (unsigned long long)p->generation,
		(long long)p->start, (unsigned long long)p->bytes[LOG_STDOUT],
		(unsigned long long)p->bytes[LOG_STDERR]);
	send_piece(a, FRAME_POSITION, text, (size_t)n);
}

static struct attach_position here(const struct container *c)
{
	return (struct attach_position){ c->actual.generation, c->actual.log_start,
		{ stdio_count(c, LOG_STDOUT), stdio_count(c, LOG_STDERR) } };
}

/* Ends from our side: what is queued still goes out. */
static void finish(struct attach *a)
{
	struct container *c = a->c;

	if (a->o.resume)
		send_piece(a, FRAME_POSITION, "end", 3);
	http_stream_finish(take_ptr(&a->stream));
	input_over(a);
	if (c && c->hold && a->o.from_given)
		engine_timer_arm(c->hold, 0); /* that was whom it waited for */
	attach_free(a);
	if (c)
		stdio_resume(c);
}

/* Too slow: the container does not wait for it. */
static void leave_out(struct attach *a, size_t len)
{
	if (a->lost == 0)
		log_warn("attach-slow", "container=%.12s pending=%zu action=\"leave out\"", a->c->id,
			http_stream_pending(a->stream));
	a->lost += len;
}

static void say_left_out(struct attach *a)
{
	char text[160];

	(void)snprintf(text, sizeof(text),
		"%sberth: %llu bytes of output left out here: this client reads too slowly (see logs)%s\n",
		a->tty ? "\r\n" : "", (unsigned long long)a->lost, a->tty ? "\r" : "");
	log_warn("attach-keeps-up", "container=%.12s left_out_bytes=%llu", a->c ? a->c->id : "-",
		(unsigned long long)a->lost);
	a->lost = 0;
	send_piece(a, FRAME_STDERR, text, strlen(text));
	if (a->c) {
		struct attach_position p = here(a->c);
		say_position(a, &p);
	}
}

void attach_output(struct container *c, int stream, const void *data, size_t len)
{
	list_each_safe (struct attach, a, &c->attachments, link) {
		if (a->replay || !wants(a, (enum log_stream)stream))
			continue;
		if (a->lost || (!a->lossless && http_stream_pending(a->stream) > BEHIND_LOSING)) {
			leave_out(a, len);
			continue;
		}
		send_piece(a, stream == LOG_STDOUT ? FRAME_STDOUT : FRAME_STDERR, data, len);
		a->stalled |= a->lossless && http_stream_pending(a->stream) > BEHIND_MAX;
	}
}

bool attach_is_stalled(const struct container *c)
{
	list_each (struct attach, a, &c->attachments, link)
		if (a->stalled)
			return true;
	return false;
}

/* Bytes of the stream that are in no file although they were to be. */
static void account_for_lost(struct attach *a, enum log_stream stream, uint64_t lost, uint64_t *left)
{
	char text[128];

	if (*left >= lost) {
		*left -= lost;
		return;
	}
	*left = 0;
	(void)snprintf(text, sizeof(text), "berth: %llu bytes of %s are lost: the log did not take them\n",
		(unsigned long long)lost, stream == LOG_STDOUT ? "stdout" : "stderr");
	say(a, text);
}

/* The log has been replayed up to now: what is still in no file follows, then what comes. */
static void go_live(struct attach *a)
{
	auto_(logread) struct logread *replay = take_ptr(&a->replay);

	if (!a->c || !a->o.stream) {
		finish(a);
		return;
	}
	for (int i = 0; i < LOG_STREAM_COUNT; i++) {
		enum log_stream stream = (enum log_stream)i;
		uint64_t left = logread_left_to_skip(replay, stream), lost = stdio_lost(a->c, stream);
		size_t len;
		if (!wants(a, stream))
			continue;
		if (a->o.from_given && lost)
			account_for_lost(a, stream, lost, &left);
		const char *rest = stdio_unfinished(a->c, stream, &len);
		if (len > left)
			send_piece(a, stream == LOG_STDOUT ? FRAME_STDOUT : FRAME_STDERR, rest + left,
				len - (size_t)left);
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
	} else if (a->lost) {
		say_left_out(a);
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

	if (o->from_given)
		return detach_parse(o->detach_keys, &d, e); /* it was let in once */
	if (c->actual.paused)
		return err_say(
			e, EBUSY, "container %s is paused, unpause the container before attach", c->name);
	if (c->actual.restarting)
		return err_say(
			e, EBUSY, "container %s is restarting, wait until the container is running", c->name);
	return detach_parse(o->detach_keys, &d, e);
}

int attach_parse_position(const char *text, struct attach_position *out)
{
	unsigned long long generation, bytes[2];
	long long start;
	int end = 0;

	if (sscanf(text, "%llu:%lld:%llu:%llu%n", &generation, &start, &bytes[0], &bytes[1], &end) != 4 ||
		text[end] || start < -1 || strspn(text, "0123456789:-") != strlen(text))
		return -EINVAL;
	*out = (struct attach_position){ generation, start, { bytes[0], bytes[1] } };
	return 0;
}

static int start_replay(struct attach *a, struct err *e)
{
	const struct attach_position *from = &a->o.from;
	const struct actual *x = &a->c->actual;
	struct logread_options lo = { .use_stdout = a->o.use_stdout,
		.use_stderr = a->o.use_stderr,
		.framed = !a->raw,
		.since_ns = CLOCK_NEVER,
		.until_ns = CLOCK_NEVER,
		.tail = -1,
		.to = -1,
		.live = true };
	struct logplace place;

	if (a->o.from_given) {
		lo.counted = lo.from_given = true;
		lo.from = from->start < 0 ? 0 : from->start;
		lo.to = from->generation == x->generation ? -1 : x->log_start;
		memcpy(lo.skip, from->bytes, sizeof(lo.skip));
	}
	container_log_place(a->c, &place);
	if (!(a->more = evtimer_new(a->engine->base, replay_more, a)))
		return err_set(e, ENOMEM, "attach");
	int r = logread_open(&place, &lo, &a->replay, e);
	if (r == 0)
		engine_timer_arm(a->more, 0);
	return r;
}

/* Nothing was kept that could be read again: what is missing is counted at least. */
static void say_gap(struct attach *a)
{
	for (int i = 0; i < LOG_STREAM_COUNT; i++) {
		uint64_t count = stdio_count(a->c, (enum log_stream)i);
		char text[160];
		if (!wants(a, (enum log_stream)i) || count <= a->o.from.bytes[i])
			continue;
		(void)snprintf(text, sizeof(text),
			"berth: %llu bytes of %s were lost with the connection (the log driver is none)\n",
			(unsigned long long)(count - a->o.from.bytes[i]),
			i == LOG_STDOUT ? "stdout" : "stderr");
		say(a, text);
	}
}

/* An attachment that was cut off goes on where it was, as far as that run goes. */
static int take_up_again(struct attach *a, struct err *e)
{
	struct container *c = a->c;
	struct attach_position *from = &a->o.from, now = here(c);

	c->resumed = true;
	if (from->generation == 0)
		*from = (struct attach_position){ now.generation, now.start, { 0, 0 } };
	bool same = from->generation == now.generation;
	a->o.stream = same && (c->actual.running || c->actual.starting) && !c->actual.restarting;
	say_position(a, from);
	if (c->config->log == CONFIG_LOG_NONE && same)
		say_gap(a);
	if (c->config->log != CONFIG_LOG_NONE && from->generation + 1 >= now.generation)
		return start_replay(a, e);
	if (!same)
		say(a, "berth: that run is over, and its output cannot be told from later ones (see logs)\n");
	return 0;
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
	a->raw = a->tty && !o->resume;
	a->o.use_stdin = o->use_stdin && o->stream && c->config->open_stdin;
	a->lossless = a->o.use_stdin && c->config->stdin_once;
	if ((r = detach_parse(o->detach_keys, &a->detach, e)) < 0 ||
		(o->from_given && (r = take_up_again(a, e)) < 0) ||
		(!o->from_given && (o->logs || !o->stream) && (r = start_replay(a, e)) < 0)) {
		attach_free(a);
		return r;
	}
	list_append(&c->attachments, &a->link);
	http_stream_set(s, &ops, a);
	if (o->from_given && !a->replay && !a->o.stream) {
		finish(a);
		return 0;
	}
	if (a->o.use_stdin)
		pause_if_full(a);
	if (a->input_paused)
		http_stream_watch_paused(s); /* the container may never be started */
	if (o->from_given)
		return 0;
	struct attach_position p = here(c);
	if (c->actual.running && !c->actual.restarting)
		say_position(a, &p);
	if (o->stream)
		events_emit(c, "attach", NULL);
	return 0;
}

void attach_run_begins(struct container *c)
{
	struct attach_position p = here(c);

	list_each (struct attach, a, &c->attachments, link)
		if (!a->replay)
			say_position(a, &p);
}

static void on_hold_over(evutil_socket_t fd, short what, void *cookie)
{
	struct container *c = cookie;
	(void)fd;
	(void)what;

	engine_event_free(&c->hold);
	if (!c->remove && !c->actual.running && !c->start && !c->engine->stopping)
		container_remove(c, true, true, NULL, NULL);
}

bool attach_holds_removal(struct container *c)
{
	bool was_attached = c->config->attach_stdout || c->config->attach_stderr;

	if (c->hold)
		return true;
	if (!was_attached || c->resumed || c->taken_up_ns == 0 ||
		clock_mono_ns() - c->taken_up_ns > CUT_OFF_NS)
		return false;
	c->hold = evtimer_new(c->engine->base, on_hold_over, c);
	if (!c->hold)
		return false;
	engine_timer_arm(c->hold, HOLD_NS);
	return true;
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

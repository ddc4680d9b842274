#include "cli/session.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/text.h"
#include "cli/output.h"
#include "cli/reconnect.h"
#include "cli/terminal.h"

#define CHUNK	      (8 * 1024)
#define STDIN_QUEUE   (256 * 1024)
#define CLOSE_SECONDS 10

/* ---------------------------------------------------------------- display */

int display_init(struct display *d, struct event_base *base, bool tty, void (*moved)(void *cookie),
	void *cookie, struct err *e)
{
	*d = (struct display){ .tty = tty };
	int r = outlet_init(&d->out, base, STDOUT_FILENO, moved, cookie, e);
	return r < 0 ? r : outlet_init(&d->err, base, STDERR_FILENO, moved, cookie, e);
}

void display_done(struct display *d)
{
	outlet_done(&d->out);
	outlet_done(&d->err);
}

void display_show(struct display *d, enum frame_stream stream, const char *data, size_t len)
{
	static const char mark[] = "error from daemon in stream: ";
	if (stream == FRAME_ERROR)
		outlet_write(&d->err, mark, sizeof(mark) - 1);
	outlet_write(stream == FRAME_STDOUT ? &d->out : &d->err, data, len);
}

static void show_frame(enum frame_stream stream, const char *data, size_t len, void *cookie)
{
	display_show(cookie, stream, data, len);
}

void display_feed(struct display *d, const char *data, size_t len)
{
	static const char torn[] = "berth: the daemon's stream has a broken frame; the rest is not shown\n";
	if (d->tty) {
		outlet_write(&d->out, data, len);
	} else if (!d->frames.broken && frames_feed(&d->frames, data, len, show_frame, d) < 0) {
		outlet_write(&d->err, torn, sizeof(torn) - 1);
	}
}

size_t display_queued(const struct display *d)
{
	size_t out = outlet_queued(&d->out), err = outlet_queued(&d->err);
	return out > err ? out : err;
}

int display_check(struct display *d, struct err *e)
{
	if (d->out.error == EPIPE || d->err.error == EPIPE) {
		terminal_restore();
		output_reader_gone();
	}
	if (d->out.error)
		return err_set(e, d->out.error, "write to standard output");
	if (d->err.error)
		return err_set(e, d->err.error, "write to standard error");
	return 0;
}

/* ---------------------------------------------------------------- session */

static const int proxied[] = { SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGUSR1, SIGUSR2, SIGALRM };
#define PROXIED_COUNT (sizeof(proxied) / sizeof(proxied[0]))

struct session {
	struct session_setup setup;
	struct http_stream *stream;
	struct display display;
	struct detach_keys keys;
	struct event *input;
	struct event *signals[PROXIED_COUNT + 1];
	struct event *deadline;
	bool input_waits; /* input is a descriptor that epoll takes */
	bool input_open, input_stopped;
	uint64_t received, received_at_deadline;
	bool over, detached;

	const char *target; /* by which the stream is asked for again; NULL: it is not */
	struct frames frames;
	struct buf mark;   /* a position, as far as it is here */
	char position[64]; /* of the run: generation and start, as they came */
	uint64_t bytes[2];
	bool positions; /* the daemon tells them: what ends without an end goes on */
	bool ended;	/* it says that it is the end */
	struct reconnect reconnect;
	struct remote again;
	struct event *retry;
};

int session_check_tty(bool tty, bool with_stdin, struct err *e)
{
	if (tty && with_stdin && !isatty(STDIN_FILENO))
		return err_say(e, ENOTTY, "the input device is not a TTY");
	return 0;
}

/* A request whose answer nobody waits for. */
static void fire_ended(struct remote *r)
{
	if (!r->ended)
		return;
	remote_done(r);
	free(r);
}

static void fire(struct session *s, const char *target)
{
	struct remote *r = calloc(1, sizeof(*r));
	struct err e;
	if (!r)
		return;
	r->changed = fire_ended;
	if (remote_start(r, s->setup.cli, s->setup.base, "POST", target, NULL, false, &e) < 0)
		free(r);
}

void session_resize(struct session *s)
{
	unsigned rows, columns;
	auto_(buf) struct buf target = { 0 };
	if (!s->setup.tty || !s->setup.resize_target || !terminal_size(STDOUT_FILENO, &rows, &columns) ||
		(rows == 0 && columns == 0))
		return;
	if (buf_printf(&target, "%s?h=%u&w=%u", s->setup.resize_target, rows, columns) == 0)
		fire(s, target.data);
}

static void on_resized(evutil_socket_t sig, short what, void *arg)
{
	(void)sig;
	(void)what;
	session_resize(arg);
}

static void on_signal(evutil_socket_t sig, short what, void *arg)
{
	struct session *s = arg;
	char name[32];
	(void)what;
	if (!s->setup.tty && s->setup.sig_proxy && s->setup.kill_target) {
		auto_(buf) struct buf target = { 0 };
		const char *text = text_signal_name((int)sig, name);
		if (text && buf_printf(&target, "%s?signal=%s", s->setup.kill_target, text) == 0)
			fire(s, target.data);
		return;
	}
	terminal_restore();
	(void)signal((int)sig, SIG_DFL);
	(void)raise((int)sig);
}

/* ---------------------------------------------------------------- input */

static void input_end(struct session *s)
{
	s->input_open = false;
	if (s->input)
		(void)event_del(s->input);
	if (s->stream)
		http_stream_shutdown(s->stream);
}

static void input_go_on(struct session *s)
{
	if (!s->input_open || !s->input)
		return;
	if (s->input_waits)
		(void)event_add(s->input, NULL);
	else
		event_active(s->input, EV_READ, 0);
}

static void detach(struct session *s)
{
	s->detached = true;
	s->over = true;
	s->input_open = false;
	if (s->input)
		(void)event_del(s->input);
	http_stream_abort(take_ptr(&s->stream));
}

static void on_input(evutil_socket_t fd, short what, void *arg)
{
	struct session *s = arg;
	char in[CHUNK], out[CHUNK + DETACH_KEYS_MAX];
	bool detached = false;
	(void)fd;
	(void)what;
	if (!s->stream || !s->input_open)
		return;
	ssize_t n = read(STDIN_FILENO, in, sizeof(in));
	if (n < 0 && (errno == EAGAIN || errno == EINTR)) {
		input_go_on(s);
		return;
	}
	if (n <= 0) { /* EIO too: a terminal that is not ours any more */
		input_end(s);
		return;
	}
	const char *data = in;
	size_t len = (size_t)n;
	if (s->setup.tty) {
		len = detach_keys_filter(&s->keys, in, len, out, &detached);
		data = out;
	}
	if (http_stream_write(s->stream, data, len) < 0)
		input_end(s);
	else if (detached)
		detach(s);
	else if (http_stream_pending(s->stream) <= STDIN_QUEUE)
		input_go_on(s);
	else
		s->input_stopped = true;
}

static int input_begin(struct session *s, struct err *e)
{
	struct stat st;
	if (!s->setup.with_stdin) {
		return 0;
	}
	s->input_waits = fstat(STDIN_FILENO, &st) == 0 &&
		(S_ISFIFO(st.st_mode) || S_ISSOCK(st.st_mode) || isatty(STDIN_FILENO));
	s->input = event_new(
		s->setup.base, s->input_waits ? STDIN_FILENO : -1, s->input_waits ? EV_READ : 0, on_input, s);
	if (!s->input)
		return err_set(e, ENOMEM, "watch standard input");
	s->input_open = true;
	input_go_on(s);
	return 0;
}

/* ---------------------------------------------------------------- output */

/* "GENERATION:START:OUT:ERR" or "end". */
static void take_mark(struct session *s, const char *data, size_t len)
{
	unsigned long long bytes[2];
	int run = 0;
	if (buf_add(&s->mark, data, len) < 0 || s->frames.left > 0)
		return;
	s->positions = true;
	s->ended |= strcmp(s->mark.data, "end") == 0;
	if (sscanf(s->mark.data, "%*u:%*d%n:%llu:%llu", &run, &bytes[0], &bytes[1]) == 2 &&
		run < (int)sizeof(s->position)) {
		memcpy(s->position, s->mark.data, (size_t)run);
		s->position[run] = '\0';
		s->bytes[0] = bytes[0];
		s->bytes[1] = bytes[1];
	}
	buf_reset(&s->mark);
}

static void on_frame(enum frame_stream stream, const char *data, size_t len, void *cookie)
{
	struct session *s = cookie;
	if (stream == FRAME_POSITION) {
		take_mark(s, data, len);
		return;
	}
	if (stream != FRAME_ERROR)
		s->bytes[stream != FRAME_STDOUT] += len;
	display_show(&s->display, stream, data, len);
}

static void stream_data(struct http_stream *stream, const char *data, size_t len, void *cookie)
{
	struct session *s = cookie;
	s->received += len;
	if (s->target)
		(void)frames_feed(
			&s->frames, data, len, on_frame, s); /* a torn stream shows what came before */
	else
		display_feed(&s->display, data, len);
	if (display_queued(&s->display) > OUTLET_HIGH)
		http_stream_pause_read(stream);
}

static void output_moved(void *cookie)
{
	struct session *s = cookie;
	if (s->stream && display_queued(&s->display) < OUTLET_LOW)
		http_stream_resume_read(s->stream);
}

static void try_again_later(struct session *s, int r)
{
	struct err e;
	int ms = reconnect_delay(&s->reconnect, r, &e);
	struct timeval tv = { ms / 1000, ms % 1000 * 1000 };
	if (ms < 0) {
		(void)fprintf(stderr, "berth: %s\n", e.text);
		s->over = true;
	} else if (event_add(s->retry, &tv) < 0) {
		s->over = true;
	}
}

/* The stream has ended: is that all? */
static void stream_gone(struct session *s)
{
	s->stream = NULL;
	if (!s->positions || s->ended || s->over)
		s->over = true;
	else
		try_again_later(s, -ECONNRESET);
}

static void stream_eof(struct http_stream *stream, void *cookie)
{
	http_stream_abort(stream);
	stream_gone(cookie);
}

static void stream_drain(struct http_stream *stream, void *cookie)
{
	struct session *s = cookie;
	(void)stream;
	if (s->input_stopped) {
		s->input_stopped = false;
		input_go_on(s);
	}
}

static void stream_close(struct http_stream *stream, int r, void *cookie)
{
	(void)stream;
	(void)r; /* the exit code is asked for separately, so a torn stream is no more than an end here */
	stream_gone(cookie);
}

static const struct http_stream_ops stream_ops = { stream_data, stream_eof, stream_drain, stream_close };

/* ---------------------------------------------------------------- after a break */

static void have_again(struct session *s)
{
	reconnect_made(&s->reconnect);
	s->frames = (struct frames){ 0 };
	buf_reset(&s->mark);
	s->stream = take_ptr(&s->again.stream);
	http_stream_set(s->stream, &stream_ops, s);
	s->input_stopped = false;
	if (s->setup.with_stdin && !s->input_open)
		http_stream_shutdown(s->stream); /* its end may not have got through */
	else
		input_go_on(s);
	session_resize(s);
}

static void again_changed(struct remote *r)
{
	struct session *s = r->cookie;
	int broken = -r->err.code;
	if (!r->ended)
		return;
	if (r->stream)
		have_again(s);
	else if (!broken)
		s->over = true; /* it has been removed meanwhile */
	remote_done(r);
	if (broken)
		try_again_later(s, broken);
}

static void on_retry(evutil_socket_t fd, short what, void *arg)
{
	struct session *s = arg;
	auto_(buf) struct buf target = { 0 };
	struct err e;
	(void)fd;
	(void)what;
	s->again = (struct remote){ .changed = again_changed, .cookie = s };
	int r = buf_printf(&target, "%s&berth_from=%s:%llu:%llu", s->target, s->position,
		(unsigned long long)s->bytes[0], (unsigned long long)s->bytes[1]);
	if (r == 0)
		r = remote_start(&s->again, s->setup.cli, s->setup.base, "POST", target.data, NULL, true, &e);
	if (r < 0)
		try_again_later(s, r);
}

void session_resume_by(struct session *s, const char *target)
{
	s->target = target;
	s->reconnect.cli = s->setup.cli;
	reconnect_made(&s->reconnect);
	/* Nothing has come yet: all of the run that is next is wanted. */
	(void)snprintf(s->position, sizeof(s->position), "0:-1");
}

/* ---------------------------------------------------------------- life */

static int watch_signals(struct session *s, struct err *e)
{
	struct event_base *base = s->setup.base;
	bool take = s->setup.tty || (s->setup.sig_proxy && s->setup.kill_target);
	for (size_t i = 0; take && i < PROXIED_COUNT; i++) {
		struct sigaction old;
		/* What the caller has set to be ignored (nohup) stays so. */
		if (sigaction(proxied[i], NULL, &old) == 0 && old.sa_handler == SIG_IGN)
			continue;
		s->signals[i] = evsignal_new(base, proxied[i], on_signal, s);
		if (!s->signals[i] || event_add(s->signals[i], NULL) < 0)
			return err_set(e, ENOMEM, "watch signals");
	}
	if (s->setup.tty && s->setup.resize_target) {
		s->signals[PROXIED_COUNT] = evsignal_new(base, SIGWINCH, on_resized, s);
		if (!s->signals[PROXIED_COUNT] || event_add(s->signals[PROXIED_COUNT], NULL) < 0)
			return err_set(e, ENOMEM, "watch signals");
	}
	return 0;
}

int session_new(const struct session_setup *setup, struct session **out, struct err *e)
{
	auto_(session) struct session *s = calloc(1, sizeof(*s));
	if (!s)
		return err_set(e, ENOMEM, "start a session");
	s->setup = *setup;
	int r = session_check_tty(setup->tty, setup->with_stdin, e);
	if (r == 0)
		r = detach_keys_parse(setup->detach_keys, &s->keys, e);
	if (r == 0)
		r = display_init(&s->display, setup->base, setup->tty, output_moved, s, e);
	if (r == 0 && !(s->retry = evtimer_new(setup->base, on_retry, s)))
		r = err_set(e, ENOMEM, "start a session");
	if (r == 0)
		r = watch_signals(s, e);
	if (r == 0)
		*out = take_ptr(&s);
	return r;
}

void session_free(struct session *s)
{
	if (!s)
		return;
	terminal_restore();
	if (s->stream)
		http_stream_abort(s->stream);
	if (s->input)
		event_free(s->input);
	if (s->deadline)
		event_free(s->deadline);
	if (s->retry)
		event_free(s->retry);
	remote_done(&s->again);
	buf_done(&s->mark);
	for (size_t i = 0; i <= PROXIED_COUNT; i++)
		if (s->signals[i])
			event_free(s->signals[i]);
	display_done(&s->display);
	free(s);
}

int session_begin(struct session *s, struct http_stream *stream, struct err *e)
{
	s->stream = stream;
	http_stream_set(stream, &stream_ops, s);
	if (s->setup.tty && s->setup.with_stdin) {
		int r = terminal_set_raw(STDIN_FILENO, e);
		if (r < 0)
			return r;
	}
	return input_begin(s, e);
}

static void set_deadline(struct session *s)
{
	struct timeval tv = { CLOSE_SECONDS, 0 };
	(void)event_add(s->deadline, &tv);
}

static void on_deadline(evutil_socket_t fd, short what, void *arg)
{
	struct session *s = arg;
	(void)fd;
	(void)what;
	/* A slow reader of ours is no reason to cut the stream off. */
	if (s->received == s->received_at_deadline && display_queued(&s->display) == 0) {
		s->over = true;
		return;
	}
	s->received_at_deadline = s->received;
	set_deadline(s);
}

int session_wait(struct session *s, const bool *also, struct err *e)
{
	while (!s->over || display_queued(&s->display) > 0) {
		int r = display_check(&s->display, e);
		if (r < 0)
			return r;
		if (also && *also && !s->deadline) {
			s->deadline = evtimer_new(s->setup.base, on_deadline, s);
			if (!s->deadline)
				return err_set(e, ENOMEM, "wait for the end of the stream");
			s->received_at_deadline = s->received;
			set_deadline(s);
		}
		if (event_base_loop(s->setup.base, EVLOOP_ONCE) != 0)
			return err_set(e, EIO, "run the event loop");
	}
	terminal_restore();
	return display_check(&s->display, e);
}

bool session_detached(const struct session *s)
{
	return s->detached;
}

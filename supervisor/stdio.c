#include "supervisor/stdio.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>

#include "base/clock.h"
#include "base/fault.h"
#include "base/io.h"
#include "base/own.h"
#include "supervisor/attach.h"
#include "supervisor/config.h"
#include "supervisor/container.h"
#include "supervisor/container_log.h"
#include "supervisor/input.h"
#include "supervisor/keeper.h"
#include "supervisor/logfollow.h"

struct stdio_out {
	struct stdio *owner;
	int fd; /* -1: ended */
	struct event *readable;
};

struct stdio {
	struct container *c;
	unsigned kept;	    /* bits of enum kept: what the keeper has, or may have */
	struct logfile log; /* .slot NULL: not opened yet */
	struct stdio_out out[LOG_STREAM_COUNT];
	bool started, dropping;
	struct input *input;
	int console_fd; /* for its size; the same terminal as out[0] */
};

/* Names in the keeper's table, by what they end in. */
enum kept { KEPT_OUT, KEPT_ERR, KEPT_IN, KEPT_TTY, KEPT_COUNT };
#define KEPT_ALL ((1U << KEPT_COUNT) - 1)

static const char *kept_name(const struct container *c, enum kept which, char out[96])
{
	static const char *const forms[KEPT_COUNT] = { "log.%s.out", "log.%s.err", "in.%s", "tty.%s" };
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
	snprintf(out, 96, forms[which], c->id);
#pragma GCC diagnostic pop
	return out;
}

static int keep(struct container *c, enum kept which, int fd, struct err *e)
{
	char name[96];
	int r = keeper_put_fd(c->engine->keeper, kept_name(c, which, name), fd, e);
	if (r == 0)
		c->stdio->kept |= 1U << which;
	return r;
}

static void unkeep(struct container *c, enum kept which)
{
	char name[96];
	(void)keeper_drop_fd(
		c->engine->keeper, kept_name(c, which, name), NULL); /* it may never have been there */
	if (c->stdio)
		c->stdio->kept &= ~(1U << which);
}

/* Each is a round trip, so only what may be there. */
void stdio_drop_kept(struct container *c)
{
	unsigned kept = c->stdio ? c->stdio->kept : KEPT_ALL;
	for (int i = 0; i < KEPT_COUNT; i++)
		if (kept & 1U << i)
			unkeep(c, (enum kept)i);
	struct logslot *slot = c->stdio ? c->stdio->log.slot : logbatch_find(c->engine->log_batch, c->id);
	if (slot)
		logbatch_drop(c->engine->log_batch, slot);
	if (c->stdio)
		c->stdio->log.slot = NULL;
}

/* ---------------------------------------------------------------- reading */

static void say_dropped(struct stdio *s, uint64_t lost_before, int r, const struct err *e)
{
	if (r < 0 && !s->dropping) {
		log_error("log-dropped", "container=%.12s err=\"%s\" action=\"drop until it works again\"",
			s->c->id, e->text);
		s->dropping = true;
	} else if (r == 0 && s->dropping && logfile_lost(&s->log) == 0) {
		log_warn("log-resumed", "container=%.12s dropped_bytes=%llu", s->c->id,
			(unsigned long long)lost_before);
		s->dropping = false;
	}
}

static void end_stream(struct stdio_out *o)
{
	struct stdio *s = o->owner;
	enum log_stream stream = o == &s->out[LOG_STDERR] ? LOG_STDERR : LOG_STDOUT;

	if (o->fd < 0)
		return;
	if (o->readable)
		event_free(o->readable);
	o->readable = NULL;
	own_close(&o->fd);
	if (s->log.slot) {
		struct err e;
		uint64_t lost = logfile_lost(&s->log);
		say_dropped(s, lost, logfile_end(&s->log, stream, clock_real_ns(), &e), &e);
	}
}

static void on_readable(evutil_socket_t fd, short what, void *cookie)
{
	struct stdio_out *o = cookie;
	struct stdio *s = o->owner;
	struct container *c = s->c;
	struct logbatch *batch = c->engine->log_batch;
	enum log_stream stream = o == &s->out[LOG_STDERR] ? LOG_STDERR : LOG_STDOUT;
	int64_t now_ns = clock_real_ns();
	ssize_t n = logbatch_read(batch, s->log.slot, stream, fd, now_ns);
	(void)what;

	if (n == -EAGAIN || n == -EINTR)
		return;
	if (n <= 0) { /* EIO: the terminal's last user has gone */
		end_stream(o);
		logfollow_wake(c);
		if (stdio_is_drained(c))
			container_on_drained(c);
		return;
	}
	struct err e;
	const char *block = logbatch_block(batch);
	uint64_t lost = logfile_lost(&s->log);
	say_dropped(s, lost, logfile_write(&s->log, stream, block, (size_t)n, now_ns, &e), &e);
	fault_point("log.logged");
	attach_output(c, stream, block, (size_t)n);
	fault_point("log.told");
	logbatch_done(batch);
	logfollow_wake(c);
	if (attach_is_stalled(c))
		for (int i = 0; i < LOG_STREAM_COUNT; i++)
			if (s->out[i].readable)
				event_del(s->out[i].readable);
}

void stdio_resume(struct container *c)
{
	struct stdio *s = c->stdio;

	if (!s || !s->started || attach_is_stalled(c))
		return;
	for (int i = 0; i < LOG_STREAM_COUNT; i++)
		if (s->out[i].readable)
			event_add(s->out[i].readable, NULL);
}

static int set_out(struct stdio *s, enum log_stream stream, int fd, struct err *e)
{
	struct stdio_out *o = &s->out[stream];
	int r = io_set_nonblock(fd, true);

	if (r < 0)
		return err_set(e, -r, "prepare output");
	o->readable = event_new(s->c->engine->base, fd, EV_READ | EV_PERSIST, on_readable, o);
	if (!o->readable)
		return err_set(e, ENOMEM, "prepare output");
	o->fd = fd;
	return 0;
}

/* ---------------------------------------------------------------- making */

static void input_ready(void *cookie)
{
	struct stdio *s = cookie;
	attach_stdin_ready(s->c);
}

static int stdio_new(struct container *c, struct stdio **out, struct err *e)
{
	struct stdio *s = calloc(1, sizeof(*s));

	if (!s)
		return err_set(e, ENOMEM, "prepare stdio");
	s->c = c;
	s->console_fd = s->log.set.fd = -1;
	for (int i = 0; i < LOG_STREAM_COUNT; i++)
		s->out[i] = (struct stdio_out){ .owner = s, .fd = -1 };
	*out = s;
	return 0;
}

/* A log that cannot be opened is tried again when there is something to write: nobody is kept from running by that. */
static int open_log(struct stdio *s, bool fresh, struct err *e)
{
	struct container *c = s->c;
	struct engine *en = c->engine;
	struct logslot *slot = logbatch_find(en->log_batch, c->id);
	struct logset_limits limits;
	struct logplace place;
	struct err why;

	if (slot && fresh)
		logbatch_drop(en->log_batch, slot); /* of a start that came to nothing */
	int r = logbatch_add(en->log_batch, c->id, &slot, e);
	if (r < 0)
		return r;
	container_log_place(c, &place);
	bool keeps = container_log_limits(c, &limits);
	if (logfile_open(&place, keeps ? &limits : NULL, en->log_batch, slot, &en->log_records, &s->log,
		    &why) < 0) {
		s->dropping = true;
		log_error("log-unusable", "container=%.12s err=\"%s\" action=\"drop until it works\"", c->id,
			why.text);
	}
	if (fresh)
		c->actual.log_start = logslot_state(slot).pos;
	else if (logfile_finish_batch(&s->log, &why) < 0)
		log_error("log-dropped", "container=%.12s err=\"%s\" action=\"drop until it works again\"",
			c->id, why.text);
	return 0;
}

static int open_stdin(struct container *c, int *container_end, struct err *e)
{
	struct stdio *s = c->stdio;
	int fds[2];

	if (pipe2(fds, O_CLOEXEC) < 0)
		return err_set(e, errno, "make pipe");
	*container_end = fds[0];
	int r = keep(c, KEPT_IN, fds[1], e);
	if (r == 0)
		r = input_new(c->engine->base, fds[1], input_ready, s, &s->input, e);
	if (r < 0)
		own_close(&fds[1]);
	return r;
}

static int open_pipes(struct container *c, int ends[3], struct err *e)
{
	int fds[2];
	int r;

	for (int i = 0; i < LOG_STREAM_COUNT; i++) {
		if (pipe2(fds, O_CLOEXEC) < 0)
			return err_set(e, errno, "make pipe");
		ends[1 + i] = fds[1];
		if ((r = set_out(c->stdio, (enum log_stream)i, fds[0], e)) < 0) {
			own_close(&fds[0]);
			return r;
		}
	}
	return c->config->open_stdin ? open_stdin(c, &ends[0], e) : 0;
}

int stdio_open(struct container *c, int container_ends[3], struct err *e)
{
	int ends[3] = { -1, -1, -1 };
	int r = stdio_new(c, &c->stdio, e);

	if (r == 0 && !c->config->tty)
		r = open_pipes(c, ends, e);
	if (r < 0) {
		for (int i = 0; i < 3; i++)
			own_close(&ends[i]);
		stdio_free(c);
		return r;
	}
	memcpy(container_ends, ends, sizeof(ends));
	return 0;
}

int stdio_keep(struct container *c, struct err *e)
{
	struct stdio *s = c->stdio;
	int r = 0;

	for (int i = 0; i < LOG_STREAM_COUNT && r == 0; i++)
		if (s->out[i].fd >= 0)
			r = keep(c, i == LOG_STDOUT ? KEPT_OUT : KEPT_ERR, s->out[i].fd, e);
	return r == 0 ? open_log(s, true, e) : r;
}

/* Three copies of the master: to read, to write, to size. */
static int use_console(struct stdio *s, int console_fd, struct err *e)
{
	auto_close int master = console_fd;
	auto_close int reader = fcntl(master, F_DUPFD_CLOEXEC, 0);
	auto_close int writer = fcntl(master, F_DUPFD_CLOEXEC, 0);

	if (reader < 0 || writer < 0)
		return err_set(e, errno, "copy terminal");
	int r = set_out(s, LOG_STDOUT, reader, e);
	if (r < 0)
		return r;
	(void)take_fd(&reader);
	if (s->c->config->open_stdin) {
		if ((r = input_new(s->c->engine->base, writer, input_ready, s, &s->input, e)) < 0)
			return r;
		(void)take_fd(&writer);
	}
	s->console_fd = take_fd(&master);
	return 0;
}

int stdio_set_console(struct container *c, int console_fd, struct err *e)
{
	int r = keep(c, KEPT_TTY, console_fd, e);

	if (r < 0) {
		own_close(&console_fd);
		return r;
	}
	if ((r = use_console(c->stdio, console_fd, e)) < 0)
		return r;
	if (c->console_width && c->console_height)
		(void)stdio_resize(c, c->console_width, c->console_height, NULL); /* only cosmetic */
	return 0;
}

static int take_kept(struct container *c, enum kept which)
{
	char name[96];
	return keeper_get_fd(c->engine->keeper, kept_name(c, which, name), NULL);
}

int stdio_adopt(struct container *c, struct err *e)
{
	int r = stdio_new(c, &c->stdio, e);

	if (r < 0)
		return r;
	c->stdio->kept = KEPT_ALL;
	r = open_log(c->stdio, false, e);
	if (r == 0 && c->config->tty) {
		int fd = take_kept(c, KEPT_TTY);
		r = fd < 0 ? 0 : use_console(c->stdio, fd, e);
	}
	for (int i = 0; i < LOG_STREAM_COUNT && r == 0 && !c->config->tty; i++) {
		int fd = take_kept(c, i == LOG_STDOUT ? KEPT_OUT : KEPT_ERR);
		if (fd >= 0 && (r = set_out(c->stdio, (enum log_stream)i, fd, e)) < 0)
			own_close(&fd);
	}
	if (r == 0 && !c->config->tty && c->config->open_stdin) {
		int fd = take_kept(c, KEPT_IN);
		if (fd >= 0 &&
			(r = input_new(c->engine->base, fd, input_ready, c->stdio, &c->stdio->input, e)) < 0)
			own_close(&fd);
	}
	if (r < 0)
		stdio_free(c);
	return r;
}

void stdio_start(struct container *c)
{
	c->stdio->started = true;
	attach_run_begins(c);
	stdio_resume(c);
	attach_stdin_ready(c);
}

/* ---------------------------------------------------------------- the end */

bool stdio_is_drained(const struct container *c)
{
	return !c->stdio || (c->stdio->out[LOG_STDOUT].fd < 0 && c->stdio->out[LOG_STDERR].fd < 0);
}

void stdio_cut(struct container *c)
{
	for (int i = 0; c->stdio && i < LOG_STREAM_COUNT; i++)
		end_stream(&c->stdio->out[i]);
}

static void free_ours(struct container *c)
{
	struct stdio *s = take_ptr(&c->stdio);

	for (int i = 0; i < LOG_STREAM_COUNT; i++) {
		if (s->out[i].readable)
			event_free(s->out[i].readable);
		own_close(&s->out[i].fd);
	}
	input_free(s->input);
	own_close(&s->console_fd);
	logfile_close(&s->log);
	free(s);
}

void stdio_leave(struct container *c)
{
	if (c->stdio)
		free_ours(c);
}

void stdio_free(struct container *c)
{
	if (!c->stdio)
		return;
	stdio_cut(c);
	stdio_drop_kept(c);
	free_ours(c);
}

void stdio_write_input(struct container *c, const void *data, size_t len)
{
	if (c->stdio && c->stdio->input)
		input_write(c->stdio->input, data, len);
}

bool stdio_input_is_full(const struct container *c)
{
	if (!c->stdio || !c->stdio->started)
		return true; /* not there yet: the client keeps its bytes */
	return c->stdio->input && input_is_full(c->stdio->input);
}

void stdio_end_input(struct container *c)
{
	if (!c->stdio || !c->stdio->input || c->config->tty)
		return; /* a terminal has no end of input but what is typed */
	unkeep(c, KEPT_IN);
	input_end(c->stdio->input);
}

int stdio_resize(struct container *c, unsigned width, unsigned height, struct err *e)
{
	struct winsize size = { .ws_col = (unsigned short)width, .ws_row = (unsigned short)height };

	if (!c->stdio || c->stdio->console_fd < 0)
		return err_say(e, EINVAL, "container %s has no terminal", c->id);
	if (ioctl(c->stdio->console_fd, TIOCSWINSZ, &size) < 0)
		return err_set(e, errno, "resize terminal");
	return 0;
}

const char *stdio_unfinished(const struct container *c, enum log_stream stream, size_t *len)
{
	const struct logfile *log = c->stdio && c->stdio->log.slot ? &c->stdio->log : NULL;

	*len = log ? logslot_state(log->slot).line[stream].len : 0;
	return *len ? logslot_text(log->batch, log->slot, stream) : NULL;
}

uint64_t stdio_lost(const struct container *c, enum log_stream stream)
{
	return c->stdio && c->stdio->log.slot ? logslot_state(c->stdio->log.slot).lost[stream] : 0;
}

uint64_t stdio_count(const struct container *c, enum log_stream stream)
{
	return c->stdio && c->stdio->log.slot ? logslot_state(c->stdio->log.slot).raw[stream] : 0;
}

/* ---------------------------------------------------------------- the batch */

int stdio_open_batch(struct engine *en, struct err *e)
{
	int fd = keeper_get_fd(en->keeper, LOGBATCH_NAME, NULL);
	int r = logbatch_open(fd, &en->log_batch, e);

	if (r == -EPROTO && fd >= 0) {
		log_error("logbatch-unusable", "err=\"%s\" action=\"lose what it holds\"", e->text);
		r = logbatch_open(fd = -1, &en->log_batch, e);
	}
	if (r == 0 && fd < 0)
		r = keeper_put_fd(en->keeper, LOGBATCH_NAME, logbatch_fd(en->log_batch), e);
	return r;
}

static bool has_stdio(void *cookie, const char *id)
{
	const struct container *c = container_by_id(cookie, id);
	return c && c->stdio;
}

void stdio_sweep_batch(struct engine *en)
{
	logbatch_sweep(en->log_batch, has_stdio, en);
}

#include "supervisor/stdio.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>

#include "base/clock.h"
#include "base/io.h"
#include "base/own.h"
#include "supervisor/attach.h"
#include "supervisor/config.h"
#include "supervisor/container.h"
#include "supervisor/input.h"
#include "supervisor/keeper.h"

struct stdio_out {
	struct stdio *owner;
	int fd; /* -1: ended */
	struct event *readable;
};

struct stdio {
	struct container *c;
	unsigned kept;	    /* bits of enum kept: what the keeper has, or may have */
	struct logfile log; /* .fd -1: could not be opened */
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
}

/* ---------------------------------------------------------------- reading */

static void say_dropped(struct stdio *s, int r, const struct err *e)
{
	if (r < 0 && !s->dropping) {
		log_error("log-dropped", "container=%.12s err=\"%s\" action=\"drop until it works again\"",
			s->c->id, e->text);
	} else if (r == 0 && s->dropping) {
		log_warn("log-resumed", "container=%.12s dropped_bytes=%llu", s->c->id,
			(unsigned long long)s->log.dropped_bytes);
		s->log.dropped_bytes = 0;
	}
	s->dropping = r < 0;
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
	if (s->log.fd >= 0) {
		struct err e;
		say_dropped(s, logfile_end(&s->log, stream, clock_real_ns(), &e), &e);
	}
}

static void on_readable(evutil_socket_t fd, short what, void *cookie)
{
	struct stdio_out *o = cookie;
	struct stdio *s = o->owner;
	struct container *c = s->c;
	enum log_stream stream = o == &s->out[LOG_STDERR] ? LOG_STDERR : LOG_STDOUT;
	char *block = c->engine->block;
	ssize_t n = read(fd, block, ENGINE_BLOCK);
	(void)what;

	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n <= 0) { /* EIO: the terminal's last user has gone */
		end_stream(o);
		if (stdio_is_drained(c))
			container_on_drained(c);
		return;
	}
	if (s->log.fd >= 0) {
		struct err e;
		say_dropped(s, logfile_write(&s->log, stream, block, (size_t)n, clock_real_ns(), &e), &e);
	}
	attach_output(c, stream, block, (size_t)n);
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
	s->console_fd = s->log.fd = -1;
	for (int i = 0; i < LOG_STREAM_COUNT; i++)
		s->out[i] = (struct stdio_out){ .owner = s, .fd = -1 };
	*out = s;
	return 0;
}

static void open_log(struct stdio *s)
{
	struct container *c = s->c;
	char name[TEXT_ID_LEN + 16];
	struct err e;

	if (mkdirat(c->engine->log_dirfd, c->id, 0700) < 0 && errno != EEXIST) {
		log_error("log-unusable", "container=%.12s err=\"%s\" action=\"run without\"", c->id,
			strerrordesc_np(errno));
		return;
	}
	snprintf(name, sizeof(name), "%s/0.log", c->id);
	if (logfile_open(c->engine->log_dirfd, name, &c->engine->log_batch, &s->log, &e) < 0) {
		s->log.fd = -1;
		log_error("log-unusable", "container=%.12s err=\"%s\" action=\"run without\"", c->id, e.text);
	}
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
	if (r == 0)
		open_log(s);
	return r;
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
	open_log(c->stdio);
	if (c->config->tty) {
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
	if (s->log.fd >= 0)
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

const struct buf *stdio_unfinished(const struct container *c, enum log_stream stream)
{
	return c->stdio && c->stdio->log.fd >= 0 ? &c->stdio->log.line[stream].text : NULL;
}

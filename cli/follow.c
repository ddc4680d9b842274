#include "cli/follow.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/list.h"
#include "cli/api.h"
#include "cli/logstream.h"
#include "cli/session.h"

#define LINE_PIECE (64 * 1024)

/* Compose's order: those that are easy to tell apart first. */
static const char *const palette[] = { "\033[36m", "\033[33m", "\033[32m", "\033[35m", "\033[34m",
	"\033[36;1m", "\033[33;1m", "\033[32;1m", "\033[35;1m", "\033[34;1m" };

/* ---------------------------------------------------------------- prefixes */

static int put_line(struct prefixer *p, struct buf *out)
{
	int r = 0;
	if (p->name)
		r = buf_printf(out, "%s%-*s  | %s", p->color ? p->color : "", p->width, p->name,
			p->color ? "\033[0m" : "");
	if (r == 0)
		r = buf_add(out, p->line.data, p->line.len);
	buf_reset(&p->line);
	return r < 0 ? r : buf_puts(out, "\n");
}

int prefixer_feed(struct prefixer *p, const char *data, size_t len, struct buf *out)
{
	int r = 0;
	while (len > 0 && r == 0) {
		const char *end = memchr(data, '\n', len);
		size_t n = end ? (size_t)(end - data) : len, room = LINE_PIECE - p->line.len;
		bool cut = n > room;
		n = cut ? room : n;
		r = buf_add(&p->line, data, n);
		if (r == 0 && (end || cut))
			r = put_line(p, out);
		n += !cut && end;
		data += n;
		len -= n;
	}
	return r;
}

int prefixer_end(struct prefixer *p, struct buf *out)
{
	return p->line.len > 0 ? put_line(p, out) : 0;
}

/* ---------------------------------------------------------------- followers */

struct follower {
	struct list link;
	struct follow *follow;
	char *name;
	struct logstream *log; /* this */
	struct remote attach;  /* or that */
	struct http_stream *stream;
	struct frames frames;
	struct prefixer out, err;
	bool tty, over, told;
	int r;
	struct err why;
};

struct follow {
	const struct cli *cli;
	struct event_base *base;
	struct display display; /* its frames are not used: lines come from several */
	struct list followers;
	size_t count, open;
	size_t width;
	bool colors, bare;
};

static void write_lines(struct follower *f, bool to_err, const struct buf *lines)
{
	struct display *d = &f->follow->display;
	outlet_write(to_err ? &d->err : &d->out, lines->data, lines->len);
}

static void pause_all(struct follow *f)
{
	list_each (struct follower, one, &f->followers, link) {
		if (one->stream)
			http_stream_pause_read(one->stream);
		if (one->log)
			logstream_pause(one->log);
	}
}

static void show(enum frame_stream stream, const char *data, size_t len, void *cookie)
{
	struct follower *f = cookie;
	auto_(buf) struct buf lines = { 0 };
	bool to_err = stream == FRAME_STDERR || stream == FRAME_ERROR;
	/* Lines that memory does not suffice for are lost to the screen, not to the log. */
	if (prefixer_feed(to_err ? &f->err : &f->out, data, len, &lines) == 0 && lines.len > 0)
		write_lines(f, to_err, &lines);
	if (display_queued(&f->follow->display) > OUTLET_HIGH)
		pause_all(f->follow);
}

static void follower_over(struct follower *f, int r, const struct err *e)
{
	auto_(buf) struct buf out = { 0 }, err = { 0 };
	if (f->over)
		return;
	f->over = true;
	f->r = r;
	if (r < 0)
		f->why = *e;
	f->follow->open--;
	if (prefixer_end(&f->out, &out) == 0 && out.len > 0)
		write_lines(f, false, &out);
	if (prefixer_end(&f->err, &err) == 0 && err.len > 0)
		write_lines(f, true, &err);
}

static void output_moved(void *cookie)
{
	struct follow *f = cookie;
	if (display_queued(&f->display) >= OUTLET_LOW)
		return;
	list_each (struct follower, one, &f->followers, link) {
		if (one->stream)
			http_stream_resume_read(one->stream);
		if (one->log && !one->over)
			logstream_resume(one->log);
	}
}

/* ---------------------------------------------------------------- from a log */

static void log_data(void *cookie, enum frame_stream stream, const char *data, size_t len)
{
	show(stream, data, len, cookie);
}

static void log_end(void *cookie, int r, const struct err *e)
{
	follower_over(cookie, r, e);
}

static const struct logstream_ops log_ops = { log_data, log_end };

/* ---------------------------------------------------------------- attached */

static void stream_data(struct http_stream *s, const char *data, size_t len, void *cookie)
{
	struct follower *f = cookie;
	(void)s;
	if (f->tty)
		show(FRAME_STDOUT, data, len, f);
	else
		(void)frames_feed(&f->frames, data, len, show, f); /* a torn stream shows what came before */
}

static void stream_eof(struct http_stream *s, void *cookie)
{
	struct follower *f = cookie;
	f->stream = NULL;
	http_stream_abort(s);
	follower_over(f, 0, NULL);
}

static void stream_close(struct http_stream *s, int r, void *cookie)
{
	struct follower *f = cookie;
	(void)s;
	(void)r;
	f->stream = NULL;
	follower_over(f, 0, NULL);
}

static const struct http_stream_ops stream_ops = {
	.on_data = stream_data, .on_eof = stream_eof, .on_close = stream_close
};

/* ---------------------------------------------------------------- the whole */

int follow_new(const struct follow_setup *setup, struct follow **out, struct err *e)
{
	struct follow *f = calloc(1, sizeof(*f));
	if (!f)
		return err_set(e, ENOMEM, "follow");
	*f = (struct follow){
		.cli = setup->cli, .base = setup->base, .colors = setup->colors, .bare = setup->bare
	};
	list_init(&f->followers);
	int r = display_init(&f->display, f->base, false, output_moved, f, e);
	if (r < 0) {
		free(f);
		return r;
	}
	*out = f;
	return 0;
}

static void follower_free(struct follower *f)
{
	logstream_free(f->log);
	if (f->stream)
		http_stream_abort(f->stream);
	remote_done(&f->attach);
	buf_done(&f->out.line);
	buf_done(&f->err.line);
	free(f->name);
	free(f);
}

void follow_free(struct follow *f)
{
	if (!f)
		return;
	list_each_safe (struct follower, one, &f->followers, link) {
		list_remove(&one->link);
		follower_free(one);
	}
	display_done(&f->display);
	free(f);
}

void follow_width(struct follow *f, size_t width)
{
	f->width = width > f->width ? width : f->width;
}

static struct follower *follower_new(struct follow *f, const char *name, struct err *e)
{
	struct follower *one = calloc(1, sizeof(*one));
	if (one)
		one->name = strdup(name);
	if (!one || !one->name) {
		free(one);
		(void)err_set(e, ENOMEM, "follow %s", name);
		return NULL;
	}
	one->follow = f;
	one->out.name = f->bare ? NULL : one->name;
	one->out.color = f->colors ? palette[f->count % (sizeof(palette) / sizeof(palette[0]))] : NULL;
	one->out.width = (int)f->width;
	one->err = one->out;
	return one;
}

static int added(struct follow *f, struct follower *one)
{
	list_append(&f->followers, &one->link);
	f->open++;
	return (int)f->count++;
}

int follow_add_log(struct follow *f, const char *name, const char *target, struct err *e)
{
	struct follower *one = follower_new(f, name, e);
	if (!one)
		return -e->code;
	int r = logstream_new(f->cli, f->base, target, &log_ops, one, &one->log, e);
	if (r < 0) {
		follower_free(one);
		return r;
	}
	return added(f, one);
}

int follow_add_attached(struct follow *f, const char *name, const char *id, bool tty, struct err *e)
{
	auto_(buf) struct buf target = { 0 };
	struct follower *one = follower_new(f, name, e);
	if (!one)
		return -e->code;
	one->tty = tty;
	int r = api_target(&target, "/containers/%s/attach?stream=1&stdout=1&stderr=1", id);
	if (r < 0)
		r = err_set(e, -r, "attach to %s", name);
	if (r == 0)
		r = remote_start(&one->attach, f->cli, f->base, "POST", target.data, NULL, true, e);
	if (r == 0)
		r = remote_wait_end(&one->attach, e);
	if (r >= 0 && !one->attach.stream)
		r = err_say(e, EPROTO, "attach to %s: the daemon did not make the connection a stream", name);
	if (r < 0) {
		follower_free(one);
		return err_wrap(e, r, "attach to %s", name);
	}
	one->stream = take_ptr(&one->attach.stream);
	http_stream_set(one->stream, &stream_ops, one);
	return added(f, one);
}

static struct follower *find(struct follow *f, size_t number)
{
	list_each (struct follower, one, &f->followers, link)
		if (number-- == 0)
			return one;
	return NULL;
}

int follow_again(struct follow *f, size_t number, struct err *e)
{
	struct follower *one = find(f, number);
	if (!one || !one->over || !one->log)
		return 0;
	int r = logstream_again(one->log, e);
	if (r < 0)
		return r;
	one->over = one->told = false;
	f->open++;
	return 0;
}

bool follow_ended(struct follow *f, size_t *number, int *r, struct err *e)
{
	size_t i = 0;
	list_each (struct follower, one, &f->followers, link) {
		if (one->over && !one->told) {
			one->told = true;
			*number = i;
			*r = one->r;
			*e = one->why;
			return true;
		}
		i++;
	}
	return false;
}

size_t follow_open(const struct follow *f)
{
	return f->open;
}

bool follow_pending(const struct follow *f)
{
	return display_queued(&f->display) > 0;
}

void follow_say(struct follow *f, const char *line)
{
	outlet_write(&f->display.out, line, strlen(line));
	outlet_write(&f->display.out, "\n", 1);
}

int follow_check(struct follow *f, struct err *e)
{
	return display_check(&f->display, e);
}

#include "cli/follow.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "cli/api.h"
#include "cli/output.h"
#include "cli/project.h"
#include "cli/session.h"

#define LINE_PIECE (64 * 1024)

/* ---------------------------------------------------------------- prefixes */

static int put_line(struct prefixer *p, struct buf *out)
{
	int r = buf_printf(out, "%-*s  | ", p->width, p->name);
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

struct project;

struct follower {
	struct project *project;
	char *id, *name;
	struct remote attach;
	struct http_stream *stream;
	struct frames frames;
	struct prefixer out, err;
	bool tty, over;
};

struct project {
	const struct cli *cli;
	struct event_base *base;
	struct display display; /* its frames are not used: lines come from several */
	struct follower *followers;
	size_t count, open;
	struct event *interrupt, *terminate;
	unsigned interrupts;
};

static void write_lines(struct follower *f, bool to_err, const struct buf *lines)
{
	struct display *d = &f->project->display;
	outlet_write(to_err ? &d->err : &d->out, lines->data, lines->len);
}

static void show(enum frame_stream stream, const char *data, size_t len, void *cookie)
{
	struct follower *f = cookie;
	auto_(buf) struct buf lines = { 0 };
	bool to_err = stream == FRAME_STDERR || stream == FRAME_ERROR;
	/* Lines that memory does not suffice for are lost to the screen, not to the log. */
	if (prefixer_feed(to_err ? &f->err : &f->out, data, len, &lines) == 0 && lines.len > 0)
		write_lines(f, to_err, &lines);
}

static void stream_data(struct http_stream *s, const char *data, size_t len, void *cookie)
{
	struct follower *f = cookie;
	if (f->tty)
		show(FRAME_STDOUT, data, len, f);
	else
		(void)frames_feed(&f->frames, data, len, show, f); /* a torn stream shows what came before */
	if (display_queued(&f->project->display) > OUTLET_HIGH)
		http_stream_pause_read(s);
}

static void follower_over(struct follower *f)
{
	auto_(buf) struct buf out = { 0 }, err = { 0 };
	if (f->over)
		return;
	f->over = true;
	f->project->open--;
	if (prefixer_end(&f->out, &out) == 0)
		write_lines(f, false, &out);
	if (prefixer_end(&f->err, &err) == 0)
		write_lines(f, true, &err);
}

static void stream_eof(struct http_stream *s, void *cookie)
{
	struct follower *f = cookie;
	f->stream = NULL;
	http_stream_abort(s);
	follower_over(f);
}

static void stream_close(struct http_stream *s, int r, void *cookie)
{
	struct follower *f = cookie;
	(void)s;
	(void)r;
	f->stream = NULL;
	follower_over(f);
}

static const struct http_stream_ops stream_ops = {
	.on_data = stream_data, .on_eof = stream_eof, .on_close = stream_close
};

static void output_moved(void *cookie)
{
	struct project *p = cookie;
	if (display_queued(&p->display) >= OUTLET_LOW)
		return;
	for (size_t i = 0; i < p->count; i++)
		if (p->followers[i].stream)
			http_stream_resume_read(p->followers[i].stream);
}

/* ---------------------------------------------------------------- Ctrl-C */

static void act_ended(struct remote *r)
{
	if (!r->ended)
		return;
	remote_done(r);
	free(r);
}

static void act_on_all(struct project *p, const char *act)
{
	for (size_t i = 0; i < p->count; i++) {
		auto_(buf) struct buf target = { 0 };
		struct remote *r = calloc(1, sizeof(*r));
		struct err e;
		if (!r || p->followers[i].over ||
			api_target(&target, "/containers/%s/", p->followers[i].id) < 0 ||
			buf_puts(&target, act) < 0) {
			free(r);
			continue;
		}
		r->changed = act_ended;
		if (remote_start(r, p->cli, p->base, "POST", target.data, NULL, false, &e) < 0)
			free(r);
	}
}

static void on_interrupt(evutil_socket_t sig, short what, void *arg)
{
	struct project *p = arg;
	(void)sig;
	(void)what;
	if (p->interrupts++ == 0) {
		(void)fprintf(stderr, "Gracefully stopping... (press Ctrl+C again to force)\n");
		act_on_all(p, "stop");
	} else {
		act_on_all(p, "kill");
	}
}

/* ---------------------------------------------------------------- the whole */

static int follow_one(struct follower *f, struct err *e)
{
	struct project *p = f->project;
	auto_(buf) struct buf info_target = { 0 }, target = { 0 };
	auto_(json) json_t *info = NULL;
	if (api_target(&info_target, "/containers/%s/json", f->id) < 0 ||
		api_target(&target, "/containers/%s/attach?stream=1&stdout=1&stderr=1&logs=1", f->id) < 0)
		return err_set(e, ENOMEM, "attach to %s", f->name);
	int r = api_call(p->cli, "GET", info_target.data, NULL, &info, e);
	if (r >= 0)
		r = remote_start(&f->attach, p->cli, p->base, "POST", target.data, NULL, true, e);
	if (r >= 0)
		r = remote_wait_end(&f->attach, e);
	if (r < 0)
		return err_wrap(e, r, "attach to %s", f->name);
	if (!f->attach.stream)
		return err_say(
			e, EPROTO, "attach to %s: the daemon did not make the connection a stream", f->name);
	f->tty = json_is_true(json_object_get(json_object_get(info, "Config"), "Tty"));
	f->stream = take_ptr(&f->attach.stream);
	http_stream_set(f->stream, &stream_ops, f);
	return 0;
}

static int followers_new(struct project *p, const char *name, const json_t *containers, struct err *e)
{
	size_t i;
	json_t *c;
	int width = 0;
	p->followers = calloc(json_array_size(containers) + 1, sizeof(*p->followers));
	if (!p->followers)
		return err_set(e, ENOMEM, "follow");
	json_array_foreach (containers, i, c) {
		const char *id = json_string_value(json_object_get(c, "Id"));
		const char *full = json_string_value(json_object_get(c, "Name"));
		struct follower *f = &p->followers[p->count];
		if (!id || !full)
			continue;
		f->project = p;
		f->id = strdup(id);
		f->name = strdup(project_short_name(name, full));
		p->count++;
		if (!f->id || !f->name)
			return err_set(e, ENOMEM, "follow");
		width = (int)strlen(f->name) > width ? (int)strlen(f->name) : width;
	}
	for (i = 0; i < p->count; i++) {
		struct follower *f = &p->followers[i];
		f->out.name = f->err.name = f->name;
		f->out.width = f->err.width = width;
	}
	return 0;
}

static void project_done(struct project *p)
{
	for (size_t i = 0; i < p->count; i++) {
		struct follower *f = &p->followers[i];
		if (f->stream)
			http_stream_abort(f->stream);
		remote_done(&f->attach);
		buf_done(&f->out.line);
		buf_done(&f->err.line);
		free(f->id);
		free(f->name);
	}
	free(p->followers);
	if (p->interrupt)
		event_free(p->interrupt);
	if (p->terminate)
		event_free(p->terminate);
	display_done(&p->display);
	if (p->base)
		event_base_free(p->base);
}

OWN_DEFINE(project, struct project, project_done)

int follow_project(const struct cli *cli, const char *name, const json_t *containers)
{
	auto_(project) struct project p = { .cli = cli, .base = api_loop_new() };
	struct err e;
	int r = p.base ? display_init(&p.display, p.base, false, output_moved, &p, &e)
		       : err_set(&e, ENOMEM, "follow");
	if (r == 0)
		r = followers_new(&p, name, containers, &e);
	if (r == 0) {
		p.interrupt = evsignal_new(p.base, SIGINT, on_interrupt, &p);
		p.terminate = evsignal_new(p.base, SIGTERM, on_interrupt, &p);
		if (!p.interrupt || !p.terminate || event_add(p.interrupt, NULL) < 0 ||
			event_add(p.terminate, NULL) < 0)
			r = err_set(&e, ENOMEM, "follow");
	}
	for (size_t i = 0; i < p.count && r == 0; i++) {
		r = follow_one(&p.followers[i], &e);
		p.open += r == 0;
	}
	while (r == 0 && (p.open > 0 || display_queued(&p.display) > 0)) {
		r = display_check(&p.display, &e);
		if (r == 0 && event_base_loop(p.base, EVLOOP_ONCE) != 0)
			r = err_set(&e, EIO, "run the event loop");
	}
	if (r < 0)
		return output_error(&e, 1);
	return p.interrupts ? 130 : 0;
}

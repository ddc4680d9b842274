#include "cli/cp_stream.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/json.h"

#define HIGH_WATER  (1 << 20)
#define STAT_HEADER "X-Docker-Container-Path-Stat"

#define GO_DIR	   (1LL << 31)
#define GO_LINK	   (1LL << 27)
#define GO_SPECIAL (1LL << 26 | 1LL << 25 | 1LL << 24)

/* ---------------------------------------------------------------- the connection */

static void on_reply(struct http_client *c, int status, void *cookie)
{
	struct cp_stream *s = cookie;
	(void)c;
	s->status = status;
}

static void on_data(struct http_client *c, const char *data, size_t len, void *cookie)
{
	struct cp_stream *s = cookie;
	if (buf_add(&s->data, data, len) < 0) {
		(void)err_set(&s->err, ENOMEM, "keep the daemon's answer");
		s->ended = true;
	}
	if (s->data.len - s->taken > HIGH_WATER && s->status < 400) {
		s->paused = true;
		http_client_pause(c);
	}
}

static void on_end(struct http_client *c, void *cookie)
{
	struct cp_stream *s = cookie;
	(void)c;
	s->ended = true;
}

static void on_error(struct http_client *c, const struct err *e, void *cookie)
{
	struct cp_stream *s = cookie;
	(void)c;
	s->err = *e;
	s->ended = true;
}

static int start(struct cp_stream *s, const struct cli *cli, const char *method, const char *container,
	const char *path, const char *more, struct err *e)
{
	static const struct http_client_ops ops = {
		.on_reply = on_reply, .on_data = on_data, .on_end = on_end, .on_error = on_error
	};
	auto_(buf) struct buf target = { 0 };
	int r = api_target(&target, "/containers/%s/archive", container);

	*s = (struct cp_stream){ .cli = cli, .base = api_loop_new() };
	if (r == 0)
		r = api_query(&target, "path", path);
	if (r == 0)
		r = buf_puts(&target, more);
	if (r < 0 || !s->base)
		return err_set(e, ENOMEM, "cp");
	bool put = strcmp(method, "PUT") == 0;
	struct http_client_request rq = { .socket_path = cli->socket,
		.method = method,
		.target = target.data,
		.content_type = put ? "application/x-tar" : NULL,
		.stream_body = put };
	r = http_client_start(s->base, &rq, &ops, s, &s->client, e);
	return r < 0 ? api_connection_error(cli, e) : 0;
}

void cp_stream_done(struct cp_stream *s)
{
	http_client_free(s->client);
	buf_done(&s->data);
	if (s->base)
		event_base_free(s->base);
	*s = (struct cp_stream){ 0 };
}

static int turn(struct cp_stream *s)
{
	return event_base_loop(s->base, EVLOOP_ONCE) != 0 ? -EIO : 0;
}

static int failed(struct cp_stream *s, struct err *e)
{
	*e = s->err;
	return api_connection_error(s->cli, e);
}

/* The whole answer. */
static int finish(struct cp_stream *s, struct err *e)
{
	while (!s->ended)
		if (turn(s) < 0)
			return err_set(e, EIO, "run the event loop");
	if (s->err.code)
		return failed(s, e);
	return s->status >= 400 ? api_error(s->status, s->data.data, s->data.len, e) : 0;
}

/* ---------------------------------------------------------------- what the daemon says of a path */

static int digit(char c)
{
	static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
	const char *at = c ? strchr(digits, c) : NULL;
	return at ? (int)(at - digits) : -1;
}

static int decode(const char *text, struct buf *out)
{
	unsigned bits = 0, n = 0;
	int r = 0;

	for (; r == 0 && *text && *text != '='; text++) {
		int d = digit(*text);
		if (d < 0)
			return -EPROTO;
		bits = bits << 6 | (unsigned)d;
		n += 6;
		if (n >= 8) {
			char byte = (char)(bits >> (n -= 8));
			r = buf_add(out, &byte, 1);
		}
	}
	return r;
}

static int take_stat(struct cp_stream *s, struct cp_stat *out, struct err *e)
{
	auto_(buf) struct buf text = { 0 };
	const char *header = http_client_header(s->client, STAT_HEADER);
	int r = header ? decode(header, &text) : -EPROTO;
	auto_(json) json_t *doc = r == 0 && text.len ? json_loadb(text.data, text.len, 0, NULL) : NULL;

	if (!doc)
		return err_say(e, EPROTO, "unable to decode container path stat header");
	int64_t mode = json_integer_value(json_object_get(doc, "mode"));
	const char *target = json_string_value(json_object_get(doc, "linkTarget"));
	*out = (struct cp_stat){
		.is_dir = mode & GO_DIR, .is_link = mode & GO_LINK, .is_special = mode & GO_SPECIAL
	};
	(void)snprintf(out->link_target, sizeof(out->link_target), "%s", target ? target : "");
	return 0;
}

int cp_stat(
	const struct cli *cli, const char *container, const char *path, struct cp_stat *out, struct err *e)
{
	auto_(cp_stream) struct cp_stream s = { 0 };
	int r = start(&s, cli, "HEAD", container, path, "", e);

	if (r < 0)
		return r;
	r = finish(&s, e);
	if (s.status == 404)
		return 0;
	if (r == 0)
		r = take_stat(&s, out, e);
	return r < 0 ? r : 1;
}

/* ---------------------------------------------------------------- out of the container */

int cp_stream_get(struct cp_stream *s, const struct cli *cli, const char *container, const char *path,
	struct cp_stat *out, struct err *e)
{
	int r = start(s, cli, "GET", container, path, "", e);

	while (r == 0 && !s->status && !s->ended)
		if (turn(s) < 0)
			r = err_set(e, EIO, "run the event loop");
	if (r == 0 && s->err.code)
		return failed(s, e);
	if (r == 0 && s->status >= 400)
		return finish(s, e);
	return r == 0 && out ? take_stat(s, out, e) : r;
}

ssize_t cp_stream_read(void *cookie, void *data, size_t len)
{
	struct cp_stream *s = cookie;

	while (s->taken == s->data.len && !s->ended) {
		buf_reset(&s->data);
		s->taken = 0;
		if (s->paused)
			http_client_resume(s->client);
		s->paused = false;
		if (turn(s) < 0)
			return -EIO;
	}
	size_t there = s->data.len - s->taken;
	if (there == 0)
		return s->err.code ? -s->err.code : 0;
	if (len > there)
		len = there;
	memcpy(data, s->data.data + s->taken, len);
	s->taken += len;
	s->bytes += len;
	return (ssize_t)len;
}

/* ---------------------------------------------------------------- into the container */

int cp_stream_put(struct cp_stream *s, const struct cli *cli, const char *container, const char *path,
	const char *more, struct err *e)
{
	return start(s, cli, "PUT", container, path, more, e);
}

int cp_stream_write(void *cookie, const void *data, size_t len)
{
	struct cp_stream *s = cookie;
	int r = s->status || s->ended ? -EPIPE : http_client_write(s->client, data, len);

	while (r == 0 && http_client_pending(s->client) > HIGH_WATER)
		r = s->status || s->ended ? -EPIPE : turn(s);
	s->bytes += r == 0 ? len : 0;
	return r;
}

int cp_stream_flush(struct cp_stream *s)
{
	int r = 0;

	while (r == 0 && http_client_pending(s->client) > 0)
		r = s->status || s->ended ? -EPIPE : turn(s);
	return r;
}

int cp_stream_end(struct cp_stream *s, struct err *e)
{
	http_client_write_end(s->client);
	return finish(s, e);
}

#include "cli/api.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"

/* ---------------------------------------------------------------- targets */

static int add_quoted(struct buf *out, const char *s)
{
	return http_escape(out, s);
}

int api_target(struct buf *out, const char *fmt, ...)
{
	va_list ap;
	int r = 0;
	va_start(ap, fmt);
	for (const char *p = fmt; *p && r == 0; p++) {
		if (p[0] == '%' && p[1] == 's') {
			r = add_quoted(out, va_arg(ap, const char *));
			p++;
		} else if (p[0] == '%' && p[1] == 'd') {
			r = buf_printf(out, "%d", va_arg(ap, int));
			p++;
		} else {
			r = buf_add(out, p, 1);
		}
	}
	va_end(ap);
	return r;
}

int api_query(struct buf *target, const char *key, const char *value)
{
	int r = buf_printf(target, "%c%s=", target->data && strchr(target->data, '?') ? '&' : '?', key);
	return r < 0 ? r : add_quoted(target, value);
}

/* ---------------------------------------------------------------- errors */

int api_error(int status, const char *body, size_t len, struct err *e)
{
	int code = status == 404 ? ENOENT : status == 409 ? EEXIST : EREMOTEIO;
	auto_(json) json_t *o = body ? json_loadb(body, len, 0, NULL) : NULL;
	const char *message = json_string_value(json_object_get(o, "message"));
	if (message)
		return err_say(e, code, "Error response from daemon: %s", message);
	return err_say(e, code, "Error response from daemon: status %d", status);
}

int api_connection_error(const struct cli *cli, struct err *e)
{
	if (e->code == ENOENT || e->code == ECONNREFUSED) {
		const char *why = e->code == ENOENT ? "there is no such socket" : "nobody listens there";
		return err_say(e, ECONNREFUSED, /* an answer of 404 is -ENOENT */
			"Cannot connect to the berth daemon at unix://%s: %s. Is the daemon running?",
			cli->socket, why);
	}
	if (e->code == EACCES)
		return err_say(e, e->code,
			"permission denied on unix://%s: be root or a member of the socket's group",
			cli->socket);
	return -e->code;
}

/* ---------------------------------------------------------------- blocking calls */

int api_call(const struct cli *cli, const char *method, const char *target, const json_t *body, json_t **out,
	struct err *e)
{
	auto_(buf) struct buf answer = { 0 };
	auto_free char *text = body ? json_dumps(body, JSON_COMPACT) : NULL;
	struct err own;
	int status = 0;
	if (!e)
		e = &own;
	if (body && !text)
		return err_set(e, ENOMEM, "%s %s", method, target);
	int r = http_call(cli->socket, method, target, text, text ? strlen(text) : 0, &status, &answer, e);
	if (r < 0)
		return api_connection_error(cli, e);
	if (status >= 400)
		return api_error(status, answer.data, answer.len, e);
	if (out && answer.len > 0) {
		*out = json_loadb(answer.data, answer.len, JSON_DECODE_ANY, NULL);
		if (!*out)
			return err_say(e, EPROTO, "the daemon's answer to %s %s is not JSON", method, target);
	} else if (out) {
		*out = NULL;
	}
	return status;
}

/* ---------------------------------------------------------------- calls on a loop */

static void changed(struct remote *r)
{
	if (r->changed)
		r->changed(r);
}

static void on_reply(struct http_client *c, int status, void *cookie)
{
	struct remote *r = cookie;
	(void)c;
	r->status = status;
	changed(r);
}

static void on_data(struct http_client *c, const char *data, size_t len, void *cookie)
{
	struct remote *r = cookie;
	(void)c;
	if (r->on_data && r->status < 400)
		r->on_data(r, data, len);
	else
		(void)buf_add(
			&r->body, data, len); /* a message cut short by a lack of memory is still a message */
}

static void on_end(struct http_client *c, void *cookie)
{
	struct remote *r = cookie;
	(void)c;
	r->ended = true;
	changed(r);
}

static void on_error(struct http_client *c, const struct err *e, void *cookie)
{
	struct remote *r = cookie;
	r->err = *e;
	on_end(c, cookie);
}

static void on_stream(struct http_client *c, struct http_stream *s, void *cookie)
{
	struct remote *r = cookie;
	r->stream = s;
	on_end(c, cookie);
}

static const struct http_client_ops ops = { on_reply, on_data, on_end, on_error, on_stream, NULL };

int remote_start(struct remote *r, const struct cli *cli, struct event_base *base, const char *method,
	const char *target, const json_t *body, bool upgrade, struct err *e)
{
	auto_free char *text = body ? json_dumps(body, JSON_COMPACT) : NULL;
	if (body && !text)
		return err_set(e, ENOMEM, "%s %s", method, target);
	struct http_client_request rq = {
		.socket_path = cli->socket,
		.method = method,
		.target = target,
		.content_type = body ? "application/json" : NULL,
		.body = text,
		.body_len = text ? strlen(text) : 0,
		.upgrade = upgrade,
	};
	r->cli = cli;
	r->base = base;
	int n = http_client_start(base, &rq, &ops, r, &r->client, e);
	return n < 0 ? api_connection_error(cli, e) : 0;
}

void remote_done(struct remote *r)
{
	if (r->stream)
		http_stream_abort(take_ptr(&r->stream));
	http_client_free(take_ptr(&r->client));
	buf_done(&r->body);
}

int remote_wait_head(struct remote *r, struct err *e)
{
	while (!r->status && !r->ended)
		if (event_base_loop(r->base, EVLOOP_ONCE) != 0)
			return err_set(e, EIO, "run the event loop");
	if (r->err.code) {
		*e = r->err;
		return api_connection_error(r->cli, e);
	}
	return r->status;
}

int remote_wait_end(struct remote *r, struct err *e)
{
	while (!r->ended)
		if (event_base_loop(r->base, EVLOOP_ONCE) != 0)
			return err_set(e, EIO, "run the event loop");
	if (r->err.code) {
		*e = r->err;
		return api_connection_error(r->cli, e);
	}
	return r->status >= 400 ? api_error(r->status, r->body.data, r->body.len, e) : r->status;
}

struct event_base *api_loop_new(void)
{
	struct event_config *config = event_config_new();
	if (!config)
		return NULL;
	(void)event_config_set_flag(config, EVENT_BASE_FLAG_PRECISE_TIMER);
	struct event_base *base = event_base_new_with_config(config);
	event_config_free(config);
	return base;
}

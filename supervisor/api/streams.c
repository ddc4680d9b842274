/* streams - what a container says: attach and logs. */
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/own.h"
#include "supervisor/api/api.h"
#include "supervisor/attach.h"
#include "supervisor/config.h"
#include "supervisor/logread.h"

#define TYPE_RAW    "application/vnd.docker.raw-stream"
#define TYPE_FRAMED "application/vnd.docker.multiplexed-stream"

/* Clients before 1.42 were told "raw" in either case. */
static const char *stream_type(const struct api_call *call, bool tty)
{
	return !tty && call->version >= 42 ? TYPE_FRAMED : TYPE_RAW;
}

static void attach(struct api_call *call)
{
	struct container *c = api_container(call);
	if (!c)
		return;
	struct attach_options o = {
		.use_stdin = api_query_bool(call, "stdin"),
		.use_stdout = api_query_bool(call, "stdout"),
		.use_stderr = api_query_bool(call, "stderr"),
		.logs = api_query_bool(call, "logs"),
		.stream = api_query_bool(call, "stream"),
		.detach_keys = http_query(call->rq, "detachKeys"),
	};
	struct err e;
	if (attach_check(c, &o, &e) < 0) {
		api_reply_err(call, &e);
		return;
	}
	/* The query dies with the request. */
	auto_free char *keys = o.detach_keys ? strdup(o.detach_keys) : NULL;
	o.detach_keys = keys;
	struct http_stream *stream = http_hijack(call->rq, stream_type(call, c->config->tty));
	if (stream && attach_start(c, stream, &o, &e) < 0)
		http_stream_abort(stream);
	api_call_free(call);
}

/* ---- logs: pulled from the file at the speed at which the client takes them. */

struct log_reply {
	struct api_call *call;
	struct logread *reader;
};

#define LOG_LOW_WATER  (64 * 1024)
#define LOG_HIGH_WATER (256 * 1024)

static void log_reply_end(struct log_reply *l)
{
	logread_free(l->reader);
	api_call_free(l->call);
	free(l);
}

static void log_client_gone(struct http_request *rq, void *cookie)
{
	http_drop(rq);
	log_reply_end(cookie);
}

static void log_error_frame(struct http_request *rq, const char *text)
{
	size_t len = strlen(text);
	unsigned char head[8] = { 3, 0, 0, 0, (unsigned char)(len >> 24), (unsigned char)(len >> 16),
		(unsigned char)(len >> 8), (unsigned char)len };
	http_reply_write(rq, head, sizeof(head));
	http_reply_write(rq, text, len);
}

static void log_more(struct http_request *rq, void *cookie)
{
	struct log_reply *l = cookie;
	auto_(buf) struct buf piece = { 0 };
	struct err e;
	int r = 1;
	while (r > 0 && http_pending(rq) < LOG_HIGH_WATER) {
		buf_reset(&piece);
		r = logread_next(l->reader, &piece, &e);
		if (piece.len)
			http_reply_write(rq, piece.data, piece.len);
	}
	if (r > 0)
		return; /* goes on when the client has taken some */
	if (r < 0)
		log_error_frame(rq, e.text);
	http_reply_end(rq);
	log_reply_end(l);
}

static int log_options(
	const struct api_call *call, const struct container *c, struct logread_options *o, struct err *e)
{
	*o = (struct logread_options){
		.use_stdout = api_query_bool(call, "stdout"),
		.use_stderr = api_query_bool(call, "stderr"),
		.timestamps = api_query_bool(call, "timestamps"),
		.framed = !c->config->tty,
		.since_ns = CLOCK_NEVER,
		.until_ns = CLOCK_NEVER,
		.tail = logread_parse_tail(http_query(call->rq, "tail")),
	};
	if (!o->use_stdout && !o->use_stderr)
		return err_say(e, EINVAL, "Bad parameters: you must choose at least one stream");
	static const char *const keys[] = { "since", "until" };
	int64_t *const times[] = { &o->since_ns, &o->until_ns };
	for (size_t i = 0; i < ARRAY_LEN(keys); i++) {
		const char *text = http_query(call->rq, keys[i]);
		if (text && *text && strcmp(text, "0") != 0 && clock_parse_timestamp(text, times[i]) < 0)
			return err_say(e, EINVAL, "%s: \"%.64s\" is neither unix seconds nor a RFC 3339 time",
				keys[i], text);
	}
	if (api_query_bool(call, "follow") && c->actual.running)
		return err_say(e, ENOSYS,
			"following the logs of a running container is not built yet (leave -f out)");
	return 0;
}

static void logs(struct api_call *call)
{
	struct container *c = api_container(call);
	if (!c)
		return;
	struct logread_options o;
	struct logread *reader = NULL;
	struct err e;
	auto_free char *path = container_log_path(c);
	if (log_options(call, c, &o, &e) < 0 || (!path && err_set(&e, ENOMEM, "read logs")) ||
		logread_open(path, &o, &reader, &e) < 0) {
		api_reply_err(call, &e);
		return;
	}
	struct log_reply *l = malloc(sizeof(*l));
	if (!l) {
		logread_free(reader);
		api_reply_empty(call, 500);
		return;
	}
	*l = (struct log_reply){ call, reader };
	http_on_close(call->rq, log_client_gone, l);
	http_on_drain(call->rq, LOG_LOW_WATER, log_more, l);
	http_reply_begin(call->rq, 200, stream_type(call, c->config->tty), NULL);
	log_more(call->rq, l);
}

static const struct api_route routes[] = {
	{ "POST", "/containers/{}/attach", attach },
	{ "GET", "/containers/{}/logs", logs },
};
const struct api_routes api_stream_routes = { routes, ARRAY_LEN(routes) };

/* streams - what a container says: attach and logs. */
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/own.h"
#include "supervisor/api/api.h"
#include "supervisor/attach.h"
#include "supervisor/config.h"
#include "supervisor/container_log.h"
#include "supervisor/logfollow.h"
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
	const char *from = http_query(call->rq, "berth_from");
	struct err e;
	o.resume = api_query_bool(call, "berth_resume");
	o.from_given = from != NULL;
	int r = o.from_given && (!o.resume || attach_parse_position(from, &o.from) < 0)
		? err_say(&e, EINVAL, "berth_from: \"%.64s\" is no position", from)
		: attach_check(c, &o, &e);
	if (r < 0) {
		api_reply_err(call, &e);
		return;
	}
	/* The query dies with the request. */
	auto_free char *keys = o.detach_keys ? strdup(o.detach_keys) : NULL;
	o.detach_keys = keys;
	struct http_stream *stream = http_hijack(call->rq, stream_type(call, c->config->tty && !o.resume));
	if (stream && attach_start(c, stream, &o, &e) < 0)
		http_stream_abort(stream);
	api_call_free(call);
}

/* ---- logs */

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
		.live = api_query_bool(call, "follow"),
		.to = -1,
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
	return 0;
}

/* Ours to ask: `berth_resume` wants positions in the stream, `berth_from` goes on at one. */
static int resume_options(const struct api_call *call, struct logread_options *o, struct err *e)
{
	const char *from = http_query(call->rq, "berth_from");

	o->positions = api_query_bool(call, "berth_resume");
	o->framed |= o->positions;
	if (from && logread_parse_position(from, o) < 0)
		return err_say(e, EINVAL, "berth_from: \"%.64s\" is no position", from);
	return 0;
}

static void logs_done(void *cookie)
{
	api_call_free(cookie);
}

static void logs(struct api_call *call)
{
	struct container *c = api_container(call);
	if (!c)
		return;
	struct logread_options o;
	struct err e;
	auto_free char *details = api_query_bool(call, "details") ? container_log_details(c) : NULL;
	int r = log_options(call, c, &o, &e);
	o.details = details;
	if (r == 0)
		r = resume_options(call, &o, &e);
	if (r == 0 && c->config->log == CONFIG_LOG_NONE)
		r = err_say(&e, ENOSYS, "configured logging driver does not support reading");
	if (r == 0)
		r = logfollow_start(c, call->rq, stream_type(call, !o.framed), &o, logs_done, call, &e);
	if (r < 0)
		api_reply_err(call, &e);
}

static const struct api_route routes[] = {
	{ "POST", "/containers/{}/attach", attach },
	{ "GET", "/containers/{}/logs", logs },
};
const struct api_routes api_stream_routes = { routes, ARRAY_LEN(routes) };

/* archive - files out of a container and into it, streamed at the slower side's pace: its archive and its export. */
#include "supervisor/archive.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/clock.h"
#include "base/own.h"
#include "supervisor/api/api.h"
#include "supervisor/events.h"

#define HIGH_WATER (256 * 1024)
#define LOW_WATER  (64 * 1024)

#define STAT_HEADER "X-Docker-Container-Path-Stat"

struct out_call {
	struct api_call *call;
	struct archive_job *job;
	char id[TEXT_ID_LEN + 1];
	enum archive_op op;
};

/* ---------------------------------------------------------------- the path's description */

static void add_base64(char *out, const unsigned char *data, size_t len)
{
	static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

	for (size_t i = 0; i < len; i += 3) {
		size_t n = len - i < 3 ? len - i : 3;
		unsigned v = (unsigned)data[i] << 16;
		if (n > 1)
			v |= (unsigned)data[i + 1] << 8;
		if (n > 2)
			v |= data[i + 2];
		*out++ = digits[v >> 18];
		*out++ = digits[v >> 12 & 63];
		*out++ = n > 1 ? digits[v >> 6 & 63] : '=';
		*out++ = n > 2 ? digits[v & 63] : '=';
	}
	*out = '\0';
}

/* Go's io/fs.FileMode. */
static int64_t go_mode(uint32_t mode)
{
	static const struct {
		uint32_t type;
		int64_t bits;
	} types[] = { { S_IFDIR, 1LL << 31 }, { S_IFLNK, 1LL << 27 }, { S_IFBLK, 1LL << 26 },
		{ S_IFCHR, 1LL << 26 | 1LL << 21 }, { S_IFIFO, 1LL << 25 }, { S_IFSOCK, 1LL << 24 } };
	int64_t out = mode & 0777;

	for (size_t i = 0; i < ARRAY_LEN(types); i++)
		if ((mode & S_IFMT) == types[i].type)
			out |= types[i].bits;
	if (mode & S_ISUID)
		out |= 1 << 23;
	if (mode & S_ISGID)
		out |= 1 << 22;
	if (mode & S_ISVTX)
		out |= 1 << 20;
	return out;
}

/* A name is bytes; what is no text is shown as '?'. */
static json_t *text_of(const char *bytes)
{
	json_t *text = json_string(bytes);
	if (text)
		return text;
	auto_free char *copy = strdup(bytes);
	for (char *c = copy; c && *c; c++)
		if (*c & 0x80)
			*c = '?';
	return copy ? json_string(copy) : NULL;
}

/* The header's value; the caller frees it. */
static char *describe(const struct archive_stat *st)
{
	char time[CLOCK_TEXT_MAX];
	json_t *doc = json_pack("{s:o, s:I, s:I, s:s, s:o}", "name", text_of(st->name), "size",
		(json_int_t)st->size, "mode", (json_int_t)go_mode(st->mode), "mtime",
		clock_format_rfc3339(st->mtime_ns, time), "linkTarget", text_of(st->link_target));
	auto_free char *text = doc ? json_dumps(doc, JSON_COMPACT) : NULL;
	char *out = text ? malloc(strlen(text) / 3 * 4 + 5) : NULL;

	json_decref(doc);
	if (out)
		add_base64(out, (const unsigned char *)text, strlen(text));
	return out;
}

/* ---------------------------------------------------------------- out */

static void say(const struct out_call *o)
{
	struct container *c = container_by_id(o->call->engine, o->id);
	if (c && o->op != ARCHIVE_STAT)
		events_emit(c, o->op == ARCHIVE_GET ? "archive-path" : "export", NULL);
}

static void out_stat(void *cookie, const struct archive_stat *st)
{
	struct out_call *o = cookie;
	auto_free char *value = o->op == ARCHIVE_EXPORT ? NULL : describe(st);
	const char *headers[] = { value ? STAT_HEADER : NULL, value, NULL };

	say(o);
	if (o->op == ARCHIVE_STAT)
		http_reply_headers(o->call->rq, value ? 200 : 500, NULL, headers, NULL, 0);
	else
		http_reply_begin(o->call->rq, 200,
			o->op == ARCHIVE_GET ? "application/x-tar" : "application/octet-stream", headers);
	if (o->op == ARCHIVE_STAT)
		o->call->rq = NULL;
}

static void out_data(void *cookie, const char *data, size_t len)
{
	struct out_call *o = cookie;
	http_reply_write(o->call->rq, data, len);
	if (http_pending(o->call->rq) > HIGH_WATER)
		archive_pause(o->job);
}

static void out_drained(struct http_request *rq, void *cookie)
{
	struct out_call *o = cookie;
	(void)rq;
	archive_resume(o->job);
}

static void out_done(void *cookie, int r, const struct err *e)
{
	struct out_call *o = cookie;
	struct api_call *call = o->call;

	free(o);
	if (!call->rq) { /* a HEAD, answered */
		api_call_free(call);
	} else if (!http_replying(call->rq)) {
		api_reply_err(call, e);
	} else {
		if (r < 0) {
			log_warn("archive-cut", "container=%s err=\"%s\" action=drop-client", call->param[0],
				e->text);
			http_drop(call->rq);
		} else {
			http_reply_end(call->rq);
		}
		api_call_free(call);
	}
}

static void out_closed(struct http_request *rq, void *cookie)
{
	struct out_call *o = cookie;
	archive_cancel(o->job);
	http_drop(rq);
	api_call_free(o->call);
	free(o);
}

static void send_out(struct api_call *call, enum archive_op op, const char *path)
{
	static const struct archive_ops ops = { .on_stat = out_stat, .on_data = out_data, .done = out_done };
	struct container *c = api_container(call);
	if (!c)
		return;
	struct archive_request rq = { .op = op, .path = path, .ref = call->param[0] };
	struct out_call *o = calloc(1, sizeof(*o));
	struct err e;
	int r = o ? 0 : err_set(&e, ENOMEM, "archive");

	if (r == 0) {
		*o = (struct out_call){ .call = call, .op = op };
		memcpy(o->id, c->id, sizeof(o->id));
		r = archive_start(c, &rq, &ops, o, &o->job, &e);
	}
	if (r < 0) {
		free(o);
		api_reply_err(call, &e);
		return;
	}
	http_on_close(call->rq, out_closed, o);
	http_on_drain(call->rq, LOW_WATER, out_drained, o);
}

static void send_path(struct api_call *call, enum archive_op op)
{
	const char *path = http_query(call->rq, "path");
	struct err e;

	if (path && *path) {
		send_out(call, op, path);
		return;
	}
	(void)err_say(&e, EINVAL, "bad parameter: path cannot be empty");
	api_reply_err(call, &e);
}

static void head_archive(struct api_call *call)
{
	send_path(call, ARCHIVE_STAT);
}

static void get_archive(struct api_call *call)
{
	send_path(call, ARCHIVE_GET);
}

static void get_export(struct api_call *call)
{
	send_out(call, ARCHIVE_EXPORT, NULL);
}

/* ---------------------------------------------------------------- in */

struct in_call {
	struct api_call *call;
	struct archive_job *job;
	char id[TEXT_ID_LEN + 1];
};

static void in_body(struct http_request *rq, const char *data, size_t len, void *cookie)
{
	struct in_call *i = cookie;
	if (!archive_feed(i->job, data, len))
		http_pause_body(rq);
}

static void in_drained(void *cookie)
{
	struct in_call *i = cookie;
	http_resume_body(i->call->rq);
}

static void in_lost(struct in_call *i)
{
	archive_cancel(i->job);
	api_call_free(i->call);
	free(i);
}

static void in_body_end(struct http_request *rq, int r, void *cookie)
{
	struct in_call *i = cookie;
	(void)rq;

	if (r < 0)
		in_lost(i); /* the request has ended itself */
	else
		archive_feed_end(i->job);
}

static void in_closed(struct http_request *rq, void *cookie)
{
	http_drop(rq);
	in_lost(cookie);
}

static void in_done(void *cookie, int r, const struct err *e)
{
	struct in_call *i = cookie;
	struct api_call *call = i->call;
	struct container *c = container_by_id(call->engine, i->id);

	free(i);
	if (r < 0) {
		api_reply_err(call, e);
		return;
	}
	if (c)
		events_emit(c, "extract-to-dir", NULL);
	api_reply_empty(call, 200);
}

static void put_archive(struct api_call *call)
{
	static const struct archive_ops ops = { .on_drain = in_drained, .done = in_done };
	struct container *c = api_container(call);
	if (!c)
		return;
	const char *path = http_query(call->rq, "path");
	struct archive_request rq = {
		.op = ARCHIVE_PUT,
		.path = path,
		.ref = call->param[0],
		.no_overwrite_dir_non_dir = api_query_bool(call, "noOverwriteDirNonDir"),
		.copy_ids = api_query_bool(call, "copyUIDGID"),
	};
	struct in_call *i = calloc(1, sizeof(*i));
	struct err e;
	int r = i ? 0 : err_set(&e, ENOMEM, "archive");

	if (r == 0 && (!path || !*path))
		r = err_say(&e, EINVAL, "bad parameter: path cannot be empty");
	if (r == 0) {
		*i = (struct in_call){ .call = call };
		memcpy(i->id, c->id, sizeof(i->id));
		r = archive_start(c, &rq, &ops, i, &i->job, &e);
	}
	if (r < 0) {
		free(i);
		api_reply_err(call, &e);
		return;
	}
	http_on_close(call->rq, in_closed, i);
	http_stream_body(call->rq, in_body, in_body_end, i);
}

static const struct api_route routes[] = {
	{ "HEAD", "/containers/{}/archive", head_archive },
	{ "GET", "/containers/{}/archive", get_archive },
	{ "PUT", "/containers/{}/archive", put_archive },
	{ "GET", "/containers/{}/export", get_export },
};
const struct api_routes api_archive_routes = { routes, ARRAY_LEN(routes) };

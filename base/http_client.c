#include "base/http_wire.h"

#include <errno.h>
#include <event2/buffer.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <sys/un.h>

#define CONNECT_SECONDS 10
#define LOW_WATER	(64 * 1024)

struct http_client {
	struct event_base *base;
	struct bufferevent *bev;
	const struct http_client_ops *ops;
	void *cookie;
	http_parser parser;
	struct http_head head;
	struct event kick;
	unsigned busy;
	bool ended; /* free when not busy */
	bool over;  /* the last callback has been made */
	bool head_request, upgrade, streaming_body, body_ended;
	bool head_complete, complete, raw;
	bool eof, paused, above, deaf;
	int failed; /* errno of a broken connection */
};

static void client_release(struct http_client *c)
{
	if (!c->ended || c->busy)
		return;
	(void)event_del(&c->kick);
	if (c->bev)
		bufferevent_free(c->bev);
	http_head_done(&c->head);
	free(c);
}

void http_client_free(struct http_client *c)
{
	if (!c)
		return;
	c->ended = true;
	client_release(c);
}

/* ---------------------------------------------------------------- parser callbacks */

static int on_name(http_parser *p, const char *at, size_t len)
{
	struct http_client *c = p->data;
	return c->head_complete ? 0 : http_head_add_name(&c->head, at, len);
}

static int on_value(http_parser *p, const char *at, size_t len)
{
	struct http_client *c = p->data;
	return c->head_complete ? 0 : http_head_add_value(&c->head, at, len);
}

static bool is_raw_type(const char *type)
{
	return type &&
		(strcasecmp(type, "application/vnd.docker.raw-stream") == 0 ||
			strcasecmp(type, "application/vnd.docker.multiplexed-stream") == 0);
}

static int on_headers_complete(http_parser *p)
{
	struct http_client *c = p->data;
	if (http_head_close(&c->head) < 0)
		return -1;
	if (p->status_code >= 100 && p->status_code < 200 && p->status_code != 101)
		return 1; /* an interim answer; the real one follows */
	c->head_complete = true;
	c->raw = p->status_code == 101 ||
		(c->upgrade && p->status_code == 200 && is_raw_type(http_head_get(&c->head, "Content-Type")));
	if (c->ops->on_reply)
		c->ops->on_reply(c, p->status_code, c->cookie);
	if (c->ended)
		return -1;
	if (c->raw)
		return 2;
	return c->head_request ? 1 : 0;
}

static int on_body(http_parser *p, const char *at, size_t len)
{
	struct http_client *c = p->data;
	if (c->ended)
		return -1;
	if (c->ops->on_data)
		c->ops->on_data(c, at, len, c->cookie);
	if (c->paused || c->ended)
		http_parser_pause(p, 1);
	return 0;
}

static int on_complete(http_parser *p)
{
	struct http_client *c = p->data;
	c->complete = true;
	http_parser_pause(p, 1);
	return 0;
}

static const http_parser_settings settings = {
	.on_header_field = on_name,
	.on_header_value = on_value,
	.on_headers_complete = on_headers_complete,
	.on_body = on_body,
	.on_message_complete = on_complete,
};

/* ---------------------------------------------------------------- the step */

static void fail(struct http_client *c, int code, const char *why)
{
	struct err e;
	if (c->over || c->ended)
		return;
	c->over = true;
	if (code == EPROTO)
		(void)err_say(&e, code, "%s", why);
	else
		(void)err_set(&e, code, "%s", why);
	if (c->ops->on_error)
		c->ops->on_error(c, &e, c->cookie);
}

static void begin_answer(struct http_client *c)
{
	http_head_done(&c->head);
	http_parser_init(&c->parser, HTTP_RESPONSE);
	c->parser.data = c;
	c->head_complete = c->complete = false;
}

static void hand_over_stream(struct http_client *c)
{
	struct http_stream *stream;
	struct http_stream_setup setup = {
		.base = c->base,
		.bev = c->bev,
		.peer_eof = c->eof,
		.read_past_error = true,
		.high_water = SIZE_MAX,
	};
	c->over = true;
	if (http_stream_new(&setup, &stream) < 0) {
		c->over = false;
		fail(c, ENOMEM, "take the stream over");
		return;
	}
	c->bev = NULL;
	if (c->ops->on_stream)
		c->ops->on_stream(c, stream, c->cookie);
	else
		http_stream_abort(stream);
}

static void answer_complete(struct http_client *c)
{
	if (!c->head_complete) {
		begin_answer(c); /* that was an interim one */
	} else if (c->raw) {
		hand_over_stream(c);
	} else {
		c->over = true;
		if (c->ops->on_end)
			c->ops->on_end(c, c->cookie);
	}
}

static bool parse_some(struct http_client *c)
{
	struct evbuffer *in = bufferevent_get_input(c->bev);
	struct evbuffer_iovec v = { .iov_base = "" };
	bool any = evbuffer_get_length(in) > 0 && evbuffer_peek(in, -1, NULL, &v, 1) > 0;
	if (!any && !c->eof)
		return false;
	http_parser_pause(&c->parser, 0);
	size_t n = http_parser_execute(&c->parser, &settings, v.iov_base, any ? v.iov_len : 0);
	if (any)
		(void)evbuffer_drain(in, n < v.iov_len ? n : v.iov_len);
	enum http_errno bad = HTTP_PARSER_ERRNO(&c->parser);
	if (c->ended)
		return false;
	if (c->complete) {
		answer_complete(c);
	} else if (bad != HPE_OK && bad != HPE_PAUSED && bad != HPE_INVALID_EOF_STATE) {
		char why[128];
		(void)snprintf(
			why, sizeof(why), "the server's answer is not HTTP: %s", http_errno_description(bad));
		fail(c, EPROTO, why);
	} else if (!any) {
		fail(c, c->failed ? c->failed : ECONNRESET,
			c->failed ? "read the server's answer"
				  : "the server closed the connection before its answer was whole");
	}
	return any;
}

static void client_process(struct http_client *c)
{
	c->busy++;
	while (!c->ended && !c->over && !c->paused && parse_some(c))
		;
	if (!c->ended && c->bev)
		http_regulate_input(c->bev, !c->eof && !c->over);
	c->busy--;
	client_release(c);
}

static void on_read(struct bufferevent *bev, void *arg)
{
	(void)bev;
	client_process(arg);
}

static void on_write(struct bufferevent *bev, void *arg)
{
	struct http_client *c = arg;
	(void)bev;
	if (!c->above || c->over || http_client_pending(c) > LOW_WATER)
		return;
	c->above = false;
	c->busy++;
	if (c->ops->on_drain)
		c->ops->on_drain(c, c->cookie);
	c->busy--;
	client_release(c);
}

static void on_event(struct bufferevent *bev, short what, void *arg)
{
	struct http_client *c = arg;
	if ((what & BEV_EVENT_ERROR) && (what & BEV_EVENT_WRITING) && !c->eof) {
		/* The server takes no more, but may have answered already: go on reading. */
		struct evbuffer *out = bufferevent_get_output(bev);
		(void)evbuffer_drain(out, evbuffer_get_length(out));
		c->deaf = true;
	} else if (what & (BEV_EVENT_EOF | BEV_EVENT_ERROR)) {
		c->eof = true;
		c->failed = what & BEV_EVENT_ERROR ? EVUTIL_SOCKET_ERROR() : 0;
	}
	client_process(c);
}

static void on_kick(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	client_process(arg);
}

/* ---------------------------------------------------------------- calls */

static int connect_unix(const char *path, struct err *e)
{
	struct sockaddr_un addr = { .sun_family = AF_UNIX };
	if (strlen(path) >= sizeof(addr.sun_path))
		return err_set(e, ENAMETOOLONG, "connect to %s", path);
	memcpy(addr.sun_path, path, strlen(path) + 1);
	auto_close int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return err_set(e, errno, "make a socket");
	/* connect(2) waits only while the listener's queue is full; a non-blocking one could not be polled for that. */
	struct timeval tv = { CONNECT_SECONDS, 0 };
	if (setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &tv, sizeof(tv)) < 0)
		return err_set(e, errno, "set the socket's timeout");
	if (connect(fd, (struct sockaddr *)&addr, sizeof(addr)) < 0)
		return err_set(e, errno == EAGAIN ? ETIMEDOUT : errno, "connect to %s", path);
	if (evutil_make_socket_nonblocking(fd) < 0)
		return err_set(e, errno, "make the socket non-blocking");
	return take_fd(&fd);
}

static int send_request(struct http_client *c, const struct http_client_request *rq)
{
	auto_(buf) struct buf out = { 0 };
	int r = buf_printf(&out, "%s %s HTTP/1.1\r\nHost: berth\r\nUser-Agent: berth/" BERTH_VERSION "\r\n",
		rq->method, rq->target);
	if (r == 0 && rq->content_type)
		r = http_add_headers(&out, (const char *[]){ "Content-Type", rq->content_type, NULL });
	if (r == 0)
		r = http_add_headers(&out, rq->headers);
	if (r == 0)
		r = buf_puts(&out,
			rq->upgrade ? "Connection: Upgrade\r\nUpgrade: tcp\r\n" : "Connection: close\r\n");
	if (r == 0 && rq->stream_body)
		r = buf_puts(&out, "Transfer-Encoding: chunked\r\n");
	else if (r == 0 && (rq->body || strcmp(rq->method, "POST") == 0 || strcmp(rq->method, "PUT") == 0))
		r = buf_printf(&out, "Content-Length: %zu\r\n", rq->body ? rq->body_len : 0);
	if (r == 0)
		r = buf_puts(&out, "\r\n");
	if (r == 0 && rq->body && !rq->stream_body)
		r = buf_add(&out, rq->body, rq->body_len);
	if (r == 0 && bufferevent_write(c->bev, out.data, out.len) < 0)
		r = -ENOMEM;
	return r;
}

int http_client_start(struct event_base *base, const struct http_client_request *rq,
	const struct http_client_ops *ops, void *cookie, struct http_client **out, struct err *e)
{
	http_wire_init();
	auto_close int fd = connect_unix(rq->socket_path, e);
	if (fd < 0)
		return fd;
	struct http_client *c = calloc(1, sizeof(*c));
	if (!c)
		return err_set(e, ENOMEM, "connect to %s", rq->socket_path);
	c->base = base;
	c->ops = ops;
	c->cookie = cookie;
	c->upgrade = rq->upgrade;
	c->streaming_body = rq->stream_body;
	c->head_request = strcmp(rq->method, "HEAD") == 0;
	(void)event_assign(&c->kick, base, -1, 0, on_kick, c);
	begin_answer(c);
	c->bev = bufferevent_socket_new(base, fd, BEV_OPT_CLOSE_ON_FREE);
	if (c->bev)
		(void)take_fd(&fd);
	int r = c->bev ? send_request(c, rq) : -ENOMEM;
	if (r < 0) {
		http_client_free(c);
		return err_set(e, -r, "send %s %s", rq->method, rq->target);
	}
	bufferevent_setcb(c->bev, on_read, on_write, on_event, c);
	bufferevent_setwatermark(c->bev, EV_WRITE, LOW_WATER, 0);
	(void)bufferevent_enable(c->bev, EV_READ | EV_WRITE);
	*out = c;
	return 0;
}

const char *http_client_header(const struct http_client *c, const char *name)
{
	return c->head_complete ? http_head_get(&c->head, name) : NULL;
}

int http_client_write(struct http_client *c, const void *data, size_t len)
{
	if (!c->bev || c->deaf || c->over)
		return -EPIPE;
	if (len == 0)
		return 0;
	struct evbuffer *out = bufferevent_get_output(c->bev);
	if (evbuffer_add_printf(out, "%zx\r\n", len) < 0 || evbuffer_add(out, data, len) < 0 ||
		evbuffer_add(out, "\r\n", 2) < 0)
		return -ENOMEM;
	if (evbuffer_get_length(out) > LOW_WATER)
		c->above = true;
	return 0;
}

void http_client_write_end(struct http_client *c)
{
	if (!c->bev || c->deaf || c->over || c->body_ended || !c->streaming_body)
		return;
	c->body_ended = true;
	(void)bufferevent_write(
		c->bev, "0\r\n\r\n", 5); /* without it the server waits, and its deadline ends that */
}

size_t http_client_pending(const struct http_client *c)
{
	return c->bev ? evbuffer_get_length(bufferevent_get_output(c->bev)) : 0;
}

void http_client_pause(struct http_client *c)
{
	c->paused = true;
}

void http_client_resume(struct http_client *c)
{
	c->paused = false;
	event_active(&c->kick, EV_READ, 0);
}

/* ---------------------------------------------------------------- one call, blocking */

struct call {
	struct event_base *base;
	struct buf *out;
	int status;
	int r;
	bool done;
	struct err e;
};

static void call_reply(struct http_client *c, int status, void *cookie)
{
	struct call *call = cookie;
	(void)c;
	call->status = status;
}

static void call_data(struct http_client *c, const char *data, size_t len, void *cookie)
{
	struct call *call = cookie;
	(void)c;
	if (call->r == 0 && call->out && buf_add(call->out, data, len) < 0)
		call->r = err_set(&call->e, ENOMEM, "keep the server's answer");
}

static void call_end(struct http_client *c, void *cookie)
{
	struct call *call = cookie;
	(void)c;
	call->done = true;
	(void)event_base_loopbreak(call->base);
}

static void call_error(struct http_client *c, const struct err *e, void *cookie)
{
	struct call *call = cookie;
	call->r = -e->code;
	call->e = *e;
	call_end(c, cookie);
}

int http_call(const char *socket_path, const char *method, const char *target, const char *body,
	size_t body_len, int *out_status, struct buf *out, struct err *e)
{
	static const struct http_client_ops ops = {
		.on_reply = call_reply,
		.on_data = call_data,
		.on_end = call_end,
		.on_error = call_error,
	};
	struct call call = { .out = out, .base = event_base_new() };
	struct http_client *client = NULL;
	if (!call.base)
		return err_set(e, ENOMEM, "make an event loop");
	struct http_client_request rq = {
		.socket_path = socket_path,
		.method = method,
		.target = target,
		.content_type = body ? "application/json" : NULL,
		.body = body,
		.body_len = body_len,
	};
	int r = http_client_start(call.base, &rq, &ops, &call, &client, e);
	if (r == 0) {
		while (!call.done && event_base_dispatch(call.base) == 0)
			;
		r = call.r;
		if (r < 0 && e)
			*e = call.e;
		if (r == 0 && !call.done)
			r = err_set(e, EIO, "run the event loop");
	}
	http_client_free(client);
	event_base_free(call.base);
	if (r == 0)
		*out_status = call.status;
	return r;
}

#include "base/http_conn.h"

#include <errno.h>
#include <event2/buffer.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>

#include "base/json.h"

#define LINGER_MS      2000
#define ACCEPT_BATCH   64
#define RETRY_MS       100
#define CONTINUE_REPLY "HTTP/1.1 100 Continue\r\n\r\n"

static const struct http_limits default_limits = {
	.max_connections = 1024,
	.header_ms = 10000,
	.idle_ms = 60000,
	.body_ms = 30000,
	.stall_ms = 30000,
	.high_water = 1 << 20,
};

/* ---------------------------------------------------------------- connections */

static void server_release(struct http_server *s)
{
	if (!s->ended || s->busy)
		return;
	buf_done(&s->headers);
	free(s);
}

static void conn_release(struct conn *c)
{
	if (!c->dead || c->busy)
		return;
	(void)event_del(&c->kick);
	(void)event_del(&c->timer);
	http_watch_stop(&c->watch);
	list_remove(&c->link);
	if (c->bev)
		bufferevent_free(c->bev);
	c->server->count--;
	c->server->busy--;
	server_release(c->server);
	free(c);
}

static void set_deadline(struct conn *c, unsigned ms)
{
	struct timeval tv = { ms / 1000, (ms % 1000) * 1000L };
	(void)event_add(&c->timer, &tv);
}

static void conn_lose(struct conn *c, int r)
{
	if (c->dead)
		return;
	c->busy++;
	c->dead = true;
	struct http_request *rq = c->rq;
	c->rq = NULL;
	if (rq)
		http_request_lose(rq, r);
	c->busy--;
	conn_release(c);
}

void conn_close(struct conn *c)
{
	c->phase = CONN_CLOSE;
	(void)event_del(&c->timer);
	bufferevent_setwatermark(c->bev, EV_WRITE, 0, 0);
	conn_kick(c);
}

void conn_kick(struct conn *c)
{
	event_active(&c->kick, EV_READ, 0);
}

void conn_give_away(struct conn *c)
{
	c->bev = NULL;
	c->rq = NULL;
	c->dead = true;
	http_watch_stop(&c->watch);
	conn_kick(c); /* freed from there, or where a frame of ours lets go */
}

void conn_request_ended(struct conn *c)
{
	c->rq = NULL;
	if (c->dead)
		return;
	if (c->phase == CONN_WAIT && c->keep) {
		c->phase = CONN_IDLE;
		set_deadline(c, c->server->limits.idle_ms);
		conn_kick(c);
	} else {
		conn_close(c);
	}
}

/* The server's own answer to a message that it does not hand on (any further). */
static void refuse(struct conn *c, int status, const char *why)
{
	struct http_request *rq = c->rq;
	if (!rq || !rq->begun) {
		auto_(json) json_t *o = json_pack("{s:s}", "message", why);
		auto_free char *text = o ? json_dumps(o, JSON_COMPACT) : NULL;
		if (text)
			(void)evbuffer_add_printf(bufferevent_get_output(c->bev),
				"HTTP/1.1 %d %s\r\n%sContent-Type: application/json\r\nContent-Length: %zu\r\n"
				"Connection: close\r\n\r\n%s",
				status, http_reason(status),
				c->server->headers.data ? c->server->headers.data : "", strlen(text), text);
	}
	c->rq = NULL;
	conn_close(c);
	if (rq)
		http_request_lose(rq, status == 413 ? -EFBIG : status == 408 ? -ETIMEDOUT : -EPROTO);
}

/* ---------------------------------------------------------------- parser callbacks */

static int on_url(http_parser *p, const char *at, size_t len)
{
	struct conn *c = p->data;
	return buf_add(&c->rq->head.url, at, len);
}

static int on_name(http_parser *p, const char *at, size_t len)
{
	struct conn *c = p->data;
	return http_head_add_name(&c->rq->head, at, len);
}

static int on_value(http_parser *p, const char *at, size_t len)
{
	struct conn *c = p->data;
	return http_head_add_value(&c->rq->head, at, len);
}

static int check_head(struct conn *c)
{
	struct http_request *rq = c->rq;
	if (c->parser.http_major != 1 || c->parser.http_minor > 1)
		return 505;
	int status = rq->head.url.data ? http_request_set_target(rq, rq->head.url.data) : 400;
	if (status)
		return status;
	const char *coding = http_head_get(&rq->head, "Transfer-Encoding");
	if (coding && strcasecmp(coding, "chunked") != 0)
		return 501;
	const char *expect = http_head_get(&rq->head, "Expect");
	if (expect && strcasecmp(expect, "100-continue") != 0)
		return 417;
	rq->expect = expect && !rq->http10;
	return 0;
}

static bool has_body(const http_parser *p)
{
	return (p->flags & F_CHUNKED) || (p->content_length > 0 && p->content_length != UINT64_MAX);
}

static int on_headers_complete(http_parser *p)
{
	struct conn *c = p->data;
	struct http_request *rq = c->rq;
	if (c->phase != CONN_HEAD)
		return 0; /* a chunked body's trailers */
	if (http_head_close(&rq->head) < 0)
		return -1;
	rq->method = http_method_str((enum http_method)p->method);
	rq->is_head = p->method == HTTP_HEAD;
	rq->http10 = p->http_minor == 0;
	rq->upgrade = p->upgrade;
	c->keep = http_should_keep_alive(p);
	c->refuse = check_head(c);
	c->fresh = true;
	c->phase = CONN_BODY;
	if (c->refuse || has_body(p))
		http_parser_pause(p, 1); /* the handler decides how the body is read */
	return 0;
}

static int on_body(http_parser *p, const char *at, size_t len)
{
	struct conn *c = p->data;
	struct http_request *rq = c->rq;
	if (!rq || rq->reader == READ_NONE)
		return 0; /* skipped */
	if (rq->reader == READ_GATHER) {
		if (rq->body.len + len > rq->max_bytes) {
			c->refuse = 413;
			return -1;
		}
		return buf_add(&rq->body, at, len);
	}
	rq->on_body(rq, at, len, rq->body_cookie);
	if (c->dead || c->rq != rq || rq->paused)
		http_parser_pause(p, 1);
	return 0;
}

static int on_complete(http_parser *p)
{
	struct conn *c = p->data;
	c->phase = c->phase == CONN_BODY ? CONN_WAIT : c->phase;
	http_parser_pause(p, 1); /* the next message waits for this one's answer */
	return 0;
}

static const http_parser_settings settings = {
	.on_url = on_url,
	.on_header_field = on_name,
	.on_header_value = on_value,
	.on_headers_complete = on_headers_complete,
	.on_body = on_body,
	.on_message_complete = on_complete,
};

/* ---------------------------------------------------------------- the step */

/* Feed one run of input to the parser, at most max bytes. */
static void parse_some(struct conn *c, size_t max)
{
	struct evbuffer *in = bufferevent_get_input(c->bev);
	struct evbuffer_iovec v;
	if (evbuffer_peek(in, -1, NULL, &v, 1) < 1)
		return;
	size_t len = v.iov_len < max ? v.iov_len : max;
	http_parser_pause(&c->parser, 0);
	c->in_parser = true;
	size_t n = http_parser_execute(&c->parser, &settings, v.iov_base, len);
	c->in_parser = false;
	(void)evbuffer_drain(in, n < len ? n : len);
	enum http_errno bad = HTTP_PARSER_ERRNO(&c->parser);
	if (c->dead || c->refuse || bad == HPE_OK || bad == HPE_PAUSED)
		return;
	c->refuse = bad == HPE_HEADER_OVERFLOW ? 431 : bad == HPE_CB_body ? 500 : 400;
}

static const char *why_refused(const struct conn *c)
{
	switch (c->refuse) {
	case 413:
		return "request body too large";
	case 417:
		return "unknown expectation";
	case 431:
		return "request headers too large";
	case 500:
		return "out of memory";
	case 501:
		return "unknown transfer coding";
	case 505:
		return "only HTTP/1.0 and HTTP/1.1 are spoken here";
	default:
		break;
	}
	enum http_errno bad = HTTP_PARSER_ERRNO(&c->parser);
	return bad == HPE_OK || bad == HPE_PAUSED ? "bad request target" : http_errno_description(bad);
}

static bool begin_message(struct conn *c)
{
	c->rq = http_request_new(c->server->base);
	if (!c->rq)
		return false;
	c->rq->conn = c;
	c->refuse = 0;
	http_parser_init(&c->parser, HTTP_REQUEST);
	c->parser.data = c;
	c->phase = CONN_HEAD;
	set_deadline(c, c->server->limits.header_ms);
	return true;
}

/* The whole body is here: tell its reader. */
static void finish_body(struct http_request *rq)
{
	rq->body_done = true;
	if (rq->reader == READ_GATHER)
		rq->done(rq, rq->body.data ? rq->body.data : "", rq->body.len, 0, rq->body_cookie);
	else
		rq->on_body_end(rq, 0, rq->body_cookie);
}

static void start_reading(struct conn *c)
{
	struct http_request *rq = c->rq;
	if (rq->reader == READ_GATHER && !(c->parser.flags & F_CHUNKED) && !rq->body.len &&
		c->parser.content_length > rq->max_bytes) {
		c->refuse = 413;
		return;
	}
	if (rq->expect) {
		rq->expect = false;
		if (!rq->begun && evbuffer_get_length(bufferevent_get_input(c->bev)) == 0)
			(void)bufferevent_write(c->bev, CONTINUE_REPLY, strlen(CONTINUE_REPLY));
	}
}

/* A peer that has only ended its sending may still want its answer; one that is gone does not. */
static void on_watch(evutil_socket_t fd, short what, void *arg)
{
	struct conn *c = arg;
	(void)fd;
	(void)what;
	if (http_hung_up(c->fd) && c->phase != CONN_CLOSE && c->phase != CONN_LINGER)
		conn_lose(c, -ECONNRESET);
}

static void no_more_input(struct conn *c)
{
	switch (c->phase) {
	case CONN_IDLE:
		conn_close(c);
		break;
	case CONN_HEAD:
	case CONN_BODY:
		conn_lose(c, -ECONNRESET);
		break;
	default:
		break;
	}
}

/* Returns whether something was moved, so that another step may do more. */
static bool step_message(struct conn *c)
{
	struct evbuffer *in = bufferevent_get_input(c->bev);
	struct http_request *rq = c->rq;

	if (c->phase == CONN_BODY && rq && (rq->reader == READ_NONE || rq->paused)) {
		(void)event_del(&c->timer);
		return false;
	}
	if (c->phase == CONN_BODY && rq)
		start_reading(c);
	if (!c->refuse && evbuffer_get_length(in) == 0) {
		if (c->eof)
			no_more_input(c);
		else if (c->phase == CONN_BODY)
			set_deadline(c, c->server->limits.body_ms);
		return false;
	}
	if (c->phase == CONN_IDLE && !begin_message(c)) {
		conn_lose(c, -ENOMEM);
		return false;
	}
	if (!c->refuse)
		parse_some(c, SIZE_MAX);
	if (c->fresh && c->phase == CONN_BODY && !c->refuse)
		parse_some(c, 1); /* paused before the newline that ends the headers */
	if (c->dead)
		return false;
	if (c->refuse) {
		refuse(c, c->refuse, why_refused(c));
		return false;
	}
	if (c->fresh) {
		c->fresh = false;
		(void)event_del(&c->timer);
		c->rq->handed = true;
		c->server->handler(c->rq, c->server->cookie);
	}
	return true;
}

static bool conn_step(struct conn *c)
{
	struct evbuffer *in = bufferevent_get_input(c->bev);
	size_t queued = evbuffer_get_length(bufferevent_get_output(c->bev));

	switch (c->phase) {
	case CONN_IDLE:
	case CONN_HEAD:
	case CONN_BODY:
		return step_message(c);
	case CONN_WAIT:
		(void)event_del(&c->timer);
		if (c->rq && c->rq->reader != READ_NONE && !c->rq->body_done && !c->rq->paused) {
			finish_body(c->rq);
			return true;
		}
		return false;
	case CONN_CLOSE:
		if (queued > 0)
			return false;
		(void)shutdown(c->fd, SHUT_WR);
		c->phase = CONN_LINGER;
		set_deadline(c, LINGER_MS);
		return true;
	case CONN_LINGER:
		(void)evbuffer_drain(in, evbuffer_get_length(in));
		if (c->eof)
			conn_lose(c, -ECONNRESET);
		return false;
	}
	return false;
}

static void conn_process(struct conn *c)
{
	c->busy++;
	while (!c->dead && conn_step(c))
		;
	if (!c->dead)
		http_regulate_input(c->bev, !c->eof);
	c->busy--;
	conn_release(c);
}

bool conn_skip_body(struct conn *c)
{
	if (c->in_parser || c->dead || c->phase != CONN_BODY)
		return c->phase == CONN_WAIT;
	struct evbuffer *in = bufferevent_get_input(c->bev);
	c->rq->reader = READ_NONE;
	while (c->phase == CONN_BODY && !c->refuse && evbuffer_get_length(in) > 0)
		parse_some(c, SIZE_MAX);
	return c->phase == CONN_WAIT;
}

/* ---------------------------------------------------------------- events */

static void on_read(struct bufferevent *bev, void *arg)
{
	(void)bev;
	conn_process(arg);
}

static void on_write(struct bufferevent *bev, void *arg)
{
	struct conn *c = arg;
	(void)bev;
	c->busy++;
	if (c->rq)
		http_request_tell_drain(c->rq);
	c->busy--;
	conn_process(c);
}

static void on_event(struct bufferevent *bev, short what, void *arg)
{
	struct conn *c = arg;
	if (what & BEV_EVENT_EOF) {
		c->eof = true;
		/* Without a watch (no descriptor left) a peer that is gone is seen by the next write. */
		if (c->phase != CONN_CLOSE)
			(void)http_watch_start(&c->watch, c->server->base, c->fd, on_watch, c);
		conn_process(c);
	} else if (what & BEV_EVENT_TIMEOUT) {
		size_t queued = evbuffer_get_length(bufferevent_get_output(bev));
		if (c->phase == CONN_CLOSE || queued > c->server->limits.high_water)
			conn_lose(c, -ETIMEDOUT);
		else
			(void)bufferevent_enable(bev, EV_WRITE);
	} else if (what & BEV_EVENT_ERROR) {
		conn_lose(c, -ECONNRESET);
	}
}

static void on_kick(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	conn_process(arg);
}

static void on_timer(evutil_socket_t fd, short what, void *arg)
{
	struct conn *c = arg;
	(void)fd;
	(void)what;
	c->busy++;
	if (c->phase == CONN_HEAD || c->phase == CONN_BODY)
		refuse(c, 408,
			c->phase == CONN_HEAD ? "the request's headers did not come in time"
					      : "the request's body did not come in time");
	else if (c->phase == CONN_IDLE)
		conn_close(c);
	else
		conn_lose(c, -ETIMEDOUT);
	c->busy--;
	conn_release(c);
}

/* ---------------------------------------------------------------- the listener */

static void accept_one(struct http_server *s, int client)
{
	auto_close int fd = client;
	if (s->count >= s->limits.max_connections) {
		static const char busy[] =
			"HTTP/1.1 503 Service Unavailable\r\nContent-Type: application/json\r\n"
			"Content-Length: 34\r\nConnection: close\r\n\r\n"
			"{\"message\":\"too many connections\"}";
		(void)send(fd, busy, sizeof(busy) - 1, MSG_DONTWAIT | MSG_NOSIGNAL); /* best effort */
		return;
	}
	struct conn *c = calloc(1, sizeof(*c));
	if (!c)
		return;
	c->bev = bufferevent_socket_new(s->base, fd, BEV_OPT_CLOSE_ON_FREE);
	if (!c->bev) {
		free(c);
		return;
	}
	c->fd = take_fd(&fd);
	c->server = s;
	http_watch_init(&c->watch);
	(void)event_assign(&c->kick, s->base, -1, 0, on_kick, c);
	(void)event_assign(&c->timer, s->base, -1, 0, on_timer, c);
	list_append(&s->conns, &c->link);
	s->count++;
	s->busy++;
	bufferevent_setcb(c->bev, on_read, on_write, on_event, c);
	struct timeval stall = { s->limits.stall_ms / 1000, (s->limits.stall_ms % 1000) * 1000L };
	(void)bufferevent_set_timeouts(c->bev, NULL, &stall);
	/* Writing is on from the start; to enable it again would make the loop wait for an empty socket to take nothing. */
	(void)bufferevent_enable(c->bev, EV_READ);
	set_deadline(c, s->limits.idle_ms);
}

static void on_accept(evutil_socket_t fd, short what, void *arg)
{
	struct http_server *s = arg;
	(void)what;
	for (int i = 0; i < ACCEPT_BATCH; i++) {
		int client = accept4(fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
		if (client >= 0) {
			accept_one(s, client);
		} else if (errno == EMFILE || errno == ENFILE || errno == ENOMEM || errno == ENOBUFS) {
			/* The listener stays readable: without a pause the loop would spin. */
			struct timeval tv = { 0, RETRY_MS * 1000L };
			(void)event_del(&s->accept_ev);
			(void)event_add(&s->retry_ev, &tv);
			return;
		} else if (errno != ECONNABORTED && errno != EINTR) {
			return;
		}
	}
}

static void on_retry(evutil_socket_t fd, short what, void *arg)
{
	struct http_server *s = arg;
	(void)fd;
	(void)what;
	(void)event_add(&s->accept_ev, NULL);
}

int http_server_new(struct event_base *base, int listen_fd, http_handler fn, void *cookie,
	struct http_server **out, struct err *e)
{
	auto_close int fd = listen_fd;
	http_wire_init();
	if (evutil_make_socket_nonblocking(fd) < 0)
		return err_set(e, errno, "make the listening socket non-blocking");
	struct http_server *s = calloc(1, sizeof(*s));
	if (!s)
		return err_set(e, ENOMEM, "start the HTTP server");
	s->base = base;
	s->handler = fn;
	s->cookie = cookie;
	s->limits = default_limits;
	list_init(&s->conns);
	list_init(&s->streams);
	(void)event_assign(&s->retry_ev, base, -1, 0, on_retry, s);
	if (event_assign(&s->accept_ev, base, fd, EV_READ | EV_PERSIST, on_accept, s) < 0 ||
		event_add(&s->accept_ev, NULL) < 0) {
		free(s);
		return err_set(e, ENOMEM, "watch the listening socket");
	}
	s->fd = take_fd(&fd);
	*out = s;
	return 0;
}

void http_server_free(struct http_server *s)
{
	if (!s)
		return;
	(void)event_del(&s->accept_ev);
	(void)event_del(&s->retry_ev);
	(void)close(take_fd(&s->fd));
	s->busy++;
	while (!list_empty(&s->conns)) {
		struct conn *c = list_first(&s->conns, struct conn, link);
		list_remove(&c->link);
		conn_lose(c, -ECANCELED);
	}
	while (!list_empty(&s->streams))
		http_stream_cancel(s->streams.next);
	s->busy--;
	s->ended = true;
	server_release(s);
}

void http_server_set_limits(struct http_server *s, const struct http_limits *limits)
{
	struct http_limits *to = &s->limits;
	to->max_connections = limits->max_connections ? limits->max_connections : to->max_connections;
	to->header_ms = limits->header_ms ? limits->header_ms : to->header_ms;
	to->idle_ms = limits->idle_ms ? limits->idle_ms : to->idle_ms;
	to->body_ms = limits->body_ms ? limits->body_ms : to->body_ms;
	to->stall_ms = limits->stall_ms ? limits->stall_ms : to->stall_ms;
	to->high_water = limits->high_water ? limits->high_water : to->high_water;
}

int http_server_set_headers(struct http_server *s, const char *const *pairs)
{
	auto_(buf) struct buf rendered = { 0 };
	int r = http_add_headers(&rendered, pairs);
	if (r < 0)
		return r;
	buf_done(&s->headers);
	s->headers = rendered;
	rendered = (struct buf){ 0 };
	return 0;
}

unsigned http_server_connections(const struct http_server *s)
{
	return s->count;
}

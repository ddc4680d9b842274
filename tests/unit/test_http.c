/* The HTTP server and client against raw sockets and each other, all on one loop. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <event2/event.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/http.h"
#include "base/io.h"

struct fixture {
	struct event_base *base;
	struct http_server *server;
	char dir[64], path[96];
	struct http_request *held; /* the request of /hold */
	struct http_stream *stream;
	unsigned handled, closed, eofs, stream_closed;
	int stream_error, body_error;
	size_t received, to_send, max_pending;
	bool echo, close_at_eof;
	char seen[4096];
	size_t seen_len;
};

/* ---------------------------------------------------------------- the server under test */

static void stream_data(struct http_stream *s, const char *data, size_t len, void *cookie)
{
	struct fixture *f = cookie;
	f->received += len;
	if (f->seen_len + len < sizeof(f->seen)) {
		memcpy(f->seen + f->seen_len, data, len);
		f->seen_len += len;
	}
	if (f->echo) {
		assert_int_equal(http_stream_write(s, data, len), 0);
		if (http_stream_pending(s) > f->max_pending)
			f->max_pending = http_stream_pending(s);
		if (http_stream_pending(s) > 256 * 1024)
			http_stream_pause_read(s);
	}
}

static void stream_eof(struct http_stream *s, void *cookie)
{
	struct fixture *f = cookie;
	f->eofs++;
	if (f->close_at_eof) {
		(void)http_stream_write(s, "bye", 3);
		f->stream = NULL;
		http_stream_finish(s);
	}
}

static void stream_drain(struct http_stream *s, void *cookie)
{
	(void)cookie;
	http_stream_resume_read(s);
}

static void stream_close(struct http_stream *s, int r, void *cookie)
{
	struct fixture *f = cookie;
	(void)s;
	f->stream = NULL;
	f->stream_closed++;
	f->stream_error = r;
}

static const struct http_stream_ops stream_ops = { stream_data, stream_eof, stream_drain, stream_close };

static void body_done(struct http_request *rq, const char *data, size_t len, int r, void *cookie)
{
	struct fixture *f = cookie;
	if (r < 0) {
		f->body_error = r;
		assert_null(data);
		return;
	}
	http_reply(rq, 200, "text/plain", data, len);
}

static void piece(struct http_request *rq, const char *data, size_t len, void *cookie)
{
	struct fixture *f = cookie;
	(void)rq;
	(void)data;
	f->received += len;
}

static void pieces_end(struct http_request *rq, int r, void *cookie)
{
	struct fixture *f = cookie;
	if (r < 0) {
		f->body_error = r;
		return;
	}
	char text[32];
	int n = snprintf(text, sizeof(text), "%zu", f->received);
	http_reply(rq, 200, "text/plain", text, (size_t)n);
}

static void fill(struct http_request *rq, void *cookie)
{
	static char block[32768];
	struct fixture *f = cookie;
	while (f->to_send > 0 && http_pending(rq) < 256 * 1024) {
		size_t n = f->to_send < sizeof(block) ? f->to_send : sizeof(block);
		memset(block, 'z', sizeof(block));
		http_reply_write(rq, block, n);
		f->to_send -= n;
		if (http_pending(rq) > f->max_pending)
			f->max_pending = http_pending(rq);
	}
	if (f->to_send == 0)
		http_reply_end(rq);
}

static void client_gone(struct http_request *rq, void *cookie)
{
	struct fixture *f = cookie;
	f->closed++;
	assert_true(http_closed(rq));
	f->held = NULL;
	http_drop(rq);
}

static void take_over(struct http_request *rq, struct fixture *f, bool write)
{
	f->stream = http_hijack(rq, "application/vnd.docker.raw-stream");
	assert_non_null(f->stream);
	http_stream_set(f->stream, &stream_ops, f);
	if (write)
		assert_int_equal(http_stream_write(f->stream, "hello", 5), 0);
}

static void handler(struct http_request *rq, void *cookie)
{
	struct fixture *f = cookie;
	const char *path = http_path(rq);
	f->handled++;
	if (strcmp(path, "/echo") == 0) {
		http_read_body(rq, 100, body_done, f);
	} else if (strcmp(path, "/count") == 0) {
		http_stream_body(rq, piece, pieces_end, f);
	} else if (strcmp(path, "/paused") == 0) {
		f->held = rq;
		http_stream_body(rq, piece, pieces_end, f);
		http_pause_body(rq);
	} else if (strcmp(path, "/hold") == 0) {
		f->held = rq;
		http_on_close(rq, client_gone, f);
	} else if (strcmp(path, "/big") == 0) {
		http_on_close(rq, client_gone, f);
		http_reply_begin(rq, 200, "text/plain", (const char *[]){ "X-Extra", "1", NULL });
		http_on_drain(rq, 64 * 1024, fill, f);
		fill(rq, f);
	} else if (strcmp(path, "/none") == 0) {
		http_reply(rq, 204, NULL, NULL, 0);
	} else if (strcmp(path, "/split") == 0) {
		http_reply(rq, 200, "text/plain\r\nEvil: yes", "x", 1);
	} else if (strcmp(path, "/hijack") == 0) {
		take_over(rq, f, true);
	} else if (strcmp(path, "/raw") == 0) {
		take_over(rq, f, false);
	} else {
		char text[256];
		const char *q = http_query(rq, "q");
		int n = snprintf(text, sizeof(text), "%s %s q=%s uid=%d", http_method(rq), path, q ? q : "-",
			(int)http_peer(rq).uid);
		http_reply(rq, 200, "text/plain", text, (size_t)n);
	}
}

static int listen_at(const char *path)
{
	struct sockaddr_un addr = { .sun_family = AF_UNIX };
	(void)snprintf(addr.sun_path, sizeof(addr.sun_path), "%s", path);
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_int_equal(bind(fd, (struct sockaddr *)&addr, sizeof(addr)), 0);
	assert_int_equal(listen(fd, 128), 0);
	return fd;
}

static int setup(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));
	struct err e;
	strcpy(f->dir, "/tmp/test_http.XXXXXX");
	assert_non_null(mkdtemp(f->dir));
	struct event_config *config = event_config_new();
	(void)event_config_set_flag(config, EVENT_BASE_FLAG_PRECISE_TIMER);
	(void)snprintf(f->path, sizeof(f->path), "%s/sock", f->dir);
	f->base = event_base_new_with_config(config);
	event_config_free(config);
	assert_int_equal(http_server_new(f->base, listen_at(f->path), handler, f, &f->server, &e), 0);
	assert_int_equal(
		http_server_set_headers(f->server, (const char *[]){ "Api-Version", "1.51", NULL }), 0);
	*state = f;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;
	http_server_free(f->server);
	(void)event_base_loop(f->base, EVLOOP_NONBLOCK); /* libevent frees bufferevents from there */
	event_base_free(f->base);
	(void)unlink(f->path);
	(void)rmdir(f->dir);
	free(f);
	return 0;
}

/* ---------------------------------------------------------------- a raw client */

static int dial(struct fixture *f)
{
	struct sockaddr_un addr = { .sun_family = AF_UNIX };
	(void)snprintf(addr.sun_path, sizeof(addr.sun_path), "%s", f->path);
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	assert_int_equal(connect(fd, (struct sockaddr *)&addr, sizeof(addr)), 0);
	return fd;
}

static void say(int fd, const char *text)
{
	assert_int_equal(send(fd, text, strlen(text), MSG_NOSIGNAL), strlen(text));
}

static void spin(struct fixture *f, int ms)
{
	int64_t end = clock_mono_ns() + ms * NS_PER_MS;
	do {
		(void)event_base_loop(f->base, EVLOOP_NONBLOCK);
		(void)usleep(200);
	} while (clock_mono_ns() < end);
}

/* Read until the text holds want (or EOF when want is NULL); at most two seconds. */
static char *hear(struct fixture *f, int fd, const char *want, char *text, size_t room)
{
	size_t len = 0;
	int64_t end = clock_mono_ns() + 2 * NS_PER_S;
	text[0] = '\0';
	while (clock_mono_ns() < end && len + 1 < room) {
		(void)event_base_loop(f->base, EVLOOP_NONBLOCK);
		ssize_t n = recv(fd, text + len, room - 1 - len, 0);
		if (n == 0)
			return want ? NULL : text;
		if (n < 0 && errno != EAGAIN)
			return NULL;
		if (n < 0) {
			(void)usleep(200);
			continue;
		}
		len += (size_t)n;
		text[len] = '\0';
		if (want && strstr(text, want))
			return text;
	}
	return NULL;
}

#define WAIT_FOR(f, cond)                                                                                    \
	do {                                                                                                 \
		int64_t end_ = clock_mono_ns() + 3 * NS_PER_S;                                               \
		while (!(cond) && clock_mono_ns() < end_)                                                    \
			spin(f, 1);                                                                          \
		assert_true(cond);                                                                           \
	} while (0)

/* ---------------------------------------------------------------- requests and answers */

static void answers(void **state)
{
	struct fixture *f = *state;
	char text[4096];
	int fd = dial(f);
	say(fd, "GET /a%20b?x=1&q=c%2Bd+e HTTP/1.1\r\nHost: x\r\n\r\n");
	assert_non_null(hear(f, fd, "q=c+d e", text, sizeof(text)));
	assert_non_null(strstr(text, "HTTP/1.1 200 OK\r\n"));
	assert_non_null(strstr(text, "Api-Version: 1.51\r\n"));
	assert_non_null(strstr(text, "GET /a b "));
	char uid[32];
	(void)snprintf(uid, sizeof(uid), "uid=%d", (int)getuid());
	assert_non_null(strstr(text, uid));

	say(fd, "HEAD /x HTTP/1.1\r\nHost: x\r\n\r\nGET /none HTTP/1.1\r\nHost: x\r\n\r\n");
	assert_non_null(hear(f, fd, "204 No Content", text, sizeof(text)));
	assert_non_null(strstr(text, "Content-Length: "));
	assert_null(strstr(text, "HEAD /x")); /* the body of HEAD */
	assert_null(strstr(strstr(text, "204"), "Content-Length"));

	say(fd, "GET /old HTTP/1.0\r\n\r\n");
	assert_non_null(hear(f, fd, NULL, text, sizeof(text)));
	assert_non_null(strstr(text, "Connection: close"));
	(void)close(fd);
	WAIT_FOR(f, http_server_connections(f->server) == 0);
}

static void refusals(void **state)
{
	static const struct {
		const char *request, *answer;
	} cases[] = {
		{ "GET /a%00b HTTP/1.1\r\nHost: x\r\n\r\n", "400 Bad Request" },
		{ "GET /a%zz HTTP/1.1\r\nHost: x\r\n\r\n", "400 Bad Request" },
		{ "GET /a?q=%0 HTTP/1.1\r\nHost: x\r\n\r\n", "400 Bad Request" },
		{ "GET http://x HTTP/1.1\r\nHost: x\r\n\r\n", "400 Bad Request" },
		{ "CONNECT x:1 HTTP/1.1\r\nHost: x\r\n\r\n", "400 Bad Request" },
		{ "nonsense\r\n\r\n", "400 Bad Request" },
		{ "GET / HTTP/2.0\r\nHost: x\r\n\r\n", "505 HTTP Version Not Supported" },
		{ "POST /echo HTTP/1.1\r\nExpect: cake\r\nContent-Length: 1\r\n\r\nx",
			"417 Expectation Failed" },
		{ "POST /echo HTTP/1.1\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
			"501 Not Implemented" },
		{ "POST /echo HTTP/1.1\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
			"400 Bad Request" },
		{ "POST /echo HTTP/1.1\r\nContent-Length: 101\r\n\r\n", "413 Payload Too Large" },
		{ "POST /echo HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n"
		  "65\r\n"
		  "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\r\n",
			"413 Payload Too Large" },
		{ "POST /echo HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n", "400 Bad Request" },
	};
	struct fixture *f = *state;
	char text[4096];
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		int fd = dial(f);
		say(fd, cases[i].request);
		if (!hear(f, fd, NULL, text, sizeof(text)) || !strstr(text, cases[i].answer))
			fail_msg("%s: %s", cases[i].request, text);
		assert_non_null(strstr(text, "{\"message\":\""));
		(void)close(fd);
	}
	assert_int_equal(f->body_error, -EPROTO);

	int fd = dial(f);
	say(fd, "GET /split HTTP/1.1\r\nHost: x\r\n\r\n");
	assert_non_null(hear(f, fd, NULL, text, sizeof(text)));
	assert_null(strstr(text, "Evil"));
	(void)close(fd);
}

static void large_headers(void **state)
{
	struct fixture *f = *state;
	char text[4096];
	int fd = dial(f);
	say(fd, "GET /x HTTP/1.1\r\n");
	for (int i = 0; i < 70; i++) {
		char line[1100];
		(void)snprintf(line, sizeof(line), "X-%d: %01000d\r\n", i, 1);
		(void)send(fd, line, strlen(line), MSG_NOSIGNAL);
		spin(f, 0);
	}
	assert_non_null(hear(f, fd, "431 Request Header Fields Too Large", text, sizeof(text)));
	(void)close(fd);
	assert_int_equal(f->handled, 0);
}

static void deadlines(void **state)
{
	struct fixture *f = *state;
	char text[4096];
	http_server_set_limits(
		f->server, &(struct http_limits){ .header_ms = 50, .idle_ms = 80, .body_ms = 50 });
	int slow = dial(f), idle = dial(f), body = dial(f);
	say(slow, "GET /x HTTP/1.1\r\nHos");
	say(body, "POST /echo HTTP/1.1\r\nContent-Length: 5\r\n\r\nab");
	assert_non_null(hear(f, slow, "408 Request Timeout", text, sizeof(text)));
	assert_non_null(hear(f, body, "408 Request Timeout", text, sizeof(text)));
	assert_int_equal(f->body_error, -ETIMEDOUT);
	assert_non_null(hear(f, idle, NULL, text, sizeof(text)));
	assert_string_equal(text, "");
	(void)close(slow);
	(void)close(idle);
	(void)close(body);
}

static void pipelined(void **state)
{
	struct fixture *f = *state;
	char text[4096];
	int fd = dial(f);
	say(fd, "GET /hold HTTP/1.1\r\nHost: x\r\n\r\nGET /second HTTP/1.1\r\nHost: x\r\n\r\n");
	spin(f, 20);
	assert_int_equal(f->handled, 1);
	http_reply(f->held, 200, NULL, "first", 5);
	f->held = NULL;
	assert_non_null(hear(f, fd, "GET /second", text, sizeof(text)));
	assert_true(strstr(text, "first") < strstr(text, "/second"));
	assert_int_equal(f->handled, 2);
	(void)close(fd);
}

static void bodies(void **state)
{
	struct fixture *f = *state;
	char text[4096];
	int fd = dial(f);
	say(fd, "POST /echo HTTP/1.1\r\nContent-Length: 6\r\n\r\nabc");
	spin(f, 5);
	say(fd, "def");
	assert_non_null(hear(f, fd, "abcdef", text, sizeof(text)));
	say(fd, "POST /echo HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n2\r\ngh\r\n");
	spin(f, 5);
	say(fd, "3\r\nijk\r\n0\r\nTrailer: x\r\n\r\n");
	assert_non_null(hear(f, fd, "ghijk", text, sizeof(text)));
	say(fd, "POST /echo HTTP/1.1\r\nContent-Length: 0\r\n\r\n");
	assert_non_null(hear(f, fd, "Content-Length: 0\r\n", text, sizeof(text)));
	/* A body that the handler does not want is skipped when it is here ... */
	say(fd, "POST /other HTTP/1.1\r\nContent-Length: 4\r\n\r\nbodyGET /next HTTP/1.1\r\nHost: x\r\n\r\n");
	assert_non_null(hear(f, fd, "GET /next", text, sizeof(text)));
	/* ... and ends the connection when it is not. */
	say(fd, "POST /other HTTP/1.1\r\nContent-Length: 400000\r\n\r\n");
	assert_non_null(hear(f, fd, "Connection: close", text, sizeof(text)));
	(void)close(fd);

	fd = dial(f);
	say(fd, "POST /echo HTTP/1.1\r\nContent-Length: 2\r\nExpect: 100-continue\r\n\r\n");
	assert_non_null(hear(f, fd, "HTTP/1.1 100 Continue\r\n\r\n", text, sizeof(text)));
	say(fd, "ok");
	assert_non_null(hear(f, fd, "\r\n\r\nok", text, sizeof(text)));
	(void)close(fd);

	fd = dial(f);
	say(fd, "POST /echo HTTP/1.1\r\nContent-Length: 6\r\n\r\nabc");
	spin(f, 5);
	(void)close(fd);
	WAIT_FOR(f, f->body_error == -ECONNRESET);
}

static void paused_body(void **state)
{
	static char block[65536];
	struct fixture *f = *state;
	char text[4096];
	int fd = dial(f);
	say(fd, "PUT /paused HTTP/1.1\r\nContent-Length: 4194304\r\n\r\n");
	spin(f, 5);
	size_t sent = 0;
	for (int i = 0; i < 200; i++) {
		ssize_t n = send(fd, block, sizeof(block), MSG_NOSIGNAL);
		sent += n > 0 ? (size_t)n : 0;
		spin(f, 0);
	}
	/* The server has read no more than its mark and the kernel's queue holds the rest. */
	assert_true(sent < 1 << 20);
	assert_int_equal(f->received, 0);
	http_resume_body(f->held);
	f->held = NULL;
	while (sent < 4194304) {
		size_t left = 4194304 - sent;
		ssize_t n = send(fd, block, left < sizeof(block) ? left : sizeof(block), MSG_NOSIGNAL);
		sent += n > 0 ? (size_t)n : 0;
		spin(f, 0);
	}
	assert_non_null(hear(f, fd, "4194304", text, sizeof(text)));
	(void)close(fd);
}

static void long_answer(void **state)
{
	struct fixture *f = *state;
	static char block[65536];
	f->to_send = 16 << 20;
	int fd = dial(f);
	say(fd, "GET /big HTTP/1.0\r\n\r\n");
	spin(f, 20);
	assert_true(f->to_send > 15 << 20); /* nobody reads: little is made */
	size_t got = 0;
	char head[512] = "";
	int64_t end = clock_mono_ns() + 20 * NS_PER_S;
	for (;;) {
		(void)event_base_loop(f->base, EVLOOP_NONBLOCK);
		ssize_t n = recv(fd, block, sizeof(block), 0);
		if (n == 0)
			break;
		assert_true(n > 0 || errno == EAGAIN);
		if (n > 0 && got == 0)
			memcpy(head, block, 511);
		got += n > 0 ? (size_t)n : 0;
		assert_true(clock_mono_ns() < end);
	}
	assert_non_null(strstr(head, "X-Extra: 1\r\n"));
	assert_int_equal(got - (size_t)(strstr(head, "\r\n\r\n") + 4 - head), 16 << 20);
	assert_true(f->max_pending < 512 * 1024);
	(void)close(fd);
}

static void client_goes(void **state)
{
	struct fixture *f = *state;
	char text[4096];
	int fd = dial(f);
	say(fd, "POST /hold HTTP/1.1\r\nHost: x\r\n\r\n");
	WAIT_FOR(f, f->held);
	(void)close(fd);
	WAIT_FOR(f, f->closed == 1);

	/* A half-closed client still wants its answer, and may go later. */
	fd = dial(f);
	say(fd, "GET /hold HTTP/1.1\r\nHost: x\r\n\r\n");
	(void)shutdown(fd, SHUT_WR);
	WAIT_FOR(f, f->held);
	spin(f, 30);
	assert_int_equal(f->closed, 1);
	http_reply(f->held, 200, NULL, "late", 4);
	f->held = NULL;
	assert_non_null(hear(f, fd, "late", text, sizeof(text)));
	(void)close(fd);

	fd = dial(f);
	say(fd, "GET /hold HTTP/1.1\r\nHost: x\r\n\r\n");
	(void)shutdown(fd, SHUT_WR);
	WAIT_FOR(f, f->held);
	spin(f, 30);
	(void)close(fd);
	WAIT_FOR(f, f->closed == 2);

	/* Asked only after the client had gone: told all the same; and an answer goes nowhere. */
	fd = dial(f);
	say(fd, "GET /hold HTTP/1.1\r\nHost: x\r\n\r\n");
	WAIT_FOR(f, f->held);
	http_on_close(f->held, NULL, NULL);
	(void)close(fd);
	WAIT_FOR(f, http_closed(f->held));
	http_reply_begin(f->held, 200, NULL, NULL);
	http_reply_write(f->held, "x", 1);
	http_on_close(f->held, client_gone, f);
	WAIT_FOR(f, f->closed == 3);
	WAIT_FOR(f, http_server_connections(f->server) == 0);
}

static void too_many(void **state)
{
	struct fixture *f = *state;
	char text[4096];
	http_server_set_limits(f->server, &(struct http_limits){ .max_connections = 2 });
	int a = dial(f), b = dial(f), c = dial(f);
	assert_non_null(hear(f, c, "503 Service Unavailable", text, sizeof(text)));
	assert_non_null(strstr(text, "Content-Length: 34\r\n"));
	assert_int_equal(strlen(strstr(text, "{")), 34);
	(void)close(a);
	(void)close(b);
	(void)close(c);
	WAIT_FOR(f, http_server_connections(f->server) == 0);
}

/* ---------------------------------------------------------------- streams */

#define UPGRADE "Connection: Upgrade\r\nUpgrade: tcp\r\n"

static void held_back(void **state)
{
	struct fixture *f = *state;
	char text[4096];
	int fd = dial(f);
	say(fd, "POST /hijack HTTP/1.1\r\n" UPGRADE "Content-Length: 0\r\n\r\n");
	spin(f, 20);
	ssize_t n = recv(fd, text, sizeof(text) - 1, 0);
	assert_true(n > 0);
	text[n] = '\0';
	assert_non_null(strstr(text, "HTTP/1.1 101 UPGRADED\r\n"));
	assert_non_null(strstr(text, "Connection: Upgrade\r\nUpgrade: tcp\r\n"));
	assert_null(strstr(text, "hello"));
	assert_non_null(hear(f, fd, "hello", text, sizeof(text)));
	http_stream_abort(f->stream);
	f->stream = NULL;
	assert_non_null(hear(f, fd, NULL, text, sizeof(text)));
	(void)close(fd);

	/* Not for ever: a client that waits for both gets them. */
	fd = dial(f);
	say(fd, "POST /hijack HTTP/1.1\r\n" UPGRADE "\r\n");
	spin(f, 300);
	n = recv(fd, text, sizeof(text) - 1, 0);
	assert_true(n > 0);
	text[n] = '\0';
	assert_non_null(strstr(text, "hello"));
	(void)close(fd);
	WAIT_FOR(f, f->stream_closed == 1);

	/* Our own client needs none of it. */
	fd = dial(f);
	say(fd, "POST /hijack HTTP/1.1\r\nUser-Agent: berth/1\r\n\r\n");
	spin(f, 10);
	n = recv(fd, text, sizeof(text) - 1, 0);
	assert_true(n > 0);
	text[n] = '\0';
	assert_non_null(strstr(text, "HTTP/1.1 200 OK\r\n"));
	assert_non_null(strstr(text, "\r\n\r\nhello"));
	(void)close(fd);
	WAIT_FOR(f, f->stream_closed == 2);
	assert_int_equal(f->stream_error, 0);
	assert_int_equal(http_server_connections(f->server), 0);
}

static void half_closed(void **state)
{
	struct fixture *f = *state;
	char text[4096];
	f->echo = true;
	int fd = dial(f);
	/* Raw bytes right behind the head, as clients that do not wait send them. */
	say(fd, "POST /raw HTTP/1.1\r\n" UPGRADE "\r\nstdin");
	assert_non_null(hear(f, fd, "\r\n\r\nstdin", text, sizeof(text)));
	(void)shutdown(fd, SHUT_WR);
	WAIT_FOR(f, f->eofs == 1);
	spin(f, 20);
	assert_int_equal(f->stream_closed, 0);
	assert_int_equal(http_stream_write(f->stream, "after", 5), 0);
	assert_non_null(hear(f, fd, "after", text, sizeof(text)));
	(void)close(fd);
	WAIT_FOR(f, f->stream_closed == 1);

	f->close_at_eof = true;
	fd = dial(f);
	say(fd, "POST /raw HTTP/1.1\r\n" UPGRADE "Content-Length: 4\r\n\r\nbodyabc");
	spin(f, 5);
	(void)shutdown(fd, SHUT_WR);
	assert_non_null(hear(f, fd, NULL, text, sizeof(text)));
	assert_non_null(strstr(text, "\r\n\r\nabcbye"));
	(void)close(fd);
	WAIT_FOR(f, http_server_connections(f->server) == 0);
}

/* The end of a stream is an end, not a reset, even when the client has sent what nobody read. */
static void finish_over_input(void **state)
{
	struct fixture *f = *state;
	char text[4096];
	int fd = dial(f);
	say(fd, "POST /raw HTTP/1.1\r\n" UPGRADE "\r\n");
	WAIT_FOR(f, f->stream);
	http_stream_pause_read(f->stream);
	say(fd, "unread");
	(void)http_stream_write(f->stream, "out", 3);
	http_stream_finish(f->stream);
	f->stream = NULL;
	assert_non_null(hear(f, fd, NULL, text, sizeof(text)));
	assert_non_null(strstr(text, "\r\n\r\nout"));
	assert_int_equal(f->received, 0);
	(void)close(fd);
	WAIT_FOR(f, http_server_connections(f->server) == 0);
}

static void stalled(void **state)
{
	static char block[65536];
	struct fixture *f = *state;
	http_server_set_limits(f->server, &(struct http_limits){ .stall_ms = 60, .high_water = 512 * 1024 });
	int fd = dial(f);
	say(fd, "POST /raw HTTP/1.1\r\n" UPGRADE "\r\n");
	WAIT_FOR(f, f->stream);
	for (int i = 0; i < 10; i++)
		(void)http_stream_write(f->stream, block, sizeof(block));
	spin(f, 20);
	assert_non_null(f->stream);
	WAIT_FOR(f, f->stream_closed == 1);
	assert_int_equal(f->stream_error, -ETIMEDOUT);
	(void)close(fd);

	/* Below the mark a client may stop for as long as it likes. */
	fd = dial(f);
	say(fd, "POST /raw HTTP/1.1\r\n" UPGRADE "\r\n");
	WAIT_FOR(f, f->stream);
	for (int i = 0; i < 4; i++)
		(void)http_stream_write(f->stream, block, sizeof(block));
	spin(f, 250);
	assert_int_equal(f->stream_closed, 1);
	size_t got = 0;
	int64_t end = clock_mono_ns() + 2 * NS_PER_S;
	while (got < 4 * sizeof(block) && clock_mono_ns() < end) {
		ssize_t n = recv(fd, block, sizeof(block), 0);
		got += n > 0 ? (size_t)n : 0;
		spin(f, 0);
	}
	assert_true(got > 4 * sizeof(block));
	(void)close(fd);
	WAIT_FOR(f, f->stream_closed == 2);
}

static void freed_while_used(void **state)
{
	struct fixture *f = *state;
	int a = dial(f), b = dial(f), c = dial(f);
	say(a, "GET /hold HTTP/1.1\r\nHost: x\r\n\r\n");
	say(b, "POST /raw HTTP/1.1\r\n" UPGRADE "\r\n");
	say(c, "POST /echo HTTP/1.1\r\nContent-Length: 9\r\n\r\nabc");
	WAIT_FOR(f, f->held && f->stream && f->handled == 3);
	http_server_free(f->server);
	f->server = NULL;
	assert_int_equal(f->closed, 1);
	assert_int_equal(f->stream_closed, 1);
	assert_int_equal(f->stream_error, -ECANCELED);
	assert_int_equal(f->body_error, -ECANCELED);
	(void)close(a);
	(void)close(b);
	(void)close(c);
}

/* ---------------------------------------------------------------- the client */

struct asking {
	struct fixture *f;
	struct http_client *client;
	struct http_stream *stream;
	int status, code;
	bool ended, stream_eof;
	size_t got, to_send, max_pending;
	bool pause_once;
	bool finish; /* end the sending direction when all is sent */
	char text[256], api[32];
};

static void ask_reply(struct http_client *c, int status, void *cookie)
{
	struct asking *a = cookie;
	const char *api = http_client_header(c, "api-version");
	a->status = status;
	(void)snprintf(a->api, sizeof(a->api), "%s", api ? api : "");
}

static void ask_data(struct http_client *c, const char *data, size_t len, void *cookie)
{
	struct asking *a = cookie;
	if (a->got + len < sizeof(a->text))
		memcpy(a->text + a->got, data, len);
	a->got += len;
	if (a->pause_once)
		http_client_pause(c);
	a->pause_once = false;
}

static void ask_end(struct http_client *c, void *cookie)
{
	struct asking *a = cookie;
	a->ended = true;
	a->client = NULL;
	http_client_free(c); /* from within its own callback */
}

static void ask_error(struct http_client *c, const struct err *e, void *cookie)
{
	struct asking *a = cookie;
	a->code = e->code;
	a->client = NULL;
	http_client_free(c);
}

static void push(struct http_client *c, void *cookie)
{
	static char block[32768];
	struct asking *a = cookie;
	while (a->to_send > 0 && http_client_pending(c) < 256 * 1024) {
		size_t n = a->to_send < sizeof(block) ? a->to_send : sizeof(block);
		assert_int_equal(http_client_write(c, block, n), 0);
		a->to_send -= n;
	}
	if (a->to_send == 0)
		http_client_write_end(c);
}

static void ask_stream_data(struct http_stream *s, const char *data, size_t len, void *cookie)
{
	struct asking *a = cookie;
	(void)s;
	if (a->got + len < sizeof(a->text))
		memcpy(a->text + a->got, data, len);
	a->got += len;
}

static void ask_stream_push(struct http_stream *s, void *cookie)
{
	static char block[32768];
	struct asking *a = cookie;
	while (a->to_send > 0 && http_stream_pending(s) < 256 * 1024) {
		size_t n = a->to_send < sizeof(block) ? a->to_send : sizeof(block);
		assert_int_equal(http_stream_write(s, block, n), 0);
		a->to_send -= n;
		if (http_stream_pending(s) > a->max_pending)
			a->max_pending = http_stream_pending(s);
	}
	if (a->to_send == 0 && a->finish) {
		a->finish = false;
		http_stream_shutdown(s);
	}
}

static void ask_stream_eof(struct http_stream *s, void *cookie)
{
	struct asking *a = cookie;
	a->stream_eof = true;
	a->stream = NULL;
	http_stream_abort(s);
}

static const struct http_stream_ops ask_stream_ops = {
	.on_data = ask_stream_data, .on_eof = ask_stream_eof, .on_drain = ask_stream_push
};

static void ask_stream(struct http_client *c, struct http_stream *s, void *cookie)
{
	struct asking *a = cookie;
	a->stream = s;
	http_stream_set(s, &ask_stream_ops, a);
	ask_stream_push(s, a);
	a->client = NULL;
	http_client_free(c);
}

static const struct http_client_ops ask_ops = { ask_reply, ask_data, ask_end, ask_error, ask_stream, push };

static void ask(struct asking *a, const struct http_client_request *rq)
{
	struct err e;
	struct http_client_request full = *rq;
	full.socket_path = a->f->path;
	assert_int_equal(http_client_start(a->f->base, &full, &ask_ops, a, &a->client, &e), 0);
}

static void client_calls(void **state)
{
	struct fixture *f = *state;
	struct asking a = { .f = f };
	ask(&a,
		&(struct http_client_request){
			.method = "POST", .target = "/echo", .body = "abc", .body_len = 3 });
	WAIT_FOR(f, a.ended);
	assert_int_equal(a.status, 200);
	assert_string_equal(a.text, "abc");
	assert_string_equal(a.api, "1.51");

	a = (struct asking){ .f = f };
	ask(&a, &(struct http_client_request){ .method = "HEAD", .target = "/x" });
	WAIT_FOR(f, a.ended);
	assert_int_equal(a.got, 0);

	/* A long body up and a long answer down, neither piling up in memory. */
	f->received = 0;
	a = (struct asking){ .f = f, .to_send = 8 << 20 };
	ask(&a, &(struct http_client_request){ .method = "PUT", .target = "/count", .stream_body = true });
	push(a.client, &a);
	WAIT_FOR(f, a.ended);
	assert_string_equal(a.text, "8388608");

	f->to_send = 8 << 20;
	a = (struct asking){ .f = f, .pause_once = true };
	ask(&a, &(struct http_client_request){ .method = "GET", .target = "/big" });
	WAIT_FOR(f, a.got > 0);
	size_t before = a.got;
	spin(f, 30);
	assert_int_equal(a.got, before);
	assert_true(before < 8 << 20);
	http_client_resume(a.client);
	WAIT_FOR(f, a.ended);
	assert_int_equal(a.got, 8 << 20);
	assert_true(f->max_pending < 512 * 1024);

	/* A server that goes in the middle. */
	a = (struct asking){ .f = f };
	ask(&a, &(struct http_client_request){ .method = "GET", .target = "/hold" });
	WAIT_FOR(f, f->held);
	http_drop(f->held);
	f->held = NULL;
	WAIT_FOR(f, a.code);
	assert_int_equal(a.code, ECONNRESET);

	struct err e;
	struct http_client *none = NULL;
	struct http_client_request rq = {
		.socket_path = "/nonexistent/sock", .method = "GET", .target = "/"
	};
	assert_int_equal(http_client_start(f->base, &rq, &ask_ops, &a, &none, &e), -ENOENT);
	assert_string_equal(e.text, "connect to /nonexistent/sock: No such file or directory");
}

static void client_streams(void **state)
{
	struct fixture *f = *state;
	f->echo = f->close_at_eof = true;
	struct asking a = { .f = f, .to_send = 8 << 20, .finish = true };
	ask(&a, &(struct http_client_request){ .method = "POST", .target = "/raw", .upgrade = true });
	WAIT_FOR(f, a.stream_eof);
	assert_int_equal(a.status, 101);
	assert_int_equal(a.got, (8 << 20) + 3);
	assert_true(a.max_pending < 512 * 1024);
	assert_true(f->max_pending < 512 * 1024);

	/* An upgrade refused is an ordinary answer. */
	a = (struct asking){ .f = f };
	ask(&a, &(struct http_client_request){ .method = "POST", .target = "/no", .upgrade = true });
	WAIT_FOR(f, a.ended);
	assert_int_equal(a.status, 200);
	assert_null(a.stream);
}

static void blocking_call(void **state)
{
	struct fixture *f = *state;
	pid_t parent = getpid(), pid = fork();
	if (pid == 0) {
		/* A base does not survive a fork as it is; the child serves with it alone. */
		(void)event_reinit(f->base);
		int64_t end = clock_mono_ns() + 10 * NS_PER_S;
		while (getppid() == parent && clock_mono_ns() < end) {
			struct timeval tv = { 0, 50000 };
			(void)event_base_loopexit(f->base, &tv);
			(void)event_base_dispatch(f->base);
		}
		_exit(0);
	}
	struct buf out = { 0 };
	struct err e = { 0 };
	int status = 0;
	int r = http_call(f->path, "POST", "/echo", "{}", 2, &status, &out, &e);
	(void)kill(pid, SIGKILL);
	(void)waitpid(pid, NULL, 0);
	if (r < 0)
		fail_msg("%s", e.text);
	assert_int_equal(status, 200);
	assert_string_equal(out.data, "{}");
	buf_done(&out);
	assert_int_equal(http_call("/nonexistent", "GET", "/", NULL, 0, &status, NULL, &e), -ENOENT);
}

static void escaping(void **state)
{
	(void)state;
	struct buf out = { 0 };
	assert_int_equal(http_escape(&out, "a/b c~%\xc3\xa9"), 0);
	assert_string_equal(out.data, "a%2Fb%20c~%25%C3%A9");
	assert_int_equal(http_unescape(out.data, false), 0);
	assert_string_equal(out.data, "a/b c~%\xc3\xa9");
	buf_done(&out);
	static const char *const bad[] = { "%", "%1", "%g0", "%00", "a%0" };
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		char text[8];
		strcpy(text, bad[i]);
		assert_int_equal(http_unescape(text, true), -EINVAL);
	}
}

int main(void)
{
#define T(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(answers),
		T(refusals),
		T(large_headers),
		T(deadlines),
		T(pipelined),
		T(bodies),
		T(paused_body),
		T(long_answer),
		T(client_goes),
		T(too_many),
		T(held_back),
		T(half_closed),
		T(finish_over_input),
		T(stalled),
		T(freed_while_used),
		T(client_calls),
		T(client_streams),
		T(blocking_call),
		cmocka_unit_test(escaping),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* fuzz_http - bytes of a client against the HTTP server: the input is sent over a socketpair-like connection in two
 * pieces (the first byte says where to cut), with a handler that reads, streams, takes over or leaves by path. */
#include <event2/event.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/http.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void stream_data(struct http_stream *s, const char *data, size_t len, void *cookie)
{
	(void)cookie;
	(void)http_stream_write(s, data, len);
}

static void stream_eof(struct http_stream *s, void *cookie)
{
	(void)cookie;
	http_stream_finish(s);
}

static const struct http_stream_ops ops = { .on_data = stream_data, .on_eof = stream_eof };

static void body_done(struct http_request *rq, const char *data, size_t len, int r, void *cookie)
{
	(void)cookie;
	if (r == 0)
		http_reply(rq, 200, "text/plain", data, len);
}

static void piece(struct http_request *rq, const char *data, size_t len, void *cookie)
{
	(void)cookie;
	if (len > 0 && data[0] == 'x')
		http_drop(rq);
	else if (!http_replying(rq))
		http_reply_begin(rq, 200, NULL, NULL);
	else
		http_reply_write(rq, data, len);
}

static void pieces_end(struct http_request *rq, int r, void *cookie)
{
	(void)cookie;
	if (r == 0)
		http_reply_end(rq);
}

static void handler(struct http_request *rq, void *cookie)
{
	const char *path = http_path(rq), *q = http_query(rq, "q");
	(void)cookie;
	if (path[1] == 'b') {
		http_read_body(rq, 64, body_done, NULL);
	} else if (path[1] == 's') {
		http_stream_body(rq, piece, pieces_end, NULL);
	} else if (path[1] == 'h') {
		struct http_stream *s = http_hijack(rq, http_header(rq, "Accept"));
		if (s)
			http_stream_set(s, &ops, NULL);
	} else {
		http_reply(rq, 200, q, path, strlen(path));
	}
}

static void send_piece(struct event_base *base, int fd, const uint8_t *data, size_t len)
{
	if (len > 0 && send(fd, data, len, MSG_NOSIGNAL | MSG_DONTWAIT) < 0)
		return;
	for (int i = 0; i < 4; i++)
		(void)event_base_loop(base, EVLOOP_NONBLOCK);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct sockaddr_un addr = { .sun_family = AF_UNIX };
	socklen_t len = sizeof(sa_family_t);
	struct http_server *server = NULL;
	if (size == 0 || size > 100000)
		return 0;
	/* Autobind gives a name of its own to each run. */
	int listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (bind(listener, (struct sockaddr *)&addr, len) < 0 || listen(listener, 4) < 0)
		abort();
	len = sizeof(addr);
	if (getsockname(listener, (struct sockaddr *)&addr, &len) < 0 ||
		connect(fd, (struct sockaddr *)&addr, len) < 0)
		abort();
	struct event_base *base = event_base_new();
	if (http_server_new(base, listener, handler, NULL, &server, NULL) < 0)
		abort();
	size_t cut = 1 + (data[0] % size);
	if (cut > size)
		cut = size;
	send_piece(base, fd, data + 1, cut - 1);
	send_piece(base, fd, data + cut, size - cut);
	(void)shutdown(fd, SHUT_WR);
	send_piece(base, fd, NULL, 0);
	(void)close(fd);
	send_piece(base, -1, NULL, 0);
	http_server_free(server);
	send_piece(base, -1, NULL, 0);
	event_base_free(base);
	return 0;
}

#include "supervisor/input.h"

#include <event2/buffer.h>
#include <event2/event.h>

#include "base/io.h"
#include "base/own.h"

#define FULL (64 * 1024)

struct input {
	int fd; /* -1: closed, or nobody reads any more */
	bool ending, was_full;
	struct evbuffer *pending;
	struct event *writable;
	void (*ready)(void *cookie);
	void *cookie;
};

static void give_up(struct input *in)
{
	if (in->writable)
		event_free(in->writable);
	in->writable = NULL;
	own_close(&in->fd);
	evbuffer_drain(in->pending, evbuffer_get_length(in->pending));
}

/* Write what the descriptor takes. */
static void push(struct input *in)
{
	while (in->fd >= 0 && evbuffer_get_length(in->pending) > 0) {
		int n = evbuffer_write(in->pending, in->fd);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK))
			break;
		if (n <= 0)
			give_up(in);
	}
	if (in->fd < 0)
		return;
	if (evbuffer_get_length(in->pending) > 0)
		event_add(in->writable, NULL);
	else if (in->ending)
		give_up(in);
}

static void on_writable(evutil_socket_t fd, short what, void *cookie)
{
	struct input *in = cookie;
	(void)fd;
	(void)what;

	push(in);
	if (in->was_full && !input_is_full(in)) {
		in->was_full = false;
		if (in->ready)
			in->ready(in->cookie);
	}
}

int input_new(struct event_base *base, int fd, void (*ready)(void *cookie), void *cookie, struct input **out,
	struct err *e)
{
	struct input *in = calloc(1, sizeof(*in));
	int r = io_set_nonblock(fd, true);

	if (r < 0) {
		free(in);
		return err_set(e, -r, "prepare stdin");
	}
	if (!in || !(in->pending = evbuffer_new()) ||
		!(in->writable = event_new(base, fd, EV_WRITE, on_writable, in))) {
		if (in && in->pending)
			evbuffer_free(in->pending);
		free(in);
		return err_set(e, ENOMEM, "prepare stdin");
	}
	in->fd = fd;
	in->ready = ready;
	in->cookie = cookie;
	*out = in;
	return 0;
}

void input_free(struct input *in)
{
	if (!in)
		return;
	give_up(in);
	evbuffer_free(in->pending);
	free(in);
}

void input_write(struct input *in, const void *data, size_t len)
{
	if (in->fd < 0 || in->ending || len == 0)
		return;
	if (evbuffer_add(in->pending, data, len) < 0)
		abort();
	push(in);
	if (input_is_full(in))
		in->was_full = true;
}

bool input_is_full(const struct input *in)
{
	return in->fd >= 0 && evbuffer_get_length(in->pending) > FULL;
}

void input_end(struct input *in)
{
	in->ending = true;
	push(in);
	if (in->fd >= 0 && evbuffer_get_length(in->pending) == 0)
		give_up(in);
}

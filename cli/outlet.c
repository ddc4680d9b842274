#include "cli/outlet.h"

#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/io.h"

static void on_ready(evutil_socket_t fd, short what, void *arg)
{
	struct outlet *o = arg;
	(void)what;
	size_t len = evbuffer_get_length(o->queue);
	if (len > PIPE_BUF)
		len = PIPE_BUF;
	ssize_t n = write(fd, evbuffer_pullup(o->queue, (ev_ssize_t)len), len);
	if (n > 0)
		(void)evbuffer_drain(o->queue, (size_t)n);
	else if (n < 0 && errno != EAGAIN && errno != EINTR)
		o->error = errno;
	if (o->error)
		(void)evbuffer_drain(o->queue, evbuffer_get_length(o->queue));
	if (evbuffer_get_length(o->queue) == 0)
		(void)event_del(o->ev);
	o->moved(o->cookie);
}

/* epoll takes neither files nor the likes of /dev/null. */
static bool is_waitable(int fd)
{
	struct stat st;
	if (fstat(fd, &st) < 0)
		return false;
	return S_ISFIFO(st.st_mode) || S_ISSOCK(st.st_mode) || (S_ISCHR(st.st_mode) && isatty(fd));
}

int outlet_init(struct outlet *o, struct event_base *base, int fd, void (*moved)(void *cookie), void *cookie,
	struct err *e)
{
	*o = (struct outlet){ .fd = fd, .moved = moved, .cookie = cookie };
	o->queue = evbuffer_new();
	if (o->queue && is_waitable(fd))
		o->ev = event_new(base, fd, EV_WRITE | EV_PERSIST, on_ready, o);
	if (!o->queue || (is_waitable(fd) && !o->ev))
		return err_set(e, ENOMEM, "prepare the output");
	return 0;
}

void outlet_done(struct outlet *o)
{
	if (o->ev)
		event_free(o->ev);
	if (o->queue)
		evbuffer_free(o->queue);
	o->ev = NULL;
	o->queue = NULL;
}

void outlet_write(struct outlet *o, const void *data, size_t len)
{
	if (o->error || len == 0)
		return;
	if (!o->ev) {
		int r = io_write_full(o->fd, data, len);
		o->error = r < 0 ? -r : 0;
		return;
	}
	if (evbuffer_add(o->queue, data, len) < 0)
		o->error = ENOMEM;
	else
		(void)event_add(o->ev, NULL);
}

size_t outlet_queued(const struct outlet *o)
{
	return o->queue ? evbuffer_get_length(o->queue) : 0;
}

#include "base/http_wire.h"

#include <ctype.h>
#include <errno.h>
#include <event2/buffer.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <strings.h>
#include <fcntl.h>

/* ---------------------------------------------------------------- heads */

void http_head_done(struct http_head *h)
{
	buf_done(&h->url);
	buf_done(&h->text);
	h->last = HEAD_NONE;
}

int http_head_add_name(struct http_head *h, const char *at, size_t len)
{
	int r = h->last == HEAD_VALUE ? buf_add(&h->text, "", 1) : 0;
	h->last = HEAD_NAME;
	return r < 0 ? r : buf_add(&h->text, at, len);
}

int http_head_add_value(struct http_head *h, const char *at, size_t len)
{
	if (h->last == HEAD_NONE)
		return 0;
	int r = h->last == HEAD_NAME ? buf_add(&h->text, "", 1) : 0;
	h->last = HEAD_VALUE;
	return r < 0 ? r : buf_add(&h->text, at, len);
}

int http_head_close(struct http_head *h)
{
	int r = 0;
	if (h->last == HEAD_NAME)
		r = http_head_add_value(h, "", 0);
	if (r == 0 && h->last == HEAD_VALUE)
		r = buf_add(&h->text, "", 1);
	h->last = HEAD_NONE;
	return r;
}

const char *http_head_get(const struct http_head *h, const char *name)
{
	const char *p = h->text.data, *end = p ? p + h->text.len : NULL;
	while (p < end) {
		const char *value = p + strlen(p) + 1;
		if (value >= end)
			return NULL; /* the head is not complete yet */
		if (strcasecmp(p, name) == 0)
			return value;
		p = value + strlen(value) + 1;
	}
	return NULL;
}

bool http_head_has_word(const struct http_head *h, const char *name, const char *word)
{
	const char *p = http_head_get(h, name);
	size_t len = strlen(word);
	while (p && *p) {
		p += strspn(p, " \t,");
		size_t n = strcspn(p, ",");
		size_t trimmed = n;
		while (trimmed > 0 && (p[trimmed - 1] == ' ' || p[trimmed - 1] == '\t'))
			trimmed--;
		if (trimmed == len && strncasecmp(p, word, len) == 0)
			return true;
		p += n;
	}
	return false;
}

const char *http_reason(int status)
{
	/* http_status_str() names unknown codes "<unknown>", which is no reason phrase. */
	const char *text = http_status_str((enum http_status)status);
	return text && text[0] != '<' ? text : "Unknown";
}

static bool field_is_clean(const char *s)
{
	for (; *s; s++)
		if (((unsigned char)*s < 0x20 && *s != '\t') || *s == 0x7f)
			return false;
	return true;
}

int http_add_headers(struct buf *out, const char *const *pairs)
{
	for (; pairs && pairs[0]; pairs += 2) {
		if (!field_is_clean(pairs[0]) || !pairs[1] || !field_is_clean(pairs[1]))
			return -EINVAL;
		int r = buf_printf(out, "%s: %s\r\n", pairs[0], pairs[1]);
		if (r < 0)
			return r;
	}
	return 0;
}

/* ---------------------------------------------------------------- escaping */

int http_escape(struct buf *out, const char *s)
{
	for (; *s; s++) {
		unsigned char c = (unsigned char)*s;
		bool plain = isalnum(c) || strchr("-._~", c);
		int r = plain ? buf_add(out, s, 1) : buf_printf(out, "%%%02X", c);
		if (r < 0)
			return r;
	}
	return 0;
}

static int hex(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c = (char)(c | 0x20);
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

int http_unescape(char *s, bool plus_is_blank)
{
	char *to = s;
	for (; *s; s++) {
		if (*s == '%') {
			int high = hex(s[1]), low = high < 0 ? -1 : hex(s[2]);
			if (low < 0 || high * 16 + low == 0)
				return -EINVAL;
			*to++ = (char)(high * 16 + low);
			s += 2;
		} else {
			*to++ = *s == '+' && plus_is_blank ? ' ' : *s;
		}
	}
	*to = '\0';
	return 0;
}

/* ---------------------------------------------------------------- process-wide */

static void ignore_signal(int sig)
{
	(void)sig;
}

void http_wire_init(void)
{
	static bool done;
	if (done)
		return;
	done = true;
	http_parser_set_max_header_size(HTTP_HEAD_MAX);
	struct sigaction old;
	if (sigaction(SIGPIPE, NULL, &old) == 0 && old.sa_handler == SIG_DFL) {
		struct sigaction sa = { .sa_handler = ignore_signal, .sa_flags = SA_RESTART };
		(void)sigaction(SIGPIPE, &sa, NULL); /* cannot fail for a valid signal */
	}
}

void http_regulate_input(struct bufferevent *bev, bool wanted)
{
	bool enabled = bufferevent_get_enabled(bev) & EV_READ;
	bool want = wanted && evbuffer_get_length(bufferevent_get_input(bev)) < HTTP_READ_WATER;
	if (want && !enabled)
		(void)bufferevent_enable(bev, EV_READ);
	else if (!want && enabled)
		(void)bufferevent_disable(bev, EV_READ);
}

/* ---------------------------------------------------------------- the watch */

void http_watch_init(struct http_watch *w)
{
	w->fd = -1;
}

int http_watch_start(struct http_watch *w, struct event_base *base, int fd, event_callback_fn fn, void *arg)
{
	if (w->fd >= 0)
		return 0;
	w->fd = fcntl(fd, F_DUPFD_CLOEXEC, 3);
	if (w->fd < 0)
		return -errno;
	if (event_assign(&w->ev, base, w->fd, EV_READ | EV_PERSIST | EV_ET, fn, arg) < 0 ||
		event_add(&w->ev, NULL) < 0) {
		(void)close(take_fd(&w->fd));
		return -ENOMEM;
	}
	return 0;
}

void http_watch_stop(struct http_watch *w)
{
	if (w->fd < 0)
		return;
	(void)event_del(&w->ev);
	(void)close(take_fd(&w->fd));
}

bool http_hung_up(int fd)
{
	struct pollfd p = { .fd = fd };
	return poll(&p, 1, 0) > 0 && (p.revents & (POLLHUP | POLLERR | POLLNVAL));
}

#include "base/err.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static const char *describe(int code)
{
	const char *text = strerrordesc_np(code);
	return text ? text : "unknown error";
}

/* Join head and tail as "head: tail"; when both do not fit, head gives way from its front. */
static void join(char *out, const char *head, const char *tail)
{
	size_t tail_len = strnlen(tail, ERR_TEXT_MAX - 1);
	size_t head_len = strlen(head);
	size_t room = ERR_TEXT_MAX - 1 - tail_len;

	if (head_len == 0 || room < 2 + 4) {
		memmove(out, tail, tail_len);
		out[tail_len] = '\0';
		return;
	}
	room -= 2;
	const char *mark = "";
	if (head_len > room) {
		mark = "...";
		head += head_len - (room - 3);
		head_len = room - 3;
	}
	char joined[ERR_TEXT_MAX];
	(void)snprintf(
		joined, sizeof(joined), "%s%.*s: %.*s", mark, (int)head_len, head, (int)tail_len, tail);
	memcpy(out, joined, sizeof(joined));
}

static void format(char out[ERR_TEXT_MAX], const char *fmt, va_list ap)
{
	if (vsnprintf(out, ERR_TEXT_MAX, fmt, ap) < 0)
		out[0] = '\0'; /* no text is better than none of the error */
	for (char *c = out; *c; c++)
		if (((unsigned char)*c < ' ' && *c != '\n' && *c != '\t') || *c == 0x7f)
			*c = '?';
}

int err_set(struct err *e, int code, const char *fmt, ...)
{
	if (code <= 0)
		code = EIO;
	if (e) {
		char head[ERR_TEXT_MAX];
		va_list ap;
		va_start(ap, fmt);
		format(head, fmt, ap);
		va_end(ap);
		e->code = code;
		join(e->text, head, describe(code));
	}
	return -code;
}

int err_say(struct err *e, int code, const char *fmt, ...)
{
	if (code <= 0)
		code = EIO;
	if (e) {
		char text[ERR_TEXT_MAX]; /* an argument may be e's own text */
		va_list ap;
		va_start(ap, fmt);
		format(text, fmt, ap);
		va_end(ap);
		e->code = code;
		memcpy(e->text, text, sizeof(text));
	}
	return -code;
}

int err_wrap(struct err *e, int r, const char *fmt, ...)
{
	int code = r < 0 ? -r : EIO;
	if (e) {
		char head[ERR_TEXT_MAX], tail[ERR_TEXT_MAX];
		va_list ap;
		va_start(ap, fmt);
		format(head, fmt, ap);
		va_end(ap);
		e->code = code;
		memcpy(tail, e->text, sizeof(tail));
		join(e->text, head, tail);
	}
	return -code;
}

#include "supervisor/detach.h"

#include <errno.h>
#include <string.h>

/* The byte of one key, or -1. */
static int key_byte(const char *key, size_t len)
{
	if (len == 1)
		return (unsigned char)key[0];
	if (len != 6 || memcmp(key, "ctrl-", 5) != 0)
		return -1;
	char c = key[5];
	if (c >= 'a' && c <= 'z')
		return c - 'a' + 1;
	return c == '@' || (c >= '[' && c <= '_') ? c - '@' : -1;
}

int detach_parse(const char *text, struct detach *out, struct err *e)
{
	struct detach d = { .n = 0 };

	if (!text || !*text)
		text = "ctrl-p,ctrl-q";
	for (const char *p = text;; p++) {
		size_t len = strcspn(p, ",");
		int byte = key_byte(p, len);
		if (byte < 0)
			return err_say(
				e, EINVAL, "invalid detach keys (%s): unknown key '%.*s'", text, (int)len, p);
		if (d.n == DETACH_KEYS_MAX)
			return err_say(e, EINVAL, "invalid detach keys: more than %d", DETACH_KEYS_MAX);
		d.keys[d.n++] = (unsigned char)byte;
		p += len;
		if (!*p)
			break;
	}
	*out = d;
	return 0;
}

/* The longest start of keys that is an end of the matched keys and c: what a sequence such as a,a,b needs on "aaab". */
static size_t shorter_match(const struct detach *d, unsigned char c)
{
	for (size_t k = d->matched; k > 0; k--)
		if (d->keys[k - 1] == c && memcmp(d->keys, d->keys + d->matched - (k - 1), k - 1) == 0)
			return k;
	return 0;
}

int detach_feed(struct detach *d, const char *data, size_t len, struct buf *out)
{
	for (size_t i = 0; i < len; i++) {
		unsigned char c = (unsigned char)data[i];
		if (c == d->keys[d->matched]) {
			if (++d->matched == d->n) {
				d->matched = 0;
				return 1;
			}
			continue;
		}
		size_t keep = shorter_match(d, c);
		size_t give = d->matched + 1 - keep; /* of the matched keys and c, in order */
		int r = buf_add(out, d->keys, give < d->matched ? give : d->matched);
		if (r == 0 && give > d->matched)
			r = buf_add(out, &c, 1);
		if (r < 0)
			return r;
		d->matched = keep;
	}
	return 0;
}

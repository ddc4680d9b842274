#include "base/tar.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#define OCTAL_7	 07777777LL
#define OCTAL_11 077777777777LL

struct ustar {
	char name[100], mode[8], uid[8], gid[8], size[12], mtime[12], sum[8], type, link[100];
	char magic[6], version[2], uname[32], gname[32], major[8], minor[8], prefix[155], pad[12];
};
_Static_assert(sizeof(struct ustar) == TAR_BLOCK, "a header is a block");

void tar_entry_done(struct tar_entry *t)
{
	free(t->name);
	free(t->link);
	for (size_t i = 0; i < t->n_xattrs; i++) {
		free(t->xattrs[i].name);
		free(t->xattrs[i].value);
	}
	free(t->xattrs);
	*t = (struct tar_entry){ 0 };
}

size_t tar_padding(int64_t size)
{
	return (size_t)(-(uint64_t)size % TAR_BLOCK);
}

static int put_zeros(struct buf *out, size_t n)
{
	static const char zeros[2 * TAR_BLOCK];
	return buf_add(out, zeros, n);
}

int tar_put_end(struct buf *out)
{
	return put_zeros(out, 2 * TAR_BLOCK);
}

/* Digits, then a NUL. */
static void put_octal(char *field, size_t room, int64_t value)
{
	char text[24];
	(void)snprintf(text, sizeof(text), "%0*llo", (int)room - 1, (unsigned long long)value);
	memcpy(field, text, room);
}

static void put_sum(struct ustar *h)
{
	unsigned sum = 0;
	memset(h->sum, ' ', sizeof(h->sum));
	for (size_t i = 0; i < sizeof(*h); i++)
		sum += ((const unsigned char *)h)[i];
	(void)snprintf(h->sum, sizeof(h->sum), "%06o", sum);
}

/* Into name and prefix, cut at a slash. False: it does not fit. */
static bool split_name(struct ustar *h, const char *name)
{
	size_t len = strlen(name);
	if (len <= sizeof(h->name)) {
		memcpy(h->name, name, len);
		return true;
	}
	for (size_t at = len - sizeof(h->name) - 1; at <= sizeof(h->prefix) && at + 1 < len; at++) {
		if (name[at] != '/' || at == 0)
			continue;
		memcpy(h->prefix, name, at);
		memcpy(h->name, name + at + 1, len - at - 1);
		return true;
	}
	return false;
}

/* "27 path=usr/share/long/name\n": the length counts itself. */
static int put_record(struct buf *pax, const char *key, const char *suffix, const void *value, size_t len)
{
	size_t body = strlen(key) + strlen(suffix) + len + 3, digits = 1;
	while ((size_t)snprintf(NULL, 0, "%zu", body + digits) != digits)
		digits++;
	int r = buf_printf(pax, "%zu %s%s=", body + digits, key, suffix);
	if (r == 0)
		r = buf_add(pax, value, len);
	return r < 0 ? r : buf_puts(pax, "\n");
}

static int put_text(struct buf *pax, const char *key, const char *value)
{
	return put_record(pax, key, "", value, strlen(value));
}

static int put_number(struct buf *pax, const char *key, int64_t value)
{
	char text[24];
	(void)snprintf(text, sizeof(text), "%lld", (long long)value);
	return put_text(pax, key, text);
}

/* A number in its field or, when that is too small, in the pax header. */
static int put_field(struct buf *pax, char *field, size_t room, int64_t max, const char *key, int64_t value)
{
	bool fits = value >= 0 && value <= max;
	put_octal(field, room, fits ? value : 0);
	return fits ? 0 : put_number(pax, key, value);
}

static void put_magic(struct ustar *h)
{
	memcpy(h->magic, "ustar", sizeof(h->magic));
	memcpy(h->version, "00", sizeof(h->version));
}

static int put_pax(struct buf *out, const struct buf *pax)
{
	struct ustar h = { .type = 'x' };

	(void)snprintf(h.name, sizeof(h.name), "PaxHeaders.0/entry");
	put_octal(h.mode, sizeof(h.mode), 0644);
	put_octal(h.uid, sizeof(h.uid), 0);
	put_octal(h.gid, sizeof(h.gid), 0);
	put_octal(h.size, sizeof(h.size), (int64_t)pax->len);
	put_octal(h.mtime, sizeof(h.mtime), 0);
	put_magic(&h);
	put_sum(&h);
	int r = buf_add(out, &h, sizeof(h));
	if (r == 0)
		r = buf_add(out, pax->data, pax->len);
	return r < 0 ? r : put_zeros(out, tar_padding((int64_t)pax->len));
}

int tar_put_header(struct buf *out, const struct tar_entry *t)
{
	auto_(buf) struct buf pax = { 0 };
	struct ustar h = { .type = (char)t->type };
	size_t link_len = t->link ? strlen(t->link) : 0;
	bool device = t->type == TAR_CHAR || t->type == TAR_BLOCKDEV;
	int r = split_name(&h, t->name) ? 0 : put_text(&pax, "path", t->name);

	if (link_len <= sizeof(h.link) && link_len)
		memcpy(h.link, t->link, link_len);
	else if (r == 0 && link_len)
		r = put_text(&pax, "linkpath", t->link);
	put_octal(h.mode, sizeof(h.mode), t->mode & 07777);
	if (r == 0)
		r = put_field(&pax, h.uid, sizeof(h.uid), OCTAL_7, "uid", t->uid);
	if (r == 0)
		r = put_field(&pax, h.gid, sizeof(h.gid), OCTAL_7, "gid", t->gid);
	if (r == 0)
		r = put_field(
			&pax, h.size, sizeof(h.size), OCTAL_11, "size", t->type == TAR_FILE ? t->size : 0);
	if (r == 0)
		r = put_field(&pax, h.mtime, sizeof(h.mtime), OCTAL_11, "mtime", t->mtime_s);
	put_octal(h.major, sizeof(h.major), device ? t->major & OCTAL_7 : 0);
	put_octal(h.minor, sizeof(h.minor), device ? t->minor & OCTAL_7 : 0);
	for (size_t i = 0; r == 0 && i < t->n_xattrs; i++)
		r = put_record(
			&pax, "SCHILY.xattr.", t->xattrs[i].name, t->xattrs[i].value, t->xattrs[i].len);
	put_magic(&h);
	put_sum(&h);
	if (r == 0 && pax.len)
		r = put_pax(out, &pax);
	return r < 0 ? r : buf_add(out, &h, sizeof(h));
}

/* tar_read - the reading half of tar.h. */
#include "base/tar.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#define SIZE_LIMIT (INT64_MAX / 2)

struct field {
	size_t at, len;
};

enum { NAME_LEN = 100, PREFIX_LEN = 155 };
static const struct field NAME = { 0, NAME_LEN }, MODE = { 100, 8 }, UID = { 108, 8 }, GID = { 116, 8 },
			  SIZE = { 124, 12 }, MTIME = { 136, 12 }, SUM = { 148, 8 }, LINK = { 157, 100 },
			  MAJOR = { 329, 8 }, MINOR = { 337, 8 }, PREFIX = { 345, PREFIX_LEN };
#define TYPE_AT	 156
#define MAGIC_AT 257

/* What headers before an entry say of it. */
struct overrides {
	struct tar_entry t;
	bool has_uid, has_gid, has_size, has_mtime;
};

static void overrides_done(struct overrides *o)
{
	tar_entry_done(&o->t);
}

OWN_DEFINE(overrides, struct overrides, overrides_done)

/* ---------------------------------------------------------------- bytes */

static int fill(struct tar_reader *r, void *data, size_t len, struct err *e)
{
	for (size_t done = 0; done < len;) {
		ssize_t n = r->read(r->cookie, (char *)data + done, len - done);
		if (n < 0)
			return err_set(e, (int)-n, "read the archive");
		if (n == 0)
			return err_say(e, EPIPE, "the archive ends in the middle");
		done += (size_t)n;
	}
	return 0;
}

static int skip(struct tar_reader *r, int64_t len, struct err *e)
{
	char block[4096];
	int x = 0;

	while (x == 0 && len > 0) {
		size_t n = len < (int64_t)sizeof(block) ? (size_t)len : sizeof(block);
		x = fill(r, block, n, e);
		len -= (int64_t)n;
	}
	return x;
}

/* len bytes and their padding, NUL-terminated. */
static int read_text(struct tar_reader *r, int64_t len, struct buf *out, struct err *e)
{
	if (len < 0 || len > TAR_PAX_MAX)
		return err_say(e, EBADMSG, "archive: a header of %lld bytes", (long long)len);
	if (buf_reserve(out, (size_t)len + 1) < 0)
		return err_set(e, ENOMEM, "read the archive");
	int x = fill(r, out->data, (size_t)len, e);
	if (x < 0)
		return x;
	out->len = (size_t)len;
	out->data[len] = '\0';
	return skip(r, (int64_t)tar_padding(len), e);
}

/* ---------------------------------------------------------------- fields */

/* Octal between blanks, or GNU's base 256. */
static int number(const char *block, struct field f, int64_t *out)
{
	const unsigned char *p = (const unsigned char *)block + f.at, *end = p + f.len;
	int64_t v = 0;

	if (*p & 0x80) {
		bool negative = *p & 0x40;
		v = negative ? -1 : 0;
		for (const unsigned char *q = p; q < end; q++) {
			unsigned byte = q == p ? (negative ? *q | 0x80U : *q & 0x7fU) : *q;
			if (v > INT64_MAX >> 8 || v < INT64_MIN >> 8)
				return -ERANGE;
			v = (int64_t)((uint64_t)v << 8 | byte);
		}
		*out = v;
		return 0;
	}
	while (p < end && (*p == ' ' || *p == '\0'))
		p++;
	for (; p < end && *p >= '0' && *p <= '7'; p++) /* at most twelve digits */
		v = v * 8 + (*p - '0');
	if (p < end && *p != ' ' && *p != '\0')
		return -EINVAL;
	*out = v;
	return 0;
}

static int id_number(const char *block, struct field f, uint32_t *out)
{
	int64_t v = 0;
	int r = number(block, f, &v);
	if (r == 0 && (v < 0 || v > UINT32_MAX))
		r = -ERANGE;
	if (r == 0)
		*out = (uint32_t)v;
	return r;
}

static char *text_field(const char *block, struct field f)
{
	return strndup(block + f.at, f.len);
}

static bool sum_is_right(const char *block)
{
	int64_t said = 0, is_unsigned = 0, is_signed = 0;

	if (number(block, SUM, &said) < 0)
		return false;
	for (size_t i = 0; i < TAR_BLOCK; i++) {
		bool blank = i >= SUM.at && i < SUM.at + SUM.len;
		is_unsigned += blank ? ' ' : (unsigned char)block[i];
		is_signed += blank ? ' ' : (signed char)block[i];
	}
	return said == is_unsigned || said == is_signed; /* some old programs summed up signed */
}

static bool is_zero(const char *block)
{
	for (size_t i = 0; i < TAR_BLOCK; i++)
		if (block[i])
			return false;
	return true;
}

/* "ustar\0" has a prefix; GNU's "ustar  " has other things there. */
static char *entry_name(const char *block)
{
	char name[PREFIX_LEN + NAME_LEN + 2];
	size_t n = 0;

	if (memcmp(block + MAGIC_AT, "ustar", 6) == 0 && block[PREFIX.at]) {
		n = strnlen(block + PREFIX.at, PREFIX.len);
		memcpy(name, block + PREFIX.at, n);
		name[n++] = '/';
	}
	size_t len = strnlen(block + NAME.at, NAME.len);
	memcpy(name + n, block + NAME.at, len);
	name[n + len] = '\0';
	return strdup(name);
}

/* ---------------------------------------------------------------- pax */

static int set_string(char **to, const char *value, size_t len)
{
	char *copy = len <= TAR_NAME_MAX && !memchr(value, '\0', len) ? strndup(value, len) : NULL;
	if (!copy)
		return len > TAR_NAME_MAX ? -ENAMETOOLONG : memchr(value, '\0', len) ? -EINVAL : -ENOMEM;
	free(*to);
	*to = copy;
	return 0;
}

/* Decimal; what follows a point is cut. */
static int set_number(const char *value, size_t len, int64_t min, int64_t max, int64_t *to)
{
	char text[32], *end = NULL;

	if (len == 0 || len >= sizeof(text) || memchr(value, '\0', len))
		return -EINVAL;
	memcpy(text, value, len);
	text[len] = '\0';
	errno = 0;
	long long v = strtoll(text, &end, 10);
	if (errno || end == text || (*end && *end != '.'))
		return -EINVAL;
	if (v < min || v > max)
		return -ERANGE;
	*to = v;
	return 0;
}

static int set_id(const char *value, size_t len, uint32_t *to, bool *has)
{
	int64_t v = 0;
	int r = set_number(value, len, 0, UINT32_MAX, &v);
	*to = (uint32_t)v;
	*has = r == 0;
	return r;
}

static int add_xattr(struct tar_entry *t, const char *name, size_t name_len, const char *value, size_t len)
{
	if (t->n_xattrs == TAR_XATTR_MAX || name_len == 0 || name_len > 255)
		return -ERANGE;
	struct tar_xattr *grown = realloc(t->xattrs, (t->n_xattrs + 1) * sizeof(*grown));
	if (!grown)
		return -ENOMEM;
	t->xattrs = grown;
	struct tar_xattr *x = &grown[t->n_xattrs];
	*x = (struct tar_xattr){ strndup(name, name_len), malloc(len + 1), len };
	t->n_xattrs++;
	if (!x->name || !x->value)
		return -ENOMEM;
	memcpy(x->value, value, len);
	return 0;
}

static bool key_is(const char *key, size_t len, const char *word)
{
	return strlen(word) == len && memcmp(key, word, len) == 0;
}

static int take_record(struct overrides *o, const char *key, size_t key_len, const char *value, size_t len)
{
	static const char xattr[] = "SCHILY.xattr.", sparse[] = "GNU.sparse.";
	int r = 0;

	if (key_is(key, key_len, "path"))
		return set_string(&o->t.name, value, len);
	if (key_is(key, key_len, "linkpath"))
		return set_string(&o->t.link, value, len);
	if (key_is(key, key_len, "uid"))
		return set_id(value, len, &o->t.uid, &o->has_uid);
	if (key_is(key, key_len, "gid"))
		return set_id(value, len, &o->t.gid, &o->has_gid);
	if (key_is(key, key_len, "size")) {
		r = set_number(value, len, 0, SIZE_LIMIT, &o->t.size);
		o->has_size = r == 0;
	} else if (key_is(key, key_len, "mtime")) {
		r = set_number(value, len, INT64_MIN, INT64_MAX, &o->t.mtime_s);
		o->has_mtime = r == 0;
	} else if (key_len > sizeof(xattr) - 1 && memcmp(key, xattr, sizeof(xattr) - 1) == 0) {
		return add_xattr(&o->t, key + sizeof(xattr) - 1, key_len - (sizeof(xattr) - 1), value, len);
	} else if (key_len > sizeof(sparse) - 1 && memcmp(key, sparse, sizeof(sparse) - 1) == 0) {
		return -EOPNOTSUPP;
	}
	return r;
}

static int parse_pax(struct overrides *o, const struct buf *pax, struct err *e)
{
	const char *p = pax->data, *end = p + pax->len;

	while (p < end && *p) {
		size_t whole = 0;
		const char *at = p;
		while (at < end && *at >= '0' && *at <= '9' && whole <= TAR_PAX_MAX)
			whole = whole * 10 + (size_t)(*at++ - '0');
		if (at == p || at >= end || *at != ' ' || whole > (size_t)(end - p) ||
			whole <= (size_t)(at - p) + 2 || p[whole - 1] != '\n')
			return err_say(e, EBADMSG, "archive: a malformed pax header");
		const char *key = at + 1, *last = p + whole - 1;
		const char *equals = memchr(key, '=', (size_t)(last - key));
		if (!equals || equals == key)
			return err_say(e, EBADMSG, "archive: a pax header without a key");
		int r = take_record(o, key, (size_t)(equals - key), equals + 1, (size_t)(last - equals - 1));
		if (r == -EOPNOTSUPP)
			return err_say(e, EBADMSG, "archive: sparse files are not supported");
		if (r < 0)
			return err_set(e, r == -ENOMEM ? ENOMEM : EBADMSG, "archive: pax header %.*s",
				(int)(equals - key < 64 ? equals - key : 64), key);
		p += whole;
	}
	return 0;
}

/* ---------------------------------------------------------------- entries */

/* A header that only says something of the next. 1: it was one. */
static int take_extension(struct tar_reader *r, const char *block, struct overrides *o, struct err *e)
{
	auto_(buf) struct buf text = { 0 };
	char type = block[TYPE_AT];
	int64_t size = 0;
	int x;

	if (type != 'x' && type != 'g' && type != 'L' && type != 'K')
		return 0;
	if (number(block, SIZE, &size) < 0)
		return err_say(e, EBADMSG, "archive: a header with a malformed size");
	if ((x = read_text(r, size, &text, e)) < 0)
		return x;
	if (type == 'x' && (x = parse_pax(o, &text, e)) < 0)
		return x;
	if (type == 'L' || type == 'K') {
		size_t len = strlen(text.data);
		x = set_string(type == 'L' ? &o->t.name : &o->t.link, text.data, len);
		if (x < 0)
			return err_set(e, -x, "archive: a long name");
	}
	return 1;
}

static int parse_numbers(const char *block, const struct overrides *o, struct tar_entry *t)
{
	uint32_t mode = 0;
	int r = id_number(block, MODE, &mode);

	t->mode = mode & 07777;
	t->uid = o->t.uid;
	t->gid = o->t.gid;
	t->size = o->t.size;
	t->mtime_s = o->t.mtime_s;
	if (r == 0 && !o->has_uid)
		r = id_number(block, UID, &t->uid);
	if (r == 0 && !o->has_gid)
		r = id_number(block, GID, &t->gid);
	if (r == 0 && !o->has_size)
		r = number(block, SIZE, &t->size);
	if (r == 0 && !o->has_mtime)
		r = number(block, MTIME, &t->mtime_s);
	if (r == 0 && (t->type == TAR_CHAR || t->type == TAR_BLOCKDEV)) {
		r = id_number(block, MAJOR, &t->major);
		if (r == 0)
			r = id_number(block, MINOR, &t->minor);
	}
	return r < 0 ? r : t->size < 0 || t->size > SIZE_LIMIT ? -ERANGE : 0;
}

/* Types beyond POSIX's: regular files of other names. */
static int parse_type(const char *block, struct tar_entry *t, struct err *e)
{
	char type = block[TYPE_AT];
	size_t len = strlen(t->name);

	if (type == '\0' || type == '7')
		type = TAR_FILE;
	if (type < TAR_FILE || type > TAR_FIFO)
		return err_say(e, EBADMSG, "archive: %.200s: entries of type 0x%02x are not supported",
			t->name, (unsigned char)type);
	if (type == TAR_FILE && len > 0 && t->name[len - 1] == '/')
		type = TAR_DIR; /* as V7 has them */
	t->type = (enum tar_type)type;
	return 0;
}

static int parse_entry(const char *block, struct overrides *o, struct tar_entry *t, struct err *e)
{
	t->name = o->t.name ? take_ptr(&o->t.name) : entry_name(block);
	t->link = o->t.link ? take_ptr(&o->t.link) : block[LINK.at] ? text_field(block, LINK) : NULL;
	if (!t->name || (block[LINK.at] && !t->link))
		return err_set(e, ENOMEM, "read the archive");
	if (!*t->name)
		return err_say(e, EBADMSG, "archive: an entry without a name");
	int r = parse_type(block, t, e);
	if (r < 0)
		return r;
	if (parse_numbers(block, o, t) < 0)
		return err_say(e, EBADMSG, "archive: %.200s: a malformed number", t->name);
	if ((t->type == TAR_LINK || t->type == TAR_SYMLINK) && (!t->link || !*t->link))
		return err_say(e, EBADMSG, "archive: %.200s: a link without a target", t->name);
	if (t->type != TAR_LINK && t->type != TAR_SYMLINK)
		own_free(&t->link);
	t->xattrs = take_ptr(&o->t.xattrs);
	t->n_xattrs = o->t.n_xattrs;
	o->t.n_xattrs = 0;
	return 0;
}

/* The two blocks of zeros at the end, or the plain end of what comes. 1: there is a header. */
static int next_block(struct tar_reader *r, char block[TAR_BLOCK], struct err *e)
{
	ssize_t n = r->read(r->cookie, block, TAR_BLOCK);

	if (n < 0)
		return err_set(e, (int)-n, "read the archive");
	if (n == 0)
		return 0;
	int x = (size_t)n < TAR_BLOCK ? fill(r, block + n, TAR_BLOCK - (size_t)n, e) : 0;
	if (x < 0)
		return x;
	if (is_zero(block))
		return 0;
	return sum_is_right(block) ? 1 : err_say(e, EBADMSG, "archive: invalid tar header");
}

int tar_next(struct tar_reader *r, struct tar_entry *out, struct err *e)
{
	auto_(overrides) struct overrides o = { 0 };
	auto_(tar_entry) struct tar_entry t = { 0 };
	char block[TAR_BLOCK];
	bool extended = false;
	int x = 0;

	if (!r->over)
		x = skip(r, r->left + (int64_t)r->padding, e);
	r->left = 0;
	r->padding = 0;
	if (r->over || x < 0)
		return x;
	do {
		x = next_block(r, block, e);
		if (x == 0 && extended)
			return err_say(e, EPIPE, "the archive ends in the middle");
		if (x <= 0) {
			r->over = x == 0;
			return x;
		}
		x = take_extension(r, block, &o, e);
		extended = true;
	} while (x == 1);
	if (x == 0)
		x = parse_entry(block, &o, &t, e);
	if (x < 0)
		return x;
	/* Directories and links of some programs say a size and have no bytes. */
	if (t.type != TAR_FILE)
		t.size = 0;
	r->left = t.size;
	r->padding = tar_padding(t.size);
	*out = t;
	t = (struct tar_entry){ 0 };
	return 1;
}

ssize_t tar_read(struct tar_reader *r, void *data, size_t len, struct err *e)
{
	if (r->left < (int64_t)len)
		len = (size_t)r->left;
	if (len == 0)
		return 0;
	ssize_t n = r->read(r->cookie, data, len);
	if (n < 0)
		return err_set(e, (int)-n, "read the archive");
	if (n == 0)
		return err_say(e, EPIPE, "the archive ends in the middle");
	r->left -= n;
	return n;
}

int tar_drain(struct tar_reader *r, struct err *e)
{
	char block[4096];
	ssize_t n;

	while ((n = r->read(r->cookie, block, sizeof(block))) > 0)
		;
	return n < 0 ? err_set(e, (int)-n, "read the archive") : 0;
}

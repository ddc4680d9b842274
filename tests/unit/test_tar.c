/* tar: what is written is read again, what others write is read, and what is wrong is refused. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/own.h"
#include "base/tar.h"

/* Bytes in pieces of at most .step. */
struct source {
	const char *data;
	size_t len, at, step;
};

static ssize_t read_source(void *cookie, void *data, size_t len)
{
	struct source *s = cookie;
	if (s->step && len > s->step)
		len = s->step;
	if (len > s->len - s->at)
		len = s->len - s->at;
	memcpy(data, s->data + s->at, len);
	s->at += len;
	return (ssize_t)len;
}

static struct tar_entry plain(enum tar_type type, const char *name)
{
	return (struct tar_entry){
		.type = type, .name = (char *)(uintptr_t)name, .mode = 0640, .mtime_s = 1700000000
	};
}

/* One entry, written and read. */
static void through(const struct tar_entry *in, struct tar_entry *out)
{
	auto_(buf) struct buf b = { 0 };
	struct err e;
	assert_int_equal(tar_put_header(&b, in), 0);
	assert_int_equal(b.len % TAR_BLOCK, 0);
	struct source s = { b.data, b.len, 0, 100 };
	struct tar_reader r = { .read = read_source, .cookie = &s };
	if (tar_next(&r, out, &e) != 1)
		fail_msg("%s", e.text);
	assert_int_equal(r.left, in->type == TAR_FILE ? in->size : 0);
}

static void same(const struct tar_entry *a, const struct tar_entry *b)
{
	assert_int_equal(a->type, b->type);
	assert_string_equal(a->name, b->name);
	assert_int_equal(a->link != NULL, b->link != NULL);
	if (a->link)
		assert_string_equal(a->link, b->link);
	assert_int_equal(a->mode, b->mode);
	assert_true(a->uid == b->uid && a->gid == b->gid && a->size == b->size && a->mtime_s == b->mtime_s);
	assert_true(a->major == b->major && a->minor == b->minor && a->n_xattrs == b->n_xattrs);
	for (size_t i = 0; i < a->n_xattrs; i++) {
		assert_string_equal(a->xattrs[i].name, b->xattrs[i].name);
		assert_int_equal(a->xattrs[i].len, b->xattrs[i].len);
		assert_memory_equal(a->xattrs[i].value, b->xattrs[i].value, a->xattrs[i].len);
	}
}

static void each_type_comes_back(void **state)
{
	(void)state;
	for (enum tar_type type = TAR_FILE; type <= TAR_FIFO; type++) {
		auto_(tar_entry) struct tar_entry out = { 0 };
		struct tar_entry in = plain(type, "dir/name");
		char target[] = "../target";
		if (type == TAR_LINK || type == TAR_SYMLINK)
			in.link = target;
		if (type == TAR_CHAR || type == TAR_BLOCKDEV) {
			in.major = 8;
			in.minor = 300;
		}
		if (type == TAR_FILE)
			in.size = 12345;
		through(&in, &out);
		same(&in, &out);
	}
}

static void what_ustar_has_no_room_for(void **state)
{
	(void)state;
	char name[5001], link[300];
	struct tar_xattr x = { (char[]){ "security.capability" }, (char[]){ "\1\0\0\n=" }, 5 };
	memset(name, 'n', sizeof(name) - 1);
	name[sizeof(name) - 1] = '\0';
	memset(link, 'l', sizeof(link) - 1);
	link[sizeof(link) - 1] = '\0';
	struct tar_entry in = plain(TAR_FILE, name), links = plain(TAR_SYMLINK, "x");
	auto_(tar_entry) struct tar_entry out = { 0 }, links_out = { 0 };
	in.size = 20LL << 30;
	in.uid = 4000000000U;
	in.gid = 3000000;
	in.mtime_s = -5;
	in.xattrs = &x;
	in.n_xattrs = 1;
	through(&in, &out);
	same(&in, &out);
	links.link = link;
	through(&links, &links_out);
	same(&links, &links_out);
}

/* Every length of a name around the places where it is split, and where the digits of a pax record's length change. */
static void names_of_all_lengths(void **state)
{
	(void)state;
	for (size_t len = 1; len < 1200; len++) {
		char name[1200];
		for (size_t i = 0; i < len; i++)
			name[i] = i % 37 == 36 && i + 1 < len ? '/' : 'a' + (char)(i % 26);
		name[len] = '\0';
		auto_(tar_entry) struct tar_entry out = { 0 };
		struct tar_entry in = plain(TAR_FILE, name);
		through(&in, &out);
		same(&in, &out);
	}
}

static void random_archives(void **state)
{
	(void)state;
	srand(7);
	for (int round = 0; round < 200; round++) {
		struct tar_entry in[8];
		char names[8][400], body[3000];
		auto_(buf) struct buf b = { 0 };
		int n = rand() % 8;
		for (int i = 0; i < n; i++) {
			(void)snprintf(names[i], sizeof(names[i]), "%0*d", 1 + rand() % 390, i);
			in[i] = plain(TAR_FILE, names[i]);
			in[i].size = rand() % (int)sizeof(body);
			in[i].uid = (uint32_t)rand();
			memset(body, 'a' + i, sizeof(body));
			assert_int_equal(tar_put_header(&b, &in[i]), 0);
			assert_int_equal(buf_add(&b, body, (size_t)in[i].size), 0);
			memset(body, 0, TAR_BLOCK);
			assert_int_equal(buf_add(&b, body, tar_padding(in[i].size)), 0);
		}
		assert_int_equal(tar_put_end(&b), 0);
		struct source s = { b.data, b.len, 0, 1 + (size_t)rand() % 700 };
		struct tar_reader r = { .read = read_source, .cookie = &s };
		struct err e;
		for (int i = 0; i < n; i++) {
			auto_(tar_entry) struct tar_entry out = { 0 };
			assert_int_equal(tar_next(&r, &out, &e), 1);
			same(&in[i], &out);
			ssize_t got = tar_read(&r, body, sizeof(body), &e);
			if (rand() % 2)
				continue; /* the rest is skipped */
			assert_true(out.size == 0 ? got == 0 : got > 0 && body[0] == 'a' + i);
		}
		auto_(tar_entry) struct tar_entry last = { 0 };
		assert_int_equal(tar_next(&r, &last, &e), 0);
		assert_int_equal(tar_drain(&r, &e), 0);
		assert_int_equal(s.at, s.len);
	}
}

/* ---- by hand */

static void put_sum(char *block)
{
	unsigned sum = 0;
	memset(block + 148, ' ', 8);
	for (int i = 0; i < TAR_BLOCK; i++)
		sum += (unsigned char)block[i];
	(void)snprintf(block + 148, 8, "%06o", sum);
}

static void make_block(char *block, char type, const char *name, size_t size)
{
	memset(block, 0, TAR_BLOCK);
	memcpy(block, name, strlen(name));
	memcpy(block + 100, "0000644", 8);
	(void)snprintf(block + 124, 12, "%011o", (unsigned)size);
	block[156] = type;
	memcpy(block + 257, "ustar  ", 8); /* GNU's */
	put_sum(block);
}

static int read_first(const struct buf *b, struct tar_entry *out, struct err *e)
{
	struct source s = { b->data, b->len, 0, 0 };
	struct tar_reader r = { .read = read_source, .cookie = &s };
	return tar_next(&r, out, e);
}

static void add_padded(struct buf *b, const char *data, size_t len)
{
	static const char zeros[TAR_BLOCK];
	assert_int_equal(buf_add(b, data, len), 0);
	assert_int_equal(buf_add(b, zeros, tar_padding((int64_t)len)), 0);
}

static void gnu_names_and_numbers(void **state)
{
	(void)state;
	char block[TAR_BLOCK], name[300];
	auto_(buf) struct buf b = { 0 };
	auto_(tar_entry) struct tar_entry t = { 0 };
	struct err e;
	memset(name, 'g', sizeof(name));
	name[299] = '\0';
	make_block(block, 'L', "././@LongLink", sizeof(name));
	add_padded(&b, block, TAR_BLOCK);
	add_padded(&b, name, sizeof(name));
	make_block(block, '0', "short", 0);
	memset(block + 124, 0, 12);
	block[124] = (char)0x80; /* 2^33, base 256 */
	block[131] = 2;
	memset(block + 108, 0xff, 8); /* uid -1: nobody has that */
	memset(block + 108, 0, 8);
	put_sum(block);
	add_padded(&b, block, TAR_BLOCK);
	assert_int_equal(read_first(&b, &t, &e), 1);
	assert_string_equal(t.name, name);
	assert_true(t.size == 1LL << 33);
}

static void refused(const struct buf *b, const char *words)
{
	auto_(tar_entry) struct tar_entry t = { 0 };
	struct err e = { 0 };
	int r = read_first(b, &t, &e);
	assert_int_equal(r, -e.code);
	assert_true(r == -EBADMSG || r == -EPIPE);
	if (!strstr(e.text, words))
		fail_msg("\"%s\" does not say \"%s\"", e.text, words);
}

static void one_block(struct buf *b, char type, const char *name, size_t size)
{
	char block[TAR_BLOCK];
	make_block(block, type, name, size);
	buf_reset(b);
	add_padded(b, block, TAR_BLOCK);
}

static void what_is_wrong_is_refused(void **state)
{
	(void)state;
	static const char *const pax[] = { "99999999999999999999 path=x\n", "12 path=x\n", "11 nokey x\n",
		"0 =\n", "-1 path=x\n", "24 GNU.sparse.major=1\n1 ", "10 uid=-1\n",
		"20 size=9999999999999999999999\n", "7 =xyz\n" };
	auto_(buf) struct buf b = { 0 };

	one_block(&b, '0', "x", 0);
	b.data[0] = 'y';
	refused(&b, "invalid tar header");
	one_block(&b, 'S', "sparse", 0);
	refused(&b, "type 0x53");
	one_block(&b, '2', "link", 0);
	refused(&b, "without a target");
	one_block(&b, '0', "", 0);
	refused(&b, "without a name");
	one_block(&b, 'x', "huge", TAR_PAX_MAX + 1);
	refused(&b, "a header of");
	one_block(&b, 'x', "cut", 600);
	refused(&b, "ends in the middle");
	one_block(&b, '0', "half", 0);
	b.len = 300;
	refused(&b, "ends in the middle");
	for (size_t i = 0; i < ARRAY_LEN(pax); i++) {
		one_block(&b, 'x', "pax", strlen(pax[i]));
		add_padded(&b, pax[i], strlen(pax[i]));
		refused(&b, "archive: ");
	}
}

static void nothing_is_an_archive_of_nothing(void **state)
{
	(void)state;
	struct buf b = { 0 };
	struct tar_entry t;
	struct err e;
	b.data = (char[]){ "" };
	assert_int_equal(read_first(&b, &t, &e), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_type_comes_back),
		cmocka_unit_test(what_ustar_has_no_room_for),
		cmocka_unit_test(names_of_all_lengths),
		cmocka_unit_test(random_archives),
		cmocka_unit_test(gnu_names_and_numbers),
		cmocka_unit_test(what_is_wrong_is_refused),
		cmocka_unit_test(nothing_is_an_archive_of_nothing),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

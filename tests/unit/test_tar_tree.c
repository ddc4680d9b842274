/* tar_pack and tar_unpack: a tree through an archive, and archives that want out of the directory. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/io.h"
#include "base/own.h"
#include "base/path.h"
#include "base/tar_unpack.h"

struct box {
	char dir[64];
	int fd;
};

static int make_box(void **state)
{
	struct box *x = calloc(1, sizeof(*x));
	(void)snprintf(x->dir, sizeof(x->dir), "/tmp/test_tar.XXXXXX");
	assert_non_null(mkdtemp(x->dir));
	x->fd = open(x->dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	assert_int_equal(mkdirat(x->fd, "in", 0755), 0);
	assert_int_equal(mkdirat(x->fd, "out", 0755), 0);
	*state = x;
	return 0;
}

static int drop_box(void **state)
{
	struct box *x = *state;
	(void)close(x->fd);
	int r = path_remove_tree(AT_FDCWD, x->dir, NULL);
	free(x);
	return r;
}

static void put_file(const struct box *x, const char *name, const char *text)
{
	auto_close int fd = openat(x->fd, name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
	assert_true(fd >= 0);
	assert_int_equal(io_write_full(fd, text, strlen(text)), 0);
}

static void has_file(const struct box *x, const char *name, const char *text)
{
	char there[256];
	if (io_read_text(x->fd, name, there, sizeof(there)) < 0)
		fail_msg("%s is missing", name);
	assert_string_equal(there, text);
}

static int to_buf(void *cookie, const void *data, size_t len)
{
	return buf_add(cookie, data, len);
}

struct source {
	const struct buf *b;
	size_t at;
};

static ssize_t from_buf(void *cookie, void *data, size_t len)
{
	struct source *s = cookie;
	if (len > s->b->len - s->at)
		len = s->b->len - s->at;
	memcpy(data, s->b->data + s->at, len);
	s->at += len;
	return (ssize_t)len;
}

static void pack(const struct box *x, const char *path, const char *name, struct buf *b)
{
	struct tar_pack p = { .root_fd = x->fd, .path = path, .name = name, .write = to_buf, .cookie = b };
	struct err e;
	if (tar_pack(&p, &e) < 0)
		fail_msg("%s", e.text);
}

static int unpack(const struct tar_unpack *u, const struct buf *b, struct err *e)
{
	struct source s = { b, 0 };
	struct tar_reader r = { .read = from_buf, .cookie = &s };
	return tar_unpack(u, &r, e);
}

static struct tar_unpack into_out(const struct box *x, int *fd)
{
	*fd = openat(x->fd, "out", O_PATH | O_DIRECTORY | O_CLOEXEC);
	return (struct tar_unpack){ .root_fd = *fd, .dir = "", .no_owner = true };
}

static void a_name_has_an_end(void **state)
{
	struct box *x = *state;
	auto_(buf) struct buf b = { 0 };
	struct tar_pack p = { .root_fd = x->fd, .path = "in", .name = "in", .write = to_buf, .cookie = &b };
	struct err e;
	char name[201];
	int at = openat(x->fd, "in", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	memset(name, 'x', sizeof(name) - 1);
	name[sizeof(name) - 1] = '\0';
	for (int i = 0; i < 21; i++) {
		if (i == 20) /* 20 * 201 + 2 are well below PATH_MAX */
			assert_int_equal(tar_pack(&p, &e), 0);
		assert_int_equal(mkdirat(at, name, 0755), 0);
		int next = openat(at, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		assert_true(next >= 0);
		(void)close(at);
		at = next;
	}
	(void)close(at);
	assert_int_equal(tar_pack(&p, &e), -ENAMETOOLONG);
}

static void a_tree_comes_back(void **state)
{
	struct box *x = *state;
	auto_(buf) struct buf b = { 0 };
	struct stat st, other;
	struct err e;
	auto_close int fd = -1;

	put_file(x, "in/b", "bee");
	put_file(x, "in/a", "ay");
	assert_int_equal(mkdirat(x->fd, "in/d", 0700), 0);
	assert_int_equal(linkat(x->fd, "in/a", x->fd, "in/d/hard", 0), 0);
	assert_int_equal(symlinkat("../a", x->fd, "in/d/soft"), 0);
	assert_int_equal(mknodat(x->fd, "in/d/fifo", S_IFIFO | 0600, 0), 0);
	assert_int_equal(fchmodat(x->fd, "in/b", 04755, 0), 0);
	assert_int_equal(
		utimensat(x->fd, "in/d", (struct timespec[2]){ { .tv_sec = 5 }, { .tv_sec = 7 } }, 0), 0);
	pack(x, "in", "name", &b);
	struct tar_unpack u = into_out(x, &fd);
	if (unpack(&u, &b, &e) < 0)
		fail_msg("%s", e.text);
	has_file(x, "out/name/b", "bee");
	has_file(x, "out/name/d/soft", "ay");
	assert_int_equal(fstatat(x->fd, "out/name/b", &st, 0), 0);
	assert_int_equal(st.st_mode & 07777, 04755);
	assert_int_equal(fstatat(x->fd, "out/name/a", &st, 0), 0);
	assert_int_equal(fstatat(x->fd, "out/name/d/hard", &other, 0), 0);
	assert_true(st.st_ino == other.st_ino);
	assert_int_equal(fstatat(x->fd, "out/name/d", &st, 0), 0);
	assert_int_equal(st.st_mtim.tv_sec, 7);
	assert_int_equal(fstatat(x->fd, "out/name/d/fifo", &st, AT_SYMLINK_NOFOLLOW), 0);
	assert_true(S_ISFIFO(st.st_mode));
}

static void names_are_changed_on_the_way(void **state)
{
	struct box *x = *state;
	auto_(buf) struct buf b = { 0 };
	struct err e;
	auto_close int fd = -1;

	put_file(x, "in/a", "ay");
	assert_int_equal(linkat(x->fd, "in/a", x->fd, "in/b", 0), 0);
	pack(x, "in/.", ".", &b);
	struct tar_unpack u = into_out(x, &fd);
	u.from = ".";
	u.to = "new";
	assert_int_equal(unpack(&u, &b, &e), 0);
	has_file(x, "out/new/b", "ay");
}

/* ---- archives that no honest program makes */

static void add(struct buf *b, enum tar_type type, const char *name, const char *link, const char *text)
{
	static const char zeros[TAR_BLOCK];
	struct tar_entry t = { .type = type,
		.name = (char *)(uintptr_t)name,
		.link = (char *)(uintptr_t)link,
		.mode = 0777,
		.size = text ? (int64_t)strlen(text) : 0 };
	assert_int_equal(tar_put_header(b, &t), 0);
	if (text) {
		assert_int_equal(buf_puts(b, text), 0);
		assert_int_equal(buf_add(b, zeros, tar_padding(t.size)), 0);
	}
}

static void nothing_outside_is_touched(void **state)
{
	struct box *x = *state;
	struct {
		enum tar_type type;
		const char *name, *link;
	} evil[] = { { TAR_FILE, "../victim", NULL }, { TAR_FILE, "a/../../victim", NULL },
		{ TAR_LINK, "mine", "../victim" }, { TAR_LINK, "mine", "/../victim" },
		{ TAR_DIR, "..", NULL }, { TAR_SYMLINK, "../victim", "x" } };

	put_file(x, "victim", "whole");
	for (size_t i = 0; i < ARRAY_LEN(evil); i++) {
		auto_(buf) struct buf b = { 0 };
		auto_close int fd = -1;
		struct tar_unpack u = into_out(x, &fd);
		struct err e = { 0 };
		add(&b, evil[i].type, evil[i].name, evil[i].link, evil[i].type == TAR_FILE ? "broken" : NULL);
		int r = unpack(&u, &b, &e);
		/* A root has nothing above it. */
		if (r >= 0 || r != -e.code)
			fail_msg("%s: %d", evil[i].name, r);
		has_file(x, "victim", "whole");
	}
}

static void symlinks_are_no_way_out(void **state)
{
	struct box *x = *state;
	char target[80];
	const char *const targets[] = { "..", "../../../../../../..", target };

	(void)snprintf(target, sizeof(target), "%s", x->dir);
	put_file(x, "victim", "whole");
	for (size_t i = 0; i < ARRAY_LEN(targets); i++) {
		for (int in_root = 0; in_root < 2; in_root++) {
			char through[160];
			auto_(buf) struct buf b = { 0 };
			auto_close int fd = -1;
			struct tar_unpack u = into_out(x, &fd);
			struct err e = { 0 };
			u.in_root = in_root;
			add(&b, TAR_SYMLINK, "evil", targets[i], NULL);
			(void)snprintf(through, sizeof(through), "evil%s/victim", i == 1 ? x->dir : "");
			add(&b, TAR_FILE, through, NULL, "broken");
			int r = unpack(&u, &b, &e);
			assert_true(in_root || r < 0);
			has_file(x, "victim", "whole");
			assert_int_equal(path_remove_tree(x->fd, "out", NULL), 0);
			assert_int_equal(mkdirat(x->fd, "out", 0755), 0);
		}
	}
}

static void links_that_were_there_lead_inside_the_root(void **state)
{
	struct box *x = *state;
	auto_(buf) struct buf b = { 0 };
	auto_close int fd = -1;
	struct tar_unpack u = into_out(x, &fd);
	struct err e;

	assert_int_equal(mkdirat(x->fd, "out/usr", 0755), 0);
	assert_int_equal(symlinkat("/usr", x->fd, "out/bin"), 0);
	u.in_root = true;
	u.dir = "/bin";
	add(&b, TAR_FILE, "sub/x", NULL, "here");
	if (unpack(&u, &b, &e) < 0)
		fail_msg("%s", e.text);
	has_file(x, "out/usr/sub/x", "here");
}

static void directories_and_files_do_not_take_each_others_place(void **state)
{
	struct box *x = *state;
	auto_(buf) struct buf file = { 0 }, dir = { 0 };
	auto_close int fd = -1;
	struct tar_unpack u = into_out(x, &fd);
	struct err e;

	u.no_overwrite_dir_non_dir = true;
	add(&file, TAR_FILE, "x", NULL, "file");
	add(&dir, TAR_DIR, "x/", NULL, NULL);
	assert_int_equal(unpack(&u, &file, &e), 0);
	assert_int_equal(unpack(&u, &dir, &e), -ENOTDIR);
	assert_string_equal(e.text, "cannot overwrite non-directory \"x\" with directory \"x/\"");
	u.no_overwrite_dir_non_dir = false;
	assert_int_equal(unpack(&u, &dir, &e), 0);
	put_file(x, "out/x/inside", "y");
	assert_int_equal(unpack(&u, &dir, &e), 0);
	has_file(x, "out/x/inside", "y");
	u.no_overwrite_dir_non_dir = true;
	assert_int_equal(unpack(&u, &file, &e), -EISDIR);
	assert_string_equal(e.text, "cannot overwrite directory \"x\" with non-directory \"x\"");
	u.no_overwrite_dir_non_dir = false;
	assert_int_equal(unpack(&u, &file, &e), 0);
	has_file(x, "out/x", "file");
}

static void ids_go_both_ways(void **state)
{
	(void)state;
	const struct tar_ids maps[] = { { 0, 100000, 1000 }, { 1000, 5000, 1 } };
	assert_int_equal(tar_id_host(maps, 2, 0), 100000);
	assert_int_equal(tar_id_host(maps, 2, 999), 100999);
	assert_int_equal(tar_id_host(maps, 2, 1000), 5000);
	assert_true(tar_id_host(maps, 2, 1001) == UINT32_MAX);
	assert_int_equal(tar_id_inside(maps, 2, 5000), 1000);
	assert_true(tar_id_inside(maps, 2, 0) == UINT32_MAX);
	assert_int_equal(tar_id_host(NULL, 0, 77), 77);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(a_name_has_an_end, make_box, drop_box),
		cmocka_unit_test_setup_teardown(a_tree_comes_back, make_box, drop_box),
		cmocka_unit_test_setup_teardown(names_are_changed_on_the_way, make_box, drop_box),
		cmocka_unit_test_setup_teardown(nothing_outside_is_touched, make_box, drop_box),
		cmocka_unit_test_setup_teardown(symlinks_are_no_way_out, make_box, drop_box),
		cmocka_unit_test_setup_teardown(
			links_that_were_there_lead_inside_the_root, make_box, drop_box),
		cmocka_unit_test_setup_teardown(
			directories_and_files_do_not_take_each_others_place, make_box, drop_box),
		cmocka_unit_test(ids_go_both_ways),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

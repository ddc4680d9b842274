/* Volumes on the disk: their record both ways, in and out by one rename, and how many bytes lie somewhere. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/json.h"
#include "base/path.h"
#include "supervisor/api/filters.h"
#include "supervisor/disk_usage.h"
#include "supervisor/volume.h"

static char dir[64];
static int fd = -1;

static int open_dir(void **state)
{
	(void)state;
	strcpy(dir, "/tmp/berth-volume-XXXXXX");
	assert_non_null(mkdtemp(dir));
	fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return fd < 0;
}

static int close_dir(void **state)
{
	(void)state;
	own_close(&fd);
	return path_remove_tree(AT_FDCWD, dir, NULL);
}

static void write_file(const char *path, const char *text)
{
	auto_close int file = openat(fd, path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	assert_true(file >= 0);
	assert_int_equal(write(file, text, strlen(text)), strlen(text));
}

static bool exists(const char *path)
{
	return faccessat(fd, path, F_OK, AT_SYMLINK_NOFOLLOW) == 0;
}

static int entries(void)
{
	int n = 0;
	DIR *d = opendir(dir);
	assert_non_null(d);
	for (struct dirent *x; (x = readdir(d));)
		n += strcmp(x->d_name, ".") != 0 && strcmp(x->d_name, "..") != 0;
	closedir(d);
	return n;
}

static void a_record_is_the_same_both_ways(void **state)
{
	(void)state;
	auto_(volume_record) struct volume_record in = { .created_ns = 1234567890123456789 };
	auto_(volume_record) struct volume_record out = { 0 };
	struct err e;

	in.labels = json_pack("{s:s, s:s}", "a", "b", "empty", "");
	auto_(json) json_t *v = volume_record_to_json(&in);
	assert_int_equal(volume_record_from_json(v, &out, &e), 0);
	assert_int_equal(out.created_ns, in.created_ns);
	assert_true(json_equal(out.labels, in.labels));
	assert_null(out.options);
}

static void what_is_no_record_is_refused(void **state)
{
	static const struct {
		const char *text;
		int r;
	} cases[] = { { "{\"Labels\": 7}", -EINVAL }, { "{\"Labels\": {\"a\": 7}}", -EINVAL },
		{ "{\"Schema\": 2}", -EPROTONOSUPPORT }, { "{\"Options\": []}", -EINVAL },
		{ "{\"CreatedNs\": \"now\"}", -EINVAL } };
	(void)state;

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		auto_(json) json_t *v = json_loads(cases[i].text, 0, NULL);
		auto_(volume_record) struct volume_record out = { 0 };
		struct err e;
		assert_int_equal(volume_record_from_json(v, &out, &e), cases[i].r);
		assert_null(out.labels);
	}
}

static void in_and_out_again(void **state)
{
	auto_(volume_record) struct volume_record out = { 0 };
	char trash[VOLUME_TRASH_MAX];
	struct err e;
	(void)state;

	assert_int_equal(volume_put(fd, "one", "{\"CreatedNs\": 5, \"Labels\": {\"a\": \"b\"}}", &e), 0);
	assert_true(exists("one/_data"));
	assert_int_equal(entries(), 1);
	assert_int_equal(volume_load(fd, "one", &out, &e), 0);
	assert_int_equal(out.created_ns, 5);
	assert_string_equal(json_string_value(json_object_get(out.labels, "a")), "b");

	assert_int_equal(volume_trash_name(trash), 0);
	assert_int_equal(trash[0], '.');
	assert_int_equal(volume_drop(fd, "one", trash, &e), 0);
	assert_false(exists("one"));
	assert_true(exists(trash));
	assert_int_equal(volume_drop(fd, "one", trash, &e), 0); /* a second time */
	assert_int_equal(volume_load(fd, "one", &out, &e), -ENOENT);
}

static void a_directory_that_is_there_becomes_the_volume(void **state)
{
	auto_(volume_record) struct volume_record out = { 0 };
	struct err e;
	(void)state;

	assert_int_equal(mkdirat(fd, "old", 0755), 0);
	assert_int_equal(mkdirat(fd, "old/_data", 0755), 0);
	write_file("old/_data/file", "kept");
	assert_int_equal(volume_put(fd, "old", "{\"CreatedNs\": 7}", &e), 0);
	assert_true(exists("old/_data/file"));
	assert_int_equal(entries(), 1);
	assert_int_equal(volume_load(fd, "old", &out, &e), 0);
	assert_int_equal(out.created_ns, 7);
}

static void without_a_record_or_with_a_damaged_one(void **state)
{
	static const char anonymous[] = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";
	auto_(volume_record) struct volume_record old = { 0 }, nameless = { 0 }, damaged = { 0 },
						  later = { 0 }, unread = { 0 };
	struct err e;
	(void)state;

	assert_int_equal(mkdirat(fd, "old", 0755), 0);
	assert_int_equal(volume_load(fd, "old", &old, &e), 0);
	assert_null(old.labels);
	assert_true(old.created_ns > 0);
	assert_int_equal(mkdirat(fd, anonymous, 0755), 0);
	assert_int_equal(volume_load(fd, anonymous, &nameless, &e), 0);
	assert_non_null(json_object_get(nameless.labels, VOLUME_ANONYMOUS));

	assert_int_equal(mkdirat(fd, "bad", 0755), 0);
	write_file("bad/volume.json", "{\"Labels\"");
	assert_int_equal(volume_load(fd, "bad", &damaged, &e), 1);
	assert_true(exists("bad/volume.json.damaged"));
	assert_false(exists("bad/volume.json"));

	assert_int_equal(mkdirat(fd, "new", 0755), 0);
	write_file("new/volume.json", "{\"Schema\": 99}");
	assert_int_equal(volume_load(fd, "new", &later, &e), 1);
	assert_true(exists("new/volume.json")); /* its version will read it */

	assert_int_equal(mkdirat(fd, "unread", 0755), 0);
	assert_int_equal(symlinkat("volume.json", fd, "unread/volume.json"), 0);
	assert_int_equal(volume_load(fd, "unread", &unread, &e), 1);
	assert_int_equal(e.code, ELOOP);
	assert_false(exists("unread/volume.json.damaged")); /* another time it may be read */
}

static void bytes_below_a_directory(void **state)
{
	char path[128], deep[96] = "deep";
	(void)state;

	(void)snprintf(path, sizeof(path), "%s/none", dir);
	assert_int_equal(disk_usage_of(path), 0);
	assert_int_equal(disk_usage_of(dir), 0);
	write_file("a", "12345");
	assert_int_equal(linkat(fd, "a", fd, "b", 0), 0);
	assert_int_equal(mkdirat(fd, "sub", 0700), 0);
	assert_int_equal(linkat(fd, "a", fd, "sub/c", 0), 0);
	write_file("sub/d", "123");
	assert_int_equal(disk_usage_of(dir), 8);
	assert_int_equal(symlinkat("/etc", fd, "sub/link"), 0); /* itself, not what it leads to */
	assert_int_equal(disk_usage_of(dir), 12);
	for (int i = 0; i < 600; i++) { /* more names of files with several than the table begins with */
		char name[32];
		(void)snprintf(name, sizeof(name), "n%d", i);
		write_file(name, "x");
		(void)snprintf(name, sizeof(name), "m%d", i);
		char first[32];
		(void)snprintf(first, sizeof(first), "n%d", i);
		assert_int_equal(linkat(fd, first, fd, name, 0), 0);
	}
	assert_int_equal(disk_usage_of(dir), 612);
	auto_close int at = dup(fd);
	for (int i = 0; i < DISK_USAGE_DEPTH_MAX + 2; i++) {
		assert_int_equal(mkdirat(at, deep, 0700), 0);
		int next = openat(at, deep, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		assert_true(next >= 0);
		own_close(&at);
		at = next;
	}
	assert_int_equal(disk_usage_of(dir), -1);
}

/* ---------------------------------------------------------------- filters of lists and prunes */

static void names_and_labels_fit(void **state)
{
	auto_(json) json_t *labels = json_pack("{s:s, s:s}", "tier", "db", "empty", "");
	struct err e;
	static const struct {
		const char *filter;
		bool fits;
	} cases[] = { { "{\"label\": [\"tier\"]}", true }, { "{\"label\": [\"tier=db\", \"empty\"]}", true },
		{ "{\"label\": [\"tier=db\", \"other\"]}", false }, { "{\"label\": [\"tier=\"]}", false },
		{ "{\"label\": {\"empty=\": true}}", true }, { "{}", true } };
	(void)state;

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		static const char *const known[] = { "label", NULL };
		auto_(filters) struct filters f = { 0 };
		assert_int_equal(filters_parse(cases[i].filter, known, &f, &e), 0);
		assert_int_equal(filters_match_label_object(&f, "label", labels), cases[i].fits);
	}
	assert_true(filters_name_fits("at", "data"));
	assert_true(filters_name_fits("^data$", "data"));
	assert_false(filters_name_fits("^dat$", "data"));
	assert_false(filters_name_fits("^ata", "data"));
	assert_true(filters_name_fits("ata$", "data"));
	assert_false(filters_name_fits("database", "data"));
}

static void booleans_and_times_of_filters(void **state)
{
	static const char *const known[] = { "all", "until", NULL };
	static const struct {
		const char *filter;
		int r, all;
		int64_t until_ns;
	} cases[] = {
		{ "", 0, -1, INT64_MIN },
		{ "{\"all\": [\"1\"]}", 0, true, INT64_MIN },
		{ "{\"all\": {\"false\": true}}", 0, false, INT64_MIN },
		{ "{\"all\": [\"yes\"]}", -EINVAL, -1, 0 },
		{ "{\"all\": [\"1\", \"0\"]}", -EINVAL, -1, 0 },
		{ "{\"until\": [\"10\"]}", 0, -1, 10000000000 },
		{ "{\"until\": [\"10s\"]}", 0, -1, 90000000000 },
		{ "{\"until\": [\"1970-01-01T00:00:20Z\"]}", 0, -1, 20000000000 },
		{ "{\"until\": [\"soon\"]}", -EINVAL, -1, 0 },
		{ "{\"until\": [\"1s\", \"2s\"]}", -EINVAL, -1, 0 },
	};
	(void)state;

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		auto_(filters) struct filters f = { 0 };
		bool all = false, none = true;
		int64_t until_ns = 0;
		struct err e;
		assert_int_equal(filters_parse(cases[i].filter, known, &f, &e), 0);
		int r = filters_get_bool(&f, "all", &all, &e);
		if (r == 0)
			r = filters_get_bool(&f, "all", &none, &e);
		if (r == 0)
			r = filters_get_until(&f, INT64_C(100000000000), &until_ns, &e);
		assert_int_equal(r, cases[i].r);
		if (r < 0)
			continue;
		assert_int_equal(all, cases[i].all == true);
		assert_int_equal(none, cases[i].all != false);
		assert_true(until_ns == cases[i].until_ns);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_record_is_the_same_both_ways),
		cmocka_unit_test(what_is_no_record_is_refused),
		cmocka_unit_test_setup_teardown(in_and_out_again, open_dir, close_dir),
		cmocka_unit_test_setup_teardown(
			a_directory_that_is_there_becomes_the_volume, open_dir, close_dir),
		cmocka_unit_test_setup_teardown(without_a_record_or_with_a_damaged_one, open_dir, close_dir),
		cmocka_unit_test_setup_teardown(bytes_below_a_directory, open_dir, close_dir),
		cmocka_unit_test(names_and_labels_fit),
		cmocka_unit_test(booleans_and_times_of_filters),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

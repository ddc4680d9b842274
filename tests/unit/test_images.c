/* The file that keeps the names of images, and the rows that list them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/io.h"
#include "base/json.h"
#include "base/own.h"
#include "base/path.h"
#include "cli/images.h"
#include "supervisor/images_file.h"

#define ID "sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
#define RECORD(name, source, id)                                                                             \
	"{\"Schema\":1,\"Images\":{\"" name "\":{\"Source\":\"" source "\",\"Id\":\"" id                     \
	"\",\"CreatedNs\":5,\"Config\":{}}}}"

static char top[64];
static int dirfd = -1;
static struct err e;

static int setup(void **state)
{
	(void)state;
	strcpy(top, "/tmp/berth-images-XXXXXX");
	dirfd = mkdtemp(top) ? open(top, O_RDONLY | O_DIRECTORY | O_CLOEXEC) : -1;
	return dirfd < 0 ? -1 : 0;
}

static int teardown(void **state)
{
	(void)state;
	own_close(&dirfd);
	return path_remove_tree(AT_FDCWD, top, NULL);
}

static void put(const char *name, const char *text)
{
	assert_int_equal(io_replace_file(dirfd, name, text, strlen(text), 0600, false, &e), 0);
}

static void test_round_trip(void **state)
{
	(void)state;
	auto_(json) json_t *none = NULL, *again = NULL;
	(void)unlinkat(dirfd, IMAGES_FILE, 0);
	assert_int_equal(images_file_read(dirfd, &none, &e), 0);
	assert_int_equal(json_object_size(none), 0);
	auto_(json) json_t *table = json_pack("{s:{s:s, s:s, s:I, s:{s:[s]}}, s:{s:s, s:s, s:I, s:{}}}",
		"web:latest", "Source", "dir:/srv/wéb", "Id", ID, "CreatedNs",
		(json_int_t)INT64_C(1795349178669874202), "Config", "Cmd", "x", "a.b:5/c:1", "Source",
		"oci-bundle:/b", "Id", ID, "CreatedNs", (json_int_t)0, "Config");
	assert_non_null(table);
	assert_int_equal(images_file_write(dirfd, table, &e), 0);
	put("." IMAGES_FILE ".new", "{\"Schema\":1,\"Ima"); /* a write that a power cut fell into */
	assert_int_equal(images_file_read(dirfd, &again, &e), 0);
	assert_true(json_equal(table, again));
	assert_int_equal(images_file_write(dirfd, none, &e), 0);
	json_decref(again);
	assert_int_equal(images_file_read(dirfd, &again, &e), 0);
	assert_int_equal(json_object_size(again), 0);
}

static void test_damage_is_named(void **state)
{
	(void)state;
	static const struct {
		const char *text;
		int r;
		const char *needle;
	} t[] = {
		{ "", -EINVAL, IMAGES_FILE },
		{ "{\"Schema\":1,\"Images\":{\"web", -EINVAL, IMAGES_FILE },
		{ "[]", -EINVAL, "must be an object" },
		{ "{}", -EINVAL, "Schema or Images is missing" },
		{ "{\"Schema\":1}", -EINVAL, "Schema or Images is missing" },
		{ "{\"Images\":{}}", -EINVAL, "Schema or Images is missing" },
		{ "{\"Schema\":2,\"Images\":5}", -EPROTONOSUPPORT, "is of a later version" },
		{ "{\"Schema\":1,\"Images\":{\"web:1\":5}}", -EINVAL, "web:1: must be an object" },
		{ RECORD("web", "dir:/w", ID), -EINVAL, "web: is not a name" },
		{ RECORD("Web:1", "dir:/w", ID), -EINVAL, "Web:1: is not a name" },
		{ RECORD("web:1", "/w", ID), -EINVAL, "web:1.Source" },
		{ RECORD("web:1", "dir:/w", "0123"), -EINVAL, "web:1.Id" },
		{ "{\"Schema\":1,\"Images\":{\"web:1\":{\"Source\":\"dir:/w\",\"Id\":\"" ID "\"}}}", -EINVAL,
			"web:1.Config: is missing" },
	};
	for (size_t i = 0; i < ARRAY_LEN(t); i++) {
		json_t *table = NULL;
		put(IMAGES_FILE, t[i].text);
		assert_int_equal(images_file_read(dirfd, &table, &e), t[i].r);
		assert_null(table);
		if (!strstr(e.text, t[i].needle))
			fail_msg("'%s' does not say '%s'", e.text, t[i].needle);
	}
	auto_(json) json_t *table = NULL;
	put(IMAGES_FILE, RECORD("web:1", "dir:/w", ID));
	assert_int_equal(images_file_read(dirfd, &table, &e), 0);
	assert_int_equal(json_object_size(table), 1);
}

static void rows_are(const json_t *images, bool trunc, bool once, const char *format, const char *want)
{
	auto_(json) json_t *rows = NULL;
	auto_(buf) struct buf out = { 0 };
	assert_int_equal(images_rows(images, trunc, once, 7200 * NS_PER_S, &rows, &e), 0);
	if (images_format(rows, false, format, &out, &e) < 0)
		fail_msg("%s", e.text);
	assert_string_equal(out.data ? out.data : "", want);
}

static void test_rows(void **state)
{
	(void)state;
	auto_(json) json_t *images = json_pack("[{s:s, s:[s, s], s:i, s:{s:s}}]", "Id", ID, "RepoTags",
		"web:1", "a.b:5/web:2", "Created", 3600, "Berth", "Source", "dir:/w");
	rows_are(images, true, false, NULL,
		"REPOSITORY   TAG       IMAGE ID       CREATED             SIZE\n"
		"web          1         0123456789ab   About an hour ago   0B\n"
		"a.b:5/web    2         0123456789ab   About an hour ago   0B\n");
	rows_are(images, false, false, "{{.Repository}} {{.Tag}} {{.ID}} {{.Source}} {{.Digest}}",
		"web 1 " ID " dir:/w <none>\na.b:5/web 2 " ID " dir:/w <none>\n");
	rows_are(images, true, true, "{{.ID}}", "0123456789ab\n");
	auto_(json) json_t *none = json_array();
	rows_are(none, true, false, "{{.ID}}", "");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_round_trip),
		cmocka_unit_test(test_damage_is_named),
		cmocka_unit_test(test_rows),
	};
	(void)alarm(60);
	return cmocka_run_group_tests(tests, setup, teardown);
}

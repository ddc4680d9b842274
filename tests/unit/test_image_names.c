/* Names of images, and the configuration that a root filesystem brings. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/io.h"
#include "base/json.h"
#include "base/own.h"
#include "base/path.h"
#include "image/config.h"
#include "image/reference.h"

static struct err e;

/* ---------------------------------------------------------------- references */

static void test_names_and_their_short_forms(void **state)
{
	(void)state;
	static const struct {
		const char *text, *name, *tag;
	} t[] = {
		{ "web", "web", "latest" },
		{ "web:1", "web", "1" },
		{ "web:1.0-rc_2", "web", "1.0-rc_2" },
		{ "web:5000", "web", "5000" },
		{ "library/web", "web", "latest" },
		{ "docker.io/library/web:1", "web", "1" },
		{ "index.docker.io/library/web", "web", "latest" },
		{ "docker.io/me/web", "me/web", "latest" },
		{ "docker.io/index.docker.io/docker.io/web", "web", "latest" },
		{ "library/library/web", "library/library/web", "latest" },
		{ "library/me/web", "library/me/web", "latest" },
		{ "me/web-a__b.c--d:T", "me/web-a__b.c--d", "T" },
		{ "localhost/web", "localhost/web", "latest" },
		{ "localhost:5000/web", "localhost:5000/web", "latest" },
		{ "Example.org:5000/a/b:c", "Example.org:5000/a/b", "c" },
		{ "example.org/library/web", "example.org/library/web", "latest" },
	};
	for (size_t i = 0; i < ARRAY_LEN(t); i++) {
		struct reference ref;
		char text[REFERENCE_MAX + 1], want[REFERENCE_MAX + 1];
		if (reference_parse(t[i].text, &ref, &e) < 0)
			fail_msg("%s: %s", t[i].text, e.text);
		assert_string_equal(ref.name, t[i].name);
		assert_string_equal(ref.tag, t[i].tag);
		/* What is kept reads as the same again. */
		(void)snprintf(want, sizeof(want), "%s", reference_format(&ref, text));
		assert_int_equal(reference_parse(want, &ref, &e), 0);
		assert_string_equal(reference_format(&ref, text), want);
	}
}

static void test_what_is_no_name(void **state)
{
	(void)state;
	static const char *const bad[] = { "", ":", ":1", "web:", "web:-1", "web:a/b:", "/web", "web/",
		"a//b", "-web", "web-", "a..b", "a___b", "a._b", "we b", "wéb", "web:t\xc3\xa4g",
		"web@sha256:0123", "a b/c", "-a.b/web", "a.b-/web", "a.b:/web", "a.b:x/web", "dir:/srv/web",
		"../web", "web:1:2", "web\n" };
	struct reference ref;
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		if (reference_parse(bad[i], &ref, &e) != -EINVAL)
			fail_msg("'%s' is taken for a name", bad[i]);
		assert_non_null(strstr(e.text, "invalid reference format"));
	}
	assert_int_equal(reference_parse("library/Web", &ref, &e), -EINVAL);
	assert_string_equal(e.text, "invalid reference format: repository name (Web) must be lowercase");
	char hex[65];
	memset(hex, 'a', 64);
	hex[64] = '\0';
	assert_int_equal(reference_parse(hex, &ref, &e), -EINVAL);
	assert_non_null(strstr(e.text, "cannot specify 64-byte hexadecimal strings"));
}

static void test_lengths(void **state)
{
	(void)state;
	char text[2000];
	struct reference ref;
	memset(text, 'a', sizeof(text));
	text[255] = ':';
	text[256 + 128] = '\0';
	assert_int_equal(reference_parse(text, &ref, &e), 0);
	assert_int_equal(strlen(ref.name), 255);
	assert_int_equal(strlen(ref.tag), 128);
	text[256 + 128] = 'a';
	text[256 + 129] = '\0';
	assert_int_equal(reference_parse(text, &ref, &e), -EINVAL);
	text[255] = 'a';
	text[256] = '\0';
	assert_int_equal(reference_parse(text, &ref, &e), -EINVAL);
	memset(text, 'a', sizeof(text) - 1);
	text[sizeof(text) - 1] = '\0';
	assert_int_equal(reference_parse(text, &ref, &e), -EINVAL);
}

/* ---------------------------------------------------------------- configurations */

static void test_canonical_form(void **state)
{
	(void)state;
	static const struct {
		const char *from, *want;
	} t[] = {
		{ "{}", "{}" },
		{ "{\"Cmd\":null,\"Entrypoint\":[],\"Env\":null,\"User\":\"\",\"Labels\":{},\"Volumes\":null,"
		  "\"Healthcheck\":{}}",
			"{}" },
		{ "{\"Cmd\":\"sh\"}", "{\"Cmd\":[\"sh\"]}" },
		{ "{\"Hostname\":\"x\",\"Tty\":true,\"OnBuild\":[\"RUN x\"],\"Image\":\"\",\"Cmd\":[\"a\",\"\"]}",
			"{\"Cmd\":[\"a\",\"\"]}" },
		{ "{\"User\":\"u:g\",\"Cmd\":[\"c\"],\"Entrypoint\":[\"e\"],\"Env\":[\"A=\",\"B=1=2\"],"
		  "\"Labels\":{\"b\":\"1\",\"a\":\"\"},\"Shell\":[\"/bin/sh\",\"-c\"],\"StopSignal\":\"SIGQUIT\","
		  "\"Volumes\":{\"/v\":{}},\"WorkingDir\":\"/w\",\"ExposedPorts\":{\"80\":{},\"8000-8010/udp\":{}},"
		  "\"Healthcheck\":{\"Test\":[\"CMD\",\"true\"],\"Interval\":1000000,\"Retries\":3,\"Timeout\":0}}",
			"{\"Cmd\":[\"c\"],\"Entrypoint\":[\"e\"],\"Env\":[\"A=\",\"B=1=2\"],"
			"\"ExposedPorts\":{\"80\":{},\"8000-8010/udp\":{}},"
			"\"Healthcheck\":{\"Interval\":1000000,\"Retries\":3,\"Test\":[\"CMD\",\"true\"]},"
			"\"Labels\":{\"a\":\"\",\"b\":\"1\"},\"Shell\":[\"/bin/sh\",\"-c\"],\"StopSignal\":\"SIGQUIT\","
			"\"User\":\"u:g\",\"Volumes\":{\"/v\":{}},\"WorkingDir\":\"/w\"}" },
	};
	for (size_t i = 0; i < ARRAY_LEN(t); i++) {
		auto_(json) json_t *got = NULL;
		if (image_config_parse(t[i].from, strlen(t[i].from), "f", &got, &e) < 0)
			fail_msg("%s: %s", t[i].from, e.text);
		auto_free char *text = json_dumps(got, JSON_COMPACT | JSON_SORT_KEYS);
		assert_string_equal(text, t[i].want);
	}
}

static void test_slips_are_named(void **state)
{
	(void)state;
	static const struct {
		const char *from, *needle;
	} t[] = {
		{ "", "f" },
		{ "[]", "f: must be an object" },
		{ "{\"Comand\":[\"x\"]}", "f: Comand: unknown key" },
		{ "{\"cmd\":[\"x\"]}", "f: cmd: unknown key" },
		{ "{\"Cmd\":[1]}", "Cmd" },
		{ "{\"Cmd\":{}}", "Cmd" },
		{ "{\"Env\":[\"A\"]}", "Env: \"A\" is not NAME=VALUE" },
		{ "{\"Env\":[\"=x\"]}", "Env: \"=x\" is not NAME=VALUE" },
		{ "{\"User\":5}", "User" },
		{ "{\"WorkingDir\":\"srv\"}", "WorkingDir: \"srv\" is not an absolute path" },
		{ "{\"StopSignal\":\"SIGNO\"}", "StopSignal: invalid signal: SIGNO" },
		{ "{\"Volumes\":[\"/v\"]}", "Volumes" },
		{ "{\"Volumes\":{\"v\":{}}}", "Volumes: \"v\" is not an absolute path" },
		{ "{\"Volumes\":{\"/\":{}}}", "Volumes: \"/\" is not an absolute path" },
		{ "{\"ExposedPorts\":{\"http\":{}}}", "ExposedPorts: \"http\" is not PORT or PORT/PROTOCOL" },
		{ "{\"ExposedPorts\":{\"80/xyz\":{}}}", "ExposedPorts" },
		{ "{\"Labels\":{\"a\":1}}", "Labels" },
		{ "{\"Healthcheck\":{\"Test\":\"true\"}}", "Healthcheck.Test" },
		{ "{\"Healthcheck\":{\"Interval\":-1}}", "Healthcheck.Interval" },
	};
	for (size_t i = 0; i < ARRAY_LEN(t); i++) {
		auto_(json) json_t *got = NULL;
		if (image_config_parse(t[i].from, strlen(t[i].from), "f", &got, &e) != -EINVAL || got)
			fail_msg("'%s' is taken", t[i].from);
		if (!strstr(e.text, t[i].needle))
			fail_msg("'%s' does not say '%s'", e.text, t[i].needle);
	}
}

static void id_of(const char *source, const char *config, char out[IMAGE_ID_LEN + 1])
{
	auto_(json) json_t *v = NULL;
	assert_int_equal(image_config_parse(config, strlen(config), "f", &v, &e), 0);
	assert_int_equal(image_config_id(source, v, out), 0);
}

static void test_ids(void **state)
{
	(void)state;
	char a[IMAGE_ID_LEN + 1], b[IMAGE_ID_LEN + 1];
	id_of("dir:/srv/web", "{\"Cmd\":[\"x\"],\"User\":\"u\"}", a);
	id_of("dir:/srv/web", "{\"User\":\"u\",\"Tty\":true,\"Cmd\":\"x\",\"Env\":[]}", b);
	assert_string_equal(a, b);
	/* sha256sum of {"Config":{"Cmd":["x"],"User":"u"},"Source":"dir:/srv/web"}: it must stay so for ever. */
	assert_string_equal(a, "sha256:12edf7f69300e30fd539a23529e6a8563cd20f8718646221b9d9577d5f4d6604");
	id_of("dir:/srv/web2", "{\"Cmd\":[\"x\"],\"User\":\"u\"}", b);
	assert_string_not_equal(a, b);
	id_of("dir:/srv/web", "{\"Cmd\":[\"y\"],\"User\":\"u\"}", b);
	assert_string_not_equal(a, b);
}

/* ---------------------------------------------------------------- the file in its root */

static char top[64];

static const char *at(const char *name)
{
	static char path[2][256];
	static int turn;
	turn = !turn;
	(void)snprintf(path[turn], sizeof(path[turn]), "%s%s", top, name);
	return path[turn];
}

static void write_file(const char *name, const char *text)
{
	int fd = open(at(name), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
	assert_true(fd >= 0);
	assert_int_equal(io_write_full(fd, text, strlen(text)), 0);
	(void)close(fd);
}

static int setup(void **state)
{
	(void)state;
	strcpy(top, "/tmp/berth-names-XXXXXX");
	return mkdtemp(top) && mkdir(at("/root"), 0755) == 0 && mkdir(at("/root/etc"), 0755) == 0 ? 0 : -1;
}

static int teardown(void **state)
{
	(void)state;
	return path_remove_tree(AT_FDCWD, top, NULL);
}

static void test_file_in_root(void **state)
{
	(void)state;
	static const char file[] = "/root/etc/berth-image.json";
	json_t *v = NULL;
	assert_int_equal(image_config_read(at("/root"), &v, &e), 0);
	assert_int_equal(json_object_size(v), 0);
	json_decref(v);
	assert_int_equal(image_config_read(at("/none"), &v, &e), -ENOENT);

	write_file(file, "{\"Cmd\":[\"x\"]}");
	assert_int_equal(image_config_read(at("/root"), &v, &e), 0);
	assert_int_equal(json_object_size(v), 1);
	json_decref(v);
	write_file(file, "{\"Cmd\":");
	assert_int_equal(image_config_read(at("/root"), &v, &e), -EINVAL);
	assert_non_null(strstr(e.text, at(file)));

	/* A link leads to what stands there in the image, never to the host's. */
	write_file("/secret", "{\"Cmd\":[\"secret\"]}");
	assert_int_equal(unlink(at(file)), 0);
	assert_int_equal(symlink(at("/secret"), at(file)), 0);
	assert_int_equal(image_config_read(at("/root"), &v, &e), 0);
	assert_int_equal(json_object_size(v), 0);
	json_decref(v);
	assert_int_equal(unlink(at(file)), 0);
	assert_int_equal(symlink("../../../../secret", at(file)), 0);
	assert_int_equal(image_config_read(at("/root"), &v, &e), 0);
	assert_int_equal(json_object_size(v), 0);
	json_decref(v);

	/* Nothing but a file is opened: this would wait for a writer. */
	assert_int_equal(unlink(at(file)), 0);
	assert_int_equal(mkfifo(at(file), 0644), 0);
	assert_int_equal(image_config_read(at("/root"), &v, &e), -EINVAL);
	assert_non_null(strstr(e.text, "is not a regular file"));
	assert_int_equal(unlink(at(file)), 0);
	int fd = open(at(file), O_WRONLY | O_CREAT | O_CLOEXEC, 0644);
	assert_int_equal(ftruncate(fd, 2 << 20), 0);
	(void)close(fd);
	assert_int_equal(image_config_read(at("/root"), &v, &e), -EFBIG);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_names_and_their_short_forms),
		cmocka_unit_test(test_what_is_no_name),
		cmocka_unit_test(test_lengths),
		cmocka_unit_test(test_canonical_form),
		cmocka_unit_test(test_slips_are_named),
		cmocka_unit_test(test_ids),
		cmocka_unit_test(test_file_in_root),
	};
	(void)alarm(60);
	return cmocka_run_group_tests(tests, setup, teardown);
}

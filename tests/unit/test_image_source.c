/* The local forms of an image's name, against directories made for it. */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include <cmocka.h>

#include "base/path.h"
#include "image/source.h"

static char top[64];
static struct err e;

static const char *named(const char *form, const char *below)
{
	static char text[256];
	(void)snprintf(text, sizeof(text), "%s%s%s", form, top, below);
	return text;
}

static const char *path_of(const char *below)
{
	static char text[256];
	(void)snprintf(text, sizeof(text), "%s%s", top, below);
	return text;
}

static void write_config(const char *text)
{
	int fd = open(path_of("/bundle/config.json"), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	assert_true(fd >= 0);
	assert_int_equal(write(fd, text, strlen(text)), strlen(text));
	(void)close(fd);
}

static int setup(void **state)
{
	(void)state;
	strcpy(top, "/tmp/berth-source-XXXXXX");
	if (!mkdtemp(top) || mkdir(path_of("/root"), 0755) < 0 || mkdir(path_of("/bundle"), 0755) < 0 ||
		mkdir(path_of("/bundle/rootfs"), 0755) < 0)
		return -1;
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	return path_remove_tree(AT_FDCWD, top, NULL);
}

static void test_forms(void **state)
{
	(void)state;
	assert_true(image_source_is_local("dir:/x"));
	assert_true(image_source_is_local("oci-bundle:x"));
	assert_false(image_source_is_local("redis:7"));
	assert_false(image_source_is_local("directory:/x"));

	struct image_source s = { 0 };
	assert_int_equal(image_source_resolve("redis:7", &s, &e), -EINVAL);
	assert_string_equal(e.text, "no such image: redis:7: images are dir:PATH or oci-bundle:PATH");
	assert_int_equal(image_source_resolve("", &s, &e), -EINVAL);
	assert_int_equal(image_source_resolve("dir:relative", &s, &e), -EINVAL);
	assert_string_equal(e.text, "image dir:relative: the path must be absolute");
	assert_int_equal(image_source_resolve("dir:", &s, &e), -EINVAL);
	assert_null(s.root);
}

static void test_dir(void **state)
{
	(void)state;
	struct image_source s = { 0 };
	assert_int_equal(image_source_resolve(named("dir:", "//./root/"), &s, &e), 0);
	assert_int_equal(s.kind, IMAGE_DIR);
	assert_string_equal(s.root, path_of("/root"));
	assert_null(s.bundle);
	auto_free char *form = image_source_format(&s);
	assert_string_equal(form, named("dir:", "/root"));
	image_source_done(&s);
	assert_int_equal(image_source_resolve(named("dir:", "/none"), &s, &e), -ENOENT);
	assert_non_null(strstr(e.text, "/none: No such file or directory"));
	write_config("{}");
	assert_int_equal(image_source_resolve(named("dir:", "/bundle/config.json"), &s, &e), -ENOTDIR);
}

static void test_bundle(void **state)
{
	(void)state;
	struct image_source s = { 0 };
	(void)unlink(path_of("/bundle/config.json"));
	assert_int_equal(image_source_resolve(named("oci-bundle:", "/bundle"), &s, &e), -ENOENT);
	assert_non_null(strstr(e.text, "config.json"));
	static const struct {
		const char *config;
		int r;
		const char *text;
	} bad[] = {
		{ "{", -EINVAL, "config.json" },
		{ "[]", -EINVAL, "" },
		{ "{}", -EINVAL, "root.path is missing" },
		{ "{\"root\":{\"path\":\"\"}}", -EINVAL, "root.path is missing" },
		{ "{\"root\":{\"path\":7}}", -EINVAL, "root.path" },
		{ "{\"root\":7}", -EINVAL, "root" },
		{ "{\"root\":{\"path\":\"missing\"}}", -ENOENT, "/bundle/missing" },
		{ "{\"root\":{\"path\":\"config.json\"}}", -ENOTDIR, "/bundle/config.json" },
	};
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		write_config(bad[i].config);
		assert_int_equal(image_source_resolve(named("oci-bundle:", "/bundle"), &s, &e), bad[i].r);
		assert_non_null(strstr(e.text, bad[i].text));
		assert_non_null(strstr(e.text, "oci-bundle:"));
	}
	write_config("{\"root\":{\"path\":\"rootfs\"}}");
	assert_int_equal(image_source_resolve(named("oci-bundle:", "/bundle"), &s, &e), 0);
	assert_int_equal(s.kind, IMAGE_OCI_BUNDLE);
	assert_string_equal(s.root, path_of("/bundle/rootfs"));
	assert_string_equal(s.bundle, path_of("/bundle"));
	image_source_done(&s);
	char config[256];
	(void)snprintf(config, sizeof(config), "{\"root\":{\"path\":\"%s/root\"}}", top);
	write_config(config);
	assert_int_equal(image_source_resolve(named("oci-bundle:", "/bundle"), &s, &e), 0);
	assert_string_equal(s.root, path_of("/root"));
	image_source_done(&s);
	/* A FIFO for config.json is refused, not waited for. */
	(void)unlink(path_of("/bundle/config.json"));
	assert_int_equal(mkfifo(path_of("/bundle/config.json"), 0600), 0);
	assert_int_equal(image_source_resolve(named("oci-bundle:", "/bundle"), &s, &e), -EINVAL);
	(void)unlink(path_of("/bundle/config.json"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_forms),
		cmocka_unit_test(test_dir),
		cmocka_unit_test(test_bundle),
	};
	return cmocka_run_group_tests(tests, setup, teardown);
}

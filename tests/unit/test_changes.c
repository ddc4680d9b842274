/* The changes of a layer, from layers made by hand: whiteouts and opaque directories need root. */
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
#include <sys/sysmacros.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "base/io.h"
#include "base/own.h"
#include "base/path.h"
#include "supervisor/changes.h"

static char top[64], upper[80], lower[80];

static int setup(void **state)
{
	(void)state;
	strcpy(top, "/tmp/test_changes.XXXXXX");
	assert_non_null(mkdtemp(top));
	(void)snprintf(upper, sizeof(upper), "%s/upper", top);
	(void)snprintf(lower, sizeof(lower), "%s/lower", top);
	assert_int_equal(mkdir(upper, 0755), 0);
	assert_int_equal(mkdir(lower, 0755), 0);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	return path_remove_tree(AT_FDCWD, top, NULL);
}

/* One time for all, so that no directory differs by accident. */
static void settle(const char *path)
{
	const struct timespec times[2] = { { .tv_sec = 1000 }, { .tv_sec = 1000 } };
	assert_int_equal(utimensat(AT_FDCWD, path, times, AT_SYMLINK_NOFOLLOW), 0);
}

static void settle_all(void)
{
	char command[200];
	(void)snprintf(command, sizeof(command), "find %s -exec touch -h -d @1000 {} +", top);
	assert_int_equal(system(command), 0);
}

static void dir(const char *layer, const char *name)
{
	char path[200];
	(void)snprintf(path, sizeof(path), "%s%s", layer, name);
	assert_int_equal(mkdir(path, 0755), 0);
}

static void file(const char *layer, const char *name, const char *text)
{
	char path[200];
	(void)snprintf(path, sizeof(path), "%s%s", layer, name);
	auto_close int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0644);
	assert_true(fd >= 0);
	assert_int_equal(io_write_full(fd, text, strlen(text)), 0);
}

static void whiteout(const char *name)
{
	char path[200];
	(void)snprintf(path, sizeof(path), "%s%s", upper, name);
	if (mknod(path, S_IFCHR, makedev(0, 0)) < 0)
		skip();
}

static void opaque(const char *name)
{
	char path[200];
	(void)snprintf(path, sizeof(path), "%s%s", upper, name);
	if (setxattr(path, "trusted.overlay.opaque", "y", 1, 0) < 0)
		skip();
}

static void expect(const char *want)
{
	const struct changes_args a = { .upper = upper, .lower = lower };
	char got[2000] = "";
	json_t *list = NULL, *line;
	size_t i;
	struct err e;
	if (changes_list(&a, &list, &e) < 0)
		fail_msg("%s", e.text);
	json_array_foreach (list, i, line)
		(void)snprintf(got + strlen(got), sizeof(got) - strlen(got), "%c %s\n",
			"CAD"[json_integer_value(json_object_get(line, "Kind"))],
			json_string_value(json_object_get(line, "Path")));
	json_decref(list);
	assert_string_equal(got, want);
}

static void added_changed_deleted(void **state)
{
	(void)state;
	dir(lower, "/etc");
	file(lower, "/etc/old", "1");
	file(lower, "/etc/gone", "1");
	dir(lower, "/deep");
	dir(lower, "/deep/er");
	file(lower, "/deep/er/same", "1");
	dir(upper, "/etc");
	file(upper, "/etc/old", "2");
	file(upper, "/etc/new", "1");
	whiteout("/etc/gone");
	dir(upper, "/deep");
	dir(upper, "/deep/er");
	file(upper, "/deep/er/same", "2");
	dir(upper, "/fresh");
	file(upper, "/fresh/in", "1");
	settle_all();
	expect("C /deep/er/same\nC /etc\nD /etc/gone\nA /etc/new\nC /etc/old\nA /fresh\nA /fresh/in\n");
}

static void a_directory_for_what_is_in_it_is_no_change(void **state)
{
	char path[200];
	(void)state;
	dir(lower, "/a");
	dir(upper, "/a");
	dir(lower, "/b");
	dir(upper, "/b");
	settle_all();
	expect("");
	(void)snprintf(path, sizeof(path), "%s/a", upper);
	assert_int_equal(chmod(path, 0700), 0);
	settle(path);
	expect("C /a\n");
	(void)snprintf(path, sizeof(path), "%s/b", upper);
	assert_int_equal(utimensat(AT_FDCWD, path, NULL, 0), 0);
	expect("C /a\nC /b\n");
}

static void an_opaque_directory_hides_the_one_below(void **state)
{
	(void)state;
	dir(lower, "/o");
	file(lower, "/o/both", "1");
	file(lower, "/o/gone", "1");
	dir(lower, "/o/sub");
	file(lower, "/o/sub/x", "1");
	dir(upper, "/o");
	opaque("/o");
	file(upper, "/o/both", "2");
	file(upper, "/o/new", "1");
	settle_all();
	expect("C /o\nC /o/both\nD /o/gone\nA /o/new\nD /o/sub\n");
}

static void what_took_another_s_place(void **state)
{
	(void)state;
	file(lower, "/f", "1");
	dir(lower, "/d");
	file(lower, "/d/x", "1");
	dir(upper, "/f");
	opaque("/f");
	file(upper, "/f/in", "1");
	file(upper, "/d", "1");
	whiteout("/nothing");
	settle_all();
	expect("C /d\nC /f\nA /f/in\n");
}

static void places_of_a_start_are_none(void **state)
{
	(void)state;
	static const char *const dirs[] = { "/dev", "/proc", "/sys" };
	for (size_t i = 0; i < ARRAY_LEN(dirs); i++)
		dir(upper, dirs[i]);
	dir(lower, "/etc");
	dir(upper, "/etc");
	file(upper, "/etc/hosts", "");
	file(upper, "/etc/hostname", "");
	file(upper, "/etc/resolv.conf", "");
	expect("");
	file(upper, "/etc/mine", "");
	dir(upper, "/data");
	expect("A /data\nC /etc\nA /etc/mine\n");
}

static void more_than_an_answer_is_refused(void **state)
{
	const struct changes_args a = { .upper = upper, .lower = lower };
	char name[251];
	json_t *list = NULL;
	struct err e;
	int at = open(upper, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	(void)state;

	memset(name, 'x', sizeof(name) - 1);
	name[sizeof(name) - 1] = '\0';
	for (int i = 0; i < 14; i++) {
		assert_int_equal(mkdirat(at, name, 0755), 0);
		int next = openat(at, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		assert_true(next >= 0);
		(void)close(at);
		at = next;
	}
	for (int i = 0; i < 5000; i++) {
		(void)snprintf(name, sizeof(name), "%d", i);
		assert_int_equal(mknodat(at, name, S_IFREG | 0600, 0), 0);
	}
	(void)close(at);
	assert_int_equal(changes_list(&a, &list, &e), -EFBIG);
	assert_int_equal(e.code, EFBIG);
}

static void no_layer_no_changes(void **state)
{
	(void)state;
	assert_int_equal(rmdir(upper), 0);
	expect("");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(added_changed_deleted, setup, teardown),
		cmocka_unit_test_setup_teardown(a_directory_for_what_is_in_it_is_no_change, setup, teardown),
		cmocka_unit_test_setup_teardown(an_opaque_directory_hides_the_one_below, setup, teardown),
		cmocka_unit_test_setup_teardown(what_took_another_s_place, setup, teardown),
		cmocka_unit_test_setup_teardown(places_of_a_start_are_none, setup, teardown),
		cmocka_unit_test_setup_teardown(more_than_an_answer_is_refused, setup, teardown),
		cmocka_unit_test_setup_teardown(no_layer_no_changes, setup, teardown),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

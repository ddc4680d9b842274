/* path_remove_tree() against trees that a payload has made to be in the way. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/own.h"
#include "base/path.h"

static char dir[64];
static int dirfd_of_test = -1;

static int open_dir(void **state)
{
	(void)state;
	strcpy(dir, "/tmp/berth-remove-XXXXXX");
	assert_non_null(mkdtemp(dir));
	dirfd_of_test = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	assert_true(dirfd_of_test >= 0);
	return 0;
}

/* What the tests put next to the tree is still there. */
static int close_dir(void **state)
{
	(void)state;
	own_close(&dirfd_of_test);
	return rmdir(dir);
}

static void make_file(int at, const char *name)
{
	auto_close int fd = openat(at, name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
	assert_true(fd >= 0);
}

static void remove_and_check(void)
{
	struct err e = { 0 };
	struct stat st;
	if (path_remove_tree(dirfd_of_test, "tree", &e) < 0)
		fail_msg("%s", e.text);
	assert_int_equal(fstatat(dirfd_of_test, "tree", &st, AT_SYMLINK_NOFOLLOW), -1);
	assert_int_equal(errno, ENOENT);
}

/* Levels of directories, a file and a link out in each. */
static void make_deep(int levels)
{
	assert_int_equal(mkdirat(dirfd_of_test, "tree", 0755), 0);
	auto_close int at = openat(dirfd_of_test, "tree", O_PATH | O_DIRECTORY | O_CLOEXEC);
	for (int i = 0; i < levels; i++) {
		make_file(at, "0"); /* a name that a removal could want for itself */
		assert_int_equal(symlinkat(dir, at, "out"), 0);
		assert_int_equal(mkdirat(at, "d", 0755), 0);
		int next = openat(at, "d", O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
		assert_true(next >= 0);
		own_close(&at);
		at = next;
	}
}

static void deeper_than_descriptors_last(void **state)
{
	struct rlimit before, few;
	(void)state;
	make_deep(1500);
	make_file(dirfd_of_test, "beside");
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &before), 0);
	few = before;
	few.rlim_cur = 100;
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &few), 0);
	remove_and_check();
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &before), 0);
	assert_int_equal(unlinkat(dirfd_of_test, "beside", 0), 0);
}

static void many_and_odd_names(void **state)
{
	char name[64];
	(void)state;
	assert_int_equal(mkdirat(dirfd_of_test, "tree", 0755), 0);
	auto_close int at = openat(dirfd_of_test, "tree", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	for (int i = 0; i < 5000; i++) {
		(void)snprintf(name, sizeof(name), "%d\n%%s\\\x01\xff", i);
		if (i % 2)
			make_file(at, name);
		else
			assert_int_equal(mkdirat(at, name, 0), 0);
	}
	assert_int_equal(mkfifoat(at, "fifo", 0666), 0);
	remove_and_check();
}

static int set_flags(int at, const char *name, int flags)
{
	auto_close int fd = openat(at, name, O_RDONLY | O_CLOEXEC);
	return ioctl(fd, FS_IOC_SETFLAGS, &flags);
}

static void immutable_files(void **state)
{
	(void)state;
	assert_int_equal(mkdirat(dirfd_of_test, "tree", 0755), 0);
	auto_close int at = openat(dirfd_of_test, "tree", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	assert_int_equal(mkdirat(at, "sub", 0755), 0);
	assert_int_equal(mkdirat(at, "empty", 0755), 0);
	make_file(at, "sub/file");
	make_file(at, "sub/append");
	if (set_flags(at, "sub/file", FS_IMMUTABLE_FL) < 0) {
		print_message("skipped: no such flags on this file system, or no CAP_LINUX_IMMUTABLE\n");
		remove_and_check();
		skip();
	}
	assert_int_equal(set_flags(at, "sub/append", FS_APPEND_FL), 0);
	assert_int_equal(set_flags(at, "sub", FS_IMMUTABLE_FL), 0);
	assert_int_equal(set_flags(at, "empty", FS_APPEND_FL), 0);
	assert_int_equal(set_flags(dirfd_of_test, "tree", FS_IMMUTABLE_FL), 0);
	remove_and_check();
	assert_int_equal(mkdirat(dirfd_of_test, "tree", 0755), 0);
	assert_int_equal(set_flags(dirfd_of_test, "tree", FS_IMMUTABLE_FL), 0);
	remove_and_check();
}

static void single_files(void **state)
{
	(void)state;
	assert_int_equal(path_remove_tree(dirfd_of_test, "tree", NULL), 0);
	make_file(dirfd_of_test, "tree");
	remove_and_check();
	assert_int_equal(symlinkat(dir, dirfd_of_test, "tree"), 0);
	remove_and_check();
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test_setup_teardown(deeper_than_descriptors_last, open_dir, close_dir),
	cmocka_unit_test_setup_teardown(many_and_odd_names, open_dir, close_dir),
	cmocka_unit_test_setup_teardown(immutable_files, open_dir, close_dir),
	cmocka_unit_test_setup_teardown(single_files, open_dir, close_dir),
};

int main(void)
{
	(void)alarm(120);
	return cmocka_run_group_tests(tests, NULL, NULL);
}

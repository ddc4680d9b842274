/* Copying a tree. Without root, owners, devices and trusted attributes are left out of the comparison. */
#include <errno.h>
#include <dirent.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/un.h>
#include <sys/xattr.h>

#include <cmocka.h>

#include "base/own.h"
#include "base/path.h"
#include "image/copy.h"

static char top[64];
static struct err e;

static int make_dir(const char *name)
{
	char path[128];
	(void)snprintf(path, sizeof(path), "%s/%s", top, name);
	assert_int_equal(mkdir(path, 0755), 0);
	int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	assert_true(fd >= 0);
	return fd;
}

static int setup(void **state)
{
	(void)state;
	strcpy(top, "/tmp/berth-copy-XXXXXX");
	return mkdtemp(top) ? 0 : -1;
}

static int teardown(void **state)
{
	(void)state;
	return path_remove_tree(AT_FDCWD, top, NULL);
}

static void put(int dirfd, const char *name, const void *data, size_t len, mode_t mode)
{
	auto_close int fd = openat(dirfd, name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, mode);
	assert_true(fd >= 0);
	assert_int_equal(write(fd, data, len), len);
	assert_int_equal(fchmod(fd, mode), 0);
}

static struct stat stat_at(int dirfd, const char *name)
{
	struct stat st;
	if (fstatat(dirfd, name, &st, AT_SYMLINK_NOFOLLOW | AT_EMPTY_PATH) < 0)
		fail_msg("stat %s: %s", name, strerror(errno));
	return st;
}

static void same_attributes(int a, int b, const char *name)
{
	struct stat x = stat_at(a, name), y = stat_at(b, name);
	assert_int_equal(x.st_mode, y.st_mode);
	assert_int_equal(x.st_uid, y.st_uid);
	assert_int_equal(x.st_gid, y.st_gid);
	assert_int_equal(x.st_rdev, y.st_rdev);
	assert_int_equal(x.st_mtim.tv_sec, y.st_mtim.tv_sec);
	assert_int_equal(x.st_mtim.tv_nsec, y.st_mtim.tv_nsec);
	if (!S_ISDIR(x.st_mode))
		assert_int_equal(x.st_size, y.st_size);
}

static void age(int dirfd, const char *name, time_t when)
{
	struct timespec t[2] = { { when, 5 }, { when, 123456789 } };
	assert_int_equal(utimensat(dirfd, name, t, AT_SYMLINK_NOFOLLOW), 0);
}

static void test_everything(void **state)
{
	(void)state;
	bool root = geteuid() == 0;
	auto_close int src = make_dir("src");
	auto_close int dst = make_dir("dst");
	put(src, "plain", "hello", 5, 0640);
	put(src, "program", "x", 1, 04755);
	put(src, "linked", "twice", 5, 0600);
	assert_int_equal(mkdirat(src, "sub", 01777), 0);
	assert_int_equal(fchmodat(src, "sub", 01777, 0), 0);
	assert_int_equal(mkdirat(src, "sub/deep", 0700), 0);
	put(src, "sub/deep/empty", "", 0, root ? 0 : 0400);
	assert_int_equal(linkat(src, "linked", src, "sub/again", 0), 0);
	assert_int_equal(symlinkat("/etc/passwd", src, "absolute"), 0);
	assert_int_equal(symlinkat("nowhere", src, "sub/dangling"), 0);
	assert_int_equal(linkat(src, "sub/dangling", src, "sub/dangling2", 0), 0);
	assert_int_equal(mkfifoat(src, "fifo", 0620), 0);
	assert_int_equal(mknodat(src, "socket", S_IFSOCK | 0600, 0), 0);
	/* 3 MiB with a hole of 1 MiB, not a multiple of any block */
	auto_close int sparse = openat(src, "sparse", O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	assert_int_equal(pwrite(sparse, "begin", 5, 0), 5);
	assert_int_equal(pwrite(sparse, "end", 3, (3 << 20) + 7), 3);
	if (root) {
		assert_int_equal(mknodat(src, "null", S_IFCHR | 0666, makedev(1, 3)), 0);
		assert_int_equal(fchownat(src, "sub/deep", 1234, 5678, 0), 0);
		assert_int_equal(fchownat(src, "absolute", 77, 78, AT_SYMLINK_NOFOLLOW), 0);
		assert_int_equal(fchownat(src, "program", 33, 34, 0), 0); /* takes setuid away */
		assert_int_equal(fchmodat(src, "program", 04755, 0), 0);
		assert_int_equal(fchown(src, 999, 998), 0);
	}
	age(src, "plain", 1000000);
	age(src, "absolute", 2000000);
	age(src, "sub/deep", 3000000);
	age(src, "sub", 4000000);
	assert_int_equal(fchmod(src, 02750), 0);
	struct timespec t[2] = { { 1, 1 }, { 5000000, 1 } };
	assert_int_equal(futimens(src, t), 0);

	auto_close int src_path = openat(src, ".", O_PATH | O_CLOEXEC);
	int r = image_copy_tree(src_path, dst, &e);
	if (r < 0)
		fail_msg("%s", e.text);
	static const char *const names[] = { "", "plain", "program", "linked", "sub", "sub/deep",
		"sub/deep/empty", "sub/again", "absolute", "sub/dangling", "fifo", "socket", "sparse" };
	for (size_t i = 0; i < ARRAY_LEN(names); i++)
		same_attributes(src, dst, names[i]);
	if (root) {
		same_attributes(src, dst, "null");
		assert_int_equal(stat_at(dst, "program").st_mode & 07777, 04755);
	}
	char text[16] = "";
	assert_int_equal(readlinkat(dst, "absolute", text, sizeof(text)), 11);
	assert_memory_equal(text, "/etc/passwd", 11);
	auto_close int plain = openat(dst, "plain", O_RDONLY | O_CLOEXEC);
	assert_int_equal(read(plain, text, sizeof(text)), 5);
	assert_memory_equal(text, "hello", 5);
	assert_int_equal(stat_at(dst, "linked").st_ino, stat_at(dst, "sub/again").st_ino);
	assert_int_equal(stat_at(dst, "linked").st_nlink, 2);
	assert_int_equal(stat_at(dst, "sub/dangling").st_ino, stat_at(dst, "sub/dangling2").st_ino);
	auto_close int copy = openat(dst, "sparse", O_RDONLY | O_CLOEXEC);
	assert_int_equal(pread(copy, text, 5, 0), 5);
	assert_memory_equal(text, "begin", 5);
	assert_int_equal(pread(copy, text, 10, (3 << 20) + 7), 3);
	assert_memory_equal(text, "end", 3);
	assert_true(stat_at(dst, "sparse").st_blocks * 512 < 1 << 20);
	/* A tree that is not empty is not written into. */
	assert_int_equal(image_copy_tree(src, dst, &e), -EEXIST);
}

static void test_attributes(void **state)
{
	(void)state;
	auto_close int src = make_dir("xsrc");
	auto_close int dst = make_dir("xdst");
	put(src, "file", "x", 1, 0755);
	assert_int_equal(symlinkat("file", src, "link"), 0);
	char path[160], large[3000];
	memset(large, 'v', sizeof(large));
	(void)snprintf(path, sizeof(path), "%s/xsrc/file", top);
	if (geteuid() != 0 || setxattr(path, "user.note", large, sizeof(large), 0) < 0) {
		print_message("skipped: extended attributes need root and a filesystem that has them\n");
		skip();
	}
	/* cap_net_bind_service=ep, as setcap(8) writes it */
	static const unsigned char cap[20] = { 1, 0, 0, 2, 0, 4 };
	assert_int_equal(setxattr(path, "security.capability", cap, sizeof(cap), 0), 0);
	assert_int_equal(setxattr(path, "trusted.overlay.redirect", "/etc", 4, 0), 0);
	(void)snprintf(path, sizeof(path), "%s/xsrc/link", top);
	assert_int_equal(lsetxattr(path, "trusted.note", "on a link", 9, 0), 0);
	(void)snprintf(path, sizeof(path), "%s/xsrc", top);
	assert_int_equal(setxattr(path, "user.top", "t", 1, 0), 0);
	assert_int_equal(image_copy_tree(src, dst, &e), 0);

	char value[4000];
	(void)snprintf(path, sizeof(path), "%s/xdst/file", top);
	assert_int_equal(getxattr(path, "user.note", value, sizeof(value)), sizeof(large));
	assert_memory_equal(value, large, sizeof(large));
	assert_int_equal(getxattr(path, "security.capability", value, sizeof(value)), sizeof(cap));
	assert_memory_equal(value, cap, sizeof(cap));
	assert_int_equal(getxattr(path, "trusted.overlay.redirect", value, sizeof(value)), -1);
	assert_int_equal(errno, ENODATA);
	(void)snprintf(path, sizeof(path), "%s/xdst/link", top);
	assert_int_equal(lgetxattr(path, "trusted.note", value, sizeof(value)), 9);
	(void)snprintf(path, sizeof(path), "%s/xdst", top);
	assert_int_equal(getxattr(path, "user.top", value, sizeof(value)), 1);
}

/* Larger than any block, with odd ends, and onto another filesystem, where the kernel may not copy by itself. */
static void test_large(void **state)
{
	(void)state;
	auto_close int src = make_dir("lsrc");
	char dst_path[] = "/dev/shm/berth-copy-XXXXXX";
	if (!mkdtemp(dst_path)) {
		print_message("skipped: no /dev/shm\n");
		skip();
	}
	auto_close int dst = open(dst_path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	size_t len = 777777;
	auto_free unsigned char *data = malloc(len), *got = malloc(len + 1);
	for (size_t i = 0; i < len; i++)
		data[i] = (unsigned char)(i * 31 >> 3);
	put(src, "large", data, len, 0600);
	int r = image_copy_tree(src, dst, &e);
	auto_close int copy = openat(dst, "large", O_RDONLY | O_CLOEXEC);
	ssize_t n = read(copy, got, len + 1);
	(void)path_remove_tree(AT_FDCWD, dst_path, NULL);
	assert_int_equal(r, 0);
	assert_int_equal(n, len);
	assert_memory_equal(data, got, len);
}

static void test_depth_and_empty(void **state)
{
	(void)state;
	auto_close int src = make_dir("dsrc");
	auto_close int dst = make_dir("ddst");
	assert_int_equal(image_is_empty(src), 1);
	auto_close int at = openat(src, ".", O_RDONLY | O_CLOEXEC);
	for (int i = 0; i <= IMAGE_COPY_DEPTH; i++) {
		assert_int_equal(mkdirat(at, "d", 0700), 0);
		int next = openat(at, "d", O_RDONLY | O_CLOEXEC);
		own_close(&at);
		at = next;
	}
	assert_int_equal(image_is_empty(src), 0);
	assert_int_equal(image_copy_tree(src, dst, &e), -ELOOP);
	assert_non_null(strstr(e.text, "nested too deep: /d/d/d"));
	auto_close int file = open("/dev/null", O_RDONLY | O_CLOEXEC);
	assert_int_equal(image_copy_tree(file, dst, &e), -ENOTDIR);
	assert_int_equal(image_is_empty(file), -ENOTDIR);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_everything),
		cmocka_unit_test(test_attributes),
		cmocka_unit_test(test_large),
		cmocka_unit_test(test_depth_and_empty),
	};
	return cmocka_run_group_tests(tests, setup, teardown);
}

/* Roots made by overlay, looked at through the detached mount. Runs in a mount namespace of its own; needs root. */
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/vfs.h>
#include <sys/wait.h>
#include <sys/xattr.h>

#include <cmocka.h>

#include "base/io.h"
#include "base/own.h"
#include "base/path.h"
#include "image/overlay.h"

static char top[64];
static struct err e;

static const char *below(const char *name)
{
	static char text[8][256];
	static int turn;
	char *out = text[turn++ % 8];
	(void)snprintf(out, sizeof(text[0]), "%s%s", top, name);
	return out;
}

static void put(int dirfd, const char *name, const char *text)
{
	auto_close int fd = openat(dirfd, name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
	if (fd < 0)
		fail_msg("create %s: %s", name, strerror(errno));
	assert_int_equal(write(fd, text, strlen(text)), strlen(text));
}

static void expect(int dirfd, const char *name, const char *text)
{
	char got[64];
	int len = io_read_text(dirfd, name, got, sizeof(got));
	if (len < 0)
		fail_msg("read %s: %s", name, strerror(-len));
	assert_string_equal(got, text);
}

static bool exists(int dirfd, const char *name)
{
	struct stat st;
	return fstatat(dirfd, name, &st, AT_SYMLINK_NOFOLLOW) == 0;
}

/* The whole host tree is made private in main(): nothing mounted here is seen outside. */
static int setup(void **state)
{
	(void)state;
	strcpy(top, "/tmp/berth-overlay-XXXXXX");
	if (!mkdtemp(top))
		return -1;
	/* A filesystem of its own, which can be an upper whatever /tmp is on. */
	if (mount("test", top, "tmpfs", 0, "mode=0755") < 0 || mkdir(below("/lower"), 0755) < 0 ||
		mkdir(below("/lower/etc"), 0755) < 0 || mkdir(below("/lower/secret"), 0755) < 0)
		return -1;
	auto_close int fd = open(below("/lower"), O_RDONLY | O_CLOEXEC);
	put(fd, "etc/motd", "from the image");
	put(fd, "secret/key", "s");
	return chown(below("/lower"), 55, 56) < 0 || chmod(below("/lower"), 0751) < 0;
}

static int teardown(void **state)
{
	(void)state;
	return umount2(top, MNT_DETACH) < 0 || rmdir(top) < 0;
}

static struct overlay_args with_dirs(const char *name)
{
	char work[128];
	(void)snprintf(work, sizeof(work), "%s.work", name);
	return (struct overlay_args){ below("/lower"), NULL, below(name), below(work), 0, -1 };
}

static int must_mount(const struct overlay_args *a)
{
	int fd = overlay_mount(a, &e);
	if (fd < 0)
		fail_msg("%s", e.text);
	return fd;
}

static void test_lower_is_unchanged(void **state)
{
	(void)state;
	struct stat before, after, st;
	assert_int_equal(stat(below("/lower"), &before), 0);
	struct overlay_args a = with_dirs("/plain");
	auto_close int root = must_mount(&a);
	expect(root, "etc/motd", "from the image");
	put(root, "etc/motd", "from the container");
	assert_int_equal(mkdirat(root, "mnt", 0755), 0);
	put(root, "etc/hostname", "web");
	assert_int_equal(unlinkat(root, "secret/key", 0), 0);
	expect(root, "etc/motd", "from the container");
	assert_int_equal(fstat(root, &st), 0); /* "/" is the image's, not a new directory's */
	assert_int_equal(st.st_uid, 55);
	assert_int_equal(st.st_gid, 56);
	assert_int_equal(st.st_mode & 07777, 0751);

	auto_close int lower = open(below("/lower"), O_RDONLY | O_CLOEXEC);
	expect(lower, "etc/motd", "from the image");
	expect(lower, "secret/key", "s");
	assert_false(exists(lower, "mnt"));
	assert_false(exists(lower, "etc/hostname"));
	assert_int_equal(stat(below("/lower"), &after), 0);
	assert_int_equal(before.st_mtim.tv_nsec, after.st_mtim.tv_nsec);
	assert_int_equal(before.st_ctim.tv_nsec, after.st_ctim.tv_nsec);

	/* Two containers of one image, and one of them started again. */
	a = with_dirs("/other");
	auto_close int other = must_mount(&a);
	expect(other, "etc/motd", "from the image");
	own_close(&root);
	a = with_dirs("/plain");
	root = must_mount(&a);
	expect(root, "etc/hostname", "web");
	assert_false(exists(root, "secret/key"));
}

static void test_any_byte_in_a_path(void **state)
{
	(void)state;
	static const char odd[] = "/a,b:c\\d \n\"'=%s";
	assert_int_equal(mkdir(below(odd), 0755), 0);
	char lower[128], upper[128], work[128];
	(void)snprintf(lower, sizeof(lower), "%s/l,:\\x", below(odd));
	(void)snprintf(upper, sizeof(upper), "%s/u,:\\x", below(odd));
	(void)snprintf(work, sizeof(work), "%s/w,:\\x", below(odd));
	assert_int_equal(mkdir(lower, 0755), 0);
	struct overlay_args a = { lower, NULL, upper, work, 0, -1 };
	auto_close int root = must_mount(&a);
	put(root, "file", "x");
	strcat(upper, "/file");
	assert_int_equal(access(upper, F_OK), 0);
	strcat(lower, "/file");
	assert_int_equal(access(lower, F_OK), -1);
}

static void test_a_view_changes_nothing(void **state)
{
	(void)state;
	struct overlay_args a = with_dirs("/viewed");
	auto_close int root = must_mount(&a);
	put(root, "etc/motd", "from the container");
	assert_int_equal(unlinkat(root, "secret/key", 0), 0);
	struct overlay_args v = {
		.lower = below("/lower"), .middle = below("/viewed"), .tmpfs_bytes = 1 << 20, .userns_fd = -1
	};
	auto_close int view = must_mount(&v);
	expect(view, "etc/motd", "from the container");
	assert_false(exists(view, "secret/key"));
	assert_int_equal(mkdirat(view, "point", 0755), 0);
	assert_false(exists(root, "point"));
	/* The one that is looked at goes on. */
	put(root, "etc/issue", "still writable");
	expect(root, "etc/issue", "still writable");
}

static void test_redirects_are_not_followed(void **state)
{
	(void)state;
	assert_int_equal(mkdir(below("/red"), 0755), 0);
	assert_int_equal(mkdir(below("/red/x"), 0755), 0);
	assert_int_equal(setxattr(below("/red/x"), "trusted.overlay.redirect", "/secret", 7, 0), 0);
	struct overlay_args a = with_dirs("/red");
	auto_close int root = must_mount(&a);
	assert_false(exists(root, "x/key"));
	expect(root, "secret/key", "s");
	/* Nor made: a directory of the image is copied by who renames it. */
	assert_int_equal(renameat(root, "etc", root, "etc2"), -1);
	assert_int_equal(errno, EXDEV);
}

static void test_tmpfs_upper(void **state)
{
	(void)state;
	struct overlay_args a = { .lower = below("/lower"), .tmpfs_bytes = 1 << 20, .userns_fd = -1 };
	auto_close int root = must_mount(&a);
	put(root, "etc/motd", "in memory");
	expect(root, "etc/motd", "in memory");
	struct stat st;
	assert_int_equal(fstat(root, &st), 0);
	assert_int_equal(st.st_uid, 55);
	struct statvfs size;
	assert_int_equal(fstatvfs(root, &size), 0);
	assert_int_equal(size.f_blocks * size.f_frsize, 1 << 20);
	auto_close int lower = open(below("/lower"), O_RDONLY | O_CLOEXEC);
	expect(lower, "etc/motd", "from the image");
	auto_close int again = must_mount(&a);
	expect(again, "etc/motd", "from the image");
}

static void test_refused_uppers(void **state)
{
	(void)state;
	assert_int_equal(mkdir(below("/ram"), 0755), 0);
	assert_int_equal(mount("test", below("/ram"), "ramfs", 0, NULL), 0);
	struct overlay_args a = { below("/lower"), NULL, below("/ram/u"), below("/ram/w"), 0, -1 };
	assert_int_equal(overlay_mount(&a, &e), -EINVAL);
	assert_non_null(strstr(e.text, "it is on ramfs"));
	assert_non_null(strstr(e.text, "x-berth.upper: tmpfs"));
	assert_int_equal(overlay_check_upper(below("/ram"), &e), -EINVAL);

	a = with_dirs("/base");
	auto_close int root = must_mount(&a);
	assert_int_equal(mkdir(below("/ovl"), 0755), 0);
	assert_int_equal(move_mount(root, "", AT_FDCWD, below("/ovl"), MOVE_MOUNT_F_EMPTY_PATH), 0);
	assert_int_equal(overlay_check_upper(below("/ovl"), &e), -EINVAL);
	assert_non_null(strstr(e.text, "it is on overlay"));
	assert_int_equal(overlay_check_upper(top, &e), 0);
	assert_int_equal(overlay_check_upper(below("/none"), &e), -ENOENT);

	a = with_dirs("/missing");
	a.lower = below("/none");
	assert_int_equal(overlay_mount(&a, &e), -ENOENT);
	assert_non_null(strstr(e.text, "/none"));
	a.lower = below("/lower/etc/motd");
	assert_int_equal(overlay_mount(&a, &e), -ENOTDIR);
	/* Upper and work on two filesystems: in the kernel's words. */
	assert_int_equal(mkdir(below("/second"), 0755), 0);
	assert_int_equal(mount("test", below("/second"), "tmpfs", 0, NULL), 0);
	a = (struct overlay_args){ below("/lower"), NULL, below("/third"), below("/second/w"), 0, -1 };
	assert_int_equal(overlay_mount(&a, &e), -EINVAL);
	assert_non_null(strstr(e.text, "mount overlay"));
	(void)umount2(below("/ovl"), MNT_DETACH);
	(void)umount2(below("/ram"), MNT_DETACH);
	(void)umount2(below("/second"), MNT_DETACH);
}

/* A user namespace that maps ids 0..999 to 100000. */
static int make_userns(void)
{
	int go[2], ready[2];
	char c, path[64];
	assert_int_equal(pipe2(go, O_CLOEXEC), 0);
	assert_int_equal(pipe2(ready, O_CLOEXEC), 0);
	pid_t pid = fork();
	if (pid == 0) {
		(void)close(go[1]);
		int r = unshare(CLONE_NEWUSER);
		(void)!write(ready[1], r == 0 ? "y" : "n", 1);
		(void)!read(go[0], &c, 1);
		_exit(0);
	}
	(void)close(go[0]);
	int fd = -1;
	if (read(ready[0], &c, 1) == 1 && c == 'y') {
		(void)snprintf(path, sizeof(path), "/proc/%d/uid_map", (int)pid);
		assert_int_equal(io_write_text(AT_FDCWD, path, "0 100000 1000"), 0);
		(void)snprintf(path, sizeof(path), "/proc/%d/gid_map", (int)pid);
		assert_int_equal(io_write_text(AT_FDCWD, path, "0 100000 1000"), 0);
		(void)snprintf(path, sizeof(path), "/proc/%d/ns/user", (int)pid);
		fd = open(path, O_RDONLY | O_CLOEXEC);
	}
	(void)close(go[1]);
	(void)close(ready[0]);
	(void)close(ready[1]);
	assert_int_equal(waitpid(pid, NULL, 0), pid);
	return fd;
}

static void test_mapped_lower(void **state)
{
	(void)state;
	auto_close int userns = make_userns();
	if (userns < 0) {
		print_message("skipped: no user namespaces\n");
		skip();
	}
	/* On tmpfs only since Linux 6.3: take a directory on whatever /tmp is, usually a disk. */
	char lower[] = "/var/tmp/berth-overlay-XXXXXX";
	if (!mkdtemp(lower)) {
		print_message("skipped: no /var/tmp\n");
		skip();
	}
	assert_int_equal(chmod(lower, 0755), 0);
	auto_close int dir = open(lower, O_RDONLY | O_CLOEXEC);
	put(dir, "file", "mapped");
	assert_int_equal(fchownat(dir, "file", 7, 8, 0), 0);
	struct overlay_args a = with_dirs("/mapped");
	a.lower = lower;
	a.userns_fd = userns;
	auto_close int root = overlay_mount(&a, &e);
	if (root >= 0) { /* the file first, then what the container adds */
		struct stat st, added;
		put(root, "new", "by the host's root");
		int seen = fstatat(root, "file", &st, 0), made = fstatat(root, "new", &added, 0);
		a = (struct overlay_args){ .lower = lower, .userns_fd = userns };
		auto_close int memory = overlay_mount(&a, &e);
		auto_close int shared = overlay_mount_shared(lower, false, userns, &e);
		bool readable = memory >= 0 && exists(memory, "file"),
		     bound = shared >= 0 && exists(shared, "file");
		(void)path_remove_tree(AT_FDCWD, lower, NULL);
		assert_int_equal(seen, 0);
		assert_int_equal(made, 0);
		assert_int_equal(st.st_uid, 100007);
		assert_int_equal(st.st_gid, 100008);
		assert_int_equal(added.st_uid, 0);
		assert_true(readable);
		assert_true(bound);
		return;
	}
	(void)path_remove_tree(AT_FDCWD, lower, NULL);
	assert_int_equal(root, -EOPNOTSUPP);
	assert_non_null(strstr(e.text, "map the user ids of /var/tmp/berth-overlay-"));
	print_message("skipped: %s\n", e.text);
	skip();
}

static void test_mapped_file(void **state)
{
	(void)state;
	auto_close int userns = make_userns();
	struct overlay_args a = { .lower = "/usr", .userns_fd = userns };
	if (userns < 0) {
		print_message("skipped: no user namespaces\n");
		skip();
	}
	auto_close int root = overlay_mount(&a, &e);
	if (root == -EOPNOTSUPP) {
		print_message("skipped: %s\n", e.text);
		skip();
	}
	struct stat st;
	assert_true(root >= 0);
	assert_int_equal(fstatat(root, "bin", &st, AT_SYMLINK_NOFOLLOW), 0);
	assert_int_equal(st.st_uid, 100000);
	/* procfs has no id mapping: said, with what was asked */
	a.lower = "/proc";
	assert_int_equal(overlay_mount(&a, &e), -EOPNOTSUPP);
	assert_non_null(strstr(e.text, "map the user ids of /proc"));
}

static void test_shared(void **state)
{
	(void)state;
	assert_int_equal(mkdir(below("/shared"), 0755), 0);
	assert_int_equal(mkdir(below("/shared/sub"), 0755), 0);
	assert_int_equal(mount("test", below("/shared/sub"), "tmpfs", 0, NULL), 0);
	assert_int_equal(mkdir(below("/shared/sub/inner"), 0755), 0);
	assert_int_equal(mount(NULL, top, NULL, MS_REC | MS_SHARED, NULL), 0);
	auto_close int root = overlay_mount_shared(below("/shared"), false, -1, &e);
	assert_true(root >= 0);
	put(root, "file", "written through");
	auto_close int origin = open(below("/shared"), O_RDONLY | O_CLOEXEC);
	expect(origin, "file", "written through");
	assert_true(exists(root, "sub/inner")); /* with the mounts below */
	/* What is mounted inside does not come back to the host. */
	assert_int_equal(mkdir(below("/attach"), 0755), 0);
	assert_int_equal(mkdir(below("/shared/own"), 0755), 0);
	assert_int_equal(move_mount(root, "", AT_FDCWD, below("/attach"), MOVE_MOUNT_F_EMPTY_PATH), 0);
	assert_int_equal(mount("test", below("/attach/own"), "tmpfs", 0, NULL), 0);
	put(root, "own/inside", "x");
	assert_false(exists(origin, "own/inside"));
	auto_close int ro = overlay_mount_shared(below("/shared"), true, -1, &e);
	assert_int_equal(mkdirat(ro, "no", 0755), -1);
	assert_int_equal(errno, EROFS);
	assert_int_equal(mkdirat(ro, "sub/no", 0755), -1);
	assert_int_equal(overlay_mount_shared(below("/none"), false, -1, &e), -ENOENT);
	assert_int_equal(mount(NULL, top, NULL, MS_REC | MS_PRIVATE, NULL), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_lower_is_unchanged),
		cmocka_unit_test(test_any_byte_in_a_path),
		cmocka_unit_test(test_a_view_changes_nothing),
		cmocka_unit_test(test_redirects_are_not_followed),
		cmocka_unit_test(test_tmpfs_upper),
		cmocka_unit_test(test_refused_uppers),
		cmocka_unit_test(test_mapped_lower),
		cmocka_unit_test(test_mapped_file),
		cmocka_unit_test(test_shared),
	};
	if (geteuid() != 0 || unshare(CLONE_NEWNS) < 0 ||
		mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0) {
		print_message("skipped: mounts need root\n");
		return 0;
	}
	int fs = fsopen("overlay", FSOPEN_CLOEXEC);
	if (fs < 0) {
		print_message("skipped: this kernel has no overlay filesystem\n");
		return 0;
	}
	(void)close(fs);
	(void)alarm(60);
	return cmocka_run_group_tests(tests, setup, teardown);
}

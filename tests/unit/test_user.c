/* stage_match_user and stage_resolve_user: docker's rules for "user[:group]", and files that are traps. */
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

#include "base/path.h"
#include "runtime/plan.h"

static const char passwd_text[] = "root:x:0:0:root:/root:/bin/sh\n"
				  "# a comment\n"
				  "\n"
				  "web:x:1000:1001:Web:/home/web:/bin/sh\n"
				  "2000:x:3000:3000::/trap:/bin/sh\n"
				  "minus:x:4294967295:0::/:/bin/sh\n"
				  "wrap:x:4294967296:0::/:/bin/sh\n"
				  "last:x:7:8::/seven:/bin/sh";
static const char group_text[] = "root:x:0:\n"
				 "webgroup:x:1001:\n"
				 "log:x:1002:nobody,web\n"
				 "audio:x:1003:web,\n"
				 "video:x:1004:webb,we\n"
				 "3:x:9:\n";

struct fixture {
	struct buf bytes;
	struct stage_ctx c;
};

static int match(struct fixture *f, const char *user, char **group_add, const char *passwd, const char *group)
{
	char *args[] = { "true", NULL };
	struct spec_process s = { .args = args,
		.cwd = "/",
		.user = user,
		.umask = SPEC_UNSET,
		.oom_score_adj = SPEC_UNSET,
		.group_add = group_add };
	assert_int_equal(plan_build(&s, NULL, NULL, &f->bytes, NULL), 0);
	stage_init(&f->c, (const void *)f->bytes.data, -1);
	return stage_match_user(&f->c, (struct stage_file){ passwd, passwd ? strlen(passwd) : 0 },
		(struct stage_file){ group, group ? strlen(group) : 0 });
}

static void check(const char *user, uint32_t uid, uint32_t gid, const char *home, const char *groups)
{
	struct fixture f = { 0 };
	char got[256] = "";
	if (match(&f, user, NULL, passwd_text, group_text) < 0)
		fail_msg("%s: %s", user, f.c.text);
	assert_int_equal(f.c.uid, uid);
	assert_int_equal(f.c.gid, gid);
	assert_string_equal(f.c.home, home);
	for (uint32_t i = 0; i < f.c.n_groups; i++)
		(void)snprintf(
			got + strlen(got), sizeof(got) - strlen(got), "%s%u", i ? "," : "", f.c.groups[i]);
	assert_string_equal(got, groups);
	buf_done(&f.bytes);
}

static void docker_rules(void **state)
{
	(void)state;
	check("root", 0, 0, "/root", "0");
	check("web", 1000, 1001, "/home/web", "1001,1002,1003");
	check("1000", 1000, 1001, "/home/web", "1001,1002,1003");
	check("web:video", 1000, 1004, "/home/web", "1004");
	check("web:55", 1000, 55, "/home/web", "55");
	check("4242", 4242, 0, "", "0");
	check("4242:4243", 4242, 4243, "", "4243");
	check("4294967294", 4294967294U, 0, "", "0");
	check("last", 7, 8, "/seven", "8");
	check("0042", 42, 0, "", "0");
	check(":5", 0, 5, "/root", "5");
}

/* CVE-2016-3697: digits are an id, even where a user or group has them for a name. */
static void digits_are_ids_cve_2016_3697(void **state)
{
	(void)state;
	check("2000", 2000, 0, "", "0");
	check("1:3", 1, 3, "", "3");
}

static void refuse(const char *user, const char *text)
{
	struct fixture f = { 0 };
	f.c.uid = 77;
	assert_true(match(&f, user, NULL, passwd_text, group_text) < 0);
	if (strcmp(f.c.text, text) != 0)
		fail_msg("'%s': '%s' instead of '%s'", user, f.c.text, text);
	assert_true(f.c.whole);
	buf_done(&f.bytes);
}

/* CVE-2024-40635, CVE-2026-30892: nothing wraps to 0, -1 is never asked of the kernel. */
static void ranges_cve_2024_40635(void **state)
{
	(void)state;
	refuse("", "user \"\": neither a name nor an id");
	refuse("+5", "user \"+5\": neither a name nor an id");
	refuse("-1", "user \"-1\": neither a name nor an id");
	refuse("4294967295", "user \"4294967295\": ids are 0 to 4294967294");
	refuse("4294967296", "user \"4294967296\": ids are 0 to 4294967294");
	refuse("99999999999999999999999", "user \"99999999999999999999999\": ids are 0 to 4294967294");
	refuse("18446744073709551616", "user \"18446744073709551616\": ids are 0 to 4294967294");
	refuse("1:", "group \"\": neither a name nor an id");
	refuse("1:-1", "group \"-1\": neither a name nor an id");
	refuse("1:4294967295", "group \"4294967295\": ids are 0 to 4294967294");
	refuse("foo", "unable to find user foo: no matching entries in passwd file");
	refuse("1 ", "unable to find user 1 : no matching entries in passwd file");
	refuse("0x0", "unable to find user 0x0: no matching entries in passwd file");
	refuse("minus", "unable to find user minus: no matching entries in passwd file");
	refuse("wrap", "unable to find user wrap: no matching entries in passwd file");
	refuse("web:foo", "unable to find group foo: no matching entries in group file");
}

static void group_add_takes_names_and_ids(void **state)
{
	(void)state;
	struct fixture f = { 0 };
	char *more[] = { "video", "77", "1001", NULL }, *none[] = { "nobody", NULL };
	assert_int_equal(match(&f, "web:webgroup", more, passwd_text, group_text), 0);
	assert_int_equal(f.c.n_groups, 3); /* 1001 is there once */
	assert_int_equal(f.c.groups[1], 1004);
	assert_int_equal(f.c.groups[2], 77);
	buf_done(&f.bytes);
	assert_int_equal(match(&f, "web", none, passwd_text, group_text), -ENOENT);
	buf_done(&f.bytes);
}

static void missing_files(void **state)
{
	(void)state;
	struct fixture f = { 0 };
	assert_int_equal(match(&f, "12", NULL, NULL, NULL), 0);
	assert_int_equal(f.c.uid, 12);
	assert_int_equal(f.c.gid, 0);
	buf_done(&f.bytes);
	assert_int_equal(match(&f, "root", NULL, NULL, NULL), -ENOENT);
	buf_done(&f.bytes);
}

static void long_lines(void **state)
{
	(void)state;
	struct fixture f = { 0 };
	size_t room = 300000;
	char *text = malloc(room), *at = text;
	at += sprintf(at, "big:x:500:");
	while (at < text + room - 100)
		at += sprintf(at, "someone%zu,", (size_t)(at - text));
	(void)sprintf(at, "web\nsmall:x:501:web\n");
	assert_int_equal(match(&f, "web", NULL, passwd_text, text), 0);
	assert_int_equal(f.c.n_groups, 3);
	assert_int_equal(f.c.groups[1], 500);
	assert_int_equal(f.c.groups[2], 501);
	buf_done(&f.bytes);
	/* more groups than a process can be given here is an error, not a cut */
	at = text;
	for (int i = 0; i <= PLAN_GROUPS; i++)
		at += sprintf(at, "g%d:x:%d:web\n", i, 10000 + i);
	assert_int_equal(match(&f, "web", NULL, passwd_text, text), -E2BIG);
	buf_done(&f.bytes);
	free(text);
}

static int resolve_in(const char *dir, const char *user, struct stage_ctx *c, struct buf *bytes)
{
	char *args[] = { "true", NULL };
	struct spec_process s = {
		.args = args, .cwd = "/", .user = user, .umask = SPEC_UNSET, .oom_score_adj = SPEC_UNSET
	};
	buf_reset(bytes);
	assert_int_equal(plan_build(&s, NULL, NULL, bytes, NULL), 0);
	stage_init(c, (const void *)bytes->data, -1);
	c->root_fd = open(dir, O_PATH | O_DIRECTORY | O_CLOEXEC);
	int r = stage_resolve_user(c);
	(void)close(c->root_fd);
	return r;
}

/* CVE-2024-9676, CVE-2026-47262: what stands for /etc/passwd can neither hang us nor fill us, nor lead out of the root. */
static void traps_cve_2024_9676(void **state)
{
	(void)state;
	char dir[] = "/tmp/berth-user-XXXXXX", path[128], outside[128];
	struct stage_ctx c;
	auto_(buf) struct buf bytes = { 0 };
	assert_non_null(mkdtemp(dir));
	(void)snprintf(path, sizeof(path), "%s/etc", dir);
	assert_int_equal(mkdir(path, 0755), 0);
	(void)snprintf(path, sizeof(path), "%s/etc/passwd", dir);
	(void)alarm(20);

	assert_int_equal(mkfifo(path, 0644), 0);
	assert_int_equal(resolve_in(dir, "5", &c, &bytes), -EINVAL);
	assert_string_equal(c.text, "user: /etc/passwd is not a regular file");
	(void)unlink(path);

	assert_int_equal(mkdir(path, 0755), 0);
	assert_int_equal(resolve_in(dir, "5", &c, &bytes), -EINVAL);
	(void)rmdir(path);

	if (geteuid() == 0 && mknod(path, S_IFCHR | 0644, 0x105) == 0) { /* /dev/zero */
		assert_true(resolve_in(dir, "5", &c, &bytes) < 0);
		(void)unlink(path);
	}

	int fd = open(path, O_CREAT | O_RDWR | O_CLOEXEC, 0644);
	assert_int_equal(ftruncate(fd, (off_t)10 << 30), 0);
	(void)close(fd);
	assert_int_equal(resolve_in(dir, "5", &c, &bytes), -EFBIG);
	assert_string_equal(c.text, "user: /etc/passwd is larger than 1 MiB");
	(void)unlink(path);

	/* to a file outside, absolute and by "..": inside the root there is no such file */
	(void)snprintf(outside, sizeof(outside), "%s.passwd", dir);
	fd = open(outside, O_CREAT | O_RDWR | O_CLOEXEC, 0644);
	assert_true(write(fd, "evil:x:0:0::/:\n", 15) == 15);
	(void)close(fd);
	assert_int_equal(symlink(outside, path), 0);
	assert_int_equal(resolve_in(dir, "evil", &c, &bytes), -ENOENT);
	(void)unlink(path);
	char relative[160];
	(void)snprintf(relative, sizeof(relative), "../..%s", outside);
	assert_int_equal(symlink(relative, path), 0);
	assert_int_equal(resolve_in(dir, "evil", &c, &bytes), -ENOENT);
	(void)unlink(path);
	(void)unlink(outside);

	/* a symlink that stays inside is what the container itself would follow */
	(void)snprintf(outside, sizeof(outside), "%s/etc/real", dir);
	fd = open(outside, O_CREAT | O_RDWR | O_CLOEXEC, 0644);
	assert_true(write(fd, "good:x:9:9::/:\n", 15) == 15);
	(void)close(fd);
	assert_int_equal(symlink("/etc/real", path), 0);
	assert_int_equal(resolve_in(dir, "good", &c, &bytes), 0);
	assert_int_equal(c.uid, 9);
	(void)alarm(0);
	assert_int_equal(path_remove_tree(AT_FDCWD, dir, NULL), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(docker_rules),
		cmocka_unit_test(digits_are_ids_cve_2016_3697),
		cmocka_unit_test(ranges_cve_2024_40635),
		cmocka_unit_test(group_add_takes_names_and_ids),
		cmocka_unit_test(missing_files),
		cmocka_unit_test(long_lines),
		cmocka_unit_test(traps_cve_2024_9676),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

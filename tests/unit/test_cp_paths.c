/* cp's arguments: which side they are on, and docker's table of what is copied where. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/own.h"
#include "cli/cp_paths.h"

static void a_colon_says_container(void **state)
{
	(void)state;
	static const struct {
		const char *arg, *container, *path;
	} table[] = { { "c:/x", "c", "/x" }, { "/a:b", NULL, "/a:b" }, { "./c:x", NULL, "./c:x" },
		{ "file", NULL, "file" }, { "-", NULL, "-" }, { "c:rel:ative", "c", "rel:ative" },
		{ "../c:x", NULL, "../c:x" } };
	for (size_t i = 0; i < ARRAY_LEN(table); i++) {
		char arg[32];
		const char *container, *path;
		(void)snprintf(arg, sizeof(arg), "%s", table[i].arg);
		cp_split_argument(arg, &container, &path);
		assert_string_equal(path, table[i].path);
		assert_int_equal(container != NULL, table[i].container != NULL);
		if (container)
			assert_string_equal(container, table[i].container);
	}
}

static void paths_are_split(void **state)
{
	(void)state;
	static const struct {
		const char *path, *dir, *base;
	} table[] = { { "/a/b", "/a", "b" }, { "/a/b/", "/a", "b" }, { "/a/b/.", "/a/b", "." },
		{ "a", ".", "a" }, { "/", "/", "/" }, { "/.", "/", "." }, { "/a/../b", "/", "b" } };
	for (size_t i = 0; i < ARRAY_LEN(table); i++) {
		char dir[PATH_MAX], base[NAME_MAX + 1];
		assert_int_equal(cp_split_path(table[i].path, dir, base), 0);
		assert_string_equal(dir, table[i].dir);
		assert_string_equal(base, table[i].base);
	}
}

/* From docker's documentation of cp. */
static void docker_s_table(void **state)
{
	(void)state;
	static const struct {
		const char *from;
		bool from_dir;
		const char *to;
		bool exists, to_dir;
		const char *error, *dir, *rename_from, *rename_to;
	} table[] = {
		{ "/s/f", false, "/d/new", false, false, NULL, "/d", "f", "new" },
		{ "/s/f", false, "/d/new/", false, false, "no such directory", NULL, NULL, NULL },
		{ "/s/f", false, "/d/old", true, false, NULL, "/d", "f", "old" },
		{ "/s/f", false, "/d", true, true, NULL, "/d", NULL, NULL },
		{ "/s/dir", true, "/d/new", false, false, NULL, "/d", "dir", "new" },
		{ "/s/dir", true, "/d/new/", false, false, NULL, "/d", "dir", "new" },
		{ "/s/dir/.", true, "/d/new", false, false, NULL, "/d", ".", "new" },
		{ "/s/dir", true, "/d/old", true, false, "cannot copy directory", NULL, NULL, NULL },
		{ "/s/dir", true, "/d", true, true, NULL, "/d", NULL, NULL },
		{ "/", true, "/d/new", false, false, NULL, "/d", "", "new" },
	};
	for (size_t i = 0; i < ARRAY_LEN(table); i++) {
		struct cp_info from = { .exists = true, .is_dir = table[i].from_dir },
			       to = { .exists = table[i].exists, .is_dir = table[i].to_dir };
		struct cp_plan plan;
		struct err e;
		strcpy(from.path, table[i].from);
		strcpy(to.path, table[i].to);
		int r = cp_plan(&from, &to, &plan, &e);
		if (table[i].error) {
			assert_int_equal(r, -EINVAL);
			assert_string_equal(e.text, table[i].error);
			continue;
		}
		assert_int_equal(r, 0);
		assert_string_equal(plan.dir, table[i].dir);
		assert_int_equal(plan.rename, table[i].rename_to != NULL);
		if (plan.rename) {
			assert_string_equal(plan.from, table[i].rename_from);
			assert_string_equal(plan.to, table[i].rename_to);
		}
	}
}

static void a_link_keeps_the_name_it_was_asked_by(void **state)
{
	(void)state;
	static struct cp_info out;
	char joined[PATH_MAX];
	struct err e;
	assert_int_equal(cp_rebase("/x/link", "/y/real", &out, &e), 0);
	assert_string_equal(out.path, "/y/real");
	assert_string_equal(out.rebase, "link");
	assert_int_equal(cp_rebase("/x/link/.", "/y/real", &out, &e), 0);
	assert_string_equal(out.path, "/y/real/.");
	assert_string_equal(out.rebase, "");
	assert_int_equal(cp_rebase("/x/same", "/y/same", &out, &e), 0);
	assert_string_equal(out.rebase, "");
	assert_int_equal(cp_join_link("/x/link", "../y", joined), 0);
	assert_string_equal(joined, "/y");
	assert_int_equal(cp_join_link("/x/link", "/z", joined), 0);
	assert_string_equal(joined, "/z");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_colon_says_container),
		cmocka_unit_test(paths_are_split),
		cmocka_unit_test(docker_s_table),
		cmocka_unit_test(a_link_keeps_the_name_it_was_asked_by),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

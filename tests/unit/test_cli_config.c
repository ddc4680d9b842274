/* What `config` prints: YAML that reads back as what it was made of, and lists of names. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

#include "base/json.h"
#include "base/own.h"
#include "cli/config_print.h"
#include "cli/yaml.h"
#include "supervisor/compose/yaml.h"

static void test_yaml(void **state)
{
	(void)state;
	static const struct {
		const char *json, *want;
	} t[] = {
		{ "{}", "{}\n" },
		{ "[]", "[]\n" },
		{ "{\"a\": 1, \"b\": true, \"c\": null, \"d\": {}, \"e\": []}",
			"a: 1\nb: true\nc: null\nd: {}\ne: []\n" },
		{ "{\"s\": {\"web\": {\"image\": \"dir:/r\", \"command\": [\"a\", \"b c\"]}}}",
			"s:\n  web:\n    image: dir:/r\n    command:\n      - a\n      - b c\n" },
		{ "[{\"type\": \"bind\", \"x\": {\"w\": 1}}, [1, [2]], {\"z\": [3]}]",
			"- type: bind\n  x:\n    w: 1\n- - 1\n  - - 2\n- z:\n    - 3\n" },
		{ "[\"\", \"null\", \"~\", \"No\", \"y\", \"true\", \"5\", \"22:22\", \"010\", \"1e3\", \"-1\", \".5\", \"0x1f\"]",
			"- \"\"\n- \"null\"\n- \"~\"\n- \"No\"\n- \"y\"\n- \"true\"\n- \"5\"\n- \"22:22\"\n- \"010\"\n- \"1e3\"\n"
			"- \"-1\"\n- \".5\"\n- \"0x1f\"\n" },
		{ "[\"64mb\", \"1m30s\", \"a:b\", \"a: b\", \"a #b\", \"a:\", \" a\", \"a \", \"- a\", \"*a\", \"&a\", \"!a\", \"{a\"]",
			"- 64mb\n- 1m30s\n- a:b\n- \"a: b\"\n- \"a #b\"\n- \"a:\"\n- \" a\"\n- \"a \"\n- \"- a\"\n- \"*a\"\n"
			"- \"&a\"\n- \"!a\"\n- \"{a\"\n" },
		{ "[\"a\\nb\", \"t\\t\\\"\\\\\", \"\\u0001\\u007f\\u0085\\u2028\\ufeff\", \"\\u00e4\\ud83d\\ude00\", \"2026-11-22\", \"...\"]",
			"- \"a\\nb\"\n- \"t\\t\\\"\\\\\"\n- \"\\u0001\\u007f\\u0085\\u2028\\ufeff\"\n- \"\u00e4\U0001f600\"\n"
			"- \"2026-11-22\"\n- \"...\"\n" },
		{ "{\"no\": \"$$x\", \"a b\": 1, \"<<\": 2, \"5\": 3, \"com.x/y\": 4}",
			"\"no\": $$x\na b: 1\n\"<<\": 2\n\"5\": 3\ncom.x/y: 4\n" },
	};
	for (size_t i = 0; i < ARRAY_LEN(t); i++) {
		auto_(buf) struct buf got = { 0 };
		auto_(json) json_t *v = json_loads(t[i].json, 0, NULL);
		assert_non_null(v);
		assert_int_equal(yaml_write(v, &got), 0);
		assert_string_equal(got.data, t[i].want);
	}
}

/* Text of characters that mean something, as a value, a key and an item: it comes back as the same text. */
static void test_yaml_random(void **state)
{
	static const char *const parts[] = { "a", "Z", "0", "9", " ", ":", "#", "-", "'", "\"", "\\", "\n",
		"\t", "\r", "{", "}", "[", "]", ",", "&", "*", "!", "|", ">", "%", "@", "`", "~", "?", "=",
		"<", ".", "+", "e", "x", "_", "/", "$", "\x01", "\x7f", "\xc2\x85", "\u00a0", "\u2028",
		"\ufeff", "\uffff", "\U0001f600", "null" };
	(void)state;
	srandom(7);
	for (int round = 0; round < 20000; round++) {
		char text[128] = "";
		for (long n = random() % 8; n >= 0; n--)
			strcat(text, parts[(size_t)random() % ARRAY_LEN(parts)]);
		auto_(json) json_t *v = json_pack("{s:s, s:{s:[s, s]}}", "a", text, "m", text, text, "end");
		auto_(buf) struct buf out = { 0 };
		auto_(arena) struct arena *a = arena_new();
		struct node *n = NULL;
		struct err e = { 0 };
		assert_int_equal(yaml_write(v, &out), 0);
		if (yaml_load(a, "f", out.data, out.len, &n, &e) < 0)
			fail_msg("%s\n%s", out.data, e.text);
		const struct node *list = node_get(node_get(n, "m"), text);
		assert_non_null(list);
		assert_string_equal(node_get(n, "a")->text, text);
		assert_int_equal(list->n, 2);
		assert_string_equal(list->items[0]->text, text);
		assert_string_equal(list->items[1]->text, "end");
	}
}

/* What a list of options makes of one answer. */
static void check_print(char *const *argv, const char *want)
{
	static const struct option_def table[] = { CONFIG_OPTIONS, { 0, NULL, OPT_BOOL, NULL } };
	static const char answer_text[] =
		"{\"Services\": [{\"Name\": \"db\", \"ConfigHash\": \"h1\"}, {\"Name\": \"db\", \"ConfigHash\": \"h1\"},"
		"{\"Name\": \"web\", \"ConfigHash\": \"h2\"}],"
		"\"Volumes\": [{\"Key\": \"data\", \"Name\": \"x_data\"}],"
		"\"Document\": {\"name\": \"x\", \"services\": {\"web\": {\"image\": \"dir:/web\", \"profiles\": [\"z\", \"b\"]}, \"db\": {\"image\": \"dir:/db\", \"profiles\": [\"b\"]}}}}";
	char path[] = "/tmp/config-test-XXXXXX", got[1000] = "";
	int argc = 0, fd = mkstemp(path);
	struct args o = { 0 };
	struct err e = { 0 };
	auto_(json) json_t *answer = json_loads(answer_text, 0, NULL), *body = json_object();
	char *all[8] = { "-o", path };
	assert_true(fd >= 0);
	for (argc = 2; argv[argc - 2]; argc++)
		all[argc] = argv[argc - 2];
	assert_int_equal(args_parse(table, argc, all, false, &o, &e), 0);
	int r = config_ask(&o, body, &e);
	if (r == 0)
		r = config_print(&o, answer, &e);
	assert_true(read(fd, got, sizeof(got) - 1) >= 0);
	assert_string_equal(r < 0 ? e.text : got, want);
	assert_true(r < 0 || json_is_true(json_object_get(body, "Canonical")));
	assert_int_equal(json_array_size(json_object_get(body, "Profiles")), option_bool(&o, "profiles"));
	args_done(&o);
	(void)close(fd);
	(void)unlink(path);
}

#define WITH(...) ((char *const[]){ __VA_ARGS__ __VA_OPT__(, ) NULL })

static void test_print(void **state)
{
	(void)state;
	check_print(WITH("--services"), "web\ndb\n");
	check_print(WITH("--volumes"), "data\n");
	check_print(WITH("--images"), "dir:/web\ndir:/db\n");
	check_print(WITH("--profiles"), "b\nz\n");
	check_print(WITH("--hash", "*"), "db h1\nweb h2\n");
	check_print(WITH("--hash", "x,web"), "web h2\n");
	check_print(WITH("-q"), "");
	check_print(WITH("--format", "toml"), "unsupported format \"toml\": yaml or json");
	check_print(WITH(),
		"name: x\nservices:\n  web:\n    image: dir:/web\n    profiles:\n      - z\n      - b\n  db:\n    image: dir:/db\n    profiles:\n      - b\n");
	check_print(WITH("--format", "json", "-q"), "");
	check_print(WITH("--format", "json", "--services"), "web\ndb\n");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_yaml),
		cmocka_unit_test(test_yaml_random),
		cmocka_unit_test(test_print),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

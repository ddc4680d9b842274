/* The text layers below the model: YAML trees, variables in values, files of variables, words of a command. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "base/buf.h"
#include "supervisor/compose/envfile.h"
#include "supervisor/compose/interpolate.h"
#include "supervisor/compose/words.h"
#include "supervisor/compose/yaml.h"

/* ---- YAML ---- */

/* A tree as one line: mappings {k:v}, lists [v], plain words bare, quoted ones 'x', null ~. */
static void show(const struct node *n, struct buf *out)
{
	if (n->kind == NODE_NULL)
		(void)buf_puts(out, "~");
	else if (n->kind == NODE_SCALAR)
		(void)buf_printf(out, n->plain ? "%s" : "'%s'", n->text);
	else
		(void)buf_puts(out, n->kind == NODE_LIST ? "[" : "{");
	for (size_t i = 0; i < n->n; i++) {
		if (i)
			(void)buf_puts(out, ",");
		if (n->kind == NODE_MAP)
			(void)buf_printf(out, "%s:", n->entries[i].key);
		show(n->kind == NODE_LIST ? n->items[i] : n->entries[i].value, out);
	}
	if (n->kind == NODE_LIST || n->kind == NODE_MAP)
		(void)buf_puts(out, n->kind == NODE_LIST ? "]" : "}");
}

static void check_yaml(const char *text, size_t len, const char *want)
{
	auto_(arena) struct arena *a = arena_new();
	auto_(buf) struct buf got = { 0 };
	struct node *n = NULL;
	struct err e = { 0 };
	assert_non_null(a);
	if (yaml_load(a, "f", text, len, &n, &e) == 0)
		show(n, &got);
	else
		(void)buf_puts(&got, e.text);
	if (strncmp(got.data, want, strlen(want)) != 0 || (*want != 'f' && strcmp(got.data, want) != 0))
		fail_msg("%.200s: want %s, got %s", text, want, got.data);
}

static void test_yaml(void **state)
{
	(void)state;
	static const struct {
		const char *text, *want; /* an error starts with "f:" and is compared as far as it goes */
	} t[] = {
		{ "a: 1\nb: 'x'\nc: [1, \"2\", ~]\n", "{a:1,b:'x',c:[1,'2',~]}" },
		{ "a: null\nb:\nc: ''\nd: Null\n", "{a:~,b:~,c:'',d:~}" },
		{ "a: 22:22\nb: no\nc: 010\nd: 1.50\n", "{a:22:22,b:no,c:010,d:1.50}" },
		{ "a: !!str 5\nb: !!int 5\n", "{a:'5',b:5}" },
		{ "", "~" },
		{ "# nothing\n", "~" },
		{ "---\na: 1\n...\n", "{a:1}" },
		{ "\xef\xbb\xbf"
		  "a: 1\n",
			"{a:1}" },
		/* anchors and merges */
		{ "a: &x [1, 2]\nb: *x\n", "{a:[1,2],b:[1,2]}" },
		{ "a: &x {k: 1, l: 2}\nb: {<<: *x, l: 3}\n", "{a:{k:1,l:2},b:{l:3,k:1}}" },
		{ "a: &x {k: 1}\nb: &y {k: 2, l: 2}\nc:\n  m: 0\n  <<: [*x, *y]\n",
			"{a:{k:1},b:{k:2,l:2},c:{m:0,k:1,l:2}}" },
		{ "a: &x 1\nb: &x 2\nc: *x\n", "{a:1,b:2,c:2}" },
		{ "a: &x {k: 1}\n'<<': *x\n", "{a:{k:1},<<:{k:1}}" },
		{ "a: &x [1]\nb: {<<: *x}\n", "f:1:8: << takes a mapping" },
		{ "a: {<<: 5}\n", "f:1:9: << takes a mapping" },
		{ "a: {<<: {b: 1}, <<: {c: 1}}\n", "f:1:17: duplicate key \"<<\"" },
		{ "a: *none\n", "f:1:4: this alias has no anchor before it" },
		{ "a: &x [*x]\n", "f:1:8: this alias contains itself" },
		{ "a: &x {b: {c: *x}}\n", "f:1:15: this alias contains itself" },
		/* refused */
		{ "a: 1\nb: 2\na: 3\n", "f:3:1: duplicate key \"a\" (first at line 1)" },
		{ "a: 1\n---\nb: 1\n", "f:2:1: a second document in one file" },
		{ "a: !secret x\n", "f:1:4: unknown tag" },
		{ "[a]: 1\n", "f:1:1: a key must be a word" },
		{ "? {a: b}\n: c\n", "f:1:3: a key must be a word" },
		{ "'': 1\n", "f:1:1: a key must not be empty" },
		{ "a: \"x\\0y\"\n", "f:1:4: a NUL character has no place here" },
		{ "a: [1, 2\nb: 3\n", "f:2:2: did not find expected ',' or ']'" },
		{ "a:\n\tb: 1\n", "f:2:1: found character that cannot start any token" },
		{ "a: 'x\n", "f:2:1: found unexpected end of stream" },
		{ "a: \xff\xfe\n", "f:1: " },
		{ "a: \xc0\x80\n", "f:1: " },
		{ "%YAML 2.0\n---\na: 1\n", "f:1:1: found incompatible YAML document" },
	};
	for (size_t i = 0; i < sizeof(t) / sizeof(t[0]); i++)
		check_yaml(t[i].text, strlen(t[i].text), t[i].want);
	check_yaml("a: \0b\n", 6, "f:1: control characters are not allowed");
	check_yaml("\xff\xfe"
		   "a\0:\0 \0b\0",
		10, "f:1: "); /* UTF-16 */
}

static void test_yaml_places(void **state)
{
	(void)state;
	auto_(arena) struct arena *a = arena_new();
	struct node *n;
	struct err e;
	assert_int_equal(yaml_load(a, "f", "a:\n  bb:   x\n  cc:\n    - 1\n", 26, &n, &e), 0);
	const struct node *inner = node_get(n, "a");
	assert_int_equal(inner->entries[0].line, 2);
	assert_int_equal(inner->entries[0].column, 3);
	assert_int_equal(inner->entries[0].value->column, 9);
	assert_int_equal(node_get(inner, "cc")->items[0]->line, 4);
	assert_string_equal(node_get(inner, "bb")->file, "f");
	assert_null(node_get(inner, "dd"));
}

static void repeat(struct buf *b, const char *s, int n)
{
	while (n-- > 0)
		assert_int_equal(buf_puts(b, s), 0);
}

/* What is small on the wire and large in memory, or deep, or long. */
static void test_yaml_hostile(void **state)
{
	(void)state;
	auto_(buf) struct buf b = { 0 };

	repeat(&b, "[", 200000);
	check_yaml(b.data, b.len, "f:1:65: nested too deeply");
	buf_reset(&b);
	repeat(&b, "{a: ", 100000);
	check_yaml(b.data, b.len, "f:1:257: nested too deeply");
	buf_reset(&b);
	repeat(&b, "- ", 100000);
	check_yaml(b.data, b.len, "f:1:129: nested too deeply");

	buf_reset(&b); /* each alias adds the depth of the one before */
	assert_int_equal(buf_puts(&b, "a0: &a0 x\n"), 0);
	for (int i = 1; i < 1000; i++) {
		assert_int_equal(buf_printf(&b, "a%d: &a%d ", i, i), 0);
		repeat(&b, "[", 30);
		assert_int_equal(buf_printf(&b, "*a%d", i - 1), 0);
		repeat(&b, "]", 30);
		assert_int_equal(buf_puts(&b, "\n"), 0);
	}
	check_yaml(b.data, b.len, "f:4:39: nested too deeply");
	buf_reset(&b); /* a billion laughs */
	assert_int_equal(buf_puts(&b, "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n"), 0);
	for (int i = 1; i < 10; i++) {
		assert_int_equal(buf_printf(&b, "a%d: &a%d [", i, i), 0);
		for (int j = 0; j < 10; j++)
			assert_int_equal(buf_printf(&b, "*a%d,", i - 1), 0);
		repeat(&b, "]\n", 1);
	}
	check_yaml(b.data, b.len, "f:5:"); /* 10^5 leaves are beyond the limit */

	buf_reset(&b); /* many, in one list, in one mapping, of anchors */
	repeat(&b, "- x\n", YAML_MAX_KEYS + 1);
	check_yaml(b.data, b.len, "f:4097:3: too many items in one list");
	buf_reset(&b);
	for (int i = 0; i <= YAML_MAX_KEYS; i++)
		assert_int_equal(buf_printf(&b, "k%d: 1\n", i), 0);
	check_yaml(b.data, b.len, "f:4097:1: too many keys in one mapping");
	buf_reset(&b);
	for (int i = 0; i <= YAML_MAX_ANCHORS; i++)
		assert_int_equal(buf_printf(&b, "- &a%d x\n", i), 0);
	check_yaml(b.data, b.len, "f:1025:3: too many anchors");

	buf_reset(&b); /* a long word is just a long word */
	repeat(&b, "x", 900000);
	auto_(arena) struct arena *a = arena_new();
	struct node *n;
	struct err e;
	assert_int_equal(yaml_load(a, "f", b.data, b.len, &n, &e), 0);
	assert_int_equal(strlen(n->text), 900000);
}

/* ---- variables ---- */

static void note_unset(void *cookie, const char *name)
{
	char *list = cookie;
	(void)snprintf(list + strlen(list), 64 - strlen(list), "%s,", name);
}

static void test_interpolate(void **state)
{
	(void)state;
	static const struct {
		const char *text, *want, *unset; /* want NULL: unset is the error */
	} t[] = {
		{ "plain", "plain", "" },
		{ "$A", "1", "" },
		{ "x${A}y", "x1y", "" },
		{ "$A$B_C-$A", "1two-1", "" },
		{ "${E}", "", "" },
		{ "$U", "", "U," },
		{ "${U}x", "x", "U," },
		{ "$$A", "$A", "" },
		{ "$$$A", "$1", "" },
		{ "$${A}", "${A}", "" },
		{ "a$", "a$", "" },
		{ "$1 $( $- $.", "$1 $( $- $.", "" },
		{ "${U:-d}", "d", "" },
		{ "${E:-d}", "d", "" },
		{ "${A:-d}", "1", "" },
		{ "${U-d}", "d", "" },
		{ "${E-d}", "", "" },
		{ "${U:-}", "", "" },
		{ "${U-}", "", "" },
		{ "${U:-a b:c}", "a b:c", "" },
		{ "${U:-$A}", "1", "" },
		{ "${U:-${E:-${A}}}", "1", "" },
		{ "${U:-x${A}y}z", "x1yz", "" },
		{ "${U:-$$}", "$", "" },
		{ "${U:-$V}", "", "V," },
		{ "${A:-$V}", "1", "" }, /* not looked at */
		{ "${U:-{\"a\": {\"b\": 1}}}", "{\"a\": {\"b\": 1}}", "" },
		{ "${U:-$${A}}", "${A}", "" },
		{ "${A:+{}}{", "{}{", "" },
		{ "${A:-{}", NULL, "\"${\" without its \"}\"; write $$ for a dollar sign" },
		{ "${A:?no}", "1", "" },
		{ "${E?no}", "", "" },
		{ "${U:?no $A}", NULL, "required variable U is missing a value: no 1" },
		{ "${E:?}", NULL, "required variable E is missing a value" },
		{ "${U?no}", NULL, "required variable U is missing a value: no" },
		{ "${U:-${V:?deep}}", NULL, "required variable V is missing a value: deep" },
		{ "${A:-${V:?deep}}", "1", "" },
		{ "${A:+set}", "set", "" },
		{ "${E:+set}", "", "" },
		{ "${E+set}", "set", "" },
		{ "${U+set}", "", "" },
		{ "${U:+set}", "", "" },
		{ "$D", "$A", "" }, /* what a variable holds is not replaced again */
		{ "${A", NULL, "\"${\" without its \"}\"; write $$ for a dollar sign" },
		{ "${U:-${A}", NULL, "\"${\" without its \"}\"; write $$ for a dollar sign" },
		{ "${}", NULL, "${} is not a form that can be replaced; write $$ for a dollar sign" },
		{ "${1}", NULL, "${1} is not a form that can be replaced; write $$ for a dollar sign" },
		{ "${A/a/b}", NULL,
			"${A/a/b} is not a form that can be replaced; write $$ for a dollar sign" },
		{ "${A:}", NULL, "${A:} is not a form that can be replaced; write $$ for a dollar sign" },
		{ "${A:=x}", NULL, "${A:=x} is not a form that can be replaced; write $$ for a dollar sign" },
		{ "${A b}", NULL, "${A b} is not a form that can be replaced; write $$ for a dollar sign" },
	};
	auto_(arena) struct arena *a = arena_new();
	struct vars vars = { 0 };
	assert_int_equal(vars_set(a, &vars, "A", "0") | vars_set(a, &vars, "B_C", "two") |
			vars_set(a, &vars, "E", "") | vars_set(a, &vars, "D", "$A") |
			vars_set(a, &vars, "A", "1"),
		0);
	for (size_t i = 0; i < sizeof(t) / sizeof(t[0]); i++) {
		char unset[64] = "";
		struct interpolate in = { .arena = a, .vars = &vars, .unset = note_unset, .cookie = unset };
		struct err e = { 0 };
		const char *out = NULL;
		int r = interpolate(&in, t[i].text, &out, &e);
		const char *got = r < 0 ? e.text : out, *want = t[i].want ? t[i].want : t[i].unset;
		if (strcmp(got, want) != 0 || (r == 0) != (t[i].want != NULL))
			fail_msg("%s: want %s, got %s", t[i].text, want, got);
		if (r == 0)
			assert_string_equal(unset, t[i].unset);
	}
}

static void test_interpolate_limits(void **state)
{
	(void)state;
	auto_(arena) struct arena *a = arena_new();
	auto_(buf) struct buf big = { 0 }, text = { 0 };
	struct vars vars = { 0 };
	struct err e;
	const char *out = NULL;

	repeat(&big, "x", 100000);
	assert_int_equal(vars_set(a, &vars, "B", big.data), 0);
	struct interpolate in = { .arena = a, .vars = &vars };
	repeat(&text, "$B", 20);
	assert_int_equal(interpolate(&in, text.data, &out, &e), -ERANGE);
	int n = 0; /* each small enough, together too much */
	while (n < 1000 && interpolate(&in, "$B$B$B$B", &out, &e) == 0)
		n++;
	assert_in_range(n, 10, 50);
	in.total = 0;
	buf_reset(&text);
	repeat(&text, "${U:-", 100);
	repeat(&text, "}", 100);
	assert_int_equal(interpolate(&in, text.data, &out, &e), -ERANGE);
	assert_null(in.unset);
}

/* ---- files of variables ---- */

static int note_variable(void *cookie, const char *key, const char *value)
{
	return buf_printf(cookie, value ? "%s=<%s>" : "%s", key, value) | buf_puts(cookie, ";");
}

static void check_envfile(const char *text, size_t len, bool raw, const char *want)
{
	auto_(arena) struct arena *a = arena_new();
	auto_(buf) struct buf got = { 0 };
	struct vars vars = { 0 };
	struct err e = { 0 };
	assert_int_equal(vars_set(a, &vars, "A", "1"), 0);
	struct interpolate in = { .arena = a, .vars = &vars };
	struct envfile f = { .name = "f", .raw = raw, .in = &in, .add = note_variable, .cookie = &got };
	if (envfile_parse(&f, text, len, &e) < 0) {
		buf_reset(&got);
		(void)buf_puts(&got, e.text);
	}
	if (strcmp(got.data ? got.data : "", want) != 0)
		fail_msg("%s: want %s, got %s", text, want, got.data);
}

static void test_envfile(void **state)
{
	(void)state;
	static const struct {
		const char *text, *want;
	} t[] = {
		{ "", "" },
		{ "X=1\nY=2", "X=<1>;Y=<2>;" },
		{ "X=\nY\n  Z  \n", "X=<>;Y;Z;" },
		{ "# c\n\n  # d\nX=1 # e\nY=a#b\nZ=#x\nW= #x\n", "X=<1>;Y=<a#b>;Z=<>;W=<>;" },
		{ "X =  a b  \n", "X=<a b>;" },
		{ "export X=1\nexport=2\nexport Y\n", "X=<1>;export=<2>;Y;" },
		{ "X=1\r\nY='2'\r\nZ\r\n", "X=<1>;Y=<2>;Z;" },
		{ "\xef\xbb\xbfX=1\n", "X=<1>;" },
		{ "X='a $A \\n \"'\n", "X=<a $A \\n \">;" },
		{ "X='a\nb'\nY=1\n", "X=<a\nb>;Y=<1>;" },
		{ "X=\"a\\nb\\t\\\\ \\\" \\$A $A \\q\"\n", "X=<a\nb\t\\ \" $A 1 \\q>;" },
		{ "X=\"a\nb\" # c\nY=2\n", "X=<a\nb>;Y=<2>;" },
		{ "X=\"\"\nY=''\n", "X=<>;Y=<>;" },
		{ "X=$A-${U:-d}\nY='$A'\n", "X=<1-d>;Y=<$A>;" },
		{ "a.b-c=1\n", "a.b-c=<1>;" },
		{ "X=a=b\n", "X=<a=b>;" },
		{ "X='Let\\'s go!' # c\nY='a\\b'\n", "X=<Let's go!>;Y=<a\\b>;" },
		{ "X=\"{\\\"a\\\": \\\"b\\\"}\"\n", "X=<{\"a\": \"b\"}>;" },
		{ "X='a\\'\nY=1\n", "f:1: a ' without its closing '" },
		{ "X='a' b\n", "f:1: text behind the closing quote" },
		{ "\nX=\"a\n", "f:2: a \" without its closing \"" },
		{ "X='a\n", "f:1: a ' without its closing '" },
		{ "X=1\n=2\n", "f:2: a line must be VARIABLE=value" },
		{ "X: 1\n", "f:1: a line must be VARIABLE=value" },
		{ "1X=1\n", "f:1: a line must be VARIABLE=value" },
		{ "Y='\n\n'\nX=${A\n", "f:4: \"${\" without its \"}\"; write $$ for a dollar sign" },
		{ "X=${U:?gone}\n", "f:1: required variable U is missing a value: gone" },
	};
	static const struct {
		const char *text, *want;
	} raw[] = {
		{ "X= 'a $A' # c\nY\n#Z=1\n\nW=\r\n", "X=< 'a $A' # c>;Y;W=<>;" },
		{ "X=\"a\n", "X=<\"a>;" },
		{ "a b=1\n", "f:1: a line must be VARIABLE=value" },
		{ "=1\n", "f:1: a line must be VARIABLE=value" },
	};
	for (size_t i = 0; i < sizeof(t) / sizeof(t[0]); i++)
		check_envfile(t[i].text, strlen(t[i].text), false, t[i].want);
	for (size_t i = 0; i < sizeof(raw) / sizeof(raw[0]); i++)
		check_envfile(raw[i].text, strlen(raw[i].text), true, raw[i].want);
	check_envfile("X=\0\n", 4, false, "f: a NUL character has no place in it");
	auto_(buf) struct buf many = { 0 };
	repeat(&many, "X=1\n", ENVFILE_MAX_VARS + 1);
	check_envfile(many.data, many.len, false, "f:4097: too many variables in one file");
}

/* ---- words ---- */

static void test_words(void **state)
{
	(void)state;
	static const struct {
		const char *text, *want; /* words joined by '|'; NULL: an error */
	} t[] = {
		{ "", "" },
		{ "  ", "" },
		{ "a", "a" },
		{ " a  b\tc\n", "a|b|c" },
		{ "'a b' \"c d\"", "a b|c d" },
		{ "a'b'\"c\"d", "abcd" },
		{ "'' x \"\"", "|x|" },
		{ "a\\ b \\'", "a b|'" },
		{ "'a\\b' \"a\\b\\\"\\\\\\$\"", "a\\b|a\\b\"\\$" },
		{ "a\\\nb", "ab" },
		{ "sh -c 'echo $X; exit 7' > x | y &", "sh|-c|echo $X; exit 7|>|x|||y|&" },
		{ "'a", NULL },
		{ "\"a", NULL },
		{ "a\\", NULL },
		{ "\"a\\", NULL },
	};
	auto_(arena) struct arena *a = arena_new();
	for (size_t i = 0; i < sizeof(t) / sizeof(t[0]); i++) {
		char **words = NULL;
		size_t n = 0;
		auto_(buf) struct buf got = { 0 };
		assert_int_equal(buf_puts(&got, ""), 0);
		assert_int_equal(words_split(a, t[i].text, &words, &n), t[i].want ? 0 : -EINVAL);
		for (size_t j = 0; j < n; j++)
			assert_int_equal(buf_printf(&got, "%s%s", j ? "|" : "", words[j]), 0);
		if (t[i].want) {
			assert_null(words[n]);
			assert_string_equal(got.data, t[i].want);
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_yaml),
		cmocka_unit_test(test_yaml_places),
		cmocka_unit_test(test_yaml_hostile),
		cmocka_unit_test(test_interpolate),
		cmocka_unit_test(test_interpolate_limits),
		cmocka_unit_test(test_envfile),
		cmocka_unit_test(test_words),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

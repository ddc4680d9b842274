/* Events as words: which ones a filter lets through, and how they are printed. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/json.h"
#include "cli/events.h"
#include "supervisor/api/event_filter.h"
#include "supervisor/events.h"

#define ID "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"

static json_t *attributes(void)
{
	return json_pack("{s:s, s:s, s:s, s:s}", "a", "1", "b", "", "image", "dir:/srv/web", "name", "web-1");
}

static const struct {
	const char *filters, *type, *action;
	bool fits;
} cases[] = {
	{ "", "container", "die", true },
	{ "{}", "container", "die", true },
	{ "{\"event\":[]}", "container", "die", true },
	{ "{\"event\":[\"die\"]}", "container", "die", true },
	{ "{\"event\":{\"die\":true}}", "container", "die", true },
	{ "{\"event\":{\"die\":false}}", "container", "die", true }, /* no value: no condition */
	{ "{\"event\":[\"start\",\"die\"]}", "container", "die", true },
	{ "{\"event\":[\"di\"]}", "container", "die", false },
	{ "{\"event\":[\"died\"]}", "container", "die", false },
	{ "{\"event\":[\"exec_create\"]}", "container", "exec_create: sh -c x", true },
	{ "{\"event\":[\"exec_create: sh -c x\"]}", "container", "exec_create: sh -c x", true },
	{ "{\"event\":[\"exec_create: sh\"]}", "container", "exec_create: sh -c x", false },
	{ "{\"event\":[\"exec\"]}", "container", "exec_create: sh -c x", false },
	{ "{\"event\":[\"health_status\"]}", "container", "health_status: healthy", true },
	{ "{\"event\":[\"health_status: healthy\"]}", "container", "health_status: healthy", true },
	{ "{\"event\":[\"health_status: unhealthy\"]}", "container", "health_status: healthy", false },
	{ "{\"type\":[\"container\"]}", "container", "die", true },
	{ "{\"type\":[\"contain\"]}", "container", "die", false },
	{ "{\"type\":[\"network\"]}", "container", "die", false },
	{ "{\"scope\":[\"local\"]}", "container", "die", true },
	{ "{\"scope\":[\"swarm\"]}", "container", "die", false },
	{ "{\"container\":[\"web-1\"]}", "container", "die", true },
	{ "{\"container\":[\"web\"]}", "container", "die", true },
	{ "{\"container\":[\"eb\"]}", "container", "die", false },
	{ "{\"container\":[\"0123456789ab\"]}", "container", "die", true },
	{ "{\"container\":[\"" ID "\"]}", "container", "die", true },
	{ "{\"container\":[\"123\"]}", "container", "die", false },
	{ "{\"container\":[\"other\",\"web-1\"]}", "container", "die", true },
	{ "{\"container\":[\"web-1\"]}", "network", "die", false },
	{ "{\"network\":[\"web-1\"]}", "network", "die", true },
	{ "{\"network\":[\"web-1\"]}", "container", "die", false },
	{ "{\"daemon\":[\"web-1\"]}", "container", "die", false },
	{ "{\"image\":[\"dir:/srv/web\"]}", "container", "die", true },
	{ "{\"image\":[\"dir\"]}", "container", "die", false },
	{ "{\"label\":[\"a\"]}", "container", "die", true },
	{ "{\"label\":[\"a=1\"]}", "container", "die", true },
	{ "{\"label\":[\"a=2\"]}", "container", "die", false },
	{ "{\"label\":[\"a=\"]}", "container", "die", false },
	{ "{\"label\":[\"b=\"]}", "container", "die", true },
	{ "{\"label\":[\"a=1\",\"b\"]}", "container", "die", true },
	{ "{\"label\":[\"a=1\",\"c\"]}", "container", "die", false },
	{ "{\"label\":[\"a\"],\"event\":[\"start\"]}", "container", "die", false },
};

static void test_filters(void **state)
{
	auto_(json) json_t *attrs = attributes();
	struct err e;
	(void)state;

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		auto_(filters) struct filters f = { 0 };
		if (event_filter_parse(cases[i].filters, &f, &e) < 0)
			fail_msg("%s: %s", cases[i].filters, e.text);
		if (event_filter_match(&f, cases[i].type, cases[i].action, ID, attrs) != cases[i].fits)
			fail_msg("%s: %s %s", cases[i].filters, cases[i].type, cases[i].action);
	}
}

static void test_image_without_its_tag(void **state)
{
	auto_(json) json_t *attrs = json_pack("{s:s, s:s}", "image", "host:5000/app:v1", "name", "x");
	static const struct {
		const char *filters;
		bool fits;
	} images[] = { { "{\"image\":[\"host:5000/app:v1\"]}", true },
		{ "{\"image\":[\"host:5000/app\"]}", true }, { "{\"image\":[\"host\"]}", false },
		{ "{\"image\":[\"host:5000/app:v2\"]}", false } };
	(void)state;

	for (size_t i = 0; i < ARRAY_LEN(images); i++) {
		auto_(filters) struct filters f = { 0 };
		assert_int_equal(event_filter_parse(images[i].filters, &f, NULL), 0);
		assert_int_equal(event_filter_match(&f, "container", "die", ID, attrs), images[i].fits);
	}
}

static void test_bad_filters(void **state)
{
	static const char *const bad[] = { "x", "[]", "{\"colour\":[\"blue\"]}", "{\"event\":7}",
		"{\"event\":[7]}" };
	(void)state;

	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		struct filters f;
		struct err e;
		assert_int_equal(event_filter_parse(bad[i], &f, &e), -EINVAL);
		assert_non_null(strstr(e.text, "invalid filter"));
	}
}

static void test_both_forms(void **state)
{
	auto_(json) json_t *attrs = attributes();
	auto_(json) json_t *ev = events_to_json("container", "die", ID, attrs, INT64_C(1700000000000000042));
	auto_(json) json_t *want = json_pack("{s:s, s:s, s:s, s:s, s:s, s:{s:s, s:O}, s:s, s:i, s:I}",
		"status", "die", "id", ID, "from", "dir:/srv/web", "Type", "container", "Action", "die",
		"Actor", "ID", ID, "Attributes", attrs, "scope", "local", "time", 1700000000, "timeNano",
		(json_int_t)INT64_C(1700000000000000042));
	(void)state;

	assert_true(json_equal(ev, want));
}

static void test_lines(void **state)
{
	auto_(json) json_t *attrs = attributes();
	auto_(json) json_t *none = json_object();
	auto_(json) json_t *ev = events_to_json("container", "die", ID, attrs, INT64_C(1700000000000000042));
	auto_(json) json_t *bare = events_to_json("network", "prune", "", none, INT64_C(1700000000000000042));
	auto_(buf) struct buf out = { 0 };
	struct err e;
	(void)state;

	assert_int_equal(setenv("TZ", "UTC", 1), 0);
	tzset();
	assert_int_equal(events_line(ev, NULL, &out, &e), 0);
	assert_string_equal(out.data,
		"2023-11-14T22:13:20.000000042Z container die " ID
		" (a=1, b=, image=dir:/srv/web, name=web-1)\n");
	buf_reset(&out);
	assert_int_equal(setenv("TZ", "XXX-05:30", 1), 0);
	tzset();
	assert_int_equal(events_line(bare, "", &out, &e), 0);
	assert_string_equal(out.data, "2023-11-15T03:43:20.000000042+05:30 network prune \n");
	buf_reset(&out);
	assert_int_equal(
		events_line(ev, "{{.Type}} {{.ID}} {{.Actor.Attributes.name}} {{.TimeNano}}", &out, &e), 0);
	assert_string_equal(out.data, "container " ID " web-1 1700000000000000042\n");
	buf_reset(&out);
	assert_int_equal(events_line(ev, "json", &out, &e), 0);
	auto_(json) json_t *back = json_loadb(out.data, out.len, 0, NULL);
	assert_true(json_equal(back, ev));
	assert_int_equal(events_line(ev, "{{.Frob}}", &out, &e), -EINVAL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_filters),
		cmocka_unit_test(test_image_without_its_tag),
		cmocka_unit_test(test_bad_filters),
		cmocka_unit_test(test_both_forms),
		cmocka_unit_test(test_lines),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* Records: every member comes back as it was written, strangers and damage are told by name. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <errno.h>
#include <string.h>

#include "base/json.h"
#include "supervisor/config.h"
#include "supervisor/store.h"
#include "supervisor/store_json.h"

static struct actual sample(void)
{
	struct actual a;

	memset(&a, 0, sizeof(a));
	state_init(&a);
	a.generation = UINT64_C(0x8000000000000001);
	a.starting = a.paused = a.oom_killed = a.dead = true;
	a.running = a.restarting = a.removing = true;
	a.pid = 4711;
	a.start_ticks = UINT64_C(1) << 40;
	memcpy(a.boot_id, "830ce2dd-f515-40b8-b8ba-9232a050cba8", BOOT_ID_LEN + 1);
	a.netns_inode = 4026532186;
	a.exit_code = 137;
	a.interrupted = true;
	strcpy(a.error, "exec: \"x\": not found");
	a.started_ns = INT64_C(1795349178669874202);
	a.finished_ns = INT64_MIN;
	a.started_mono_ns = 5;
	a.restart_count = 12;
	a.next_try_ns = -1;
	a.stop_until_ns = INT64_C(77000000000);
	a.delay_ns = INT64_C(60000000000);
	a.unsaid = 5;
	return a;
}

static void test_state_round_trip(void **state)
{
	struct actual a = sample(), b;
	struct err e;
	(void)state;

	auto_(json) json_t *v = store_state_to_json(&a);
	assert_non_null(v);
	memset(&b, 0, sizeof(b));
	state_init(&b);
	if (store_state_from_json(v, &b, &e) < 0)
		fail_msg("%s", e.text);
	/* Through JSON once more: what a member lost would show. */
	auto_(json) json_t *w = store_state_to_json(&b);
	assert_true(json_equal(v, w));
	assert_memory_equal(&a, &b, sizeof(a));
}

static void test_missing_members_have_defaults(void **state)
{
	struct actual a;
	(void)state;

	state_init(&a);
	auto_(json) json_t *v =
		json_pack("{s:i, s:i, s:s}", "Schema", STORE_SCHEMA, "ExitCode", 3, "Stranger", "x");
	assert_int_equal(store_state_from_json(v, &a, NULL), 0);
	assert_int_equal(a.exit_code, 3);
	assert_int_equal(a.started_ns, INT64_MIN);
	assert_false(a.running);
}

static void refused(const char *text, const char *needle)
{
	struct actual a = sample(), before = a;
	struct err e = { .code = 0 };
	auto_(json) json_t *v = json_parse(text, strlen(text), "state.json", &e);

	assert_non_null(v);
	assert_int_equal(
		store_state_from_json(v, &a, &e), strstr(text, "Schema\": 99") ? -EPROTONOSUPPORT : -EINVAL);
	if (!strstr(e.text, needle))
		fail_msg("'%s' does not name '%s'", e.text, needle);
	assert_memory_equal(&a, &before, sizeof(a)); /* nothing half read */
}

static void test_damage_is_named(void **state)
{
	(void)state;
	refused("[]", "object");
	refused("{}", "Schema");
	refused("{\"Schema\": 0}", "Schema");
	refused("{\"Schema\": 99}", "later version");
	refused("{\"Schema\": 1, \"Running\": 1}", "Running");
	refused("{\"Schema\": 1, \"Pid\": \"4\"}", "Pid");
	refused("{\"Schema\": 1, \"Pid\": 99999999999}", "Pid");
	refused("{\"Schema\": 1, \"ExitCode\": 3, \"BootId\": \"0123456789012345678901234567890123456\"}",
		"BootId");
}

static void test_error_that_is_not_utf8(void **state)
{
	struct actual a = sample(), b;
	(void)state;

	strcpy(a.error, "open \xff\xfe");
	auto_(json) json_t *v = store_state_to_json(&a);
	assert_non_null(v);
	state_init(&b);
	assert_int_equal(store_state_from_json(v, &b, NULL), 0);
	assert_int_equal(b.exit_code, 137);
}

static void test_desired_round_trip(void **state)
{
	struct desired d = { .run = true,
		.paused = true,
		.stopped_by_user = true,
		.removed = true,
		.remove_volumes = true,
		.generation = UINT64_C(0x8000000000000003),
		.asked_ns = INT64_C(1795349178669874202) };
	struct desired other = { .run = false };
	(void)state;

	auto_(json) json_t *v = store_desired_to_json(&d);
	assert_non_null(v);
	assert_false(store_desired_is_same(&d, &other));
	assert_int_equal(store_desired_from_json(v, &other, NULL), 0);
	assert_true(store_desired_is_same(&d, &other));
	auto_(json) json_t *w = store_desired_to_json(&other);
	assert_true(json_equal(v, w));
	assert_int_equal(json_object_size(v), 1 + 7); /* a member that is new has to be set above */
	/* Each of them counts. */
	other.asked_ns++;
	assert_false(store_desired_is_same(&d, &other));
}

static void test_result_round_trip(void **state)
{
	struct result a = { .generation = 7,
		.exit_code = 137,
		.error = "no such file",
		.started_ns = 11,
		.finished_ns = INT64_MIN,
		.oom_killed = true,
		.interrupted = true,
		.restart_count = 3 };
	struct result b = { .generation = 0 };
	(void)state;

	auto_(json) json_t *v = store_result_to_json(&a);
	assert_non_null(v);
	assert_int_equal(store_result_from_json(v, &b, NULL), 0);
	auto_(json) json_t *w = store_result_to_json(&b);
	assert_true(json_equal(v, w));
	assert_int_equal(json_object_size(v), 1 + 8);
	assert_string_equal(b.error, "no such file");
	/* Nothing is half read. */
	assert_int_equal(json_object_set_new(v, "RestartCount", json_string("4")), 0);
	assert_int_equal(json_object_set_new(v, "ExitCode", json_integer(1)), 0);
	assert_int_equal(store_result_from_json(v, &b, NULL), -EINVAL);
	assert_int_equal(b.exit_code, 137);
}

#define ID "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"

static int read_config(struct container *c, const char *text, struct err *e)
{
	auto_(json) json_t *v = json_parse(text, strlen(text), "config.json", e);

	assert_non_null(v);
	memset(c, 0, sizeof(*c));
	strcpy(c->id, ID);
	return store_config_from_json(v, c, e);
}

static void test_config_round_trip(void **state)
{
	struct container c, d;
	struct err e;
	(void)state;

	if (read_config(&c,
		    "{\"Schema\":2,\"Id\":\"" ID "\",\"Name\":\"web\",\"CreatedNs\":1795349178669874202,"
		    "\"Body\":{\"Image\":\"dir:/x\",\"Cmd\":[\"sleep\",\"1\"]}}",
		    &e) < 0)
		fail_msg("%s", e.text);
	assert_string_equal(c.name, "web");
	assert_int_equal(c.created_ns, INT64_C(1795349178669874202));
	auto_(json) json_t *v = store_config_to_json(&c);
	auto_free char *text = json_dumps(v, 0);
	assert_int_equal(read_config(&d, text, &e), 0);
	auto_(json) json_t *w = store_config_to_json(&d);
	assert_true(json_equal(v, w));
	config_free(c.config);
	config_free(d.config);
}

/* As the version before this one wrote it: what is wanted in the same file, and no generation. */
static void test_former_schema(void **state)
{
	struct container c;
	struct err e;
	(void)state;

	if (read_config(&c,
		    "{\"Schema\":1,\"Id\":\"" ID "\",\"Name\":\"old\",\"CreatedNs\":5,"
		    "\"Body\":{\"Image\":\"dir:/x\",\"Cmd\":[\"true\"]},"
		    "\"Desired\":{\"Run\":true,\"StoppedByUser\":false,\"Removed\":false}}",
		    &e) < 0)
		fail_msg("%s", e.text);
	assert_string_equal(c.name, "old");
	assert_true(c.desired.run);
	assert_int_equal(c.desired.generation, 1); /* it was started, and its end is not known */
	config_free(c.config);
	assert_int_equal(read_config(&c,
				 "{\"Schema\":1,\"Id\":\"" ID "\",\"Name\":\"old\",\"CreatedNs\":5,"
				 "\"Body\":{\"Image\":\"dir:/x\",\"Cmd\":[\"true\"]},"
				 "\"Desired\":{\"Run\":false,\"StoppedByUser\":true,\"Removed\":true}}",
				 &e),
		0);
	assert_true(c.desired.removed && c.desired.stopped_by_user && !c.desired.run);
	assert_int_equal(c.desired.generation, 0);
	config_free(c.config);
}

static void test_config_that_is_refused(void **state)
{
	static const struct {
		const char *text;
		int code;
		const char *needle;
	} cases[] = {
		{ "{\"Schema\":3,\"Id\":\"" ID "\",\"Name\":\"a\"}", -EPROTONOSUPPORT, "later version" },
		{ "{\"Schema\":2,\"Id\":\"abc\",\"Name\":\"a\"}", -EINVAL, "Id" },
		{ "{\"Schema\":2,\"Id\":\"" ID "\",\"Name\":\"../a\"}", -EINVAL, "Name" },
		{ "{\"Schema\":2,\"Id\":\"" ID "\",\"Name\":\"a\",\"CreatedNs\":\"x\"}", -EINVAL,
			"CreatedNs" },
	};
	(void)state;

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct container c;
		struct err e = { .code = 0 };
		assert_int_equal(read_config(&c, cases[i].text, &e), cases[i].code);
		if (!strstr(e.text, cases[i].needle))
			fail_msg("'%s' does not name '%s'", e.text, cases[i].needle);
		assert_null(c.config);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_state_round_trip),
		cmocka_unit_test(test_missing_members_have_defaults),
		cmocka_unit_test(test_damage_is_named),
		cmocka_unit_test(test_error_that_is_not_utf8),
		cmocka_unit_test(test_desired_round_trip),
		cmocka_unit_test(test_result_round_trip),
		cmocka_unit_test(test_config_round_trip),
		cmocka_unit_test(test_former_schema),
		cmocka_unit_test(test_config_that_is_refused),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

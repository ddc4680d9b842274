/* Records: every member comes back as it was written, strangers and damage are told by name. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <errno.h>
#include <string.h>

#include "base/json.h"
#include "supervisor/store.h"

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
	strcpy(a.error, "exec: \"x\": not found");
	a.started_ns = INT64_C(1795349178669874202);
	a.finished_ns = INT64_MIN;
	a.started_mono_ns = 5;
	a.restart_count = 12;
	a.next_try_ns = -1;
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
	assert_int_equal(store_state_from_json(v, &a, &e), -EINVAL);
	if (!strstr(e.text, needle))
		fail_msg("'%s' does not name '%s'", e.text, needle);
	assert_memory_equal(&a, &before, sizeof(a)); /* nothing half read */
}

static void test_damage_is_named(void **state)
{
	(void)state;
	refused("[]", "object");
	refused("{}", "Schema");
	refused("{\"Schema\": 2}", "Schema");
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

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_state_round_trip),
		cmocka_unit_test(test_missing_members_have_defaults),
		cmocka_unit_test(test_damage_is_named),
		cmocka_unit_test(test_error_that_is_not_utf8),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* docker's update: what is merged, what conflicts, and what of it goes to a group that runs. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <errno.h>
#include <string.h>

#include "base/json.h"
#include "base/own.h"
#include "supervisor/config.h"

#define MB (INT64_C(1) << 20)

static struct err e;

static struct config *parse(const char *host)
{
	auto_(json) json_t *h = json_loads(host, 0, NULL);
	auto_(json) json_t *body =
		json_pack("{s:s, s:[s], s:O}", "Image", "dir:/x", "Cmd", "true", "HostConfig", h);
	struct config *c = NULL;

	if (config_parse(body, &c, &e) < 0)
		fail_msg("%s", e.text);
	return c;
}

static int update(const struct config *c, const char *text, struct config **out)
{
	auto_(json) json_t *u = json_loads(text, 0, NULL);

	assert_non_null(u);
	return config_update(c, u, out, &e);
}

static int64_t member(const struct config *c, const char *key)
{
	return json_integer_value(json_object_get(json_object_get(config_body(c), "HostConfig"), key));
}

static void test_merge(void **state)
{
	auto_(config) struct config *c =
		parse("{\"Memory\":67108864,\"PidsLimit\":50,\"CpuShares\":512,\"CpusetCpus\":\"0\"}");
	auto_(config) struct config *n = NULL;
	(void)state;

	/* What docker's client sends: everything, most of it empty. */
	if (update(c,
		    "{\"CpuShares\":0,\"Memory\":104857600,\"NanoCpus\":0,\"CgroupParent\":\"\",\"BlkioWeight\":0,\"Devices\":null,"
		    "\"Ulimits\":null,\"OomKillDisable\":null,\"MemorySwap\":0,\"PidsLimit\":null,\"CpusetCpus\":\"\","
		    "\"RestartPolicy\":{\"Name\":\"\",\"MaximumRetryCount\":0}}",
		    &n) < 0)
		fail_msg("%s", e.text);
	assert_int_equal(n->resources.memory_limit, 100 * MB);
	assert_int_equal(n->resources.memory_swap, 128 * MB); /* what the first limit brought along */
	assert_int_equal(member(n, "MemorySwap"), 128 * MB);
	assert_int_equal(n->resources.pids_limit, 50);
	assert_int_equal(n->resources.cpu_shares, 512);
	assert_string_equal(n->resources.cpuset_cpus, "0");
	assert_int_equal(n->restart, CONFIG_RESTART_NO);
	assert_int_equal(c->resources.memory_limit, 64 * MB);
	/* It is what the next start finds, too. */
	auto_(config) struct config *again = NULL;
	assert_int_equal(config_parse(config_body(n), &again, &e), 0);
	assert_int_equal(again->resources.memory_limit, 100 * MB);
	assert_int_equal(again->resources.memory_swap, 128 * MB);
}

static void test_restart_policy(void **state)
{
	auto_(config) struct config *c = parse("{}"), *auto_remove = parse("{\"AutoRemove\":true}"),
				    *n = NULL;
	(void)state;

	assert_int_equal(
		update(c, "{\"RestartPolicy\":{\"Name\":\"on-failure\",\"MaximumRetryCount\":3}}", &n), 0);
	assert_int_equal(n->restart, CONFIG_RESTART_ON_FAILURE);
	assert_int_equal(n->restart_max, 3);
	config_free(take_ptr(&n));
	assert_int_equal(update(c, "{\"RestartPolicy\":{\"Name\":\"sometimes\"}}", &n), -EINVAL);
	assert_int_equal(update(auto_remove, "{\"RestartPolicy\":{\"Name\":\"always\"}}", &n), -EBUSY);
	assert_string_equal(
		e.text, "Restart policy cannot be updated because AutoRemove is enabled for the container");
	assert_int_equal(update(auto_remove, "{\"RestartPolicy\":{\"Name\":\"no\"}}", &n), 0);
}

static void test_refusals(void **state)
{
	static const struct {
		const char *host, *update;
		int r;
		const char *text;
	} table[] = {
		{ "{\"Memory\":67108864}", "{\"Memory\":268435456}", -EBUSY,
			"Memory limit should be smaller than already set memoryswap limit, update the memoryswap at the same time" },
		{ "{}", "{\"Memory\":1048576}", -EINVAL, "Minimum memory limit allowed is 6MB" },
		{ "{}", "{\"MemorySwap\":67108864}", -EINVAL,
			"You should always set the Memory limit when using Memoryswap limit, see usage" },
		{ "{\"Memory\":67108864}", "{\"MemorySwap\":33554432}", -EINVAL,
			"Minimum memoryswap limit should be larger than memory limit, see usage" },
		{ "{\"CpuQuota\":50000}", "{\"NanoCpus\":1000000000}", -EBUSY,
			"Conflicting options: Nano CPUs cannot be updated as CPU Quota has already been set" },
		{ "{\"CpuPeriod\":50000}", "{\"NanoCpus\":1000000000}", -EBUSY,
			"Conflicting options: Nano CPUs cannot be updated as CPU Period has already been set" },
		{ "{\"NanoCpus\":1000000000}", "{\"CpuQuota\":50000}", -EBUSY,
			"Conflicting options: CPU Quota cannot be updated as NanoCPUs has already been set" },
		{ "{\"NanoCpus\":1000000000}", "{\"CpuPeriod\":50000}", -EBUSY,
			"Conflicting options: CPU Period cannot be updated as NanoCPUs has already been set" },
		{ "{}", "{\"NanoCpus\":9000000000000}", -EINVAL, NULL },
		{ "{}", "{\"CpusetCpus\":\"4000\"}", -EINVAL, NULL },
		{ "{}", "{\"CpusetCpus\":\"x\"}", -EINVAL, "Invalid value x for cpuset cpus" },
		{ "{}", "{\"BlkioWeight\":5}", -EINVAL, "Range of blkio weight is from 10 to 1000" },
		{ "{}", "{\"Memory\":\"much\"}", -EINVAL, NULL },
		{ "{}", "{\"Ulimits\":[{\"Name\":\"nofile\",\"Soft\":1,\"Hard\":1}]}", -EOPNOTSUPP,
			"Ulimits: cannot be updated" },
		{ "{}", "{\"Devices\":[{\"PathOnHost\":\"/dev/null\"}]}", -EOPNOTSUPP,
			"Devices: cannot be updated" },
	};
	(void)state;

	for (size_t i = 0; i < ARRAY_LEN(table); i++) {
		auto_(config) struct config *c = parse(table[i].host), *n = NULL;
		int r = update(c, table[i].update, &n);
		if (r != table[i].r || (table[i].text && strcmp(e.text, table[i].text) != 0))
			fail_msg("row %zu: %d, %s", i, r, e.text);
		assert_null(n);
	}
}

static void test_only_what_changed_is_carried_out(void **state)
{
	auto_(config) struct config *c = parse("{\"Memory\":67108864,\"PidsLimit\":50,\"CpuShares\":512}"),
				    *n = NULL;
	struct spec_resources res;
	(void)state;

	assert_int_equal(update(c, "{\"CpuShares\":256,\"PidsLimit\":0}", &n), 0);
	config_changed_resources(c, n, &res);
	assert_int_equal(res.cpu_shares, 256);
	assert_int_equal(res.pids_limit, 0); /* no limit any more */
	assert_int_equal(res.memory_limit, SPEC_UNSET);
	assert_int_equal(res.memory_swap, SPEC_UNSET);
	assert_int_equal(res.cpu_quota_us, SPEC_UNSET);
	assert_null(res.cpuset_cpus);
	config_free(take_ptr(&n));
	assert_int_equal(update(c, "{\"Memory\":33554432,\"NanoCpus\":500000000}", &n), 0);
	config_changed_resources(c, n, &res);
	assert_int_equal(res.memory_limit, 32 * MB);
	assert_int_equal(res.memory_swap, 128 * MB); /* the kernel wants to see both */
	assert_int_equal(res.cpu_quota_us, 50000);
	assert_int_equal(res.cpu_period_us, 100000);
	assert_int_equal(res.cpu_shares, SPEC_UNSET);
	assert_int_equal(res.pids_limit, SPEC_UNSET);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_merge),
		cmocka_unit_test(test_restart_policy),
		cmocka_unit_test(test_refusals),
		cmocka_unit_test(test_only_what_changed_is_carried_out),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

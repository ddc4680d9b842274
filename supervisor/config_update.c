/* A new config from an old one and the body of docker's update: limits and the restart policy, nothing else. */
#include <stdio.h>
#include <string.h>

#include "base/own.h"
#include "supervisor/config_parts.h"

/* 0, "" and null leave a member as it is, as docker has it. */
static const char *const changeable[] = { "BlkioWeight", "CpuShares", "NanoCpus", "CpuPeriod", "CpuQuota",
	"CpusetCpus", "CpusetMems", "Memory", "MemorySwap", "MemoryReservation" };

#define FIXED "cannot be updated"
static const struct field_refused refused[] = {
	{ "BlkioWeightDevice", FIXED },
	{ "BlkioDeviceReadBps", FIXED },
	{ "BlkioDeviceWriteBps", FIXED },
	{ "BlkioDeviceReadIOps", FIXED },
	{ "BlkioDeviceWriteIOps", FIXED },
	{ "CgroupParent", FIXED },
	{ "CpuRealtimePeriod", "not built yet" },
	{ "CpuRealtimeRuntime", "not built yet" },
	{ "Devices", FIXED },
	{ "DeviceCgroupRules", FIXED },
	{ "DeviceRequests", FIXED },
	{ "KernelMemory", "the kernel has no such limit any more" },
	{ "KernelMemoryTCP", "the kernel has no such limit any more" },
	{ "MemorySwappiness", FIXED },
	{ "OomKillDisable", FIXED },
	{ "Ulimits", FIXED },
};

static int64_t number(const json_t *o, const char *key)
{
	return json_integer_value(json_object_get(o, key));
}

/* Docker's rules about what goes with what is there already. */
static int check_conflicts(const struct config *c, const json_t *host, const json_t *update, struct err *e)
{
	int64_t memory = number(update, "Memory"), sum = c->resources.memory_swap;

	if (number(update, "NanoCpus") > 0 && number(host, "CpuPeriod") > 0)
		return err_say(e, EBUSY,
			"Conflicting options: Nano CPUs cannot be updated as CPU Period has already been set");
	if (number(update, "NanoCpus") > 0 && number(host, "CpuQuota") > 0)
		return err_say(e, EBUSY,
			"Conflicting options: Nano CPUs cannot be updated as CPU Quota has already been set");
	if (number(update, "CpuPeriod") > 0 && number(host, "NanoCpus") > 0)
		return err_say(e, EBUSY,
			"Conflicting options: CPU Period cannot be updated as NanoCPUs has already been set");
	if (number(update, "CpuQuota") > 0 && number(host, "NanoCpus") > 0)
		return err_say(e, EBUSY,
			"Conflicting options: CPU Quota cannot be updated as NanoCPUs has already been set");
	if (memory > 0 && sum > 0 && memory > sum && number(update, "MemorySwap") == 0)
		return err_say(e, EBUSY,
			"Memory limit should be smaller than already set memoryswap limit, update the memoryswap at the same "
			"time");
	return 0;
}

static int set(json_t *host, const char *key, json_t *value, struct err *e)
{
	return json_object_set_new(host, key, value) < 0 ? config_no_memory(e) : 0;
}

static int merge_limits(const struct config *c, json_t *host, const json_t *update, struct err *e)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < ARRAY_LEN(changeable); i++) {
		json_t *value = json_object_get(update, changeable[i]);
		if (!fields_is_empty(value))
			r = set(host, changeable[i], json_incref(value), e);
	}
	json_t *pids = json_object_get(update, "PidsLimit");
	if (r == 0 && pids && !json_is_null(pids)) /* here 0 says something: no limit */
		r = set(host, "PidsLimit", json_incref(pids), e);
	/* The sum that the first limit brought along stays what it is. */
	if (r == 0 && number(update, "Memory") && !number(update, "MemorySwap") &&
		c->resources.memory_swap != SPEC_UNSET)
		r = set(host, "MemorySwap", json_integer(c->resources.memory_swap), e);
	return r;
}

static int merge_restart(const struct config *c, json_t *host, const json_t *update, struct err *e)
{
	json_t *policy = NULL;
	const char *name = "";
	int r = json_get_object(update, "", "RestartPolicy", &policy, e);

	if (r == 0 && policy)
		r = json_get_string(policy, "RestartPolicy", "Name", &name, e);
	if (r < 0 || !*name)
		return r;
	if (c->auto_remove && strcmp(name, "no") != 0)
		return err_say(e, EBUSY,
			"Restart policy cannot be updated because AutoRemove is enabled for the container");
	return set(host, "RestartPolicy", json_incref(policy), e);
}

int config_update(const struct config *c, const json_t *update, struct config **out, struct err *e)
{
	auto_(json) json_t *body = json_deep_copy(config_body(c));
	auto_(config) struct config *made = NULL;
	json_t *host = json_object_get(body, HOST);

	if (body && !host && json_object_set_new(body, HOST, json_object()) == 0)
		host = json_object_get(body, HOST);
	if (!host)
		return config_no_memory(e);
	int r = fields_refuse(update, "", refused, ARRAY_LEN(refused), e);
	if (r == 0)
		r = check_conflicts(c, host, update, e);
	if (r == 0)
		r = merge_limits(c, host, update, e);
	if (r == 0)
		r = merge_restart(c, host, update, e);
	if (r == 0)
		r = config_parse(body, &made, e);
	if (r == 0)
		r = config_check_resources(made, e);
	if (r == 0)
		*out = take_ptr(&made);
	return r;
}

/* The strings are those of .to. */
void config_changed_resources(const struct config *from, const struct config *to, struct spec_resources *out)
{
	const struct spec_resources *a = &from->resources, *b = &to->resources;
#define CHANGED(m)	(a->m != b->m)
#define TEXT_CHANGED(m) (b->m && (!a->m || strcmp(a->m, b->m) != 0))
	*out = *b;
	if (!CHANGED(memory_limit) && !CHANGED(memory_swap))
		out->memory_limit = out->memory_swap = SPEC_UNSET;
	if (!CHANGED(memory_reservation))
		out->memory_reservation = SPEC_UNSET;
	if (!CHANGED(cpu_quota_us) && !CHANGED(cpu_period_us))
		out->cpu_quota_us = out->cpu_period_us = SPEC_UNSET;
	if (!CHANGED(cpu_shares))
		out->cpu_shares = SPEC_UNSET;
	if (!CHANGED(blkio_weight))
		out->blkio_weight = SPEC_UNSET;
	if (!CHANGED(pids_limit))
		out->pids_limit = SPEC_UNSET;
	else if (out->pids_limit == SPEC_UNSET)
		out->pids_limit = 0; /* the limit is taken away */
	if (!TEXT_CHANGED(cpuset_cpus))
		out->cpuset_cpus = NULL;
	if (!TEXT_CHANGED(cpuset_mems))
		out->cpuset_mems = NULL;
	out->memory_swappiness = out->memory_oom_kill_disable = SPEC_UNSET;
#undef CHANGED
#undef TEXT_CHANGED
}

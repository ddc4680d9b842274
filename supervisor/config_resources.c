#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/io.h"
#include "base/own.h"
#include "base/text.h"
#include "supervisor/config_parts.h"

#define CPUS_MAX  8192 /* of one machine; a larger number in a list is a slip of the pen */
#define PERIOD_US INT64_C(100000)
#define NANO	  INT64_C(1000000000)

/* Docker's numbers, where 0 is "not said". */
struct numbers {
	int64_t memory, reservation, swap, swappiness, oom_kill_disable;
	int64_t shares, nano_cpus, period, quota, pids, blkio_weight;
	const char *cpus, *mems;
};
#define AT(member) offsetof(struct numbers, member)

static const struct field number_fields[] = {
	{ "Memory", FIELD_I64, AT(memory), INT64_MIN + 1, INT64_MAX },
	{ "MemoryReservation", FIELD_I64, AT(reservation), INT64_MIN + 1, INT64_MAX },
	{ "MemorySwap", FIELD_I64, AT(swap), INT64_MIN + 1, INT64_MAX },
	{ "MemorySwappiness", FIELD_I64, AT(swappiness), INT64_MIN + 1, INT64_MAX },
	{ "OomKillDisable", FIELD_TRISTATE, AT(oom_kill_disable), 0, 0 },
	{ "CpuShares", FIELD_I64, AT(shares), 0, INT64_MAX },
	{ "NanoCpus", FIELD_I64, AT(nano_cpus), INT64_MIN + 1, INT64_MAX },
	{ "CpuPeriod", FIELD_I64, AT(period), INT64_MIN + 1, INT64_MAX },
	{ "CpuQuota", FIELD_I64, AT(quota), INT64_MIN + 1, INT64_MAX },
	{ "CpusetCpus", FIELD_STRING, AT(cpus), 0, 0 },
	{ "CpusetMems", FIELD_STRING, AT(mems), 0, 0 },
	{ "PidsLimit", FIELD_I64, AT(pids), INT64_MIN + 1, INT64_MAX },
	{ "BlkioWeight", FIELD_I64, AT(blkio_weight), 0, UINT16_MAX },
};
static const struct field_refused refused[] = {
	{ "CpuRealtimePeriod", "not built yet" },
	{ "CpuRealtimeRuntime", "not built yet" },
	{ "DeviceRequests", "not built yet" },
	{ "KernelMemory", "the kernel has no such limit any more" },
	{ "KernelMemoryTCP", "the kernel has no such limit any more" },
};
static const char *const io_keys[CONFIG_IO_COUNT] = {
	[CONFIG_IO_WEIGHT] = "BlkioWeightDevice",
	[CONFIG_IO_READ_BPS] = "BlkioDeviceReadBps",
	[CONFIG_IO_WRITE_BPS] = "BlkioDeviceWriteBps",
	[CONFIG_IO_READ_IOPS] = "BlkioDeviceReadIOps",
	[CONFIG_IO_WRITE_IOPS] = "BlkioDeviceWriteIOps",
};

static int set_memory(const struct numbers *n, struct spec_resources *to, struct err *e)
{
	if (n->memory && n->memory < CONFIG_MEMORY_MIN)
		return err_say(e, EINVAL, "Minimum memory limit allowed is 6MB");
	if (n->memory > 0 && n->swap > 0 && n->swap < n->memory)
		return err_say(
			e, EINVAL, "Minimum memoryswap limit should be larger than memory limit, see usage");
	if (n->memory == 0 && n->swap > 0)
		return err_say(e, EINVAL,
			"You should always set the Memory limit when using Memoryswap limit, see usage");
	if (n->swap < -1)
		return err_say(e, EINVAL, HOST ".MemorySwap: %lld is below -1", (long long)n->swap);
	if (n->swappiness != FIELD_UNSET && (n->swappiness < -1 || n->swappiness > 100))
		return err_say(e, EINVAL, "Invalid value: %lld, valid memory swappiness range is 0-100",
			(long long)n->swappiness);
	if (n->reservation && n->reservation < CONFIG_MEMORY_MIN)
		return err_say(e, EINVAL, "Minimum memory reservation allowed is 6MB");
	if (n->memory && n->reservation > n->memory)
		return err_say(e, EINVAL,
			"Minimum memory limit can not be less than memory reservation limit, see usage");
	if (n->memory) {
		to->memory_limit = n->memory;
		to->memory_swap = n->swap ? n->swap : n->memory > INT64_MAX / 2 ? -1 : 2 * n->memory;
	} else if (n->swap) {
		to->memory_swap = n->swap;
	}
	if (n->reservation)
		to->memory_reservation = n->reservation;
	if (n->swappiness >= 0)
		to->memory_swappiness = n->swappiness;
	to->memory_oom_kill_disable = n->oom_kill_disable;
	return 0;
}

static int set_cpu(const struct numbers *n, struct spec_resources *to, struct err *e)
{
	if (n->nano_cpus && n->period)
		return err_say(e, EINVAL, "Conflicting options: Nano CPUs and CPU Period cannot both be set");
	if (n->nano_cpus && n->quota)
		return err_say(e, EINVAL, "Conflicting options: Nano CPUs and CPU Quota cannot both be set");
	if (n->nano_cpus < 0 || n->nano_cpus > CPUS_MAX * NANO || (n->nano_cpus && n->nano_cpus < NANO / 100))
		return err_say(e, EINVAL,
			"range of CPUs is from 0.01 to %ld.00, as there are only %ld CPUs available",
			sysconf(_SC_NPROCESSORS_ONLN), sysconf(_SC_NPROCESSORS_ONLN));
	if (n->period && (n->period < 1000 || n->period > 1000000))
		return err_say(e, EINVAL,
			"CPU cfs period can not be less than 1ms (i.e. 1000) or larger than 1s (i.e. 1000000)");
	if (n->quota > 0 && n->quota < 1000)
		return err_say(e, EINVAL, "CPU cfs quota can not be less than 1ms (i.e. 1000)");
	if (n->nano_cpus) {
		to->cpu_period_us = PERIOD_US;
		to->cpu_quota_us = n->nano_cpus * PERIOD_US / NANO;
	}
	if (n->period)
		to->cpu_period_us = n->period;
	if (n->quota)
		to->cpu_quota_us = n->quota < 0 ? -1 : n->quota;
	if (n->shares)
		to->cpu_shares = n->shares;
	return 0;
}

/* A cpuset list ("0-3,7"): its highest number, or -1 when it is none. */
static int64_t list_highest(const char *list)
{
	int64_t highest = -1;
	for (const char *p = list; *p;) {
		char part[32];
		size_t n = strcspn(p, ",");
		int64_t low, high;
		if (n == 0 || n >= sizeof(part))
			return -1;
		memcpy(part, p, n);
		part[n] = '\0';
		char *dash = strchr(part, '-');
		if (dash)
			*dash++ = '\0';
		if (text_parse_int(part, 0, CPUS_MAX, &low) < 0 ||
			text_parse_int(dash ? dash : part, low, CPUS_MAX, &high) < 0)
			return -1;
		if (high > highest)
			highest = high;
		p += n;
		if (*p == ',' && !*++p)
			return -1;
	}
	return highest;
}

static int set_cpuset(const struct numbers *n, struct spec_resources *to, struct err *e)
{
	if (n->cpus && *n->cpus && list_highest(n->cpus) < 0)
		return err_say(e, EINVAL, "Invalid value %s for cpuset cpus", n->cpus);
	if (n->mems && *n->mems && list_highest(n->mems) < 0)
		return err_say(e, EINVAL, "Invalid value %s for cpuset mems", n->mems);
	to->cpuset_cpus = n->cpus && *n->cpus ? n->cpus : NULL;
	to->cpuset_mems = n->mems && *n->mems ? n->mems : NULL;
	return 0;
}

static int set_io(const struct numbers *n, struct spec_resources *to, struct err *e)
{
	if (n->blkio_weight && (n->blkio_weight < 10 || n->blkio_weight > 1000))
		return err_say(e, EINVAL, "Range of blkio weight is from 10 to 1000");
	if (n->blkio_weight)
		to->blkio_weight = n->blkio_weight;
	if (n->pids > 0) /* 0 and below: no limit, which is what a new group has */
		to->pids_limit = n->pids;
	return 0;
}

/* {Path, Weight} or {Path, Rate}. */
static int read_io_device(const json_t *item, const char *path, struct arena *a, void *to, struct err *e)
{
	struct config_io_device *d = to;
	const char *device = "";
	int64_t weight = 0, rate = 0;
	int r = json_get_string(item, path, "Path", &device, e);
	if (r == 0)
		r = json_get_int(item, path, "Weight", 10, 1000, &weight, e);
	if (r == 0)
		r = json_get_int(item, path, "Rate", 0, INT64_MAX, &rate, e);
	if (r < 0)
		return r;
	if (*device != '/')
		return err_say(e, EINVAL, "%s.Path: must be an absolute path", path);
	d->path = arena_strdup(a, device);
	d->value = (uint64_t)(weight ? weight : rate);
	return d->path ? 0 : config_no_memory(e);
}

static int read_io_devices(const json_t *host, struct config *c, struct err *e)
{
	struct config_io_device *lists[CONFIG_IO_COUNT] = { NULL };
	size_t counts[CONFIG_IO_COUNT] = { 0 }, total = 0;
	for (int kind = 0; kind < CONFIG_IO_COUNT; kind++) {
		int r = fields_read_list(host, HOST, io_keys[kind], sizeof(**lists), read_io_device, c->arena,
			&lists[kind], &counts[kind], e);
		if (r < 0)
			return r;
		total += counts[kind];
	}
	c->io_devices = arena_calloc(c->arena, total + 1, sizeof(*c->io_devices));
	if (!c->io_devices)
		return config_no_memory(e);
	for (int kind = 0; kind < CONFIG_IO_COUNT; kind++)
		for (size_t i = 0; i < counts[kind]; i++) {
			lists[kind][i].kind = (enum config_io)kind;
			c->io_devices[c->n_io_devices++] = lists[kind][i];
		}
	return 0;
}

int config_read_resources(const json_t *host, struct config *c, struct err *e)
{
	struct numbers n = { .swappiness = FIELD_UNSET, .oom_kill_disable = FIELD_UNSET };
	auto_(spec) struct spec *unset = spec_new();
	if (!unset)
		return config_no_memory(e);
	c->resources = unset->resources; /* numbers only: nothing in it points anywhere yet */
	int r = fields_refuse(host, HOST, refused, ARRAY_LEN(refused), e);
	if (r == 0)
		r = fields_read(host, HOST, number_fields, ARRAY_LEN(number_fields), c->arena, &n, e);
	if (r == 0)
		r = set_memory(&n, &c->resources, e);
	if (r == 0)
		r = set_cpu(&n, &c->resources, e);
	if (r == 0)
		r = set_cpuset(&n, &c->resources, e);
	if (r == 0)
		r = set_io(&n, &c->resources, e);
	return r < 0 ? r : read_io_devices(host, c, e);
}

/* The highest number of a list file of the kernel; -1 where there is none. */
static int64_t host_highest(const char *path, char *text, size_t room)
{
	return io_read_text(AT_FDCWD, path, text, room) > 0 ? list_highest(text) : -1;
}

int config_check_resources(const struct config *c, struct err *e)
{
	char have[256];
	const struct spec_resources *res = &c->resources;
	long cpus = sysconf(_SC_NPROCESSORS_ONLN);
	if (!fields_is_empty(json_object_get(json_object_get(c->doc, HOST), "NanoCpus")) &&
		res->cpu_quota_us > cpus * PERIOD_US)
		return err_say(e, EINVAL,
			"range of CPUs is from 0.01 to %ld.00, as there are only %ld CPUs available", cpus,
			cpus);
	int64_t highest = host_highest("/sys/devices/system/cpu/online", have, sizeof(have));
	if (res->cpuset_cpus && highest >= 0 && list_highest(res->cpuset_cpus) > highest)
		return err_say(e, EINVAL, "Requested CPUs are not available - requested %s, available: %s",
			res->cpuset_cpus, have);
	highest = host_highest("/sys/devices/system/node/online", have, sizeof(have));
	if (res->cpuset_mems && highest >= 0 && list_highest(res->cpuset_mems) > highest)
		return err_say(e, EINVAL,
			"Requested memory nodes are not available - requested %s, available: %s",
			res->cpuset_mems, have);
	return 0;
}

/* Limits in cgroup v1. Source: Documentation/admin-guide/cgroup-v1/ and scheduler/sched-bwc.rst. */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/io.h"
#include "base/own.h"
#include "runtime/cgroup_private.h"
#include "runtime/device_filter.h"

static bool is_given(int64_t v)
{
	return v != SPEC_UNSET && v != 0;
}

static int copy_if_empty(int parent_dirfd, int dirfd, const char *file, struct err *e)
{
	char text[512];
	if (io_read_text(dirfd, file, text, sizeof(text)) > 0)
		return 0;
	int len = io_read_text(parent_dirfd, file, text, sizeof(text));
	if (len < 0)
		return err_set(e, -len, "read %s", file);
	return cgroup_write(dirfd, "cpuset", file, e, "%s", text);
}

int cgroup_v1_init_cpuset(int parent_dirfd, int dirfd, struct err *e)
{
	int r = copy_if_empty(parent_dirfd, dirfd, "cpuset.cpus", e);
	return r < 0 ? r : copy_if_empty(parent_dirfd, dirfd, "cpuset.mems", e);
}

/* ---- memory */

#define MEMORY "memory.limit_in_bytes"
#define SUM    "memory.memsw.limit_in_bytes" /* memory and swap together */

static int set_limit(int dirfd, int64_t bytes, struct err *e)
{
	int r = cgroup_write(dirfd, "memory limit", MEMORY, NULL, "%" PRId64, bytes);
	if (r == -EBUSY)
		return err_say(e, EBUSY,
			"set memory limit: %" PRIu64 " bytes are in use and could not be reclaimed",
			cgroup_read_number(dirfd, "memory.usage_in_bytes"));
	return r < 0 ? cgroup_write(dirfd, "memory limit", MEMORY, e, "%" PRId64, bytes) : 0;
}

static int set_sum(int dirfd, int64_t bytes, struct err *e)
{
	if (!cgroup_has_file(dirfd, SUM))
		return err_say(e, ENOENT,
			"set memory+swap limit: this kernel does not account swap (swapaccount=1)");
	return cgroup_write(dirfd, "memory+swap limit", SUM, e, "%" PRId64, bytes);
}

/* The kernel holds limit <= sum at every moment, so the sum goes first when it is raised, last when it is lowered. */
static int set_limit_and_sum(int dirfd, int64_t limit, int64_t sum, struct err *e)
{
	uint64_t current = cgroup_read_number(dirfd, SUM);
	bool raised = sum < 0 || (current != UINT64_MAX && (uint64_t)sum > current);
	int r = raised ? set_sum(dirfd, sum, e) : set_limit(dirfd, limit, e);
	if (r == 0)
		r = raised ? set_limit(dirfd, limit, e) : set_sum(dirfd, sum, e);
	return r;
}

static int set_memory(int dirfd, const struct spec_resources *res, struct err *e)
{
	bool limit = is_given(res->memory_limit), sum = is_given(res->memory_swap);
	int64_t sum_value = res->memory_swap;
	if (limit && sum && res->memory_limit > 0 && sum_value > 0 && sum_value < res->memory_limit)
		return err_say(e, EINVAL,
			"memory+swap limit: must not be below the memory limit, which is part of it");
	/* No memory limit, and nothing said of the sum: an old sum would go on limiting. */
	if (limit && res->memory_limit < 0 && !sum && cgroup_has_file(dirfd, SUM)) {
		sum = true;
		sum_value = -1;
	}
	int r = 0;
	if (limit && sum)
		r = set_limit_and_sum(dirfd, res->memory_limit, sum_value, e);
	else if (limit)
		r = set_limit(dirfd, res->memory_limit, e);
	else if (sum)
		r = set_sum(dirfd, sum_value, e);
	if (r == 0 && is_given(res->memory_reservation))
		r = cgroup_write(dirfd, "memory reservation", "memory.soft_limit_in_bytes", e, "%" PRId64,
			res->memory_reservation);
	if (r == 0 && res->memory_swappiness != SPEC_UNSET && res->memory_swappiness != -1) {
		if (res->memory_swappiness < 0 || res->memory_swappiness > 100)
			return err_say(
				e, EINVAL, "memory swappiness: must be 0 to 100, or -1 for the host's");
		r = cgroup_write(dirfd, "memory swappiness", "memory.swappiness", e, "%" PRId64,
			res->memory_swappiness);
	}
	if (r == 0 && res->memory_oom_kill_disable != SPEC_UNSET)
		r = cgroup_write(dirfd, "oom_kill_disable", "memory.oom_control", e, "%d",
			res->memory_oom_kill_disable == 1);
	return r;
}

/* ---- cpu */

#define QUOTA  "cpu.cfs_quota_us"
#define PERIOD "cpu.cfs_period_us"
#define BURST  "cpu.cfs_burst_us"

/* Quota and period are two files, and the kernel checks their quotient (and burst <= quota) at each write: what is
 * refused the first time is written again after the other. */
static int set_bandwidth(int dirfd, const struct spec_resources *res, struct err *e)
{
	bool quota = is_given(res->cpu_quota_us), period = is_given(res->cpu_period_us);
	bool burst = res->cpu_burst_us != SPEC_UNSET;
	bool period_done = !period, burst_done = !burst;
	if (burst)
		burst_done =
			cgroup_write(dirfd, "cpu burst", BURST, NULL, "%" PRId64, res->cpu_burst_us) == 0;
	if (period)
		period_done =
			cgroup_write(dirfd, "cpu period", PERIOD, NULL, "%" PRId64, res->cpu_period_us) == 0;
	if (!period_done && !quota)
		return cgroup_write(dirfd, "cpu period", PERIOD, e, "%" PRId64, res->cpu_period_us);
	int r = 0;
	if (quota)
		r = cgroup_write(dirfd, "cpu quota", QUOTA, e, "%" PRId64,
			res->cpu_quota_us < 0 ? -1 : res->cpu_quota_us);
	if (r == 0 && !period_done)
		r = cgroup_write(dirfd, "cpu period", PERIOD, e, "%" PRId64, res->cpu_period_us);
	if (r == 0 && !burst_done)
		r = cgroup_write(dirfd, "cpu burst", BURST, e, "%" PRId64, res->cpu_burst_us);
	return r;
}

static int set_cpu(int dirfd, const struct spec_resources *res, struct err *e)
{
	int r = 0;
	if (res->cpu_idle != SPEC_UNSET)
		r = cgroup_write(dirfd, "cpu idle", "cpu.idle", e, "%" PRId64, res->cpu_idle);
	/* An idle group has the least weight there is, and refuses any other. */
	if (r == 0 && is_given(res->cpu_shares) && res->cpu_idle != 1)
		r = cgroup_write(dirfd, "cpu shares", "cpu.shares", e, "%" PRId64, res->cpu_shares);
	return r < 0 ? r : set_bandwidth(dirfd, res, e);
}

static int set_cpuset(int dirfd, const struct spec_resources *res, struct err *e)
{
	int r = 0;
	if (res->cpuset_cpus && *res->cpuset_cpus)
		r = cgroup_write(dirfd, "cpuset", "cpuset.cpus", e, "%s", res->cpuset_cpus);
	if (r == 0 && res->cpuset_mems && *res->cpuset_mems)
		r = cgroup_write(dirfd, "cpuset", "cpuset.mems", e, "%s", res->cpuset_mems);
	return r;
}

static int set_pids(int dirfd, const struct spec_resources *res, struct err *e)
{
	if (res->pids_limit <= 0)
		return cgroup_write(dirfd, "pids limit", "pids.max", e, "max");
	return cgroup_write(dirfd, "pids limit", "pids.max", e, "%" PRId64, res->pids_limit);
}

/* ---- blkio */

/* The weights' files are cfq's up to Linux 4.20, bfq's after. */
static int set_io_weight(int dirfd, const struct spec_resources *res, struct err *e)
{
	bool cfq = cgroup_has_file(dirfd, "blkio.weight");
	const char *file = cfq ? "blkio.weight" : "blkio.bfq.weight";
	const char *device_file = cfq ? "blkio.weight_device" : "blkio.bfq.weight_device";
	if (!cfq && !cgroup_has_file(dirfd, file))
		return err_say(e, ENOENT, "set block io weight: this kernel has no bfq to weigh by");
	int r = 0;
	if (is_given(res->blkio_weight))
		r = cgroup_write(dirfd, "block io weight", file, e, "%" PRId64, res->blkio_weight);
	for (size_t i = 0; r == 0 && i < res->n_weight_devices; i++) {
		const struct spec_weight_device *d = &res->weight_devices[i];
		if (d->weight)
			r = cgroup_write(dirfd, "block io weight", device_file, e,
				"%" PRId64 ":%" PRId64 " %u", d->major, d->minor, d->weight);
		if (r == 0 && d->leaf_weight)
			r = cgroup_write(dirfd, "block io leaf weight", "blkio.leaf_weight_device", e,
				"%" PRId64 ":%" PRId64 " %u", d->major, d->minor, d->leaf_weight);
	}
	return r;
}

static int set_throttles(int dirfd, const char *file, const struct spec_throttle *t, size_t n, struct err *e)
{
	int r = 0;
	for (size_t i = 0; r == 0 && i < n; i++)
		r = cgroup_write(dirfd, "block io limit", file, e, "%" PRId64 ":%" PRId64 " %" PRIu64,
			t[i].major, t[i].minor, t[i].rate);
	return r;
}

static int set_io(int dirfd, const struct spec_resources *res, struct err *e)
{
	int r = 0;
	if (is_given(res->blkio_weight) || res->n_weight_devices)
		r = set_io_weight(dirfd, res, e);
	if (r == 0)
		r = set_throttles(dirfd, "blkio.throttle.read_bps_device", res->read_bps, res->n_read_bps, e);
	if (r == 0)
		r = set_throttles(
			dirfd, "blkio.throttle.write_bps_device", res->write_bps, res->n_write_bps, e);
	if (r == 0)
		r = set_throttles(
			dirfd, "blkio.throttle.read_iops_device", res->read_iops, res->n_read_iops, e);
	if (r == 0)
		r = set_throttles(
			dirfd, "blkio.throttle.write_iops_device", res->write_iops, res->n_write_iops, e);
	return r;
}

int cgroup_v1_set(enum cgroup_controller c, int dirfd, const struct spec_resources *res, struct err *e)
{
	static int (*const set[CG_CONTROLLER_COUNT])(int, const struct spec_resources *, struct err *) = {
		[CG_CPU] = set_cpu,
		[CG_CPUSET] = set_cpuset,
		[CG_MEMORY] = set_memory,
		[CG_IO] = set_io,
		[CG_PIDS] = set_pids,
	};
	return set[c](dirfd, res, e);
}

/* ---- devices */

static int write_rule(int fd, const char *file, const struct spec_device_rule *rule, struct err *e)
{
	char major[24] = "*", minor[24] = "*", text[64];
	if (rule->major >= 0)
		(void)snprintf(major, sizeof(major), "%" PRId64, rule->major);
	if (rule->minor >= 0)
		(void)snprintf(minor, sizeof(minor), "%" PRId64, rule->minor);
	int len = snprintf(text, sizeof(text), "%c %s:%s %s%s%s", rule->type, major, minor,
		rule->read ? "r" : "", rule->write ? "w" : "", rule->mknod ? "m" : "");
	return write(fd, text, (size_t)len) == len
		? 0
		: err_set(e, errno, "set device rules: write '%s' to %s", text, file);
}

int cgroup_v1_set_devices(int dirfd, const struct spec_device_rule *rules, size_t n, struct err *e)
{
	auto_(device_rules) struct device_rules list = { 0 };
	int r = device_rules_reduce(rules, n, &list, e);
	/* Deny or allow all: both forget what was there before. */
	if (r == 0)
		r = cgroup_write(
			dirfd, "device rules", list.default_allow ? "devices.allow" : "devices.deny", e, "a");
	if (r < 0 || list.n == 0)
		return r;
	const char *file = list.default_allow ? "devices.deny" : "devices.allow";
	auto_close int fd = openat(dirfd, file, O_WRONLY | O_CLOEXEC);
	if (fd < 0)
		return err_set(e, errno, "set device rules: open %s", file);
	for (size_t i = 0; r == 0 && i < list.n; i++) /* one rule per write, as many as we like */
		r = write_rule(fd, file, &list.exceptions[i], e);
	return r;
}

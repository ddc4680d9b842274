/* Limits in cgroup v2. Source: Documentation/admin-guide/cgroup-v2.rst, "Controllers". */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/io.h"
#include "base/own.h"
#include "base/text.h"
#include "runtime/cgroup_convert.h"
#include "runtime/cgroup_private.h"

static bool is_given(int64_t v)
{
	return v != SPEC_UNSET && v != 0;
}

unsigned cgroup_v2_enable(int dirfd)
{
	char text[512];
	if (io_read_text(dirfd, "cgroup.controllers", text, sizeof(text)) < 0)
		return 0;
	unsigned there = cgroup_controller_bits(text, true);
	for (int c = 0; c < CG_CONTROLLER_COUNT; c++) {
		char word[16];
		if (!(there & 1u << c))
			continue;
		/* One by one, so that one which cannot be (cpu beside realtime processes, a threaded group) costs no other. */
		(void)snprintf(word, sizeof(word), "+%s", cgroup_controller_name(c, true));
		(void)io_write_text(dirfd, "cgroup.subtree_control", word);
	}
	if (io_read_text(dirfd, "cgroup.subtree_control", text, sizeof(text)) < 0)
		return 0;
	return cgroup_controller_bits(text, true);
}

/* Bytes, or "max" below 0. */
static int write_bytes(int dirfd, const char *what, const char *file, int64_t bytes, struct err *e)
{
	return bytes < 0 ? cgroup_write(dirfd, what, file, e, "max")
			 : cgroup_write(dirfd, what, file, e, "%" PRId64, bytes);
}

/* Is there any swap at all? Without it nothing can exceed a swap limit, accounted or not. */
static bool host_has_swap(void)
{
	char text[4096];
	return io_read_text(-1, "/proc/swaps", text, sizeof(text)) > 0 && strchr(text, '\n');
}

static int set_memory(int dirfd, const struct spec_resources *res, struct err *e)
{
	int64_t swap;
	int r = cgroup_swap_of_sum(res->memory_limit, res->memory_swap, &swap, e);
	if (r == 0 && swap != SPEC_UNSET) {
		if (cgroup_has_file(dirfd, "memory.swap.max"))
			r = write_bytes(dirfd, "memory+swap limit", "memory.swap.max", swap, e);
		else if (swap > 0 && host_has_swap())
			r = err_say(e, ENOENT,
				"set memory+swap limit: this kernel does not account swap (swapaccount=1)");
	}
	if (r == 0 && is_given(res->memory_reservation))
		r = write_bytes(dirfd, "memory reservation", "memory.low", res->memory_reservation, e);
	if (r == 0 && is_given(res->memory_limit))
		r = write_bytes(dirfd, "memory limit", "memory.max", res->memory_limit, e);
	return r;
}

/* cpu.max is one file for two values: what is not given keeps its place. */
static int set_cpu_max(int dirfd, const struct spec_resources *res, struct err *e)
{
	char text[64], quota[32] = "max", period[32] = "100000";
	if (io_read_text(dirfd, "cpu.max", text, sizeof(text)) > 0)
		(void)sscanf(text, "%31s %31s", quota, period);
	if (is_given(res->cpu_period_us))
		(void)snprintf(period, sizeof(period), "%" PRId64, res->cpu_period_us);
	if (is_given(res->cpu_quota_us) && res->cpu_quota_us < 0)
		strcpy(quota, "max");
	else if (is_given(res->cpu_quota_us))
		(void)snprintf(quota, sizeof(quota), "%" PRId64, res->cpu_quota_us);
	return cgroup_write(dirfd, "cpu quota", "cpu.max", e, "%s %s", quota, period);
}

static int set_cpu(int dirfd, const struct spec_resources *res, struct err *e)
{
	int r = 0;
	if (res->cpu_idle != SPEC_UNSET)
		r = cgroup_write(dirfd, "cpu idle", "cpu.idle", e, "%" PRId64, res->cpu_idle);
	/* An idle group has the least weight there is, and refuses any other. */
	if (r == 0 && is_given(res->cpu_shares) && res->cpu_idle != 1)
		r = cgroup_write(dirfd, "cpu shares", "cpu.weight", e, "%" PRIu64,
			cgroup_weight_of_shares(res->cpu_shares < 0 ? 0 : (uint64_t)res->cpu_shares));
	/* Burst must not exceed the quota at any moment: written before when that goes down, after when it goes up. */
	bool burst = res->cpu_burst_us != SPEC_UNSET, burst_done = false;
	if (r == 0 && burst)
		burst_done = cgroup_write(dirfd, "cpu burst", "cpu.max.burst", NULL, "%" PRId64,
				     res->cpu_burst_us) == 0;
	if (r == 0 && (is_given(res->cpu_quota_us) || is_given(res->cpu_period_us)))
		r = set_cpu_max(dirfd, res, e);
	if (r == 0 && burst && !burst_done)
		r = cgroup_write(dirfd, "cpu burst", "cpu.max.burst", e, "%" PRId64, res->cpu_burst_us);
	return r;
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
	return write_bytes(dirfd, "pids limit", "pids.max", res->pids_limit > 0 ? res->pids_limit : -1, e);
}

/* bfq takes blkio's own numbers; io.weight (io.cost) has v2's range. */
static int set_io_weight(int dirfd, const struct spec_resources *res, struct err *e)
{
	bool bfq = cgroup_has_file(dirfd, "io.bfq.weight");
	const char *file = bfq ? "io.bfq.weight" : "io.weight";
	if (!bfq && !cgroup_has_file(dirfd, file))
		return err_say(e, ENOENT,
			"set block io weight: this kernel has neither bfq nor io.cost to weigh by");
	int r = 0;
	if (is_given(res->blkio_weight)) {
		uint64_t w = (uint64_t)res->blkio_weight;
		r = bfq ? cgroup_write(dirfd, "block io weight", file, e, "%" PRIu64, w)
			: cgroup_write(dirfd, "block io weight", file, e, "default %" PRIu64,
				  cgroup_io_weight_of_blkio(w));
	}
	for (size_t i = 0; r == 0 && i < res->n_weight_devices; i++) {
		const struct spec_weight_device *d = &res->weight_devices[i];
		if (d->weight)
			r = cgroup_write(dirfd, "block io weight", file, e,
				"%" PRId64 ":%" PRId64 " %" PRIu64, d->major, d->minor,
				bfq ? d->weight : cgroup_io_weight_of_blkio(d->weight));
	}
	return r;
}

static int set_throttles(int dirfd, const char *key, const struct spec_throttle *t, size_t n, struct err *e)
{
	int r = 0;
	for (size_t i = 0; r == 0 && i < n; i++) {
		/* A rate of 0 takes the limit away, as on v1. */
		if (t[i].rate)
			r = cgroup_write(dirfd, "block io limit", "io.max", e,
				"%" PRId64 ":%" PRId64 " %s=%" PRIu64, t[i].major, t[i].minor, key,
				t[i].rate);
		else
			r = cgroup_write(dirfd, "block io limit", "io.max", e,
				"%" PRId64 ":%" PRId64 " %s=max", t[i].major, t[i].minor, key);
	}
	return r;
}

static int set_io(int dirfd, const struct spec_resources *res, struct err *e)
{
	int r = 0;
	if (is_given(res->blkio_weight) || res->n_weight_devices)
		r = set_io_weight(dirfd, res, e);
	if (r == 0)
		r = set_throttles(dirfd, "rbps", res->read_bps, res->n_read_bps, e);
	if (r == 0)
		r = set_throttles(dirfd, "wbps", res->write_bps, res->n_write_bps, e);
	if (r == 0)
		r = set_throttles(dirfd, "riops", res->read_iops, res->n_read_iops, e);
	if (r == 0)
		r = set_throttles(dirfd, "wiops", res->write_iops, res->n_write_iops, e);
	return r;
}

int cgroup_v2_set(enum cgroup_controller c, int dirfd, const struct spec_resources *res, struct err *e)
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

/* Files that act on processes rather than limit them. */
static bool is_action(const char *key)
{
	static const char *const actions[] = { "cgroup.procs", "cgroup.threads", "cgroup.kill",
		"cgroup.freeze", "cgroup.subtree_control", "cgroup.type" };
	for (size_t i = 0; i < ARRAY_LEN(actions); i++)
		if (strcmp(key, actions[i]) == 0)
			return true;
	return false;
}

int cgroup_v2_set_unified(int dirfd, char *const *unified, struct err *e)
{
	for (; unified[0]; unified += 2) {
		const char *key = unified[0], *value = unified[1] ? unified[1] : "";
		if (!text_is_safe_id(key) || !strchr(key, '.') || is_action(key))
			return err_say(e, EINVAL,
				"unified '%s': not the name of a limit (memory.high, io.max, ...)", key);
		if (!cgroup_has_file(dirfd, key))
			return err_say(e, ENOENT,
				"set %s: this host has no %.*s controller, or it has no such limit", key,
				(int)strcspn(key, "."), key);
		/* io.max and others take one line per write. */
		do {
			int len = (int)strcspn(value, "\n");
			int r = cgroup_write(dirfd, key, key, e, "%.*s", len, value);
			if (r < 0)
				return r;
			value += len + (value[len] == '\n');
		} while (*value);
	}
	return 0;
}

/* Limits: which controller each needs, and who writes it there. */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/io.h"
#include "base/own.h"
#include "base/text.h"
#include "runtime/cgroup_private.h"
#include "runtime/device_filter.h"

bool cgroup_has_file(int dirfd, const char *file)
{
	struct stat st;
	return fstatat(dirfd, file, &st, AT_SYMLINK_NOFOLLOW) == 0;
}

int cgroup_write(int dirfd, const char *what, const char *file, struct err *e, const char *fmt, ...)
{
	char text[512];
	va_list ap;
	va_start(ap, fmt);
	int n = vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	if (n < 0 || (size_t)n >= sizeof(text))
		return err_say(e, EINVAL, "set %s: the value for %s is too long", what, file);
	int r = io_write_text(dirfd, file, text);
	return r < 0 ? err_set(e, -r, "set %s: write '%s' to %s", what, text, file) : 0;
}

uint64_t cgroup_read_number(int dirfd, const char *file)
{
	char text[64];
	uint64_t v;
	if (io_read_text(dirfd, file, text, sizeof(text)) <= 0 || text_parse_uint(text, UINT64_MAX, &v) < 0)
		return UINT64_MAX;
	/* v1's "no limit" is the largest signed number rounded down to a page (of up to 64 KiB). */
	return v >= (UINT64_C(1) << 63) - 65536 ? UINT64_MAX : v;
}

uint64_t cgroup_read_keyed(int dirfd, const char *file, const char *key)
{
	char text[8192];
	size_t len = strlen(key);
	if (io_read_text(dirfd, file, text, sizeof(text)) < 0)
		return UINT64_MAX;
	for (char *line = text; line && *line; line = strchr(line, '\n'), line = line ? line + 1 : NULL)
		if (strncmp(line, key, len) == 0 && line[len] == ' ')
			return strtoull(line + len + 1, NULL, 10);
	return UINT64_MAX;
}

static bool is_given(int64_t v)
{
	return v != SPEC_UNSET && v != 0;
}

static bool wants_cpu(const struct spec_resources *res)
{
	return is_given(res->cpu_shares) || is_given(res->cpu_quota_us) || is_given(res->cpu_period_us) ||
		res->cpu_burst_us != SPEC_UNSET || res->cpu_idle != SPEC_UNSET;
}

static bool wants_cpuset(const struct spec_resources *res)
{
	return (res->cpuset_cpus && *res->cpuset_cpus) || (res->cpuset_mems && *res->cpuset_mems);
}

/* What v1 alone can do is not asked of v2, nor of a host that has neither. */
static bool wants_memory(const struct spec_resources *res)
{
	return is_given(res->memory_limit) || is_given(res->memory_reservation) || is_given(res->memory_swap);
}

static bool wants_memory_v1(const struct spec_resources *res)
{
	return wants_memory(res) || (res->memory_swappiness != SPEC_UNSET && res->memory_swappiness != -1) ||
		res->memory_oom_kill_disable != SPEC_UNSET;
}

static bool wants_pids(const struct spec_resources *res)
{
	return res->pids_limit != SPEC_UNSET;
}

static bool wants_io(const struct spec_resources *res)
{
	return is_given(res->blkio_weight) || res->n_weight_devices || res->n_read_bps || res->n_write_bps ||
		res->n_read_iops || res->n_write_iops;
}

static const struct {
	enum cgroup_controller c;
	const char *what, *controller;
	bool (*wants)(const struct spec_resources *res);
	bool (*wants_v1)(const struct spec_resources *res);
} limits[] = {
	{ CG_MEMORY, "memory limit", "memory", wants_memory, wants_memory_v1 },
	{ CG_CPU, "cpu limit", "cpu", wants_cpu, wants_cpu },
	{ CG_CPUSET, "cpuset", "cpuset", wants_cpuset, wants_cpuset },
	{ CG_PIDS, "pids limit", "pids", wants_pids, wants_pids },
	{ CG_IO, "block io limit", "io (blkio)", wants_io, wants_io },
};

int cgroup_set_resources(
	struct cgroup *g, struct cgroup_root *r, const struct spec_resources *res, struct err *e)
{
	if (g->v1_shared)
		return err_say(
			e, EOPNOTSUPP, "set limits of cgroup '%s': an exec shares its container's", g->path);
	for (size_t i = 0; i < ARRAY_LEN(limits); i++) {
		bool v2;
		int dirfd = cgroup_home(g, r, limits[i].c, &v2);
		bool on_v1 = dirfd >= 0 && !v2;
		if (!(on_v1 ? limits[i].wants_v1(res) : limits[i].wants(res)))
			continue;
		/* "No limit" holds where nothing could limit. */
		if (dirfd < 0 && limits[i].c == CG_PIDS && res->pids_limit <= 0)
			continue;
		if (dirfd < 0)
			return err_say(e, ENOENT, "set %s: this host has no %s controller", limits[i].what,
				limits[i].controller);
		int ret = v2 ? cgroup_v2_set(limits[i].c, dirfd, res, e)
			     : cgroup_v1_set(limits[i].c, dirfd, res, e);
		if (ret < 0)
			return ret;
	}
	if (!res->unified || !res->unified[0])
		return 0;
	if (!cgroup_root_is_v2(r))
		return err_say(e, EOPNOTSUPP, "set %s: this host's limits are cgroup v1's, not v2's",
			res->unified[0]);
	return cgroup_v2_set_unified(g->dirfd, res->unified, e);
}

int cgroup_set_devices(struct cgroup *g, struct cgroup_root *r, const struct spec_device_rule *rules,
	size_t n, struct err *e)
{
	if (g->v1_shared)
		return err_say(
			e, EOPNOTSUPP, "set devices of cgroup '%s': an exec shares its container's", g->path);
	bool v2;
	int dirfd = cgroup_home(g, r, CG_DEVICES, &v2);
	if (dirfd < 0)
		return err_say(e, ENOENT, "set device rules: this host has no devices controller");
	return v2 ? device_filter_attach(dirfd, rules, n, e) : cgroup_v1_set_devices(dirfd, rules, n, e);
}

#include "base/sys.h"
#include "runtime/spec.h"

#include <errno.h>
#include <limits.h>
#include <string.h>
#include <sys/mount.h>

#include "base/path.h"
#include "base/text.h"
#include "runtime/spec_codec.h"

static void unset_resources(struct spec_resources *r)
{
	int64_t *const numbers[] = { &r->memory_limit, &r->memory_reservation, &r->memory_swap,
		&r->memory_swappiness, &r->memory_oom_kill_disable, &r->cpu_shares, &r->cpu_quota_us,
		&r->cpu_period_us, &r->cpu_burst_us, &r->cpu_idle, &r->pids_limit, &r->blkio_weight };
	for (size_t i = 0; i < ARRAY_LEN(numbers); i++)
		*numbers[i] = SPEC_UNSET;
}

struct spec *spec_new(void)
{
	struct arena *a = arena_new();
	struct spec *s = a ? arena_alloc(a, sizeof(*s)) : NULL;
	if (!s) {
		arena_free(a);
		return NULL;
	}
	s->arena = a;
	s->oci_version = "1.2.0";
	s->process.umask = SPEC_UNSET;
	s->process.oom_score_adj = SPEC_UNSET;
	unset_resources(&s->resources);
	return s;
}

void spec_free(struct spec *s)
{
	if (s)
		arena_free(s->arena); /* the struct itself lives in it */
}

static int check_ranges(const struct spec_id_map *maps, size_t n, const char *name, struct err *e)
{
	for (size_t i = 0; i < n; i++) {
		uint64_t size = maps[i].size;
		if (size == 0)
			return err_say(e, EINVAL, "linux.%s[%zu].size: must not be 0", name, i);
		if (maps[i].container_id + size > UINT32_MAX || maps[i].host_id + size > UINT32_MAX)
			return err_say(e, EINVAL, "linux.%s[%zu]: ids past 4294967294", name, i);
		for (size_t j = 0; j < i; j++)
			if (maps[i].container_id < (uint64_t)maps[j].container_id + maps[j].size &&
				maps[j].container_id < maps[i].container_id + size)
				return err_say(e, EINVAL, "linux.%s[%zu]: overlaps with [%zu]", name, i, j);
	}
	return 0;
}

static int check_user_namespace(const struct spec *s, struct err *e)
{
	bool maps = s->n_uid_maps || s->n_gid_maps;
	if (s->ns[SPEC_NS_USER].mode == SPEC_NS_NEW) {
		if (!s->n_uid_maps || !s->n_gid_maps)
			return err_say(e, EINVAL, "linux.%s: a user namespace needs them",
				s->n_uid_maps ? "gidMappings" : "uidMappings");
	} else if (maps) {
		return err_say(e, EINVAL, "linux.uidMappings: no new user namespace in linux.namespaces");
	}
	int r = check_ranges(s->uid_maps, s->n_uid_maps, "uidMappings", e);
	return r < 0 ? r : check_ranges(s->gid_maps, s->n_gid_maps, "gidMappings", e);
}

static int check_needs(const struct spec *s, struct err *e)
{
	if ((s->hostname || s->domainname) && s->ns[SPEC_NS_UTS].mode == SPEC_NS_HOST)
		return err_say(e, EINVAL, "%s: needs a uts namespace of the container's own",
			s->hostname ? "hostname" : "domainname");
	if (s->ns[SPEC_NS_MNT].mode != SPEC_NS_NEW)
		return err_say(e, EINVAL, "linux.namespaces: a new mount namespace is needed");
	bool offsets = s->boottime_offset_s || s->monotonic_offset_s || s->boottime_offset_ns ||
		s->monotonic_offset_ns;
	if (offsets && s->ns[SPEC_NS_TIME].mode != SPEC_NS_NEW)
		return err_say(e, EINVAL, "linux.timeOffsets: no new time namespace in linux.namespaces");
	if (s->boottime_offset_ns > 999999999 || s->monotonic_offset_ns > 999999999)
		return err_say(e, EINVAL, "linux.timeOffsets: nanosecs must be below 1000000000");
	for (size_t i = 0; i < SPEC_NS_COUNT; i++)
		if (s->ns[i].mode == SPEC_NS_JOIN && (!s->ns[i].path || *s->ns[i].path != '/'))
			return err_say(e, EINVAL, "linux.namespaces: path must be absolute");
	return check_user_namespace(s, e);
}

static int check_process(const struct spec_process *p, struct err *e)
{
	if (!p->args || !p->args[0])
		return err_say(e, EINVAL, "process.args: must not be empty");
	if (!p->cwd || *p->cwd != '/')
		return err_say(e, EINVAL, "process.cwd: must be an absolute path");
	if (!p->user && (p->uid == UINT32_MAX || p->gid == UINT32_MAX))
		return err_say(e, EINVAL, "process.user: 4294967295 is not an id");
	for (size_t i = 0; p->env && p->env[i]; i++)
		if (!strchr(p->env[i], '=') || p->env[i][0] == '=')
			return err_say(e, EINVAL, "process.env[%zu]: must be NAME=VALUE", i);
	for (size_t i = 0; i < p->n_rlimits; i++) {
		if (p->rlimits[i].soft > p->rlimits[i].hard)
			return err_say(e, EINVAL, "process.rlimits[%zu]: soft is above hard", i);
		for (size_t j = 0; j < i; j++)
			if (p->rlimits[j].resource == p->rlimits[i].resource)
				return err_say(e, EINVAL, "process.rlimits[%zu]: named twice", i);
	}
	if (p->caps.effective & ~p->caps.permitted)
		return err_say(e, EINVAL, "process.capabilities.effective: must be permitted too");
	return 0;
}

/*
 * A mount inside /proc would let writes to attr/ or sys/ land in a file of the image's choosing (CVE-2019-16884), all but
 * those that lxcfs and its like provide. The check is of names; a symlink that leads there is the mounting side's.
 */
static int check_not_in_proc(const struct spec_mount *m, size_t i, struct err *e)
{
	static const char *const fine[] = { "cpuinfo", "diskstats", "meminfo", "stat", "swaps", "uptime",
		"loadavg", "slabinfo", "net/dev", "sys/kernel/ns_last_pid", "sys/crypto/fips_enabled" };
	char clean[PATH_MAX];
	if (path_clean(m->destination, clean, sizeof(clean)) < 0)
		return err_say(e, ENAMETOOLONG, "mounts[%zu].destination: too long", i);
	if (strcmp(clean, "/proc") == 0) {
		bool hosts = (m->flags & MS_BIND) && m->source && strcmp(m->source, "/proc") == 0;
		if (hosts || strcmp(m->type, "proc") == 0)
			return 0;
	} else if (!text_has_prefix(clean, "/proc/")) {
		return 0;
	}
	for (size_t j = 0; j < ARRAY_LEN(fine); j++)
		if (text_has_prefix(clean, "/proc/") && strcmp(clean + strlen("/proc/"), fine[j]) == 0)
			return 0;
	return err_say(e, EINVAL,
		"mounts[%zu].destination: \"%s\" cannot be mounted because it is inside /proc", i, clean);
}

static int check_mount(const struct spec_mount *m, size_t i, struct err *e)
{
	if (!m->destination || *m->destination != '/')
		return err_say(e, EINVAL, "mounts[%zu].destination: must be an absolute path", i);
	if (!m->type)
		return err_say(e, EINVAL, "mounts[%zu].type: missing", i);
	if ((m->flags & MS_BIND) && (!m->source || *m->source != '/'))
		return err_say(e, EINVAL, "mounts[%zu].source: must be an absolute path", i);
	return check_not_in_proc(m, i, e);
}

int spec_validate(const struct spec *s, struct err *e)
{
	if (!s->root_path || *s->root_path != '/')
		return err_say(e, EINVAL, "root.path: must be an absolute path");
	int r = check_process(&s->process, e);
	if (r == 0)
		r = check_needs(s, e);
	for (size_t i = 0; r == 0 && i < s->n_mounts; i++)
		r = check_mount(&s->mounts[i], i, e);
	for (size_t i = 0; r == 0 && i < s->n_devices; i++)
		if (!s->devices[i].path || *s->devices[i].path != '/')
			r = err_say(e, EINVAL, "linux.devices[%zu].path: must be an absolute path", i);
	return r;
}

uint64_t spec_ns_clone_flag(enum spec_ns ns)
{
	static const uint64_t flags[SPEC_NS_COUNT] = {
		[SPEC_NS_PID] = CLONE_NEWPID,
		[SPEC_NS_NET] = CLONE_NEWNET,
		[SPEC_NS_MNT] = CLONE_NEWNS,
		[SPEC_NS_IPC] = CLONE_NEWIPC,
		[SPEC_NS_UTS] = CLONE_NEWUTS,
		[SPEC_NS_USER] = CLONE_NEWUSER,
		[SPEC_NS_CGROUP] = CLONE_NEWCGROUP,
		[SPEC_NS_TIME] = CLONE_NEWTIME,
	};
	return flags[ns];
}

int spec_process_parse(const struct json_t *obj, struct arena *a, struct spec_process *out, struct err *e)
{
	struct spec_process p = { .umask = SPEC_UNSET, .oom_score_adj = SPEC_UNSET };
	int r = spec_process_read(obj, a, &p, e);
	if (r == 0)
		r = check_process(&p, e);
	if (r == 0)
		*out = p;
	return r;
}

int spec_resources_parse(const struct json_t *obj, struct arena *a, struct spec_resources *out, struct err *e)
{
	struct spec_resources res = { 0 };
	unset_resources(&res);
	int r = spec_resources_read(obj, a, &res, e);
	if (r == 0)
		*out = res;
	return r;
}

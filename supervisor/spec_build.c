#include "supervisor/spec_build.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "base/own.h"
#include "supervisor/spec_build_parts.h"

#define SHORT_ID 12

int spec_build_no_memory(struct err *e)
{
	return err_say(e, ENOMEM, "build the container's specification: out of memory");
}

/* A bundle's spec as the base. Writing and reading it is its one complete copy. */
static int copy_bundle(const struct spec *bundle, struct spec **out, struct err *e)
{
	auto_(buf) struct buf text = { 0 };
	int r = spec_write(bundle, &text, e);
	if (r == 0)
		r = spec_parse(text.data, text.len, "/", out, e);
	if (r < 0)
		return err_wrap(e, r, "copy the bundle's config.json");
	(*out)->cgroups_path = NULL; /* where containers live is ours to say */
	return 0;
}

/* ---- namespaces */

static const char *const ns_files[SPEC_NS_COUNT] = {
	[SPEC_NS_PID] = "pid",
	[SPEC_NS_NET] = "net",
	[SPEC_NS_IPC] = "ipc",
	[SPEC_NS_UTS] = "uts",
	[SPEC_NS_CGROUP] = "cgroup",
	[SPEC_NS_USER] = "user",
};

static int join_namespace(const struct spec_build_ctx *x, enum spec_ns ns, struct err *e)
{
	pid_t pid;
	const char *container = x->c->ns[ns].container;
	if (!x->env->container_pid)
		return err_say(e, EOPNOTSUPP, "container:%s: cannot be joined here", container);
	int r = x->env->container_pid(x->env->cookie, container, &pid, e);
	if (r < 0)
		return r;
	x->s->ns[ns].mode = SPEC_NS_JOIN;
	x->s->ns[ns].path = arena_printf(x->a, "/proc/%d/ns/%s", (int)pid, ns_files[ns]);
	return x->s->ns[ns].path ? 0 : spec_build_no_memory(e);
}

static int build_namespace(const struct spec_build_ctx *x, enum spec_ns ns, struct err *e)
{
	struct spec_namespace *to = &x->s->ns[ns];
	switch (x->c->ns[ns].mode) {
	case CONFIG_NS_DEFAULT: /* a bundle has said what it wants */
		if (!x->env->bundle && ns != SPEC_NS_USER)
			to->mode = SPEC_NS_NEW;
		return 0;
	case CONFIG_NS_HOST:
		*to = (struct spec_namespace){ SPEC_NS_HOST, NULL };
		return 0;
	case CONFIG_NS_CONTAINER:
		return join_namespace(x, ns, e);
	default:
		*to = (struct spec_namespace){ SPEC_NS_NEW, NULL };
		return 0;
	}
}

static int build_id_maps(const struct spec_build_ctx *x, struct err *e)
{
	const struct config *c = x->c;
	struct spec *s = x->s;
	if (c->ns[SPEC_NS_USER].mode == CONFIG_NS_HOST)
		s->n_uid_maps = s->n_gid_maps = 0;
	if (!c->n_uid_maps)
		return 0;
	s->uid_maps = arena_calloc(x->a, c->n_uid_maps, sizeof(*s->uid_maps));
	s->gid_maps = arena_calloc(x->a, c->n_gid_maps, sizeof(*s->gid_maps));
	if (!s->uid_maps || !s->gid_maps)
		return spec_build_no_memory(e);
	memcpy(s->uid_maps, c->uid_maps, c->n_uid_maps * sizeof(*s->uid_maps));
	memcpy(s->gid_maps, c->gid_maps, c->n_gid_maps * sizeof(*s->gid_maps));
	s->n_uid_maps = c->n_uid_maps;
	s->n_gid_maps = c->n_gid_maps;
	return 0;
}

static int build_namespaces(const struct spec_build_ctx *x, struct err *e)
{
	static const enum spec_ns all[] = { SPEC_NS_PID, SPEC_NS_NET, SPEC_NS_IPC, SPEC_NS_UTS,
		SPEC_NS_CGROUP, SPEC_NS_USER };
	for (size_t i = 0; i < ARRAY_LEN(all); i++) {
		int r = build_namespace(x, all[i], e);
		if (r < 0)
			return r;
	}
	x->s->ns[SPEC_NS_MNT] = (struct spec_namespace){ SPEC_NS_NEW, NULL };
	if (!x->env->bundle &&
		access("/proc/self/ns/time", F_OK) == 0) /* since 5.6, where it is configured */
		x->s->ns[SPEC_NS_TIME].mode = SPEC_NS_NEW;
	return build_id_maps(x, e);
}

static int build_names(const struct spec_build_ctx *x, struct err *e)
{
	struct spec *s = x->s;
	if (s->ns[SPEC_NS_UTS].mode != SPEC_NS_NEW) {
		s->hostname = s->domainname = NULL;
		return 0;
	}
	if (*x->c->hostname)
		s->hostname = arena_strdup(x->a, x->c->hostname);
	else if (!s->hostname)
		s->hostname = arena_strndup(x->a, x->env->id, SHORT_ID);
	if (*x->c->domainname)
		s->domainname = arena_strdup(x->a, x->c->domainname);
	return arena_failed(x->a) ? spec_build_no_memory(e) : 0;
}

/* ---- resources, sysctls, annotations */

/* What is set in from wins; device limits are built elsewhere. */
static int build_resources(const struct spec_build_ctx *x, struct err *e)
{
	const struct spec_resources *from = &x->c->resources;
	struct spec_resources *to = &x->s->resources;
	const struct {
		const int64_t *from;
		int64_t *to;
	} numbers[] = { { &from->memory_limit, &to->memory_limit },
		{ &from->memory_reservation, &to->memory_reservation },
		{ &from->memory_swap, &to->memory_swap },
		{ &from->memory_swappiness, &to->memory_swappiness },
		{ &from->memory_oom_kill_disable, &to->memory_oom_kill_disable },
		{ &from->cpu_shares, &to->cpu_shares }, { &from->cpu_quota_us, &to->cpu_quota_us },
		{ &from->cpu_period_us, &to->cpu_period_us }, { &from->cpu_burst_us, &to->cpu_burst_us },
		{ &from->cpu_idle, &to->cpu_idle }, { &from->pids_limit, &to->pids_limit },
		{ &from->blkio_weight, &to->blkio_weight } };
	for (size_t i = 0; i < ARRAY_LEN(numbers); i++)
		if (*numbers[i].from != SPEC_UNSET)
			*numbers[i].to = *numbers[i].from;
	if (from->cpuset_cpus)
		to->cpuset_cpus = arena_strdup(x->a, from->cpuset_cpus);
	if (from->cpuset_mems)
		to->cpuset_mems = arena_strdup(x->a, from->cpuset_mems);
	return arena_failed(x->a) ? spec_build_no_memory(e) : 0;
}

static void set_sysctl(const struct spec_build_ctx *x, const char *key, const char *value, bool override)
{
	struct spec *s = x->s;
	for (size_t i = 0; i < s->n_sysctls; i++)
		if (strcmp(s->sysctls[i].key, key) == 0) {
			if (override)
				s->sysctls[i].value = arena_strdup(x->a, value);
			return;
		}
	s->sysctls[s->n_sysctls].key = arena_strdup(x->a, key);
	s->sysctls[s->n_sysctls++].value = arena_strdup(x->a, value);
}

static int build_sysctls(const struct spec_build_ctx *x, struct err *e)
{
	struct spec *s = x->s;
	struct spec_sysctl *room = arena_calloc(x->a, s->n_sysctls + x->c->n_sysctls + 2, sizeof(*room));
	if (!room)
		return spec_build_no_memory(e);
	if (s->n_sysctls)
		memcpy(room, s->sysctls, s->n_sysctls * sizeof(*room));
	s->sysctls = room;
	for (size_t i = 0; i < x->c->n_sysctls; i++)
		set_sysctl(x, x->c->sysctls[i].key, x->c->sysctls[i].value, true);
	if (!x->env->bundle && s->ns[SPEC_NS_NET].mode == SPEC_NS_NEW) {
		set_sysctl(x, "net.ipv4.ip_unprivileged_port_start", "0", false);
		if (s->ns[SPEC_NS_USER].mode == SPEC_NS_HOST) /* group ids beyond the map are refused there */
			set_sysctl(x, "net.ipv4.ping_group_range", "0 2147483647", false);
	}
	return arena_failed(x->a) ? spec_build_no_memory(e) : 0;
}

static int build_annotations(const struct spec_build_ctx *x, struct err *e)
{
	size_t n = 0, m = 0;
	while (x->s->annotations && x->s->annotations[n])
		n++;
	while (x->c->annotations[m])
		m++;
	if (m == 0)
		return 0;
	char **kv = arena_calloc(x->a, n + m + 1, sizeof(*kv));
	if (!kv)
		return spec_build_no_memory(e);
	size_t used = 0;
	for (size_t i = 0; i < n; i += 2) {
		bool said = false;
		for (size_t j = 0; j < m; j += 2)
			said = said || strcmp(x->c->annotations[j], x->s->annotations[i]) == 0;
		if (!said) {
			kv[used++] = x->s->annotations[i];
			kv[used++] = x->s->annotations[i + 1];
		}
	}
	for (size_t j = 0; j < m; j++)
		kv[used++] = arena_strdup(x->a, x->c->annotations[j]);
	x->s->annotations = kv;
	return arena_failed(x->a) ? spec_build_no_memory(e) : 0;
}

int spec_build(const struct config *c, const struct spec_build_env *env, struct spec **out, struct err *e)
{
	static int (*const parts[])(const struct spec_build_ctx *, struct err *) = { build_namespaces,
		build_names, spec_build_process, build_resources, build_sysctls, spec_build_devices,
		spec_build_mounts, spec_build_paths, build_annotations };
	auto_(spec) struct spec *s = NULL;
	int r = 0;
	if (env->bundle)
		r = copy_bundle(env->bundle, &s, e);
	else if (!(s = spec_new()))
		r = spec_build_no_memory(e);
	if (r < 0)
		return r;
	struct spec_build_ctx x = { c, env, s, s->arena };
	s->root_path = arena_strdup(s->arena, env->root_path);
	s->root_readonly = s->root_readonly || c->readonly_rootfs;
	for (size_t i = 0; r == 0 && i < ARRAY_LEN(parts); i++)
		r = parts[i](&x, e);
	if (r == 0)
		r = spec_validate(s, e);
	if (r < 0)
		return r;
	*out = take_ptr(&s);
	return 0;
}

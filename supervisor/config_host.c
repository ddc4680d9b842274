#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>

#include "base/own.h"
#include "base/text.h"
#include "runtime/caps.h"
#include "runtime/rlimit.h"
#include "supervisor/config_parts.h"

#define AT(member) offsetof(struct config, member)

static const struct field host_fields[] = {
	{ "AutoRemove", FIELD_BOOL, AT(auto_remove), 0, 0 },
	{ "Privileged", FIELD_BOOL, AT(privileged), 0, 0 },
	{ "ReadonlyRootfs", FIELD_BOOL, AT(readonly_rootfs), 0, 0 },
	{ "Init", FIELD_BOOL, AT(init), 0, 0 },
	{ "CapAdd", FIELD_STRV, AT(cap_add), 0, 0 },
	{ "CapDrop", FIELD_STRV, AT(cap_drop), 0, 0 },
	{ "GroupAdd", FIELD_STRV, AT(group_add), 0, 0 },
	{ "ExtraHosts", FIELD_STRV, AT(extra_hosts), 0, 0 },
	{ "Dns", FIELD_STRV, AT(dns), 0, 0 },
	{ "DnsSearch", FIELD_STRV, AT(dns_search), 0, 0 },
	{ "DnsOptions", FIELD_STRV, AT(dns_options), 0, 0 },
	{ "MaskedPaths", FIELD_STRV, AT(masked_paths), 0, 0 },
	{ "ReadonlyPaths", FIELD_STRV, AT(readonly_paths), 0, 0 },
};
static const struct field_refused refused[] = {
	{ "PortBindings", "not built yet" },
	{ "PublishAllPorts", "not built yet" },
	{ "Links", "not built yet" },
	{ "StorageOpt", "not built yet" },
	{ "CgroupParent", "not built yet" },
	{ "Cgroup", "not built yet" },
};

/* ---- namespaces */

/* Which words a mode takes besides "" and, where it may join, "container:X". */
static const struct ns_key {
	enum spec_ns ns;
	const char *key, *what; /* Docker's "invalid WHAT: X" */
	unsigned modes;		/* bits of enum config_ns_mode */
} ns_keys[] = {
	{ SPEC_NS_PID, "PidMode", "PID mode", 1u << CONFIG_NS_HOST | 1u << CONFIG_NS_CONTAINER },
	{ SPEC_NS_IPC, "IpcMode", "IPC mode",
		1u << CONFIG_NS_HOST | 1u << CONFIG_NS_CONTAINER | 1u << CONFIG_NS_PRIVATE |
			1u << CONFIG_NS_SHAREABLE | 1u << CONFIG_NS_NONE },
	{ SPEC_NS_UTS, "UTSMode", "UTS mode", 1u << CONFIG_NS_HOST },
	{ SPEC_NS_CGROUP, "CgroupnsMode", "cgroup namespace mode",
		1u << CONFIG_NS_HOST | 1u << CONFIG_NS_PRIVATE },
	{ SPEC_NS_USER, "UsernsMode", "user namespace mode", 1u << CONFIG_NS_HOST },
};
static const struct {
	const char *name;
	enum config_ns_mode mode;
} ns_words[] = {
	{ "", CONFIG_NS_DEFAULT },
	{ "private", CONFIG_NS_PRIVATE },
	{ "shareable", CONFIG_NS_SHAREABLE },
	{ "none", CONFIG_NS_NONE },
	{ "host", CONFIG_NS_HOST },
};

static int parse_ns(const char *text, struct config_ns *out)
{
	if (text_has_prefix(text, "container:")) {
		out->mode = CONFIG_NS_CONTAINER;
		out->container = text + strlen("container:");
		return *out->container ? 0 : -EINVAL;
	}
	for (size_t i = 0; i < ARRAY_LEN(ns_words); i++)
		if (strcmp(ns_words[i].name, text) == 0) {
			out->mode = ns_words[i].mode;
			return 0;
		}
	return -EINVAL;
}

static int read_ns(const json_t *host, const struct ns_key *k, struct config *c, struct err *e)
{
	const char *text = "";
	int r = json_get_string(host, HOST, k->key, &text, e);
	if (r < 0)
		return r;
	text = arena_strdup(c->arena, text);
	if (!text)
		return config_no_memory(e);
	struct config_ns ns = { 0 };
	if (parse_ns(text, &ns) < 0 || (ns.mode != CONFIG_NS_DEFAULT && !(k->modes & 1u << ns.mode)))
		return err_say(e, EINVAL, "invalid %s: %s", k->what, text);
	if (ns.mode != CONFIG_NS_DEFAULT || k->ns != SPEC_NS_USER)
		c->ns[k->ns] = ns; /* id maps have made the user namespace private already */
	return 0;
}

static int read_network(const json_t *host, struct config *c, struct err *e)
{
	const char *text = "";
	int r = json_get_string(host, HOST, "NetworkMode", &text, e);
	if (r < 0 || !*text)
		return r;
	c->network = arena_strdup(c->arena, text);
	if (!c->network)
		return config_no_memory(e);
	struct config_ns *ns = &c->ns[SPEC_NS_NET];
	if (strcmp(text, "default") == 0 || strcmp(text, "bridge") == 0)
		return 0;
	if (parse_ns(c->network, ns) < 0) {
		if (text_has_prefix(text, "container:"))
			return err_say(e, EINVAL, "invalid network mode: %s", text);
		return err_say(e, EOPNOTSUPP, HOST ".NetworkMode: \"%s\": networks are not built yet", text);
	}
	if (ns->mode == CONFIG_NS_PRIVATE ||
		ns->mode == CONFIG_NS_SHAREABLE) /* words of other modes: names here */
		return err_say(e, EOPNOTSUPP, HOST ".NetworkMode: \"%s\": networks are not built yet", text);
	return 0;
}

static int read_namespaces(const json_t *host, struct config *c, struct err *e)
{
	int r = read_network(host, c, e);
	for (size_t i = 0; r == 0 && i < ARRAY_LEN(ns_keys); i++)
		r = read_ns(host, &ns_keys[i], c, e);
	if (r == 0 && c->n_uid_maps && c->ns[SPEC_NS_USER].mode == CONFIG_NS_HOST)
		r = err_say(e, EINVAL, HOST ".UsernsMode: \"host\" and Berth.UserMaps exclude each other");
	return r;
}

/* ---- restart policy */

static const char *const restart_names[CONFIG_RESTART_COUNT] = {
	[CONFIG_RESTART_NO] = "no",
	[CONFIG_RESTART_ALWAYS] = "always",
	[CONFIG_RESTART_UNLESS_STOPPED] = "unless-stopped",
	[CONFIG_RESTART_ON_FAILURE] = "on-failure",
};

const char *config_restart_name(enum config_restart r)
{
	return (unsigned)r < CONFIG_RESTART_COUNT ? restart_names[r] : NULL;
}

int config_restart_from_name(const char *name)
{
	for (int i = 0; i < CONFIG_RESTART_COUNT; i++)
		if (strcmp(restart_names[i], name) == 0)
			return i;
	return *name ? -EINVAL : CONFIG_RESTART_NO;
}

static int read_restart(const json_t *host, struct config *c, struct err *e)
{
	json_t *policy = NULL;
	const char *name = "";
	int r = json_get_object(host, HOST, "RestartPolicy", &policy, e);
	if (r < 0 || !policy)
		return r;
	r = json_get_string(policy, HOST ".RestartPolicy", "Name", &name, e);
	if (r == 0)
		r = json_get_int(policy, HOST ".RestartPolicy", "MaximumRetryCount", INT32_MIN, INT32_MAX,
			&c->restart_max, e);
	if (r < 0)
		return r;
	int restart = config_restart_from_name(name);
	if (restart < 0)
		return err_say(e, EINVAL,
			"invalid restart policy: unknown policy '%s'; use one of 'no', 'always', 'on-failure', or "
			"'unless-stopped'",
			name);
	c->restart = (enum config_restart)restart;
	if (c->restart_max && c->restart != CONFIG_RESTART_ON_FAILURE)
		return err_say(e, EINVAL,
			"invalid restart policy: maximum retry count cannot be used with restart policy '%s'",
			config_restart_name(c->restart));
	if (c->restart_max < 0)
		return err_say(e, EINVAL, "invalid restart policy: maximum retry count cannot be negative");
	return 0;
}

/* ---- security */

static int parse_no_new_privs(const char *value, struct config *c)
{
	if (!*value || strcmp(value, "true") == 0)
		c->no_new_privileges = true;
	else if (strcmp(value, "false") == 0)
		c->no_new_privileges = false;
	else
		return -EINVAL;
	return 0;
}

static int parse_seccomp(const char *value, struct config *c)
{
	if (strcmp(value, "unconfined") == 0) {
		c->seccomp = CONFIG_SECCOMP_UNCONFINED;
	} else if (strcmp(value, "builtin") == 0) {
		c->seccomp = CONFIG_SECCOMP_DEFAULT;
	} else {
		c->seccomp = CONFIG_SECCOMP_PROFILE;
		c->seccomp_profile = value; /* checked where it is compiled: it depends on the capabilities */
	}
	return *value ? 0 : -EINVAL;
}

static int parse_security_opt(const char *text, struct config *c, struct err *e)
{
	/* "key=value", or the older "key:value"; a profile's JSON holds both. */
	size_t n = strcspn(text, "=:");
	const char *value = text[n] ? text + n + 1 : "";
	int r;
	if (n == strlen("no-new-privileges") && text_has_prefix(text, "no-new-privileges"))
		r = parse_no_new_privs(value, c);
	else if (n == strlen("seccomp") && text_has_prefix(text, "seccomp"))
		r = parse_seccomp(value, c);
	else if (strcmp(text, "label=disable") == 0 || strcmp(text, "label:disable") == 0 ||
		strcmp(text, "apparmor=unconfined") == 0 || strcmp(text, "apparmor:unconfined") == 0)
		r = 0; /* what every container of ours gets */
	else if (text_has_prefix(text, "label") || text_has_prefix(text, "apparmor"))
		return err_say(e, EOPNOTSUPP, HOST ".SecurityOpt: \"%s\" cannot be honoured", text);
	else if (strcmp(text, "systempaths=unconfined") == 0) {
		c->masked_paths = c->readonly_paths = arena_calloc(c->arena, 1, sizeof(char *));
		r = c->masked_paths ? 0 : -ENOMEM;
	} else
		return err_say(e, EINVAL, "invalid --security-opt 2: \"%s\"", text);
	return r < 0 ? err_say(e, -r, "invalid --security-opt: \"%s\"", text) : 0;
}

static int read_security(const json_t *host, struct config *c, struct err *e)
{
	char **opts = NULL;
	uint64_t ignored;
	int r = fields_read_strv(host, HOST, "SecurityOpt", c->arena, &opts, e);
	for (; r == 0 && opts && *opts; opts++)
		r = parse_security_opt(*opts, c, e);
	if (r < 0)
		return r;
	return caps_tweak(0, (const char *const *)c->cap_add, (const char *const *)c->cap_drop, &ignored, e);
}

/* ---- sysctls */

static bool is_ipc_sysctl(const char *key)
{
	static const char *const keys[] = { "kernel.msgmax", "kernel.msgmnb", "kernel.msgmni", "kernel.sem",
		"kernel.shmall", "kernel.shmmax", "kernel.shmmni", "kernel.shm_rmid_forced" };
	for (size_t i = 0; i < ARRAY_LEN(keys); i++)
		if (strcmp(keys[i], key) == 0)
			return true;
	return text_has_prefix(key, "fs.mqueue.");
}

/* Only what belongs to a namespace of the container's own: everything else would change the host. */
static int check_sysctl(const struct config *c, const char *key, struct err *e)
{
	bool clean = *key && !strstr(key, "..") && key[strlen(key) - 1] != '.';
	for (const char *p = key; *p; p++)
		clean = clean &&
			(strchr("_.-", *p) || (*p >= 'a' && *p <= 'z') || (*p >= 'A' && *p <= 'Z') ||
				(*p >= '0' && *p <= '9'));
	if (!clean)
		return err_say(e, EINVAL, HOST ".Sysctls: \"%s\" is not the name of a sysctl", key);
	bool net = text_has_prefix(key, "net."), ipc = is_ipc_sysctl(key);
	if (!net && !ipc)
		return err_say(
			e, EINVAL, HOST ".Sysctls: sysctl \"%s\" is not in a separate kernel namespace", key);
	if (net && c->ns[SPEC_NS_NET].mode == CONFIG_NS_HOST)
		return err_say(
			e, EINVAL, HOST ".Sysctls: sysctl \"%s\" not allowed in host network namespace", key);
	if (ipc && c->ns[SPEC_NS_IPC].mode == CONFIG_NS_HOST)
		return err_say(
			e, EINVAL, HOST ".Sysctls: sysctl \"%s\" not allowed in host ipc namespace", key);
	return 0;
}

static int read_sysctls(const json_t *host, struct config *c, struct err *e)
{
	char **kv = NULL;
	int r = fields_read_map(host, HOST, "Sysctls", c->arena, &kv, e);
	size_t n = 0;
	while (kv && kv[2 * n])
		n++;
	c->sysctls = arena_calloc(c->arena, n + 1, sizeof(*c->sysctls));
	if (r == 0 && !c->sysctls)
		return config_no_memory(e);
	for (size_t i = 0; r == 0 && i < n; i++) {
		c->sysctls[i] = (struct spec_sysctl){ kv[2 * i], kv[2 * i + 1] };
		r = check_sysctl(c, kv[2 * i], e);
	}
	c->n_sysctls = n;
	return r;
}

/* ---- ulimits */

static int read_ulimit(const json_t *item, const char *path, struct arena *a, void *to, struct err *e)
{
	struct spec_rlimit *limit = to;
	const char *name = "";
	int64_t soft = 0, hard = 0;
	(void)a;
	int r = json_get_string(item, path, "Name", &name, e);
	if (r == 0)
		r = json_get_int(item, path, "Soft", -1, INT64_MAX, &soft, e);
	if (r == 0)
		r = json_get_int(item, path, "Hard", -1, INT64_MAX, &hard, e);
	if (r < 0)
		return r;
	limit->resource = text_has_prefix(name, "RLIMIT_") ? -EINVAL : rlimit_from_name(name);
	if (limit->resource < 0)
		return err_say(e, EINVAL, "%s: invalid ulimit type: %s", path, name);
	if (hard != -1 && (soft == -1 || soft > hard))
		return err_say(e, EINVAL,
			"%s: ulimit soft limit must be less than or equal to hard limit: %lld > %lld", path,
			(long long)soft, (long long)hard);
	limit->soft = soft == -1 ? RLIM_INFINITY : (uint64_t)soft;
	limit->hard = hard == -1 ? RLIM_INFINITY : (uint64_t)hard;
	return 0;
}

static int read_ulimits(const json_t *host, struct config *c, struct err *e)
{
	int r = fields_read_list(host, HOST, "Ulimits", sizeof(*c->rlimits), read_ulimit, c->arena,
		&c->rlimits, &c->n_rlimits, e);
	for (size_t i = 0; r == 0 && i < c->n_rlimits; i++)
		for (size_t j = 0; j < i; j++)
			if (c->rlimits[i].resource == c->rlimits[j].resource)
				return err_say(e, EINVAL, HOST ".Ulimits[%zu]: named twice", i);
	return r;
}

/* ---- the rest */

static int read_words(const json_t *host, struct config *c, struct err *e)
{
	const char *runtime = "", *isolation = "";
	json_t *size = NULL;
	int64_t shm = 0;
	int r = json_get_string(host, HOST, "Runtime", &runtime, e);
	if (r == 0)
		r = json_get_string(host, HOST, "Isolation", &isolation, e);
	if (r == 0)
		r = json_get_int(host, HOST, "ShmSize", INT64_MIN, INT64_MAX, &shm, e);
	if (r == 0)
		r = json_get_array(host, HOST, "ConsoleSize", &size, e);
	if (r < 0)
		return r;
	if (*runtime && strcmp(runtime, "berth") != 0 && strcmp(runtime, "runc") != 0)
		return err_say(e, EINVAL, "unknown or invalid runtime name: %s", runtime);
	if (*isolation && strcmp(isolation, "default") != 0)
		return err_say(e, EINVAL, "invalid isolation '%s' on linux", isolation);
	if (shm < 0)
		return err_say(e, EINVAL, "SHM size can not be less than 0");
	if (shm)
		c->shm_bytes = shm;
	json_int_t height = json_integer_value(json_array_get(size, 0)),
		   width = json_integer_value(json_array_get(size, 1));
	c->console_height = height > 0 && height <= UINT16_MAX ? (uint16_t)height : 0;
	c->console_width = width > 0 && width <= UINT16_MAX ? (uint16_t)width : 0;
	return 0;
}

static int read_oom_score(const json_t *host, struct config *c, struct err *e)
{
	int64_t adj = 0;
	int r = json_get_int(host, HOST, "OomScoreAdj", INT64_MIN, INT64_MAX, &adj, e);
	if (r == 0 && (adj < -1000 || adj > 1000))
		return err_say(e, EINVAL, "Invalid value %lld, range for oom score adj is [-1000, 1000]",
			(long long)adj);
	if (r == 0 && adj)
		c->oom_score_adj = adj;
	return r;
}

/* Each is a line, or a word of one, in a file of the container's /etc: another line would be somebody else's. */
static int check_words(const char *key, char *const *words, struct err *e)
{
	for (; *words; words++)
		for (const char *p = *words; *p || p == *words; p++)
			if ((unsigned char)*p <= ' ' || *p == 0x7f)
				return err_say(e, EINVAL, HOST ".%s: \"%s\" is not one word", key, *words);
	return 0;
}

static int check_files(const struct config *c, struct err *e)
{
	const struct {
		const char *key;
		char **words;
	} lists[] = { { "ExtraHosts", c->extra_hosts }, { "Dns", c->dns }, { "DnsSearch", c->dns_search },
		{ "DnsOptions", c->dns_options } };
	int r = 0;
	for (size_t i = 0; r == 0 && i < ARRAY_LEN(lists); i++)
		r = check_words(lists[i].key, lists[i].words, e);
	return r;
}

static int check_extra_hosts(const struct config *c, struct err *e)
{
	for (char **h = c->extra_hosts; *h; h++) {
		size_t n = strcspn(*h, "=:");
		if (n == 0 || !(*h)[n] || !(*h)[n + 1])
			return err_say(e, EINVAL, "bad format for add-host: \"%s\"", *h);
	}
	return 0;
}

int config_read_host(const json_t *host, struct config *c, struct err *e)
{
	int r = fields_refuse(host, HOST, refused, ARRAY_LEN(refused), e);
	if (r == 0)
		r = fields_read(host, HOST, host_fields, ARRAY_LEN(host_fields), c->arena, c, e);
	if (r == 0)
		r = fields_read_map(host, HOST, "Annotations", c->arena, &c->annotations, e);
	if (r == 0)
		r = read_namespaces(host, c, e);
	if (r == 0)
		r = read_restart(host, c, e);
	if (r == 0)
		r = read_security(host, c, e);
	if (r == 0)
		r = read_sysctls(host, c, e);
	if (r == 0)
		r = read_ulimits(host, c, e);
	if (r == 0)
		r = config_read_log(host, c, e);
	if (r == 0)
		r = read_words(host, c, e);
	if (r == 0)
		r = read_oom_score(host, c, e);
	if (r == 0)
		r = check_extra_hosts(c, e);
	return r < 0 ? r : check_files(c, e);
}

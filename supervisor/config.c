#include "supervisor/config.h"

#include <errno.h>
#include <signal.h>
#include <string.h>

#include "base/own.h"
#include "base/text.h"
#include "supervisor/config_parts.h"

#define HOSTNAME_MAX 64 /* the kernel's __NEW_UTS_LEN */
#define AT(member)   offsetof(struct config, member)

static const struct field body_fields[] = {
	{ "Image", FIELD_STRING, AT(image), 0, 0 },
	{ "Hostname", FIELD_STRING, AT(hostname), 0, 0 },
	{ "Domainname", FIELD_STRING, AT(domainname), 0, 0 },
	{ "User", FIELD_STRING, AT(user), 0, 0 },
	{ "WorkingDir", FIELD_STRING, AT(working_dir), 0, 0 },
	{ "Env", FIELD_STRV, AT(env), 0, 0 },
	{ "Tty", FIELD_BOOL, AT(tty), 0, 0 },
	{ "OpenStdin", FIELD_BOOL, AT(open_stdin), 0, 0 },
	{ "StdinOnce", FIELD_BOOL, AT(stdin_once), 0, 0 },
	{ "AttachStdin", FIELD_BOOL, AT(attach_stdin), 0, 0 },
	{ "AttachStdout", FIELD_BOOL, AT(attach_stdout), 0, 0 },
	{ "AttachStderr", FIELD_BOOL, AT(attach_stderr), 0, 0 },
	{ "StopTimeout", FIELD_I64, AT(stop_timeout_s), -1, INT32_MAX },
};
static const struct field_refused refused[] = {
	{ "MacAddress", "not built yet" },
};
static const struct field_refused refused_endpoint[] = {
	{ "IPAMConfig", "networks are not built yet" },
	{ "Links", "networks are not built yet" },
	{ "Aliases", "networks are not built yet" },
	{ "MacAddress", "networks are not built yet" },
	{ "DriverOpts", "networks are not built yet" },
	{ "GwPriority", "networks are not built yet" },
};

/* A command as a list, or as one word: Docker's clients send both. */
static int read_command(const json_t *body, const char *key, struct config *c, char ***out, struct err *e)
{
	const json_t *v = json_object_get(body, key);
	if (!json_is_string(v))
		return fields_read_strv(body, "", key, c->arena, out, e);
	const char *word = json_string_value(v);
	*out = arena_strv(c->arena, &word, *word ? 1 : 0);
	return *out ? 0 : config_no_memory(e);
}

static int read_stop_signal(const json_t *body, struct config *c, struct err *e)
{
	const char *name = "";
	int r = json_get_string(body, "", "StopSignal", &name, e);
	if (r < 0 || !*name)
		return r;
	c->stop_signal = text_parse_signal(name);
	return c->stop_signal < 0 ? err_say(e, EINVAL, "invalid signal: %s", name) : 0;
}

/* Built later; NONE and a check without a test are what there is now. */
static int read_health(const json_t *body, struct err *e)
{
	json_t *health = NULL, *test = NULL;
	int r = json_get_object(body, "", "Healthcheck", &health, e);
	if (r == 0 && health)
		r = json_get_array(health, "Healthcheck", "Test", &test, e);
	if (r < 0 || !test || json_array_size(test) == 0)
		return r;
	const char *kind = json_string_value(json_array_get(test, 0));
	if (kind && strcmp(kind, "NONE") == 0)
		return 0;
	return err_say(e, EOPNOTSUPP, "Healthcheck: not built yet");
}

static bool is_own_network(const struct config *c, const char *name)
{
	return strcmp(name, "default") == 0 || strcmp(name, "bridge") == 0 || strcmp(name, "none") == 0 ||
		strcmp(name, "host") == 0 || strcmp(name, c->network) == 0;
}

static int read_endpoints(const json_t *body, const struct config *c, struct err *e)
{
	json_t *networking = NULL, *endpoints = NULL, *v;
	const char *name;
	int r = json_get_object(body, "", "NetworkingConfig", &networking, e);
	if (r == 0 && networking)
		r = json_get_object(networking, "NetworkingConfig", "EndpointsConfig", &endpoints, e);
	if (r < 0 || !endpoints)
		return r;
	json_object_foreach (endpoints, name, v) {
		if (!is_own_network(c, name))
			return err_say(e, EOPNOTSUPP,
				"NetworkingConfig.EndpointsConfig.%s: networks are not built yet", name);
		if (json_is_object(v))
			r = fields_refuse(v, "NetworkingConfig.EndpointsConfig", refused_endpoint,
				ARRAY_LEN(refused_endpoint), e);
		if (r < 0)
			return r;
	}
	return 0;
}

static int check_env(const struct config *c, struct err *e)
{
	for (char **env = c->env; *env; env++)
		if (**env == '\0' || **env == '=')
			return err_say(e, EINVAL, "invalid environment variable: %s", *env);
	return 0;
}

static int check_names(const struct config *c, struct err *e)
{
	if (strlen(c->hostname) > HOSTNAME_MAX || c->hostname[strcspn(c->hostname, "/ \t\n")])
		return err_say(e, EINVAL, "invalid hostname format: %s", c->hostname);
	if (strlen(c->domainname) > HOSTNAME_MAX || c->domainname[strcspn(c->domainname, "/ \t\n")])
		return err_say(e, EINVAL, "invalid domainname format: %s", c->domainname);
	if (*c->working_dir && *c->working_dir != '/')
		return err_say(e, EINVAL,
			"the working directory '%s' is invalid, it needs to be an absolute path",
			c->working_dir);
	return check_env(c, e);
}

/* Conflicts between what the body says at its top and what HostConfig says. */
static int check_together(const struct config *c, struct err *e)
{
	if (*c->hostname && c->ns[SPEC_NS_NET].mode == CONFIG_NS_CONTAINER)
		return err_say(e, EINVAL, "conflicting options: hostname and the network mode");
	if (*c->hostname && c->ns[SPEC_NS_UTS].mode == CONFIG_NS_HOST)
		return err_say(e, EINVAL, "conflicting options: hostname and the UTS mode");
	if (c->auto_remove && c->restart != CONFIG_RESTART_NO)
		return err_say(e, EINVAL, "can't create 'AutoRemove' container with restart policy");
	if (c->privileged && c->n_uid_maps)
		return err_say(e, EINVAL,
			"privileged mode is incompatible with user namespaces. You must run the "
			"container in the host namespace when running privileged mode");
	return 0;
}

static int read_body(const json_t *body, struct config *c, struct err *e)
{
	bool network_disabled = false;
	auto_(json) json_t *empty = json_object();
	json_t *host = NULL;
	int r = fields_read(body, "", body_fields, ARRAY_LEN(body_fields), c->arena, c, e);
	if (r == 0)
		r = fields_refuse(body, "", refused, ARRAY_LEN(refused), e);
	if (r == 0)
		r = read_command(body, "Entrypoint", c, &c->entrypoint, e);
	if (r == 0)
		r = read_command(body, "Cmd", c, &c->cmd, e);
	if (r == 0)
		r = fields_read_map(body, "", "Labels", c->arena, &c->labels, e);
	if (r == 0)
		r = read_stop_signal(body, c, e);
	if (r == 0)
		r = read_health(body, e);
	if (r == 0)
		r = json_get_bool(body, "", "NetworkDisabled", &network_disabled, e);
	if (r == 0)
		r = json_get_object(body, "", HOST, &host, e);
	if (!host)
		host = empty;
	if (r == 0)
		r = config_read_berth(body, c, e);
	if (r == 0)
		r = config_read_host(host, c, e);
	if (r == 0)
		r = config_read_resources(host, c, e);
	if (r == 0)
		r = config_read_devices(host, c, e);
	if (r == 0)
		r = config_read_mounts(body, host, c, e);
	if (r == 0)
		r = config_read_files(body, c, e);
	if (r == 0)
		r = read_endpoints(body, c, e);
	if (r == 0 && network_disabled)
		c->ns[SPEC_NS_NET].mode = CONFIG_NS_NONE;
	if (r == 0)
		r = check_names(c, e);
	return r < 0 ? r : check_together(c, e);
}

static struct config *config_new(void)
{
	struct arena *a = arena_new();
	char **none = a ? arena_calloc(a, 1, sizeof(*none)) : NULL;
	struct config *c = none ? calloc(1, sizeof(*c)) : NULL;
	if (!c) {
		arena_free(a);
		return NULL;
	}
	c->arena = a;
	c->image = c->hostname = c->domainname = c->user = c->working_dir = c->cgroup_parent = "";
	c->env = c->labels = c->cap_add = c->cap_drop = c->group_add = none;
	c->extra_hosts = c->dns = c->dns_search = c->dns_options = c->annotations = none;
	c->network = "default";
	c->stop_timeout_s = c->stop_grace_ns = c->oom_score_adj = SPEC_UNSET;
	c->shm_bytes = CONFIG_SHM_BYTES;
	return c;
}

int config_parse(const json_t *body, struct config **out, struct err *e)
{
	if (!json_is_object(body))
		return err_say(e, EINVAL, "create body: must be an object");
	auto_(config) struct config *c = config_new();
	if (!c || !(c->doc = json_deep_copy(body)))
		return config_no_memory(e);
	int r = read_body(c->doc, c, e);
	if (r < 0)
		return r;
	if (arena_failed(c->arena))
		return config_no_memory(e);
	*out = take_ptr(&c);
	return 0;
}

void config_free(struct config *c)
{
	if (!c)
		return;
	json_decref(c->doc);
	arena_free(c->arena);
	free(c);
}

const json_t *config_body(const struct config *c)
{
	return c->doc;
}

int config_stop_signal(const struct config *c)
{
	return c->stop_signal ? c->stop_signal : SIGTERM;
}

int64_t config_stop_timeout_s(const struct config *c)
{
	return c->stop_timeout_s == SPEC_UNSET ? CONFIG_STOP_TIMEOUT_S : c->stop_timeout_s;
}

const char *config_label(const struct config *c, const char *key)
{
	for (char **kv = c->labels; kv[0]; kv += 2)
		if (strcmp(kv[0], key) == 0)
			return kv[1];
	return NULL;
}

char **config_command(const struct config *c)
{
	size_t n = 0, i = 0;
	char **entrypoint = c->entrypoint;
	if (entrypoint && entrypoint[0] && !*entrypoint[0] && !entrypoint[1])
		entrypoint = NULL; /* --entrypoint "" */
	for (char **v = entrypoint; v && *v; v++)
		n++;
	for (char **v = c->cmd; v && *v; v++)
		n++;
	char **all = arena_calloc(c->arena, n + 1, sizeof(*all));
	for (char **v = entrypoint; all && v && *v; v++)
		all[i++] = *v;
	for (char **v = c->cmd; all && v && *v; v++)
		all[i++] = *v;
	return all;
}

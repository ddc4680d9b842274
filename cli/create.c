#include "cli/create.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/io.h"
#include "base/json.h"
#include "base/text.h"

#define PROFILE_MAX (4 * 1024 * 1024)

/* ---------------------------------------------------------------- flags that are fields */

enum map_kind { MAP_STRING, MAP_NUMBER, MAP_BOOL, MAP_LIST, MAP_PAIRS };

static const struct field_map {
	const char *option;
	enum { IN_CONFIG, IN_HOST } place;
	const char *field;
	enum map_kind kind;
} fields[] = {
	{ "hostname", IN_CONFIG, "Hostname", MAP_STRING },
	{ "domainname", IN_CONFIG, "Domainname", MAP_STRING },
	{ "user", IN_CONFIG, "User", MAP_STRING },
	{ "workdir", IN_CONFIG, "WorkingDir", MAP_STRING },
	{ "stop-signal", IN_CONFIG, "StopSignal", MAP_STRING },
	{ "stop-timeout", IN_CONFIG, "StopTimeout", MAP_NUMBER },
	{ "read-only", IN_HOST, "ReadonlyRootfs", MAP_BOOL },
	{ "privileged", IN_HOST, "Privileged", MAP_BOOL },
	{ "init", IN_HOST, "Init", MAP_BOOL },
	{ "publish-all", IN_HOST, "PublishAllPorts", MAP_BOOL },
	{ "oom-kill-disable", IN_HOST, "OomKillDisable", MAP_BOOL },
	{ "cap-add", IN_HOST, "CapAdd", MAP_LIST },
	{ "cap-drop", IN_HOST, "CapDrop", MAP_LIST },
	{ "device-cgroup-rule", IN_HOST, "DeviceCgroupRules", MAP_LIST },
	{ "group-add", IN_HOST, "GroupAdd", MAP_LIST },
	{ "add-host", IN_HOST, "ExtraHosts", MAP_LIST },
	{ "dns", IN_HOST, "Dns", MAP_LIST },
	{ "dns-search", IN_HOST, "DnsSearch", MAP_LIST },
	{ "dns-option", IN_HOST, "DnsOptions", MAP_LIST },
	{ "volumes-from", IN_HOST, "VolumesFrom", MAP_LIST },
	{ "sysctl", IN_HOST, "Sysctls", MAP_PAIRS },
	{ "annotation", IN_HOST, "Annotations", MAP_PAIRS },
	{ "storage-opt", IN_HOST, "StorageOpt", MAP_PAIRS },
	{ "memory", IN_HOST, "Memory", MAP_NUMBER },
	{ "memory-swap", IN_HOST, "MemorySwap", MAP_NUMBER },
	{ "memory-reservation", IN_HOST, "MemoryReservation", MAP_NUMBER },
	{ "memory-swappiness", IN_HOST, "MemorySwappiness", MAP_NUMBER },
	{ "cpus", IN_HOST, "NanoCpus", MAP_NUMBER },
	{ "cpu-quota", IN_HOST, "CpuQuota", MAP_NUMBER },
	{ "cpu-period", IN_HOST, "CpuPeriod", MAP_NUMBER },
	{ "cpu-shares", IN_HOST, "CpuShares", MAP_NUMBER },
	{ "cpuset-cpus", IN_HOST, "CpusetCpus", MAP_STRING },
	{ "cpuset-mems", IN_HOST, "CpusetMems", MAP_STRING },
	{ "pids-limit", IN_HOST, "PidsLimit", MAP_NUMBER },
	{ "blkio-weight", IN_HOST, "BlkioWeight", MAP_NUMBER },
	{ "oom-score-adj", IN_HOST, "OomScoreAdj", MAP_NUMBER },
	{ "shm-size", IN_HOST, "ShmSize", MAP_NUMBER },
	{ "ipc", IN_HOST, "IpcMode", MAP_STRING },
	{ "pid", IN_HOST, "PidMode", MAP_STRING },
	{ "uts", IN_HOST, "UTSMode", MAP_STRING },
	{ "userns", IN_HOST, "UsernsMode", MAP_STRING },
	{ "cgroupns", IN_HOST, "CgroupnsMode", MAP_STRING },
	{ "cgroup-parent", IN_HOST, "CgroupParent", MAP_STRING },
	{ "runtime", IN_HOST, "Runtime", MAP_STRING },
	{ "volume-driver", IN_HOST, "VolumeDriver", MAP_STRING },
	{ "rm", IN_HOST, "AutoRemove", MAP_BOOL },
};

static json_t *pairs_object(const struct option_value *v)
{
	json_t *o = json_object();
	for (size_t i = 0; o && i < v->count; i++) {
		const char *eq = strchr(v->values[i], '=');
		auto_free char *key = strndup(v->values[i], strcspn(v->values[i], "="));
		if (key)
			(void)json_object_set_new(
				o, key, json_string(eq ? eq + 1 : "")); /* not UTF-8: checked below */
	}
	return o;
}

static int set_new(json_t *o, const char *key, json_t *value, struct err *e)
{
	if (!value || json_object_set_new(o, key, value) < 0)
		return err_say(e, EINVAL, "%s: the value is not UTF-8 text", key);
	return 0;
}

static int string_list(json_t *o, const char *key, const struct option_value *v, struct err *e)
{
	json_t *list = json_array();
	int r = set_new(o, key, list, e);
	for (size_t i = 0; r == 0 && i < v->count; i++)
		if (json_array_append_new(list, json_string(v->values[i])) < 0)
			r = err_say(e, EINVAL, "%s: '%s' is not UTF-8 text", key, v->values[i]);
	return r;
}

static int map_fields(const struct args *o, json_t *config, json_t *host, struct err *e)
{
	for (size_t i = 0; i < sizeof(fields) / sizeof(fields[0]); i++) {
		const struct field_map *f = &fields[i];
		json_t *to = f->place == IN_HOST ? host : config;
		int r = 0;
		if (!option_given(o, f->option))
			continue;
		switch (f->kind) {
		case MAP_STRING:
			r = set_new(to, f->field, json_string(option_string(o, f->option)), e);
			break;
		case MAP_NUMBER:
			r = set_new(to, f->field, json_integer(option_number(o, f->option, 0)), e);
			break;
		case MAP_BOOL:
			r = set_new(to, f->field, json_boolean(option_bool(o, f->option)), e);
			break;
		case MAP_LIST:
			r = string_list(to, f->field, option_list(o, f->option), e);
			break;
		case MAP_PAIRS:
			r = set_new(to, f->field, pairs_object(option_list(o, f->option)), e);
			break;
		}
		if (r < 0)
			return r;
	}
	return 0;
}

/* ---------------------------------------------------------------- flags with a form of their own */

/* Append what parse makes of every value of an option to the array host[field]. */
static int parsed_list(const struct args *o, const char *option, json_t *host, const char *field,
	json_t *(*parse)(const char *, struct err *), struct err *e)
{
	const struct option_value *v = option_list(o, option);
	json_t *list = json_object_get(host, field);
	for (size_t i = 0; i < v->count; i++) {
		if (!list) {
			list = json_array();
			if (set_new(host, field, list, e) < 0)
				return -EINVAL;
		}
		json_t *item = parse(v->values[i], e);
		if (!item || json_array_append_new(list, item) < 0)
			return -EINVAL;
	}
	return 0;
}

static json_t *parse_throttle(const char *spec, bool bytes, struct err *e)
{
	const char *colon = strrchr(spec, ':');
	int64_t rate = -1;
	auto_free char *path = colon ? strndup(spec, (size_t)(colon - spec)) : NULL;
	if (!path || path[0] != '/' ||
		(bytes ? text_parse_bytes(colon + 1, &rate)
		       : text_parse_int(colon + 1, 0, INT64_MAX, &rate)) < 0) {
		(void)err_say(e, EINVAL, "invalid device rate: %s (must be <device-path>:<%s)", spec,
			bytes ? "number>[<unit>]" : "number>");
		return NULL;
	}
	return json_pack("{s:s,s:I}", "Path", path, "Rate", (json_int_t)rate);
}

static json_t *parse_bps(const char *spec, struct err *e)
{
	return parse_throttle(spec, true, e);
}

static json_t *parse_iops(const char *spec, struct err *e)
{
	return parse_throttle(spec, false, e);
}

static json_t *parse_weight(const char *spec, struct err *e)
{
	const char *colon = strrchr(spec, ':');
	int64_t weight = 0;
	auto_free char *path = colon ? strndup(spec, (size_t)(colon - spec)) : NULL;
	if (!path || path[0] != '/' || text_parse_int(colon + 1, 0, 1000, &weight) < 0) {
		(void)err_say(e, EINVAL, "invalid device weight: %s (must be <device-path>:<weight>)", spec);
		return NULL;
	}
	return json_pack("{s:s,s:I}", "Path", path, "Weight", (json_int_t)weight);
}

static const struct list_map {
	const char *option, *field;
	json_t *(*parse)(const char *, struct err *);
} lists[] = {
	{ "mount", "Mounts", create_parse_mount },
	{ "device", "Devices", create_parse_device },
	{ "ulimit", "Ulimits", create_parse_ulimit },
	{ "device-read-bps", "BlkioDeviceReadBps", parse_bps },
	{ "device-write-bps", "BlkioDeviceWriteBps", parse_bps },
	{ "device-read-iops", "BlkioDeviceReadIOps", parse_iops },
	{ "device-write-iops", "BlkioDeviceWriteIOps", parse_iops },
	{ "blkio-weight-device", "BlkioWeightDevice", parse_weight },
};

/* seccomp=FILE becomes seccomp=<the file's JSON>, as docker's client sends it. */
static json_t *read_profile(const char *path, struct err *e)
{
	auto_(buf) struct buf text = { 0 };
	if (io_read_file(AT_FDCWD, path, PROFILE_MAX, &text, e) < 0) {
		(void)err_wrap(e, -e->code, "opening seccomp profile (%s) failed", path);
		return NULL;
	}
	auto_(json) json_t *profile = json_parse(text.data ? text.data : "", text.len, path, e);
	auto_free char *compact = profile ? json_dumps(profile, JSON_COMPACT) : NULL;
	return compact ? json_sprintf("seccomp=%s", compact) : NULL;
}

static int add_security(const struct args *o, json_t *host, struct err *e)
{
	const struct option_value *v = option_list(o, "security-opt");
	json_t *list = json_array();
	if (v->count == 0) {
		json_decref(list);
		return 0;
	}
	int r = set_new(host, "SecurityOpt", list, e);
	for (size_t i = 0; r == 0 && i < v->count; i++) {
		const char *s = v->values[i];
		const char *value = text_has_prefix(s, "seccomp=") ? s + 8 : NULL;
		json_t *item;
		if (strcmp(s, "systempaths=unconfined") == 0) {
			r = set_new(host, "MaskedPaths", json_array(), e);
			r = r < 0 ? r : set_new(host, "ReadonlyPaths", json_array(), e);
			continue;
		}
		if (value && strcmp(value, "unconfined") != 0 && strcmp(value, "builtin") != 0)
			item = read_profile(value, e);
		else
			item = json_string(s);
		if (!item || json_array_append_new(list, item) < 0)
			r = -EINVAL;
	}
	return r;
}

static int add_health(const struct args *o, json_t *config, struct err *e)
{
	static const struct {
		const char *option, *field;
	} numbers[] = {
		{ "health-interval", "Interval" },
		{ "health-timeout", "Timeout" },
		{ "health-start-period", "StartPeriod" },
		{ "health-start-interval", "StartInterval" },
		{ "health-retries", "Retries" },
	};
	json_t *health = json_object();
	int r = health ? 0 : err_set(e, ENOMEM, "health check");
	const char *cmd = option_string(o, "health-cmd");
	if (r == 0 && cmd)
		r = set_new(health, "Test", json_pack("[s,s]", "CMD-SHELL", cmd), e);
	for (size_t i = 0; r == 0 && i < sizeof(numbers) / sizeof(numbers[0]); i++)
		if (option_given(o, numbers[i].option))
			r = set_new(health, numbers[i].field,
				json_integer(option_number(o, numbers[i].option, 0)), e);
	if (r == 0 && option_bool(o, "no-healthcheck")) {
		if (json_object_size(health) > 0)
			r = err_say(e, EINVAL, "--no-healthcheck conflicts with --health-* options");
		else
			r = set_new(health, "Test", json_pack("[s]", "NONE"), e);
	}
	if (r == 0 && json_object_size(health) > 0)
		return set_new(config, "Healthcheck", health, e);
	json_decref(health);
	return r;
}

static int add_labels(const struct args *o, json_t *config, struct err *e)
{
	const struct option_value *files = option_list(o, "label-file");
	auto_(json) json_t *lines = json_array();
	json_t *labels = json_object(), *line;
	size_t i;
	int r = set_new(config, "Labels", labels, e);
	/* A key alone is a label without a value here, so nothing is looked up. */
	for (i = 0; r == 0 && i < files->count; i++)
		r = create_read_lines(files->values[i], NULL, lines, e);
	json_array_foreach (lines, i, line) {
		const char *pair = json_string_value(line), *eq = strchr(pair, '=');
		auto_free char *key = strndup(pair, strcspn(pair, "="));
		if (r == 0)
			r = set_new(labels, key ? key : "", json_string(eq ? eq + 1 : ""), e);
	}
	auto_(json) json_t *given = pairs_object(option_list(o, "label"));
	return r == 0 && json_object_update(labels, given) < 0 ? err_set(e, ENOMEM, "labels") : r;
}

static int add_volumes(const struct args *o, json_t *config, json_t *host, struct err *e)
{
	const struct option_value *v = option_list(o, "volume"), *tmpfs = option_list(o, "tmpfs");
	int r = set_new(config, "Volumes", json_object(), e);
	if (r == 0)
		r = set_new(host, "Binds", json_array(), e);
	for (size_t i = 0; r == 0 && i < v->count; i++)
		r = create_add_volume(config, host, v->values[i], e);
	if (r == 0 && tmpfs->count > 0)
		r = set_new(host, "Tmpfs", json_object(), e);
	for (size_t i = 0; r == 0 && i < tmpfs->count; i++) {
		const char *colon = strchr(tmpfs->values[i], ':');
		auto_free char *path = strndup(tmpfs->values[i], strcspn(tmpfs->values[i], ":"));
		r = set_new(json_object_get(host, "Tmpfs"), path ? path : "",
			json_string(colon ? colon + 1 : ""), e);
	}
	return r;
}

static int add_ports(const struct args *o, json_t *config, json_t *host, struct err *e)
{
	const struct option_value *expose = option_list(o, "expose"), *publish = option_list(o, "publish");
	json_t *exposed = json_object(), *bindings = json_object();
	int r = set_new(config, "ExposedPorts", exposed, e);
	r = set_new(host, "PortBindings", bindings, e) < 0 ? -EINVAL : r;
	for (size_t i = 0; r == 0 && i < expose->count; i++)
		r = create_add_expose(exposed, expose->values[i], e);
	for (size_t i = 0; r == 0 && i < publish->count; i++)
		r = create_add_port(exposed, bindings, publish->values[i], e);
	return r;
}

static int add_special(const struct args *o, json_t *config, json_t *host, struct err *e)
{
	const char *restart = option_string(o, "restart"), *net = option_string(o, "network");
	net = net ? net : option_string(o, "net");
	const char *entrypoint = option_string(o, "entrypoint"), *driver = option_string(o, "log-driver");
	int r = add_volumes(o, config, host, e);
	for (size_t i = 0; r == 0 && i < sizeof(lists) / sizeof(lists[0]); i++)
		r = parsed_list(o, lists[i].option, host, lists[i].field, lists[i].parse, e);
	if (r == 0)
		r = add_security(o, host, e);
	if (r == 0)
		r = add_health(o, config, e);
	if (r == 0)
		r = add_labels(o, config, e);
	if (r == 0)
		r = add_ports(o, config, host, e);
	json_t *policy = r == 0 ? create_parse_restart(restart && *restart ? restart : "no", e) : NULL;
	if (r == 0)
		r = policy ? set_new(host, "RestartPolicy", policy, e) : -EINVAL;
	if (r == 0 && restart && option_bool(o, "rm") && strcmp(restart, "no") != 0 && *restart)
		r = err_say(e, EINVAL, "conflicting options: cannot specify both --restart and --rm");
	if (r == 0)
		r = set_new(host, "NetworkMode", json_string(net ? net : "default"), e);
	if (r == 0 && entrypoint)
		r = set_new(config, "Entrypoint", json_pack("[s]", entrypoint), e);
	if (r == 0 && (driver || option_given(o, "log-opt")))
		r = set_new(host, "LogConfig",
			json_pack("{s:s,s:o}", "Type", driver ? driver : "", "Config",
				pairs_object(option_list(o, "log-opt"))),
			e);
	return r;
}

/* ---------------------------------------------------------------- streams */

static int set_attached(const struct args *o, struct create *c, struct err *e)
{
	const struct option_value *v = option_list(o, "attach");
	c->detach = option_bool(o, "detach");
	c->interactive = option_bool(o, "interactive");
	c->tty = option_bool(o, "tty");
	c->sig_proxy = !option_given(o, "sig-proxy") || option_bool(o, "sig-proxy");
	for (size_t i = 0; i < v->count; i++) {
		c->attach_stdin |= strcasecmp(v->values[i], "stdin") == 0;
		c->attach_stdout |= strcasecmp(v->values[i], "stdout") == 0;
		c->attach_stderr |= strcasecmp(v->values[i], "stderr") == 0;
		if (strcasecmp(v->values[i], "stdin") != 0 && strcasecmp(v->values[i], "stdout") != 0 &&
			strcasecmp(v->values[i], "stderr") != 0)
			return err_say(e, EINVAL,
				"invalid argument \"%s\" for \"-a, --attach\" flag: valid streams are "
				"STDIN, STDOUT and STDERR",
				v->values[i]);
	}
	if (c->detach && v->count > 0)
		return err_say(e, EINVAL, "conflicting options: cannot specify both --attach and --detach");
	if (v->count == 0 && !c->detach) {
		c->attach_stdin = c->interactive;
		c->attach_stdout = c->attach_stderr = true;
	}
	return 0;
}

static int check_platform(const struct args *o, struct err *e)
{
	const char *platform = option_string(o, "platform"), *pull = option_string(o, "pull");
	if (platform && *platform && strcmp(platform, "linux") != 0 && !text_has_prefix(platform, "linux/"))
		return err_say(e, EINVAL, "--platform %s: only linux runs here", platform);
	if (pull && strcmp(pull, "never") != 0 && strcmp(pull, "missing") != 0 && strcmp(pull, "always") != 0)
		return err_say(e, EINVAL,
			"invalid pull option: '%s': must be one of \"always\", \"missing\" or \"never\"",
			pull);
	return 0;
}

static int add_base(const struct args *o, const struct create *c, json_t *config, struct err *e)
{
	auto_free char *image = create_image(o->words[0]);
	json_t *cmd = o->words_len > 1 ? json_array() : json_null();
	int r = image ? set_new(config, "Image", json_string(image), e) : err_set(e, ENOMEM, "image");
	for (size_t i = 1; r == 0 && i < o->words_len; i++)
		if (json_array_append_new(cmd, json_string(o->words[i])) < 0)
			r = err_say(e, EINVAL, "argument '%s' is not UTF-8 text", o->words[i]);
	if (set_new(config, "Cmd", cmd, e) < 0 || r < 0)
		return -EINVAL;
	auto_(json) json_t *streams = json_pack("{s:b,s:b,s:b,s:b,s:b,s:b}", "AttachStdin", c->attach_stdin,
		"AttachStdout", c->attach_stdout, "AttachStderr", c->attach_stderr, "Tty", c->tty,
		"OpenStdin", c->interactive, "StdinOnce", c->interactive && c->attach_stdin);
	return json_object_update(config, streams) < 0 ? err_set(e, ENOMEM, "create") : 0;
}

int create_build(const struct args *o, char *const *env, struct create *out, struct err *e)
{
	auto_(create) struct create c = { 0 };
	c.name = option_string(o, "name");
	c.platform = option_string(o, "platform");
	c.cidfile = option_string(o, "cidfile");
	c.detach_keys = option_string(o, "detach-keys");
	c.remove = option_bool(o, "rm");
	int r = set_attached(o, &c, e);
	if (r == 0)
		r = check_platform(o, e);
	c.body = json_object();
	json_t *host = json_object();
	if (r == 0)
		r = add_base(o, &c, c.body, e);
	if (json_object_set_new(c.body, "HostConfig", host) < 0 && r == 0)
		r = err_set(e, ENOMEM, "create");
	if (r == 0)
		r = map_fields(o, c.body, host, e);
	if (r == 0)
		r = add_special(o, c.body, host, e);
	json_t *vars = r == 0 ? create_env(o, env, e) : NULL;
	if (r == 0)
		r = vars ? set_new(c.body, "Env", vars, e) : -EINVAL;
	if (r < 0)
		return r;
	*out = c;
	c.body = NULL;
	return 0;
}

void create_done(struct create *c)
{
	json_decref(c->body);
	c->body = NULL;
}

#include <errno.h>
#include <string.h>

#include "base/own.h"
#include "supervisor/config_parts.h"

/* What inspect prints for a key that was not said, as JSON; NULL: the key is left out. */
struct shown {
	const char *key, *missing;
};

static const struct shown config_keys[] = {
	{ "Hostname", "\"\"" },
	{ "Domainname", "\"\"" },
	{ "User", "\"\"" },
	{ "AttachStdin", "false" },
	{ "AttachStdout", "false" },
	{ "AttachStderr", "false" },
	{ "ExposedPorts", NULL },
	{ "Tty", "false" },
	{ "OpenStdin", "false" },
	{ "StdinOnce", "false" },
	{ "Env", "[]" },
	{ "Cmd", "null" },
	{ "Healthcheck", NULL },
	{ "Image", "\"\"" },
	{ "Volumes", "null" },
	{ "WorkingDir", "\"\"" },
	{ "Entrypoint", "null" },
	{ "NetworkDisabled", NULL },
	{ "OnBuild", "null" },
	{ "Labels", "{}" },
	{ "StopSignal", NULL },
	{ "StopTimeout", NULL },
	{ "Shell", NULL },
};

static const struct shown host_keys[] = {
	{ "Binds", "null" },
	{ "ContainerIDFile", "\"\"" },
	{ "LogConfig", "{\"Type\":\"json-file\",\"Config\":{}}" },
	{ "NetworkMode", "\"default\"" },
	{ "PortBindings", "{}" },
	{ "RestartPolicy", "{\"Name\":\"no\",\"MaximumRetryCount\":0}" },
	{ "AutoRemove", "false" },
	{ "VolumeDriver", "\"\"" },
	{ "VolumesFrom", "null" },
	{ "ConsoleSize", "[0,0]" },
	{ "Annotations", NULL },
	{ "CapAdd", "null" },
	{ "CapDrop", "null" },
	{ "CgroupnsMode", "\"private\"" },
	{ "Dns", "[]" },
	{ "DnsOptions", "[]" },
	{ "DnsSearch", "[]" },
	{ "ExtraHosts", "null" },
	{ "GroupAdd", "null" },
	{ "IpcMode", "\"private\"" },
	{ "Cgroup", "\"\"" },
	{ "Links", "null" },
	{ "OomScoreAdj", "0" },
	{ "PidMode", "\"\"" },
	{ "Privileged", "false" },
	{ "PublishAllPorts", "false" },
	{ "ReadonlyRootfs", "false" },
	{ "SecurityOpt", "null" },
	{ "StorageOpt", NULL },
	{ "Tmpfs", NULL },
	{ "UTSMode", "\"\"" },
	{ "UsernsMode", "\"\"" },
	{ "ShmSize", "67108864" },
	{ "Sysctls", NULL },
	{ "Runtime", "\"berth\"" },
	{ "Isolation", "\"\"" },
	{ "CpuShares", "0" },
	{ "Memory", "0" },
	{ "NanoCpus", "0" },
	{ "CgroupParent", "\"\"" },
	{ "BlkioWeight", "0" },
	{ "BlkioWeightDevice", "[]" },
	{ "BlkioDeviceReadBps", "[]" },
	{ "BlkioDeviceWriteBps", "[]" },
	{ "BlkioDeviceReadIOps", "[]" },
	{ "BlkioDeviceWriteIOps", "[]" },
	{ "CpuPeriod", "0" },
	{ "CpuQuota", "0" },
	{ "CpuRealtimePeriod", "0" },
	{ "CpuRealtimeRuntime", "0" },
	{ "CpusetCpus", "\"\"" },
	{ "CpusetMems", "\"\"" },
	{ "Devices", "[]" },
	{ "DeviceCgroupRules", "null" },
	{ "DeviceRequests", "null" },
	{ "MemoryReservation", "0" },
	{ "MemorySwap", "0" },
	{ "MemorySwappiness", "null" },
	{ "OomKillDisable", "null" },
	{ "PidsLimit", "null" },
	{ "Ulimits", "[]" },
	{ "CpuCount", "0" },
	{ "CpuPercent", "0" },
	{ "IOMaximumIOps", "0" },
	{ "IOMaximumBandwidth", "0" },
	{ "Mounts", NULL },
	{ "MaskedPaths", NULL },
	{ "ReadonlyPaths", NULL },
	{ "Init", NULL },
};

/* Words that mean the default and are shown as it: an empty mode, a size of 0. */
static bool means_default(const char *key, const json_t *v)
{
	static const char *const keys[] = { "NetworkMode", "IpcMode", "CgroupnsMode", "ShmSize", "Runtime",
		"LogConfig", "RestartPolicy", "ConsoleSize" };
	if (!v || json_is_null(v))
		return true;
	for (size_t i = 0; i < ARRAY_LEN(keys); i++)
		if (strcmp(keys[i], key) == 0)
			return fields_is_empty(v);
	return false;
}

static int show(const json_t *from, const struct shown *keys, size_t n, json_t *to)
{
	for (size_t i = 0; i < n; i++) {
		json_t *v = json_object_get(from, keys[i].key);
		if (means_default(keys[i].key, v)) {
			if (!keys[i].missing)
				continue;
			v = json_loads(keys[i].missing, JSON_DECODE_ANY, NULL);
		} else {
			v = json_deep_copy(v);
		}
		if (json_object_set_new(to, keys[i].key, v) < 0)
			return -ENOMEM;
	}
	return 0;
}

/* "Cmd": "true" was sent; lists are what inspect shows. */
static void list_command(json_t *to, const char *key)
{
	json_t *v = json_object_get(to, key);
	if (json_is_string(v))
		(void)json_object_set_new(to, key, json_pack("[O]", v));
}

static int fill_host(const struct config *c, json_t *to)
{
	json_t *policy = json_object_get(to, "RestartPolicy"), *log = json_object_get(to, "LogConfig");
	int r = json_object_set_new(policy, "Name", json_string(config_restart_name(c->restart)));
	if (r == 0)
		r = json_object_set_new(policy, "MaximumRetryCount", json_integer(c->restart_max));
	if (r == 0 && fields_is_empty(json_object_get(log, "Type")))
		r = json_object_set_new(log, "Type", json_string("json-file"));
	if (r == 0 && !json_is_object(json_object_get(log, "Config")))
		r = json_object_set_new(log, "Config", json_object());
	if (r == 0 && c->resources.memory_limit != SPEC_UNSET && c->resources.memory_swap != SPEC_UNSET)
		r = json_object_set_new(to, "MemorySwap", json_integer(c->resources.memory_swap));
	return r < 0 ? -ENOMEM : 0;
}

int config_to_json(const struct config *c, json_t **out_config, json_t **out_host_config, struct err *e)
{
	auto_(json) json_t *config = json_object(), *host = json_object();
	const json_t *said = json_object_get(c->doc, HOST);
	if (!config || !host || show(c->doc, config_keys, ARRAY_LEN(config_keys), config) < 0 ||
		show(said, host_keys, ARRAY_LEN(host_keys), host) < 0 || fill_host(c, host) < 0)
		return config_no_memory(e);
	list_command(config, "Cmd");
	list_command(config, "Entrypoint");
	*out_config = take_ptr(&config);
	*out_host_config = take_ptr(&host);
	return 0;
}

static json_t *mount_json(const struct config_mount *m, const char *root)
{
	static const char *const types[] = {
		[CONFIG_MOUNT_BIND] = "bind", [CONFIG_MOUNT_VOLUME] = "volume", [CONFIG_MOUNT_TMPFS] = "tmpfs"
	};
	bool volume = m->type == CONFIG_MOUNT_VOLUME;
	const char *source = volume ? root : m->type == CONFIG_MOUNT_BIND ? m->source : "";
	json_t *v = json_pack("{s:s, s:s, s:s, s:s, s:b, s:s}", "Type", types[m->type], "Source",
		source ? source : "", "Destination", m->target, "Mode", m->mode, "RW", !m->read_only,
		"Propagation",
		m->type == CONFIG_MOUNT_BIND && !*m->propagation_name ? "rprivate" : m->propagation_name);
	if (v && volume) {
		(void)json_object_set_new(v, "Name", json_string(m->source ? m->source : ""));
		(void)json_object_set_new(v, "Driver", json_string("local"));
	}
	return v;
}

int config_mounts_to_json(const struct config *c, const char *(*volume_root)(void *cookie, const char *name),
	void *cookie, json_t **out, struct err *e)
{
	auto_(json) json_t *list = json_array();
	for (size_t i = 0; i < c->n_mounts; i++) {
		const struct config_mount *m = &c->mounts[i];
		bool ask = volume_root && m->type == CONFIG_MOUNT_VOLUME && m->source;
		if (json_array_append_new(list, mount_json(m, ask ? volume_root(cookie, m->source) : NULL)) <
			0)
			return config_no_memory(e);
	}
	*out = take_ptr(&list);
	return 0;
}

#include "supervisor/compose/keys.h"

#include <limits.h>

#include "supervisor/compose/document.h"
#include "supervisor/compose/service.h"

/* clang-format off */
#define LATER(key, what)       { .name = key, .status = KEY_LATER, .words = what }
#define MEANINGLESS(key, why)  { .name = key, .status = KEY_MEANINGLESS, .words = why }
#define IGNORED(key)           { .name = key, .status = KEY_IGNORED }
#define TEXT(key, to)          { .name = key, .apply = service_apply_text, .member = to }
#define BOOL(key, to)          { .name = key, .apply = service_apply_bool, .member = to }
#define BYTES(key, to)         { .name = key, .apply = service_apply_bytes, .member = to }
#define INT(key, to, lo, hi)   { .name = key, .apply = service_apply_int, .member = to, .min = lo, .max = hi }
#define WORD(key, to, allowed) { .name = key, .apply = service_apply_word, .member = to, .words = allowed }
#define WORDS(key, to)         { .name = key, .shape = SHAPE_SET, .apply = service_apply_list, .member = to }
#define PAIRS(key, to)         { .name = key, .shape = SHAPE_PAIRS, .apply = service_apply_pairs, .member = to }
#define KEYS(key, table)       { .name = key, .shape = SHAPE_KEYS, .sub = table }
#define BY(key, handler)       { .name = key, .apply = handler }
/* Read by whoever handles the mapping it stands in. */
#define READ(key)              { .name = key }
#define END                    { .name = NULL }

static const struct key berth_keys[] = {
	WORD("upper", "Berth.Upper", "tmpfs disk"),
	WORD("root", "Berth.Root", "shared overlay"),
	WORD("logs", "Berth.Logs", "disk volatile"),
	END
};

static const struct key env_file_keys[] = {
	READ("path"), READ("required"), READ("format"), END
};

static const struct key depends_on_keys[] = {
	READ("condition"), READ("required"), READ("restart"), END
};

static const struct key extends_keys[] = { READ("service"), READ("file"), END };

static const struct key hook_keys[] = {
	{ .name = "command", .shape = SHAPE_COMMAND },
	READ("user"), READ("privileged"), READ("working_dir"),
	{ .name = "environment", .shape = SHAPE_PAIRS },
	END
};

static const struct key logging_keys[] = {
	{ .name = "driver", .apply = process_log_driver, .words = "berth json-file local none" },
	PAIRS("options", "HostConfig.LogConfig.Config"),
	END
};

/* ---- mounts and devices ---- */

static const struct key bind_keys[] = {
	READ("propagation"), READ("create_host_path"), READ("recursive"),
	MEANINGLESS("selinux", "no SELinux labels are written here"),
	END
};

static const struct key mount_volume_keys[] = {
	READ("nocopy"),
	READ("subpath"),
	LATER("labels", "labels of a mount's volume are"),
	END
};

static const struct key mount_tmpfs_keys[] = { READ("size"), READ("mode"), END };

static const struct key mount_keys[] = {
	READ("type"), READ("source"), READ("target"), READ("read_only"),
	MEANINGLESS("consistency", "it is for Docker Desktop on a Mac"),
	KEYS("bind", bind_keys),
	KEYS("volume", mount_volume_keys),
	KEYS("tmpfs", mount_tmpfs_keys),
	LATER("image", "images as mounts are"),
	END
};

static const struct key device_keys[] = { READ("source"), READ("target"), READ("permissions"), END };

static const struct key file_keys[] = {
	READ("source"), READ("target"), READ("uid"), READ("gid"), READ("mode"), END
};

/* ---- resources ---- */

static const struct key weight_device_keys[] = { READ("path"), READ("weight"), END };
static const struct key rate_device_keys[] = { READ("path"), READ("rate"), END };

#define BY_DEVICE(key, table, handler, to) \
	{ .name = key, .shape = SHAPE_OBJECTS, .sub = table, .unique = "path", .apply = handler, .member = to }

static const struct key blkio_keys[] = {
	INT("weight", "HostConfig.BlkioWeight", 10, 1000),
	BY_DEVICE("weight_device", weight_device_keys, resources_weight_devices, "HostConfig.BlkioWeightDevice"),
	BY_DEVICE("device_read_bps", rate_device_keys, resources_rate_bytes, "HostConfig.BlkioDeviceReadBps"),
	BY_DEVICE("device_write_bps", rate_device_keys, resources_rate_bytes, "HostConfig.BlkioDeviceWriteBps"),
	BY_DEVICE("device_read_iops", rate_device_keys, resources_rate_count, "HostConfig.BlkioDeviceReadIOps"),
	BY_DEVICE("device_write_iops", rate_device_keys, resources_rate_count, "HostConfig.BlkioDeviceWriteIOps"),
	END
};

static const struct key limits_keys[] = {
	{ .name = "cpus", .apply = resources_cpus, .member = "HostConfig.NanoCpus" },
	BYTES("memory", "HostConfig.Memory"),
	{ .name = "pids", .apply = resources_pids, .member = "HostConfig.PidsLimit" },
	END
};

static const struct key reservations_keys[] = {
	MEANINGLESS("cpus", "nothing here reserves CPUs"),
	BYTES("memory", "HostConfig.MemoryReservation"),
	LATER("devices", "device reservations are"),
	MEANINGLESS("generic_resources", "they are for a cluster's scheduler"),
	END
};

static const struct key deploy_resources_keys[] = {
	KEYS("limits", limits_keys), KEYS("reservations", reservations_keys), END
};

static const struct key deploy_keys[] = {
	{ .name = "mode", .apply = scale_apply_mode, .words = "replicated global" },
	{ .name = "replicas", .apply = scale_apply },
	KEYS("resources", deploy_resources_keys),
	LATER("restart_policy", "restart policies of tasks (restart: works) are"),
	LATER("update_config", "rolling updates are"),
	LATER("rollback_config", "rollbacks are"),
	IGNORED("labels"), /* a service's, not its containers' */
	LATER("endpoint_mode", "networks are"),
	MEANINGLESS("placement", "there is one machine only"),
	END
};

/* ---- services ---- */

static const struct key service_keys[] = {
	/* process */
	BY("image", images_service),
	BY("container_name", process_container_name),
	{ .name = "command", .shape = SHAPE_COMMAND, .apply = process_command, .member = "Cmd" },
	{ .name = "entrypoint", .shape = SHAPE_COMMAND, .apply = process_command, .member = "Entrypoint" },
	{ .name = "environment", .shape = SHAPE_PAIRS },
	{ .name = "env_file", .shape = SHAPE_OBJECTS, .sub = env_file_keys, .one = true, .every = true,
		.normalise = process_normalise_env_file, .unique = "path" },
	BY("working_dir", process_working_dir),
	BY("user", process_user),
	{ .name = "hostname", .apply = process_hostname, .member = "Hostname" },
	{ .name = "domainname", .apply = process_hostname, .member = "Domainname" },
	BOOL("tty", "Tty"),
	BOOL("stdin_open", "OpenStdin"),
	BOOL("init", "HostConfig.Init"),
	{ .name = "labels", .shape = SHAPE_PAIRS }, /* after label_file, by labels_build() */
	{ .name = "label_file", .shape = SHAPE_LIST },
	PAIRS("annotations", "HostConfig.Annotations"),
	BY("restart", process_restart),
	BY("stop_signal", process_stop_signal),
	BY("stop_grace_period", process_stop_grace_period),
	{ .name = "post_start", .shape = SHAPE_OBJECTS, .sub = hook_keys, .apply = hooks_apply, .member = "Berth.PostStart" },
	{ .name = "pre_stop", .shape = SHAPE_OBJECTS, .sub = hook_keys, .apply = hooks_apply, .member = "Berth.PreStop" },
	BY("scale", scale_apply),
	BY("platform", process_platform),
	BY("pull_policy", process_pull_policy),
	BY("attach", process_attach),
	{ .name = "expose", .shape = SHAPE_SET, .apply = process_expose },
	{ .name = "profiles", .shape = SHAPE_SET },
	{ .name = "extends", .shape = SHAPE_FREE, .normalise = extends_normalise },
	{ .name = "logging", .shape = SHAPE_KEYS, .sub = logging_keys, .decides = "driver" },
	KEYS("x-berth", berth_keys),
	/* isolation */
	{ .name = "depends_on", .shape = SHAPE_FREE, .apply = isolation_depends_on,
		.normalise = isolation_normalise_depends_on },
	{ .name = "network_mode", .apply = isolation_namespace, .member = "HostConfig.NetworkMode",
		.words = "none host service container" },
	{ .name = "pid", .apply = isolation_namespace, .member = "HostConfig.PidMode", .words = "host service container" },
	{ .name = "ipc", .apply = isolation_namespace, .member = "HostConfig.IpcMode",
		.words = "host none private shareable service container" },
	{ .name = "uts", .apply = isolation_namespace, .member = "HostConfig.UTSMode", .words = "host" },
	{ .name = "userns_mode", .apply = isolation_namespace, .member = "HostConfig.UsernsMode", .words = "host" },
	{ .name = "cgroup", .apply = isolation_namespace, .member = "HostConfig.CgroupnsMode", .words = "host private" },
	{ .name = "cap_add", .shape = SHAPE_SET, .apply = isolation_capabilities, .member = "HostConfig.CapAdd" },
	{ .name = "cap_drop", .shape = SHAPE_SET, .apply = isolation_capabilities, .member = "HostConfig.CapDrop" },
	BOOL("privileged", "HostConfig.Privileged"),
	BOOL("read_only", "HostConfig.ReadonlyRootfs"),
	{ .name = "security_opt", .shape = SHAPE_SET, .apply = isolation_security_opt },
	WORDS("group_add", "HostConfig.GroupAdd"),
	{ .name = "device_cgroup_rules", .shape = SHAPE_SET, .apply = isolation_device_rules },
	{ .name = "ulimits", .shape = SHAPE_FREE, .apply = isolation_ulimits },
	PAIRS("sysctls", "HostConfig.Sysctls"),
	{ .name = "extra_hosts", .shape = SHAPE_FREE, .apply = isolation_extra_hosts,
		.normalise = isolation_normalise_extra_hosts },
	{ .name = "dns", .shape = SHAPE_SET, .apply = isolation_dns },
	WORDS("dns_search", "HostConfig.DnsSearch"),
	WORDS("dns_opt", "HostConfig.DnsOptions"),
	/* mounts */
	{ .name = "volumes", .shape = SHAPE_OBJECTS, .sub = mount_keys, .unique = "target", .apply = mounts_volumes,
		.normalise = mounts_normalise_volume },
	{ .name = "volumes_from", .shape = SHAPE_SET, .apply = volumes_apply_from },
	{ .name = "tmpfs", .shape = SHAPE_SET, .apply = mounts_tmpfs },
	{ .name = "devices", .shape = SHAPE_OBJECTS, .sub = device_keys, .unique = "target", .apply = mounts_devices,
		.normalise = mounts_normalise_device },
	{ .name = "configs", .shape = SHAPE_OBJECTS, .sub = file_keys, .unique = "target",
		.normalise = configs_normalise, .complete = configs_complete_config },
	{ .name = "secrets", .shape = SHAPE_OBJECTS, .sub = file_keys, .unique = "target",
		.normalise = configs_normalise, .complete = configs_complete_secret },
	BYTES("shm_size", "HostConfig.ShmSize"),
	/* resources */
	BYTES("mem_limit", "HostConfig.Memory"),
	BYTES("mem_reservation", "HostConfig.MemoryReservation"),
	BY("memswap_limit", resources_memswap),
	INT("mem_swappiness", "HostConfig.MemorySwappiness", 0, 100),
	{ .name = "cpus", .apply = resources_cpus, .member = "HostConfig.NanoCpus" },
	INT("cpu_shares", "HostConfig.CpuShares", 0, 262144),
	INT("cpu_quota", "HostConfig.CpuQuota", -1, INT64_MAX),
	INT("cpu_period", "HostConfig.CpuPeriod", 0, 1000000),
	BY("cpuset", resources_cpuset),
	{ .name = "pids_limit", .apply = resources_pids, .member = "HostConfig.PidsLimit" },
	BOOL("oom_kill_disable", "HostConfig.OomKillDisable"),
	INT("oom_score_adj", "HostConfig.OomScoreAdj", -1000, 1000),
	KEYS("blkio_config", blkio_keys),
	KEYS("deploy", deploy_keys),
	/* not built yet */
	LATER("ports", "published ports are"),
	LATER("networks", "networks are"),
	LATER("mac_address", "networks are"),
	LATER("links", "networks are"),
	LATER("external_links", "networks are"),
	LATER("healthcheck", "health checks are"),
	LATER("pre_start", "containers that run before a start are"),
	LATER("cgroup_parent", "the choice of a parent cgroup is"),
	LATER("storage_opt", "a size limit of the root file system is"),
	LATER("gpus", "device requests are"),
	LATER("cpu_rt_runtime", "real-time scheduling is"),
	LATER("cpu_rt_period", "real-time scheduling is"),
	LATER("provider", "providers are"),
	LATER("models", "models are"),
	LATER("use_api_socket", "the API's socket inside a container is"),
	/* without meaning here */
	MEANINGLESS("build", "images are not built here"),
	MEANINGLESS("develop", "images are not built here"),
	MEANINGLESS("runtime", "there is one runtime"),
	MEANINGLESS("credential_spec", "it is for Windows"),
	MEANINGLESS("isolation", "it is for Windows"),
	MEANINGLESS("cpu_count", "it is for Windows"),
	MEANINGLESS("cpu_percent", "it is for Windows"),
	END
};

/* ---- the document ---- */

static const struct key volume_keys[] = {
	READ("name"), READ("external"), READ("driver"),
	{ .name = "labels", .shape = SHAPE_PAIRS },
	{ .name = "driver_opts", .shape = SHAPE_PAIRS },
	END
};

static const struct key include_keys[] = {
	{ .name = "path", .shape = SHAPE_LIST }, READ("project_directory"),
	{ .name = "env_file", .shape = SHAPE_LIST },
	END
};

static const struct key config_keys[] = {
	READ("name"), READ("file"), READ("environment"), READ("content"), READ("external"),
	IGNORED("labels"),
	MEANINGLESS("template_driver", "it is for a cluster's store"),
	END
};

static const struct key secret_keys[] = {
	READ("name"), READ("file"), READ("environment"), READ("external"),
	IGNORED("labels"),
	MEANINGLESS("template_driver", "it is for a cluster's store"),
	LATER("driver", "drivers of secrets are"),
	LATER("driver_opts", "drivers of secrets are"),
	END
};

static const struct key document_keys[] = {
	MEANINGLESS("version", "it is obsolete and chooses nothing"),
	READ("name"),
	{ .name = "services", .shape = SHAPE_NAMED, .sub = service_keys },
	{ .name = "volumes", .shape = SHAPE_NAMED, .sub = volume_keys },
	LATER("networks", "networks are"),
	{ .name = "configs", .shape = SHAPE_NAMED, .sub = config_keys },
	{ .name = "secrets", .shape = SHAPE_NAMED, .sub = secret_keys },
	{ .name = "include", .shape = SHAPE_OBJECTS, .sub = include_keys, .unique = "path",
		.normalise = include_normalise },
	LATER("models", "models are"),
	LATER("x-berth", "settings of berth for a whole file are"),
	{ .name = "x-berth-images", .shape = SHAPE_PAIRS },
	END
};
/* clang-format on */

const struct key *keys_document(void)
{
	return document_keys;
}

const struct key *keys_service(void)
{
	return service_keys;
}

const struct key *keys_extends(void)
{
	return extends_keys;
}

const struct key *keys_depends_on(void)
{
	return depends_on_keys;
}

#include "supervisor/api/inspect.h"

#include <limits.h>
#include <stdio.h>
#include <string.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/json.h"
#include "supervisor/api/api.h"
#include "supervisor/config.h"
#include "supervisor/container_image.h"
#include "supervisor/container_log.h"
#include "supervisor/exec_session.h"
#include "supervisor/runs.h"
#include "supervisor/volume.h"

static json_t *labels_of(const struct config *config)
{
	json_t *o = json_object();
	for (char **l = config->labels; l && l[0]; l += 2)
		(void)json_object_set_new(o, l[0], json_string(l[1]));
	return o;
}

struct volume_text {
	const char *data_root;
	char path[PATH_MAX];
};

static const char *volume_root(void *cookie, const char *name)
{
	struct volume_text *v = cookie;
	return volume_path(v->data_root, name, v->path, NULL) == 0 ? v->path : "";
}

static json_t *mounts_of(const struct container *c)
{
	struct volume_text v = { .data_root = c->engine->options.data_root };
	json_t *mounts;
	struct err e;
	return config_mounts_to_json(c->config, volume_root, &v, &mounts, &e) < 0 ? NULL : mounts;
}

/* The command line as `ps` shows it. */
static json_t *command_line(const struct container *c)
{
	auto_(buf) struct buf line = { 0 };
	for (char **word = config_command(c->config); *word; word++)
		(void)buf_printf(&line, "%s%s", line.len ? " " : "", *word);
	return json_stringn_nocheck(line.data ? line.data : "", line.len);
}

/* Networks are still to come: every container has the one its mode names, with nothing in it. */
static json_t *network_settings(const struct container *c)
{
	const char *mode = c->config->network;
	bool plain = strcmp(mode, "none") == 0 || strcmp(mode, "host") == 0;
	return json_pack("{s:s, s:s, s:{}, s:{s:{s:s, s:s, s:s, s:i}}}", "SandboxID", "", "SandboxKey", "",
		"Ports", "Networks", plain ? mode : "none", "NetworkID", "", "IPAddress", "", "Gateway", "",
		"IPPrefixLen", 0);
}

json_t *inspect_summary(const struct container *c)
{
	char human[128], name[CONTAINER_NAME_MAX + 2];
	(void)snprintf(name, sizeof(name), "/%s", c->name);
	char line[RUNS_LINE_MAX + 1];
	const char *last = runs_last_line(c, line);
	return json_pack(
		"{s:s, s:[s], s:s, s:s, s:o, s:I, s:[], s:o, s:s, s:s, s:{s:s}, s:o, s:o, s:{s:o, s:s}}",
		"Id", c->id, "Names", name, "Image", container_image_shown(c), "ImageID",
		container_image_id(c), "Command", command_line(c), "Created",
		(json_int_t)(c->created_ns / NS_PER_S), "Ports", "Labels", labels_of(c->config), "State",
		state_status(&c->actual), "Status",
		state_human(&c->actual, clock_real_ns(), human, sizeof(human)), "HostConfig", "NetworkMode",
		c->config->network, "NetworkSettings", network_settings(c), "Mounts", mounts_of(c), "Berth",
		"NextTryAt", api_time(c->actual.next_try_ns), "LastLine", last ? last : "");
}

static json_t *state_json(const struct container *c)
{
	const struct actual *a = &c->actual;
	json_t *o = json_pack("{s:s, s:b, s:b, s:b, s:b, s:b, s:i, s:i, s:s, s:o, s:o}", "Status",
		state_status(a), "Running", a->running, "Paused", a->paused, "Restarting", a->restarting,
		"OOMKilled", a->oom_killed, "Dead", a->dead, "Pid", (int)a->pid, "ExitCode", a->exit_code,
		"Error", a->error, "StartedAt", api_time(a->started_ns), "FinishedAt",
		api_time(a->finished_ns));
	if (o)
		(void)json_object_set_new(o, "Berth",
			json_pack("{s:o, s:o}", "NextTryAt", api_time(a->next_try_ns), "Runs",
				runs_to_json(c)));
	return o;
}

json_t *inspect_container(const struct container *c)
{
	json_t *config, *host_config;
	struct err e;
	if (config_to_json(c->config, &config, &host_config, &e) < 0)
		return NULL;
	char **command = config_command(c->config);
	json_t *arguments = json_array();
	for (char **word = command + 1; *command && *word; word++)
		(void)json_array_append_new(arguments, json_string(*word));
	auto_free char *log_path = container_log_path(c);
	char name[CONTAINER_NAME_MAX + 2], file[3][4400];
	static const char *const files[] = { "resolv.conf", "hostname", "hosts" };
	(void)snprintf(name, sizeof(name), "/%s", c->name);
	for (size_t i = 0; i < ARRAY_LEN(files); i++)
		(void)snprintf(file[i], sizeof(file[i]), "%s/containers/%s/%s", c->engine->options.data_root,
			c->id, files[i]);

	json_t *o = json_pack(
		"{s:s, s:o, s:s, s:o, s:o, s:s, s:s, s:s, s:s, s:s, s:s, s:i, s:s, s:s, s:s, s:s, s:s}", "Id",
		c->id, "Created", api_time(c->created_ns), "Path", *command ? *command : "", "Args",
		arguments, "State", state_json(c), "Image", container_image_id(c), "ResolvConfPath", file[0],
		"HostnamePath", file[1], "HostsPath", file[2], "LogPath", log_path ? log_path : "", "Name",
		name, "RestartCount", c->actual.restart_count, "Driver", "overlay", "Platform", "linux",
		"MountLabel", "", "ProcessLabel", "", "AppArmorProfile", "");
	json_t *rest = json_pack("{s:o, s:o, s:o, s:o, s:o}", "ExecIDs", exec_session_ids(c), "HostConfig",
		host_config, "Mounts", mounts_of(c), "Config", config, "NetworkSettings",
		network_settings(c));
	if (o && rest)
		(void)json_object_update(o, rest);
	json_decref(rest);
	return o;
}

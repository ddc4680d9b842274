/* info: what the daemon is and has. */
#include "cli/cli.h"

#include <stdio.h>
#include <string.h>

#include "base/json.h"
#include "cli/api.h"
#include "cli/objects.h"
#include "cli/output.h"
#include "cli/size.h"

static const char *text_at(const json_t *o, const char *key)
{
	const char *s = json_string_value(json_object_get(o, key));
	return s ? s : "";
}

static long long number_at(const json_t *o, const char *key)
{
	return (long long)json_integer_value(json_object_get(o, key));
}

static void print_line(const char *title, const char *value)
{
	(void)printf(" %s: %s\n", title, value);
}

static void print_counts(const json_t *info)
{
	(void)printf(" Containers: %lld\n", number_at(info, "Containers"));
	(void)printf("  Running: %lld\n", number_at(info, "ContainersRunning"));
	(void)printf("  Paused: %lld\n", number_at(info, "ContainersPaused"));
	(void)printf("  Stopped: %lld\n", number_at(info, "ContainersStopped"));
	(void)printf(" Images: %lld\n", number_at(info, "Images"));
}

static void print_words(const char *title, const json_t *list)
{
	const json_t *word;
	size_t i;

	if (json_array_size(list) == 0)
		return;
	(void)printf("  %s:", title);
	json_array_foreach (list, i, word)
		(void)printf(" %s", json_string_value(word) ? json_string_value(word) : "");
	(void)puts("");
}

/* "name=seccomp,profile=builtin" as docker's client sets it. */
static void print_security(const json_t *list)
{
	const json_t *option;
	size_t i;

	(void)puts(" Security Options:");
	json_array_foreach (list, i, option) {
		const char *s = json_string_value(option);
		const char *name = s ? strstr(s, "name=") : NULL, *profile = s ? strstr(s, "profile=") : NULL;
		name = name ? name + strlen("name=") : "";
		(void)printf("  %.*s\n", (int)strcspn(name, ","), name);
		if (profile)
			(void)printf("   Profile: %s\n", profile + strlen("profile="));
	}
}

static void print_names(const char *title, const json_t *object)
{
	const char *name;
	json_t *value;

	(void)printf(" %s:", title);
	json_object_foreach ((json_t *)(uintptr_t)object, name, value)
		(void)printf(" %s", name);
	(void)puts("");
}

static void print_server(const json_t *info)
{
	static const struct {
		const char *title, *key;
	} before[] = { { "Server Version", "ServerVersion" }, { "Storage Driver", "Driver" },
		{ "Logging Driver", "LoggingDriver" }, { "Cgroup Driver", "CgroupDriver" },
		{ "Cgroup Version", "CgroupVersion" } },
	  behind[] = { { "Kernel Version", "KernelVersion" }, { "Operating System", "OperatingSystem" },
		  { "OSType", "OSType" }, { "Architecture", "Architecture" } };
	const json_t *plugins = json_object_get(info, "Plugins"), *warning;
	char memory[32];
	size_t i;

	print_counts(info);
	for (i = 0; i < sizeof(before) / sizeof(before[0]); i++)
		print_line(before[i].title, text_at(info, before[i].key));
	(void)puts(" Plugins:");
	print_words("Volume", json_object_get(plugins, "Volume"));
	print_words("Network", json_object_get(plugins, "Network"));
	print_words("Log", json_object_get(plugins, "Log"));
	print_line("Swarm", text_at(json_object_get(info, "Swarm"), "LocalNodeState"));
	print_names("Runtimes", json_object_get(info, "Runtimes"));
	print_line("Default Runtime", text_at(info, "DefaultRuntime"));
	print_security(json_object_get(info, "SecurityOptions"));
	for (i = 0; i < sizeof(behind) / sizeof(behind[0]); i++)
		print_line(behind[i].title, text_at(info, behind[i].key));
	(void)printf(" CPUs: %lld\n", number_at(info, "NCPU"));
	print_line("Total Memory", size_text((double)number_at(info, "MemTotal"), 1024, 4, memory));
	print_line("Name", text_at(info, "Name"));
	print_line("ID", text_at(info, "ID"));
	print_line("Docker Root Dir", text_at(info, "DockerRootDir"));
	print_line("Live Restore Enabled",
		json_is_true(json_object_get(info, "LiveRestoreEnabled")) ? "true" : "false");
	json_array_foreach (json_object_get(info, "Warnings"), i, warning)
		(void)fprintf(stderr, "%s\n", json_string_value(warning) ? json_string_value(warning) : "");
}

int verb_info(const struct cli *cli, const struct args *o)
{
	const char *format = option_string(o, "format");
	auto_(json) json_t *info = NULL;
	struct err e = { 0 };
	int r = api_call(cli, "GET", "/info", NULL, &info, &e);

	if (format && *format)
		return r < 0 ? output_error(&e, 1) : objects_print(info, format);
	(void)printf("Client: berth\n Version: %s\n\n", BERTH_VERSION);
	(void)puts("Server:");
	if (r < 0) {
		(void)fflush(stdout);
		return output_error(&e, 1);
	}
	print_server(info);
	return 0;
}

const struct option_def *info_options(void)
{
	static const struct option_def table[] = {
		{ 'f', "format", OPT_STRING, "\"json\" or a template: {{.ServerVersion}}" },
		{ 0, NULL, OPT_BOOL, NULL },
	};
	return table;
}

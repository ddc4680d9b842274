/* The verbs of "berth volume". */
#include "cli/cli.h"

#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "base/json.h"
#include "cli/api.h"
#include "cli/objects.h"
#include "cli/output.h"
#include "cli/rows.h"

/* ---------------------------------------------------------------- create */

/* "k=v" values as an object; a word alone has the value "". */
static int pairs(const struct args *o, const char *option, const char *key, json_t *body, struct err *e)
{
	const struct option_value *given = option_list(o, option);
	auto_(json) json_t *object = json_object();

	for (size_t i = 0; i < given->count; i++) {
		size_t len = strcspn(given->values[i], "=");
		const char *value = given->values[i][len] ? given->values[i] + len + 1 : "";
		auto_free char *name = strndup(given->values[i], len);
		if (!name || json_object_set_new(object, name, json_string(value)) < 0)
			return err_say(e, EINVAL, "--%s \"%.64s\": is not text", option, given->values[i]);
	}
	return json_object_set(body, key, object) < 0 ? err_set(e, ENOMEM, "create volume") : 0;
}

static int verb_volume_create(const struct cli *cli, const struct args *o)
{
	const char *driver = option_string(o, "driver");
	auto_(json) json_t *body = json_pack(
		"{s:s, s:s}", "Name", o->words_len ? o->words[0] : "", "Driver", driver ? driver : "local");
	auto_(json) json_t *made = NULL;
	struct err e = { 0 };
	int r = body ? pairs(o, "label", "Labels", body, &e)
		     : err_say(&e, EINVAL, "create volume: the name is not text");

	if (r == 0)
		r = pairs(o, "opt", "DriverOpts", body, &e);
	if (r == 0)
		r = api_call(cli, "POST", "/volumes/create", body, &made, &e);
	if (r < 0)
		return output_error(&e, 1);
	const char *name = json_string_value(json_object_get(made, "Name"));
	(void)puts(name ? name : "");
	return 0;
}

static const struct option_def *volume_create_options(void)
{
	static const struct option_def table[] = {
		{ 'd', "driver", OPT_STRING, "The volume driver: local" },
		{ 0, "label", OPT_LIST, "Metadata: name=value" },
		{ 'o', "opt", OPT_LIST, "Options of the driver: name=value" },
		{ 0, NULL, OPT_BOOL, NULL },
	};
	return table;
}

/* ---------------------------------------------------------------- ls */

static const struct row_column columns[] = {
	{ "Driver", "DRIVER" },
	{ "Name", "VOLUME NAME" },
	{ "Mountpoint", "MOUNTPOINT" },
	{ "Scope", "SCOPE" },
	{ "Labels", "LABELS" },
	{ "Links", "LINKS" },
	{ "Size", "SIZE" },
	{ "Availability", "AVAILABILITY" },
	{ "Group", "GROUP" },
	{ "Status", "STATUS" },
};
#define DEFAULT_TABLE "{{.Driver}}\t{{.Name}}"

static json_t *row_of(const json_t *v)
{
	auto_(buf) struct buf labels = { 0 };

	if (rows_add_labels(&labels, json_object_get(v, "Labels")) < 0)
		return NULL;
	return json_pack("{s:O, s:O, s:O, s:O, s:s, s:s, s:s, s:s, s:s, s:s}", "Driver",
		json_object_get(v, "Driver"), "Name", json_object_get(v, "Name"), "Mountpoint",
		json_object_get(v, "Mountpoint"), "Scope", json_object_get(v, "Scope"), "Labels",
		labels.data ? labels.data : "", "Links", "N/A", "Size", "N/A", "Availability", "N/A", "Group",
		"N/A", "Status", "N/A");
}

static int verb_volume_ls(const struct cli *cli, const struct args *o)
{
	const char *format = option_bool(o, "quiet") ? "{{.Name}}" : option_string(o, "format");
	auto_(buf) struct buf target = { 0 }, out = { 0 };
	auto_(json) json_t *answer = NULL;
	auto_(json) json_t *rows = json_array();
	struct err e = { 0 };
	const json_t *v;
	size_t i;
	int r = buf_puts(&target, "/volumes") < 0 ? err_set(&e, ENOMEM, "list volumes")
						  : objects_add_filters(o, NULL, &target, &e);

	if (r == 0)
		r = api_call(cli, "GET", target.data, NULL, &answer, &e);
	if (r < 0)
		return output_error(&e, 1);
	json_array_foreach (json_object_get(answer, "Volumes"), i, v) {
		if (json_array_append_new(rows, row_of(v)) < 0) {
			(void)err_say(&e, EPROTO, "the daemon's list of volumes is not docker's");
			return output_error(&e, 1);
		}
	}
	if (rows_format(
		    rows, columns, sizeof(columns) / sizeof(columns[0]), DEFAULT_TABLE, format, &out, &e) < 0)
		return output_error(&e, 1);
	(void)fputs(out.data ? out.data : "", stdout);
	return 0;
}

static const struct option_def *volume_ls_options(void)
{
	static const struct option_def table[] = {
		{ 'f', "filter", OPT_LIST, "Those that fit: name=value (dangling, driver, label, name)" },
		{ 0, "format", OPT_STRING, "\"table\", \"table TEMPLATE\", \"json\" or a template" },
		{ 'q', "quiet", OPT_BOOL, "Names only" },
		{ 0, NULL, OPT_BOOL, NULL },
	};
	return table;
}

/* ---------------------------------------------------------------- inspect, rm, prune */

static int verb_volume_inspect(const struct cli *cli, const struct args *o)
{
	return objects_inspect(cli, o, "/volumes/%s");
}

static const struct option_def *volume_inspect_options(void)
{
	static const struct option_def table[] = {
		{ 'f', "format", OPT_STRING, "\"json\" or a template: {{.Mountpoint}}" },
		{ 0, NULL, OPT_BOOL, NULL },
	};
	return table;
}

static int verb_volume_rm(const struct cli *cli, const struct args *o)
{
	return for_each_container(
		cli, o, "DELETE", option_bool(o, "force") ? "/volumes/%s?force=1" : "/volumes/%s");
}

static const struct option_def *volume_rm_options(void)
{
	static const struct option_def table[] = {
		{ 'f', "force", OPT_BOOL, "One that is not there is no error" },
		{ 0, NULL, OPT_BOOL, NULL },
	};
	return table;
}

static int verb_volume_prune(const struct cli *cli, const struct args *o)
{
	bool all = option_bool(o, "all");
	auto_(buf) struct buf target = { 0 };
	int64_t reclaimed = 0;
	struct err e = { 0 };
	int r = buf_puts(&target, "/volumes/prune") < 0
		? err_set(&e, ENOMEM, "prune")
		: objects_add_filters(o, all ? "all" : NULL, &target, &e);

	if (r == 0 &&
		!objects_confirm(o,
			all ? "This will remove all local volumes not used by at least one container."
			    : "This will remove anonymous local volumes not used by at least one container."))
		return 0;
	if (r == 0)
		r = objects_prune(cli, target.data, "VolumesDeleted", "Deleted Volumes", &reclaimed, &e);
	if (r < 0)
		return output_error(&e, 1);
	objects_print_reclaimed(reclaimed);
	return 0;
}

static const struct option_def *volume_prune_options(void)
{
	static const struct option_def table[] = {
		{ 'a', "all", OPT_BOOL, "Those with a name too" },
		{ 0, "filter", OPT_LIST, "Those that fit: label=name[=value], label!=name[=value]" },
		{ 'f', "force", OPT_BOOL, "Do not ask" },
		{ 0, NULL, OPT_BOOL, NULL },
	};
	return table;
}

/* ---------------------------------------------------------------- the group */

const struct verb *volume_verbs(void)
{
	static const struct verb verbs[] = {
		{ "create", "[OPTIONS] [VOLUME]", "Create a volume", volume_create_options, false, 0, 1, 125,
			verb_volume_create, NULL },
		{ "inspect", "[OPTIONS] VOLUME [VOLUME...]", "Print all that is known of volumes",
			volume_inspect_options, false, 1, SIZE_MAX, 125, verb_volume_inspect, NULL },
		{ "ls", "[OPTIONS]", "List volumes", volume_ls_options, false, 0, 0, 125, verb_volume_ls,
			NULL },
		{ "prune", "[OPTIONS]", "Remove volumes that no container uses", volume_prune_options, false,
			0, 0, 125, verb_volume_prune, NULL },
		{ "rm", "[OPTIONS] VOLUME [VOLUME...]", "Remove volumes", volume_rm_options, false, 1,
			SIZE_MAX, 125, verb_volume_rm, NULL },
		{ NULL, NULL, NULL, NULL, false, 0, 0, 0, NULL, NULL },
	};
	return verbs;
}

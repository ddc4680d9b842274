/* The verbs of "berth system": df and prune; events and info are those of berth itself. */
#include "cli/cli.h"

#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/json.h"
#include "base/text.h"
#include "cli/api.h"
#include "cli/objects.h"
#include "cli/output.h"
#include "cli/ps.h"
#include "cli/rows.h"

/* ---------------------------------------------------------------- df: what it adds up to */

struct sum {
	const char *type;
	size_t total, active;
	int64_t bytes, reclaimable; /* without those that could not be counted */
};

static int64_t size_of(const json_t *o, const char *key)
{
	int64_t n = json_integer_value(json_object_get(o, key));
	return n > 0 ? n : 0;
}

static void add_to(struct sum *s, bool active, int64_t bytes)
{
	s->total++;
	s->active += active;
	s->bytes += bytes;
	s->reclaimable += active ? 0 : bytes;
}

static struct sum sum_containers(const json_t *list)
{
	struct sum s = { .type = "Containers" };
	const json_t *c;
	size_t i;

	json_array_foreach (list, i, c) {
		const char *state = json_string_value(json_object_get(c, "State"));
		bool active = state &&
			(strcmp(state, "running") == 0 || strcmp(state, "paused") == 0 ||
				strcmp(state, "restarting") == 0);
		add_to(&s, active, size_of(c, "SizeRw"));
	}
	return s;
}

static struct sum sum_volumes(const json_t *list)
{
	struct sum s = { .type = "Local Volumes" };
	const json_t *v;
	size_t i;

	json_array_foreach (list, i, v) {
		const json_t *usage = json_object_get(v, "UsageData");
		add_to(&s, size_of(usage, "RefCount") > 0, size_of(usage, "Size"));
	}
	return s;
}

static struct sum sum_images(const json_t *answer)
{
	struct sum s = { .type = "Images" };
	const json_t *image;
	size_t i;

	json_array_foreach (json_object_get(answer, "Images"), i, image)
		add_to(&s, size_of(image, "Containers") > 0, size_of(image, "Size"));
	s.bytes = size_of(answer, "LayersSize");
	return s;
}

static struct sum sum_build_cache(void)
{
	return (struct sum){ .type = "Build Cache" };
}

static json_t *sum_row(const struct sum *s)
{
	char total[24], active[24], size[32], part[32], reclaimable[48];

	(void)snprintf(total, sizeof(total), "%zu", s->total);
	(void)snprintf(active, sizeof(active), "%zu", s->active);
	(void)objects_size((double)s->reclaimable, part);
	if (s->bytes > 0)
		(void)snprintf(reclaimable, sizeof(reclaimable), "%s (%d%%)", part,
			(int)(s->reclaimable * 100 / s->bytes));
	else
		(void)snprintf(reclaimable, sizeof(reclaimable), "%s", part);
	return json_pack("{s:s, s:s, s:s, s:s, s:s}", "Type", s->type, "TotalCount", total, "Active", active,
		"Size", objects_size((double)s->bytes, size), "Reclaimable", reclaimable);
}

static int format_sums(const json_t *answer, const char *format, struct buf *out, struct err *e)
{
	static const struct row_column columns[] = { { "Type", "TYPE" }, { "TotalCount", "TOTAL" },
		{ "Active", "ACTIVE" }, { "Size", "SIZE" }, { "Reclaimable", "RECLAIMABLE" } };
	const struct sum sums[] = { sum_images(answer), sum_containers(json_object_get(answer, "Containers")),
		sum_volumes(json_object_get(answer, "Volumes")), sum_build_cache() };
	auto_(json) json_t *rows = json_array();

	for (size_t i = 0; i < sizeof(sums) / sizeof(sums[0]); i++)
		if (json_array_append_new(rows, sum_row(&sums[i])) < 0)
			return err_set(e, ENOMEM, "system df");
	return rows_format(rows, columns, sizeof(columns) / sizeof(columns[0]),
		"{{.Type}}\t{{.TotalCount}}\t{{.Active}}\t{{.Size}}\t{{.Reclaimable}}", format, out, e);
}

/* ---------------------------------------------------------------- df -v: one by one */

static int set_new(json_t *o, const char *key, json_t *value)
{
	return json_object_set_new(o, key, value);
}

static size_t count_volumes(const json_t *container)
{
	const json_t *m;
	size_t i, n = 0;

	json_array_foreach (json_object_get(container, "Mounts"), i, m) {
		const char *type = json_string_value(json_object_get(m, "Type"));
		n += type && strcmp(type, "volume") == 0;
	}
	return n;
}

static int format_containers(const json_t *list, struct buf *out, struct err *e)
{
	static const struct row_column columns[] = { { "ID", "CONTAINER ID" }, { "Image", "IMAGE" },
		{ "Command", "COMMAND" }, { "LocalVolumes", "LOCAL VOLUMES" }, { "Size", "SIZE" },
		{ "RunningFor", "CREATED" }, { "Status", "STATUS" }, { "Names", "NAMES" } };
	auto_(json) json_t *rows = json_array();
	const json_t *c;
	size_t i;

	json_array_foreach (list, i, c) {
		char text[32], volumes[24];
		json_t *row = ps_row(c, true, clock_real_ns());
		(void)snprintf(volumes, sizeof(volumes), "%zu", count_volumes(c));
		if (json_array_append_new(rows, row) < 0 ||
			set_new(row, "LocalVolumes", json_string(volumes)) < 0 ||
			set_new(row, "Size", json_string(objects_size((double)size_of(c, "SizeRw"), text))) <
				0)
			return err_set(e, ENOMEM, "system df");
	}
	int r = buf_puts(out, "Containers space usage:\n\n");
	return r < 0
		? err_set(e, -r, "system df")
		: rows_format(rows, columns, sizeof(columns) / sizeof(columns[0]),
			  "{{.ID}}\t{{.Image}}\t{{.Command}}\t{{.LocalVolumes}}\t{{.Size}}\t{{.RunningFor}}\t"
			  "{{.Status}}\t{{.Names}}",
			  NULL, out, e);
}

static int format_volumes(const json_t *list, struct buf *out, struct err *e)
{
	static const struct row_column columns[] = { { "Name", "VOLUME NAME" }, { "Links", "LINKS" },
		{ "Size", "SIZE" } };
	auto_(json) json_t *rows = json_array();
	const json_t *v;
	size_t i;

	json_array_foreach (list, i, v) {
		const json_t *usage = json_object_get(v, "UsageData");
		int64_t bytes = json_integer_value(json_object_get(usage, "Size"));
		char text[32], links[24];
		(void)snprintf(links, sizeof(links), "%lld", (long long)size_of(usage, "RefCount"));
		if (json_array_append_new(rows,
			    json_pack("{s:O, s:s, s:s}", "Name", json_object_get(v, "Name"), "Links", links,
				    "Size", bytes < 0 ? "N/A" : objects_size((double)bytes, text))) < 0)
			return err_set(e, ENOMEM, "system df");
	}
	int r = buf_puts(out, "\nLocal Volumes space usage:\n\n");
	return r < 0 ? err_set(e, -r, "system df")
		     : rows_format(rows, columns, sizeof(columns) / sizeof(columns[0]),
			       "{{.Name}}\t{{.Links}}\t{{.Size}}", NULL, out, e);
}

static int verb_df(const struct cli *cli, const struct args *o)
{
	const char *format = option_string(o, "format");
	auto_(json) json_t *answer = NULL;
	auto_(buf) struct buf out = { 0 };
	struct err e = { 0 };
	int r = api_call(cli, "GET", "/system/df", NULL, &answer, &e);

	if (r >= 0 && option_bool(o, "verbose") && format && *format)
		r = err_say(&e, EINVAL, "system df: --verbose has one form only, without --format");
	if (r >= 0 && option_bool(o, "verbose")) {
		r = format_containers(json_object_get(answer, "Containers"), &out, &e);
		if (r == 0)
			r = format_volumes(json_object_get(answer, "Volumes"), &out, &e);
	} else if (r >= 0) {
		r = format_sums(answer, format, &out, &e);
	}
	if (r < 0)
		return output_error(&e, 1);
	(void)fputs(out.data ? out.data : "", stdout);
	return 0;
}

static const struct option_def *df_options(void)
{
	static const struct option_def table[] = {
		{ 0, "format", OPT_STRING, "\"table\", \"table TEMPLATE\", \"json\" or a template" },
		{ 'v', "verbose", OPT_BOOL, "One by one" },
		{ 0, NULL, OPT_BOOL, NULL },
	};
	return table;
}

/* ---------------------------------------------------------------- prune */

static bool filters_on(const struct args *o, const char *key)
{
	const struct option_value *given = option_list(o, "filter");

	for (size_t i = 0; i < given->count; i++)
		if (text_has_prefix(given->values[i], key))
			return true;
	return false;
}

static int prune(const struct cli *cli, const struct args *o, struct err *e)
{
	static const char containers[] = "This will remove:\n  - all stopped containers\n",
			  both[] = "This will remove:\n  - all stopped containers\n"
				   "  - all anonymous volumes not used by at least one container\n";
	bool volumes = option_bool(o, "volumes");
	auto_(buf) struct buf of_containers = { 0 }, of_volumes = { 0 };
	int64_t reclaimed = 0;

	if (volumes && filters_on(o, "until="))
		return err_say(e, EINVAL, "ERROR: The \"until\" filter is not supported with \"--volumes\"");
	if (buf_puts(&of_containers, "/containers/prune") < 0 || buf_puts(&of_volumes, "/volumes/prune") < 0)
		return err_set(e, ENOMEM, "prune");
	int r = objects_add_filters(o, NULL, &of_containers, e);
	if (r == 0)
		r = objects_add_filters(o, NULL, &of_volumes, e);
	if (r < 0 || !objects_confirm(o, volumes ? both : containers))
		return r;
	r = objects_prune(cli, of_containers.data, "ContainersDeleted", "Deleted Containers", &reclaimed, e);
	if (r == 0 && volumes)
		r = objects_prune(cli, of_volumes.data, "VolumesDeleted", "Deleted Volumes", &reclaimed, e);
	if (r == 0)
		objects_print_reclaimed(reclaimed);
	return r;
}

static int verb_prune(const struct cli *cli, const struct args *o)
{
	struct err e = { 0 };

	return prune(cli, o, &e) < 0 ? output_error(&e, 1) : 0;
}

static const struct option_def *prune_options(void)
{
	static const struct option_def table[] = {
		{ 0, "filter", OPT_LIST,
			"Those that fit: until=TIME, label=name[=value], label!=name[=value]" },
		{ 'f', "force", OPT_BOOL, "Do not ask" },
		{ 0, "volumes", OPT_BOOL, "Anonymous volumes too" },
		{ 0, NULL, OPT_BOOL, NULL },
	};
	return table;
}

/* ---------------------------------------------------------------- the group */

const struct verb *system_verbs(void)
{
	static const struct verb verbs[] = {
		{ "df", "[OPTIONS]", "Print what containers and volumes take on the disk", df_options, false,
			0, 0, 125, verb_df, NULL },
		{ "events", "[OPTIONS]", "Print what happens, as it happens", events_options, false, 0, 0,
			125, verb_events, NULL },
		{ "info", "[OPTIONS]", "Print what the daemon is and has", info_options, false, 0, 0, 125,
			verb_info, NULL },
		{ "prune", "[OPTIONS]", "Remove what nobody uses", prune_options, false, 0, 0, 125,
			verb_prune, NULL },
		{ NULL, NULL, NULL, NULL, false, 0, 0, 0, NULL, NULL },
	};
	return verbs;
}

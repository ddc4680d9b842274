/* compose events: what happens to the containers of a project. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/clock.h"
#include "base/json.h"
#include "base/text.h"
#include "cli/api.h"
#include "cli/compose.h"
#include "cli/events.h"
#include "cli/logs.h"
#include "cli/output.h"
#include "cli/project_find.h"

struct chosen {
	const struct args *o;
	bool json;
};

static bool is_wanted(const struct args *o, const char *service)
{
	for (size_t i = 0; i < o->words_len; i++)
		if (strcmp(o->words[i], service) == 0)
			return true;
	return o->words_len == 0;
}

/* What compose shows of them: not its own labels. */
static json_t *attributes_of(const json_t *event)
{
	auto_(json) json_t *out = json_object();
	const char *key;
	json_t *value;
	json_object_foreach (json_object_get(json_object_get(event, "Actor"), "Attributes"), key, value) {
		if (!text_has_prefix(key, "com.docker.compose") && json_object_set(out, key, value) < 0)
			return NULL;
	}
	return take_ptr(&out);
}

static int plain_line(const char *stamp, const json_t *event, json_t *attributes, struct buf *out)
{
	const char *key;
	json_t *value;
	size_t n = 0;
	int r = buf_printf(out, "%s container %s %s (", stamp, row_text(event, "Action"),
		row_text(json_object_get(event, "Actor"), "ID"));
	json_object_foreach (attributes, key, value) {
		if (r == 0)
			r = buf_printf(out, "%s%s=%s", n++ ? ", " : "", key, json_string_value(value));
	}
	return r < 0 ? r : buf_puts(out, ")\n");
}

static int json_line(
	const char *stamp, const json_t *event, json_t *attributes, const char *service, struct buf *out)
{
	auto_(json) json_t *line =
		json_pack("{s:s, s:s, s:s, s:s, s:s, s:O}", "time", stamp, "type", "container", "action",
			row_text(event, "Action"), "id", row_text(json_object_get(event, "Actor"), "ID"),
			"service", service, "attributes", attributes);
	auto_free char *text = line ? json_dumps(line, JSON_COMPACT) : NULL;
	return text ? buf_printf(out, "%s\n", text) : -ENOMEM;
}

static int line_of(const json_t *event, void *cookie, struct buf *out, struct err *e)
{
	const struct chosen *c = cookie;
	const json_t *actor = json_object_get(event, "Actor");
	const char *service = row_text(json_object_get(actor, "Attributes"), LABEL_SERVICE);
	int64_t at_ns = json_integer_value(json_object_get(event, "timeNano"));
	time_t s = (time_t)(at_ns / NS_PER_S);
	char day[32] = "", stamp[64];
	struct tm tm;
	if (!is_wanted(c->o, service))
		return 0;
	auto_(json) json_t *attributes = attributes_of(event);
	if (!attributes)
		return err_set(e, ENOMEM, "print event");
	(void)strftime(day, sizeof(day), "%Y-%m-%d %H:%M:%S", localtime_r(&s, &tm));
	(void)snprintf(stamp, sizeof(stamp), "%s.%06d", day, (int)(at_ns % NS_PER_S / 1000));
	int r = c->json ? json_line(stamp, event, attributes, service, out)
			: plain_line(stamp, event, attributes, out);
	return r < 0 ? err_set(e, -r, "print event") : 0;
}

int verb_compose_events(const struct cli *cli, const struct args *o)
{
	auto_(project_view) struct project_view v = { 0 };
	auto_(buf) struct buf label = { 0 }, query = { 0 };
	struct chosen c = { .o = o, .json = option_bool(o, "json") };
	struct err e;
	int r = project_find(cli, o, &v, &e);
	auto_(json) json_t *none = NULL;
	if (r == 0)
		r = project_select(&v, o->words, o->words_len, true, &none, &e); /* are they services? */
	if (r == 0)
		r = logs_times(o, &query, &e);
	if (r == 0 && buf_printf(&label, "%s=%s", LABEL_PROJECT, v.name) < 0)
		r = err_set(&e, ENOMEM, "events");
	if (r < 0)
		return output_error(&e, 1);
	auto_(json) json_t *filters = json_pack("{s:[s], s:[s]}", "type", "container", "label", label.data);
	auto_free char *text = filters ? json_dumps(filters, JSON_COMPACT) : NULL;
	r = text ? api_query(&query, "filters", text) : -ENOMEM;
	r = r < 0 ? err_set(&e, -r, "events") : events_watch(cli, query.data, line_of, &c, &e);
	return r < 0 ? output_error(&e, 1) : 0;
}

const struct option_def *compose_events_options(void)
{
	static const struct option_def table[] = {
		{ 0, "json", OPT_BOOL, "Print an object per line" },
		{ 0, "since", OPT_STRING, "From this time on: a time, or a duration like 10m" },
		{ 0, "until", OPT_STRING, "Up to this time: a time, or a duration like 10m" },
		{ 0, NULL, OPT_BOOL, NULL },
	};
	return table;
}

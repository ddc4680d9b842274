#include "cli/cli.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/clock.h"
#include "base/json.h"
#include "base/text.h"
#include "cli/api.h"
#include "cli/output.h"
#include "cli/ps.h"
#include "cli/rows.h"

#define PS_REASON_MAX 60 /* bytes */

/* ---------------------------------------------------------------- the query */

int ps_filters(const struct option_value *given, json_t **out, struct err *e)
{
	auto_(json) json_t *filters = json_object();
	for (size_t i = 0; i < given->count; i++) {
		const char *eq = strchr(given->values[i], '=');
		auto_free char *key = strndup(given->values[i], strcspn(given->values[i], "="));
		if (!eq || eq == given->values[i])
			return err_say(e, EINVAL,
				"invalid argument \"%s\" for \"-f, --filter\" flag: bad format of filter (expected "
				"name=value)",
				given->values[i]);
		json_t *list = json_object_get(filters, key);
		if (!list && json_object_set_new(filters, key, json_array()) == 0)
			list = json_object_get(filters, key);
		if (json_array_append_new(list, json_string(eq + 1)) < 0)
			return err_set(e, ENOMEM, "filter");
	}
	*out = take_ptr(&filters);
	return 0;
}

/* ---------------------------------------------------------------- one row */

static const char *text_of(const json_t *o, const char *key)
{
	const char *s = json_string_value(json_object_get(o, key));
	return s ? s : "";
}

/* The text in quotes as Go's strconv.Quote writes it, cut to max characters with an ellipsis before. */
static int add_quoted(struct buf *out, const char *s, size_t max)
{
	size_t count = 0, len = strlen(s);
	for (size_t i = 0; i < len; i++)
		count += ((unsigned char)s[i] & 0xc0) != 0x80;
	bool cut = max > 0 && count > max;
	int r = buf_puts(out, "\"");
	count = 0;
	for (; *s && r == 0; s++) {
		bool starts = ((unsigned char)*s & 0xc0) != 0x80;
		if (cut && starts && ++count == max)
			break;
		if (*s == '"' || *s == '\\')
			r = buf_printf(out, "\\%c", *s);
		else if (*s == '\n' || *s == '\t' || *s == '\r')
			r = buf_printf(out, "\\%c", *s == '\n' ? 'n' : *s == '\t' ? 't' : 'r');
		else if ((unsigned char)*s < 0x20 || *s == 0x7f)
			r = buf_printf(out, "\\x%02x", (unsigned char)*s);
		else
			r = buf_add(out, s, 1);
	}
	if (r == 0 && cut)
		r = buf_puts(out, "…");
	return r < 0 ? r : buf_puts(out, "\"");
}

static int add_joined(struct buf *out, const json_t *list, const char *skip_prefix)
{
	size_t i;
	json_t *item;
	int r = 0;
	bool first = true;
	json_array_foreach (list, i, item) {
		const char *s = json_string_value(item);
		if (!s)
			continue;
		if (text_has_prefix(s, skip_prefix))
			s += strlen(skip_prefix);
		if (r == 0 && !strchr(s, '/')) { /* "a/b" is a link's alias */
			r = buf_printf(out, "%s%s", first ? "" : ",", s);
			first = false;
		}
	}
	return r;
}

static int add_ports(struct buf *out, const json_t *ports)
{
	size_t i;
	json_t *p;
	int r = 0;
	json_array_foreach (ports, i, p) {
		int inside = (int)json_integer_value(json_object_get(p, "PrivatePort"));
		int outside = (int)json_integer_value(json_object_get(p, "PublicPort"));
		const char *ip = text_of(p, "IP"), *type = text_of(p, "Type");
		bool v6 = strchr(ip, ':') != NULL;
		if (r == 0)
			r = buf_puts(out, i ? ", " : "");
		if (r == 0 && outside)
			r = buf_printf(out, "%s%s%s:%d->", v6 ? "[" : "", ip, v6 ? "]" : "", outside);
		if (r == 0)
			r = buf_printf(out, "%d/%s", inside, type);
	}
	return r;
}

static int set_text(json_t *row, const char *key, struct buf *text)
{
	int r = json_object_set_new(row, key, json_stringn_nocheck(text->data ? text->data : "", text->len));
	buf_reset(text);
	return r;
}

/* What STATUS says in `ps -a`: docker's words, when it is started again, and what its last run said at its end. */
static int add_status(struct buf *out, const json_t *c, bool trunc, int64_t now_ns)
{
	const json_t *berth = json_object_get(c, "Berth");
	const char *state = text_of(c, "State"), *line = text_of(berth, "LastLine");
	int64_t next = CLOCK_NEVER;
	char span[64];
	int r = buf_puts(out, text_of(c, "Status"));

	if (strcmp(state, "restarting") == 0 &&
		clock_parse_rfc3339(text_of(berth, "NextTryAt"), &next) == 0 && next != CLOCK_NEVER && r == 0)
		r = buf_printf(out, ", next try in %s",
			clock_human_duration(next > now_ns ? next - now_ns : 0, span, sizeof(span)));
	bool failed = strcmp(state, "restarting") == 0 || strcmp(state, "created") == 0 ||
		(strcmp(state, "exited") == 0 && !text_has_prefix(text_of(c, "Status"), "Exited (0)"));
	size_t len = strlen(line);
	if (!failed || !len || r < 0)
		return r;
	bool cut = trunc && len > PS_REASON_MAX;
	if (cut)
		for (len = PS_REASON_MAX; len > 0 && ((unsigned char)line[len] & 0xc0) == 0x80;)
			len--;
	r = buf_puts(out, ": ");
	for (size_t i = 0; i < len && r == 0; i++) /* nothing that would move the cursor */
		r = buf_add(out, (unsigned char)line[i] < ' ' || line[i] == 0x7f ? " " : line + i, 1);
	return r < 0 || !cut ? r : buf_puts(out, "…");
}

json_t *ps_row(const json_t *c, bool trunc, int64_t now_ns)
{
	json_t *row = json_object();
	auto_(buf) struct buf b = { 0 };
	char age[64], stamp[64];
	const char *id = text_of(c, "Id");
	time_t created = (time_t)json_integer_value(json_object_get(c, "Created"));
	struct tm tm;
	int r = buf_add(&b, id, trunc && strlen(id) > 12 ? 12 : strlen(id));
	r |= set_text(row, "ID", &b);
	r |= add_joined(&b, json_object_get(c, "Names"), "/");
	r |= set_text(row, "Names", &b);
	const char *image = text_of(c, "Image");
	bool is_id = trunc && text_has_prefix(image, "sha256:");
	r |= is_id ? buf_printf(&b, "%.12s", image + strlen("sha256:")) : buf_puts(&b, image);
	r |= set_text(row, "Image", &b);
	r |= add_quoted(&b, text_of(c, "Command"), trunc ? 20 : 0);
	r |= set_text(row, "Command", &b);
	r |= buf_printf(&b, "%s ago", clock_human_duration(now_ns - created * NS_PER_S, age, sizeof(age)));
	r |= set_text(row, "RunningFor", &b);
	(void)strftime(stamp, sizeof(stamp), "%Y-%m-%d %H:%M:%S %z %Z", localtime_r(&created, &tm));
	r |= buf_puts(&b, stamp);
	r |= set_text(row, "CreatedAt", &b);
	r |= add_ports(&b, json_object_get(c, "Ports"));
	r |= set_text(row, "Ports", &b);
	r |= rows_add_labels(&b, json_object_get(c, "Labels"));
	r |= set_text(row, "Labels", &b);
	r |= buf_puts(&b, text_of(c, "State"));
	r |= set_text(row, "State", &b);
	r |= buf_puts(&b, text_of(c, "Status"));
	r |= set_text(row, "Status", &b);
	r |= add_status(&b, c, trunc, now_ns);
	r |= set_text(row, "FullStatus", &b);
	if (r == 0)
		return row;
	json_decref(row);
	return NULL;
}

/* ---------------------------------------------------------------- tables */

static const struct row_column columns[] = {
	{ "ID", "CONTAINER ID" },
	{ "Image", "IMAGE" },
	{ "Command", "COMMAND" },
	{ "RunningFor", "CREATED" },
	{ "Status", "STATUS" },
	{ "FullStatus", "STATUS" },
	{ "Ports", "PORTS" },
	{ "Names", "NAMES" },
	{ "CreatedAt", "CREATED AT" },
	{ "State", "STATE" },
	{ "Labels", "LABELS" },
};
#define ALL_TABLE                                                                                            \
	"table {{.ID}}\t{{.Image}}\t{{.Command}}\t{{.RunningFor}}\t{{.FullStatus}}\t{{.Ports}}\t{{.Names}}"
#define DEFAULT_TABLE                                                                                        \
	"{{.ID}}\t{{.Image}}\t{{.Command}}\t{{.RunningFor}}\t{{.Status}}\t{{.Ports}}\t{{.Names}}"

int ps_format(const json_t *rows, const char *format, struct buf *out, struct err *e)
{
	return rows_format(
		rows, columns, sizeof(columns) / sizeof(columns[0]), DEFAULT_TABLE, format, out, e);
}

/* ---------------------------------------------------------------- the verb */

static int ps_target(const struct args *o, struct buf *target, struct err *e)
{
	int64_t last = option_bool(o, "latest") ? 1 : option_number(o, "last", -1);
	char number[32];
	auto_(json) json_t *filters = NULL;
	int r = buf_puts(target, "/containers/json");
	if (r == 0 && option_bool(o, "all"))
		r = api_query(target, "all", "1");
	(void)snprintf(number, sizeof(number), "%lld", (long long)last);
	if (r == 0 && last > 0)
		r = api_query(target, "limit", number);
	if (r < 0 || !option_given(o, "filter"))
		return r;
	r = ps_filters(option_list(o, "filter"), &filters, e);
	auto_free char *text = r == 0 ? json_dumps(filters, JSON_COMPACT) : NULL;
	return text ? api_query(target, "filters", text) : r < 0 ? r : err_set(e, ENOMEM, "filters");
}

int verb_ps(const struct cli *cli, const struct args *o)
{
	auto_(buf) struct buf target = { 0 }, out = { 0 };
	auto_(json) json_t *list = NULL;
	auto_(json) json_t *rows = json_array();
	const char *format = option_string(o, "format");
	bool trunc = !option_bool(o, "no-trunc");
	struct err e = { 0 };
	size_t i;
	json_t *c;
	if (ps_target(o, &target, &e) < 0 || api_call(cli, "GET", target.data, NULL, &list, &e) < 0)
		return output_error(&e, 1);
	json_array_foreach (list, i, c) {
		if (json_array_append_new(rows, ps_row(c, trunc, clock_real_ns())) < 0) {
			(void)err_set(&e, ENOMEM, "list containers");
			return output_error(&e, 1);
		}
	}
	if (option_bool(o, "quiet"))
		format = "{{.ID}}";
	else if (option_bool(o, "all") && (!format || !*format || strcmp(format, "table") == 0))
		format = ALL_TABLE;
	if (ps_format(rows, format, &out, &e) < 0)
		return output_error(&e, 1);
	(void)fputs(out.data ? out.data : "", stdout);
	return 0;
}

const struct option_def *ps_options(void)
{
	static const struct option_def table[] = {
		{ 'a', "all", OPT_BOOL, "Show all containers (default: the running ones)" },
		{ 'f', "filter", OPT_LIST, "Show those that fit: name=value" },
		{ 0, "format", OPT_STRING, "\"table\", \"table TEMPLATE\", \"json\" or a template" },
		{ 'n', "last", OPT_INT, "Show the n last created" },
		{ 'l', "latest", OPT_BOOL, "Show the last created" },
		{ 0, "no-trunc", OPT_BOOL, "Do not cut ids and commands short" },
		{ 'q', "quiet", OPT_BOOL, "Show ids only" },
		{ 0, NULL, OPT_BOOL, NULL },
	};
	return table;
}

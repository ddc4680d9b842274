/* Names of local root filesystems: images, tag, rmi. */
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
#include "cli/create.h"
#include "cli/images.h"
#include "cli/output.h"
#include "cli/ps.h"
#include "cli/rows.h"

#define SHORT_ID 12

/* ---------------------------------------------------------------- one row for each name */

static const char *text_of(const json_t *o, const char *key)
{
	const char *s = json_string_value(json_object_get(o, key));
	return s ? s : "";
}

static json_t *row(const json_t *image, const char *name, bool trunc, int64_t now_ns)
{
	const char *id = text_of(image, "Id"), *tag = strrchr(name, ':');
	const char *source = text_of(json_object_get(image, "Berth"), "Source");
	time_t created = (time_t)json_integer_value(json_object_get(image, "Created"));
	char age[64], since[80], at[64];
	struct tm tm;

	if (trunc && text_has_prefix(id, "sha256:"))
		id += strlen("sha256:");
	(void)snprintf(since, sizeof(since), "%s ago",
		clock_human_duration(now_ns - created * NS_PER_S, age, sizeof(age)));
	(void)strftime(at, sizeof(at), "%Y-%m-%d %H:%M:%S %z %Z", localtime_r(&created, &tm));
	return json_pack("{s:s#, s:s, s:s#, s:s, s:s, s:s, s:s, s:s}", "Repository", name,
		(int)(tag ? (size_t)(tag - name) : strlen(name)), "Tag", tag ? tag + 1 : "<none>", "ID", id,
		(int)(trunc ? strnlen(id, SHORT_ID) : strlen(id)), "Digest", "<none>", "CreatedSince", since,
		"CreatedAt", at, "Size", "0B", "Source", source);
}

int images_rows(const json_t *images, bool trunc, bool once, int64_t now_ns, json_t **out, struct err *e)
{
	auto_(json) json_t *rows = json_array();
	size_t i, k;
	json_t *image, *name;

	json_array_foreach (images, i, image) {
		json_array_foreach (json_object_get(image, "RepoTags"), k, name) {
			if (once && k > 0)
				break;
			if (json_array_append_new(rows, row(image, json_string_value(name), trunc, now_ns)) <
				0)
				return err_set(e, ENOMEM, "list images");
		}
	}
	*out = take_ptr(&rows);
	return 0;
}

static const struct row_column columns[] = {
	{ "Repository", "REPOSITORY" },
	{ "Tag", "TAG" },
	{ "ID", "IMAGE ID" },
	{ "Digest", "DIGEST" },
	{ "CreatedSince", "CREATED" },
	{ "CreatedAt", "CREATED AT" },
	{ "Size", "SIZE" },
	{ "Source", "SOURCE" },
};
#define PLAIN_TABLE  "{{.Repository}}\t{{.Tag}}\t{{.ID}}\t{{.CreatedSince}}\t{{.Size}}"
#define DIGEST_TABLE "{{.Repository}}\t{{.Tag}}\t{{.Digest}}\t{{.ID}}\t{{.CreatedSince}}\t{{.Size}}"

int images_format(const json_t *rows, bool digests, const char *format, struct buf *out, struct err *e)
{
	return rows_format(rows, columns, sizeof(columns) / sizeof(columns[0]),
		digests ? DIGEST_TABLE : PLAIN_TABLE, format, out, e);
}

/* ---------------------------------------------------------------- images */

static int list_target(const struct args *o, struct buf *target, struct err *e)
{
	auto_(json) json_t *filters = json_object();
	int r = buf_puts(target, "/images/json");

	if (r == 0 && option_given(o, "filter")) {
		json_decref(take_ptr(&filters));
		if ((r = ps_filters(option_list(o, "filter"), &filters, e)) < 0)
			return r;
	}
	if (r == 0 && o->words_len > 0)
		r = json_object_set_new(filters, "reference", json_pack("[s]", o->words[0]));
	if (r == 0 && option_bool(o, "all"))
		r = api_query(target, "all", "1");
	auto_free char *text = r == 0 && json_object_size(filters) ? json_dumps(filters, JSON_COMPACT) : NULL;
	if (r == 0 && text)
		r = api_query(target, "filters", text);
	return r < 0 ? err_set(e, ENOMEM, "list images") : 0;
}

int verb_images(const struct cli *cli, const struct args *o)
{
	auto_(buf) struct buf target = { 0 }, out = { 0 };
	auto_(json) json_t *list = NULL, *rows = NULL;
	bool quiet = option_bool(o, "quiet");
	struct err e = { 0 };

	if (list_target(o, &target, &e) < 0 || api_call(cli, "GET", target.data, NULL, &list, &e) < 0 ||
		images_rows(list, !option_bool(o, "no-trunc"), quiet, clock_real_ns(), &rows, &e) < 0 ||
		images_format(rows, option_bool(o, "digests"), quiet ? "{{.ID}}" : option_string(o, "format"),
			&out, &e) < 0)
		return output_error(&e, 1);
	(void)fputs(out.data ? out.data : "", stdout);
	return 0;
}

const struct option_def *images_options(void)
{
	static const struct option_def table[] = {
		{ 'a', "all", OPT_BOOL, "Show all images (there are no others)" },
		{ 0, "digests", OPT_BOOL, "Show digests" },
		{ 'f', "filter", OPT_LIST, "Show those that fit: name=value" },
		{ 0, "format", OPT_STRING, "\"table\", \"table TEMPLATE\", \"json\" or a template" },
		{ 0, "no-trunc", OPT_BOOL, "Do not cut ids short" },
		{ 'q', "quiet", OPT_BOOL, "Show ids only" },
		{ 0, NULL, OPT_BOOL, NULL },
	};
	return table;
}

/* ---------------------------------------------------------------- tag */

int verb_tag(const struct cli *cli, const struct args *o)
{
	auto_(buf) struct buf target = { 0 };
	auto_free char *from = create_image(o->words[0]);
	struct err e;
	int r = from ? api_target(&target, "/images/%s/tag", from) : -ENOMEM;

	if (r == 0)
		r = api_query(&target, "repo", o->words[1]);
	r = r < 0 ? err_set(&e, -r, "tag") : api_call(cli, "POST", target.data, NULL, NULL, &e);
	return r < 0 ? output_error(&e, 1) : 0;
}

/* ---------------------------------------------------------------- rmi */

static int remove_one(const struct cli *cli, const char *name, bool force, struct err *e)
{
	auto_(buf) struct buf target = { 0 };
	auto_(json) json_t *answer = NULL;
	size_t i;
	json_t *v;

	if (api_target(&target, "/images/%s", name) < 0 || (force && api_query(&target, "force", "1") < 0))
		return err_set(e, ENOMEM, "rmi");
	int r = api_call(cli, "DELETE", target.data, NULL, &answer, e);
	json_array_foreach (answer, i, v)
		(void)printf("%s: %s\n", json_object_get(v, "Deleted") ? "Deleted" : "Untagged",
			json_object_get(v, "Deleted") ? text_of(v, "Deleted") : text_of(v, "Untagged"));
	return r;
}

int verb_rmi(const struct cli *cli, const struct args *o)
{
	bool force = option_bool(o, "force");
	int code = 0;
	struct err e;

	for (size_t i = 0; i < o->words_len; i++)
		if (remove_one(cli, o->words[i], force, &e) < 0 && !(force && e.code == ENOENT))
			code = output_error(&e, 1);
	return code;
}

const struct option_def *rmi_options(void)
{
	static const struct option_def table[] = {
		{ 'f', "force", OPT_BOOL,
			"Remove names that containers were made by; no error when there is none" },
		{ 0, "no-prune", OPT_BOOL, "Without meaning: there are no parents" },
		{ 0, NULL, OPT_BOOL, NULL },
	};
	return table;
}

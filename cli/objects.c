#include "cli/objects.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/json.h"
#include "cli/api.h"
#include "cli/output.h"
#include "cli/ps.h"
#include "cli/size.h"
#include "cli/template.h"

int objects_add_filters(const struct args *o, const char *more, struct buf *target, struct err *e)
{
	auto_(json) json_t *filters = NULL;
	int r;

	if (option_given(o, "filter"))
		r = ps_filters(option_list(o, "filter"), &filters, e);
	else if (more)
		r = (filters = json_object()) ? 0 : err_set(e, ENOMEM, "filters");
	else
		return 0;
	if (r == 0 && more && json_object_set_new(filters, more, json_pack("[s]", "true")) < 0)
		r = err_set(e, ENOMEM, "filters");
	if (r < 0)
		return r;
	auto_free char *text = json_dumps(filters, JSON_COMPACT);
	r = text ? api_query(target, "filters", text) : -ENOMEM;
	return r < 0 ? err_set(e, -r, "filters") : 0;
}

int objects_print(const json_t *value, const char *format)
{
	auto_(buf) struct buf out = { 0 };
	struct err e = { 0 };

	if (template_render(strcmp(format, "json") == 0 ? "{{json .}}" : format, value, &out, &e) < 0)
		return output_error(&e, 1);
	(void)printf("%s\n", out.data ? out.data : "");
	return 0;
}

int objects_inspect(const struct cli *cli, const struct args *o, const char *target)
{
	const char *format = option_string(o, "format"), *mark = strstr(target, "%s");
	auto_(json) json_t *list = json_array();
	bool each = format && *format && strcmp(format, "json") != 0;
	int code = 0;

	for (size_t i = 0; i < o->words_len; i++) {
		auto_(buf) struct buf full = { 0 };
		json_t *info = NULL;
		struct err e = { 0 };
		int r = buf_add(&full, target, (size_t)(mark - target));
		if (r == 0)
			r = api_target(&full, "%s", o->words[i]);
		r = r < 0 ? err_set(&e, -r, "inspect") : api_call(cli, "GET", full.data, NULL, &info, &e);
		if (r < 0) {
			code = output_error(&e, 1);
			continue;
		}
		if (each && objects_print(info, format) != 0)
			code = 1;
		(void)json_array_append_new(list, info); /* without memory one less */
	}
	if (each)
		return code;
	auto_free char *text = json_dumps(list, format && *format ? JSON_COMPACT : JSON_INDENT(4));
	(void)puts(text && json_array_size(list) ? text : "[]");
	return code;
}

bool objects_confirm(const struct args *o, const char *warning)
{
	char line[16];

	if (option_bool(o, "force"))
		return true;
	(void)printf("WARNING! %s\nAre you sure you want to continue? [y/N] ", warning);
	(void)fflush(stdout);
	if (!fgets(line, sizeof(line), stdin))
		return false;
	line[strcspn(line, "\r\n")] = '\0';
	return strcasecmp(line, "y") == 0 || strcasecmp(line, "yes") == 0;
}

int objects_prune(const struct cli *cli, const char *target, const char *deleted, const char *title,
	int64_t *reclaimed, struct err *e)
{
	auto_(json) json_t *answer = NULL;
	const json_t *names, *name;
	size_t i;
	int r = api_call(cli, "POST", target, NULL, &answer, e);

	if (r < 0)
		return r;
	*reclaimed += json_integer_value(json_object_get(answer, "SpaceReclaimed"));
	names = json_object_get(answer, deleted);
	if (json_array_size(names) == 0)
		return 0;
	(void)printf("%s:\n", title);
	json_array_foreach (names, i, name)
		(void)puts(json_string_value(name) ? json_string_value(name) : "");
	(void)puts("");
	return 0;
}

void objects_print_reclaimed(int64_t bytes)
{
	char text[32];

	(void)printf("Total reclaimed space: %s\n", objects_size((double)bytes, text));
}

char *objects_size(double bytes, char out[32])
{
	return size_text(bytes, 1000, 4, out);
}

#include "cli/config_print.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/buf.h"
#include "base/json.h"
#include "cli/yaml.h"

static const char *text_at(const json_t *object, const char *key)
{
	const char *text = json_string_value(json_object_get(object, key));
	return text ? text : "";
}

int config_ask(const struct args *o, json_t *body, struct err *e)
{
	const char *format = option_string(o, "format");
	if (format && strcmp(format, "yaml") != 0 && strcmp(format, "json") != 0)
		return err_say(e, EINVAL, "unsupported format \"%s\": yaml or json", format);
	if (json_object_set_new(body, "Canonical", json_true()) < 0 ||
		(option_bool(o, "profiles") &&
			json_object_set_new(body, "Profiles", json_pack("[s]", "*")) < 0))
		return err_set(e, ENOMEM, "config");
	return 0;
}

/* ---- lists of names ---- */

static json_t *services_of(const json_t *answer)
{
	return json_object_get(json_object_get(answer, "Document"), "services");
}

static int print_services(const json_t *answer, struct buf *out)
{
	const char *name;
	json_t *service;
	int r = 0;
	json_object_foreach (services_of(answer), name, service)
		r = r < 0 ? r : buf_printf(out, "%s\n", name);
	return r;
}

static int print_images(const json_t *answer, struct buf *out)
{
	const char *name;
	json_t *service;
	int r = 0;
	json_object_foreach (services_of(answer), name, service)
		r = r < 0 ? r : buf_printf(out, "%s\n", text_at(service, "image"));
	return r;
}

static int print_volumes(const json_t *answer, struct buf *out)
{
	json_t *volume;
	size_t i;
	int r = 0;
	json_array_foreach (json_object_get(answer, "Volumes"), i, volume)
		r = r < 0 ? r : buf_printf(out, "%s\n", text_at(volume, "Key"));
	return r;
}

/* Each once, in order of the alphabet. */
static int print_profiles(const json_t *answer, struct buf *out)
{
	auto_(json) json_t *all = json_object();
	json_t *service, *profile;
	const char *name, *best;
	size_t i;
	int r = 0;
	json_object_foreach (services_of(answer), name, service)
		json_array_foreach (json_object_get(service, "profiles"), i, profile)
			if (json_object_set_new(all, json_string_value(profile), json_null()) < 0)
				return -ENOMEM;
	while (r == 0 && json_object_size(all) > 0) {
		best = NULL;
		json_object_foreach (all, name, profile)
			if (!best || strcmp(name, best) < 0)
				best = name;
		r = buf_printf(out, "%s\n", best);
		(void)json_object_del(all, best); /* it is there */
	}
	return r;
}

static bool is_in_list(const char *list, const char *name)
{
	for (size_t n; *list; list += n + (list[n] == ',')) {
		n = strcspn(list, ",");
		if ((n == strlen(name) && strncmp(list, name, n) == 0) || (n == 1 && *list == '*'))
			return true;
	}
	return false;
}

/* Of several containers of one service the first. */
static int print_hashes(const json_t *answer, const char *list, struct buf *out)
{
	auto_(json) json_t *said = json_object();
	json_t *service;
	size_t i;
	int r = 0;
	json_array_foreach (json_object_get(answer, "Services"), i, service) {
		const char *name = text_at(service, "Name");
		if (r < 0 || !is_in_list(list, name) || json_object_get(said, name))
			continue;
		r = json_object_set_new(said, name, json_true()) < 0 ? -ENOMEM : 0;
		if (r == 0)
			r = buf_printf(out, "%s %s\n", name, text_at(service, "ConfigHash"));
	}
	return r;
}

/* ---- the document ---- */

static int print_document(const json_t *answer, const char *format, struct buf *out)
{
	const json_t *document = json_object_get(answer, "Document");
	if (!format || strcmp(format, "json") != 0)
		return yaml_write(document, out);
	auto_free char *text = json_dumps(document, JSON_INDENT(2));
	return text ? buf_printf(out, "%s\n", text) : -ENOMEM;
}

static int format_answer(const struct args *o, const json_t *answer, struct buf *out)
{
	if (option_bool(o, "services"))
		return print_services(answer, out);
	if (option_bool(o, "volumes"))
		return print_volumes(answer, out);
	if (option_bool(o, "images"))
		return print_images(answer, out);
	if (option_bool(o, "profiles"))
		return print_profiles(answer, out);
	if (option_given(o, "hash"))
		return print_hashes(answer, option_string(o, "hash"), out);
	return print_document(answer, option_string(o, "format"), out);
}

int config_print(const struct args *o, const json_t *answer, struct err *e)
{
	auto_(buf) struct buf text = { 0 };
	const char *path = option_string(o, "output");
	if (option_bool(o, "quiet"))
		return 0;
	if (format_answer(o, answer, &text) < 0)
		return err_set(e, ENOMEM, "config");
	const char *data = text.data ? text.data : "";
	if (!path)
		return fputs(data, stdout) < 0 ? err_set(e, EIO, "write to standard output") : 0;
	FILE *f = fopen(path, "we");
	if (!f)
		return err_set(e, errno, "open %s", path);
	bool wrong = fputs(data, f) < 0;
	return fclose(f) < 0 || wrong ? err_set(e, errno ? errno : EIO, "write %s", path) : 0;
}

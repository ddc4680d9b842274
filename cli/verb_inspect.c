#include "cli/cli.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>

#include "base/json.h"
#include "cli/api.h"
#include "cli/output.h"
#include "cli/template.h"

/* ---------------------------------------------------------------- inspect */

static bool is_missing(int r, const struct err *e)
{
	return r == -ENOENT && e->text[0] == 'E'; /* a 404, not a missing socket */
}

static int fetch_as(
	const struct cli *cli, bool image, const char *name, bool size, json_t **out, struct err *e)
{
	auto_(buf) struct buf b = { 0 };
	if (api_target(&b, image ? "/images/%s/json" : "/containers/%s/json", name) < 0 ||
		(size && !image && api_query(&b, "size", "1") < 0))
		return err_set(e, ENOMEM, "inspect");
	return api_call(cli, "GET", b.data, NULL, out, e);
}

/* type NULL: a container or, when there is none, an image. */
static int fetch(
	const struct cli *cli, const char *name, const char *type, bool size, json_t **out, struct err *e)
{
	bool image = type && strcmp(type, "image") == 0;
	int r = fetch_as(cli, image, name, size, out, e);
	if (!type && is_missing(r, e)) {
		r = fetch_as(cli, true, name, false, out, e);
		if (r == -EREMOTEIO) /* no name of an image */
			r = err_say(e, ENOENT, "Error");
	}
	if (is_missing(r, e))
		return err_say(e, ENOENT, "Error: No such %s: %s", type ? type : "object", name);
	return r;
}

static int inspect_all(const struct cli *cli, const struct args *o, const char *type, bool size)
{
	const char *format = option_string(o, "format");
	auto_(json) json_t *list = json_array();
	auto_(buf) struct buf out = { 0 };
	int code = 0;
	struct err e;
	for (size_t i = 0; i < o->words_len; i++) {
		json_t *info = NULL;
		if (fetch(cli, o->words[i], type, size, &info, &e) < 0) {
			code = output_error(&e, 1);
			if (e.code != ENOENT)
				break;
			continue;
		}
		(void)json_array_append_new(list, info);
		if (format && strcmp(format, "json") != 0 &&
			(template_render(format, info, &out, &e) < 0 || buf_puts(&out, "\n") < 0))
			code = output_error(&e, 1);
	}
	if (format && strcmp(format, "json") != 0) {
		(void)fputs(out.data ? out.data : "", stdout);
		return code;
	}
	auto_free char *text = json_dumps(list, format ? JSON_COMPACT : JSON_INDENT(4));
	(void)puts(text ? text : "[]");
	return code;
}

int verb_inspect(const struct cli *cli, const struct args *o)
{
	const char *type = option_string(o, "type");
	struct err e;
	if (type && strcmp(type, "container") != 0 && strcmp(type, "image") != 0) {
		(void)err_say(&e, EINVAL, "inspect: objects of type '%s' are not built yet", type);
		return output_error(&e, 1);
	}
	return inspect_all(cli, o, type, option_bool(o, "size"));
}

int verb_image_inspect(const struct cli *cli, const struct args *o)
{
	return inspect_all(cli, o, "image", false);
}

const struct option_def *image_inspect_options(void)
{
	static const struct option_def table[] = {
		{ 'f', "format", OPT_STRING, "\"json\" or a template: {{.Config.Cmd}}" },
		{ 0, NULL, OPT_BOOL, NULL },
	};
	return table;
}

const struct option_def *inspect_options(void)
{
	static const struct option_def table[] = {
		{ 'f', "format", OPT_STRING, "\"json\" or a template: {{.State.Pid}}" },
		{ 's', "size", OPT_BOOL, "Show file sizes" },
		{ 0, "type", OPT_STRING, "Only objects of this type: container, image" },
		{ 0, NULL, OPT_BOOL, NULL },
	};
	return table;
}

/* ---------------------------------------------------------------- version */

static const char *text_at(const json_t *o, const char *key)
{
	const char *s = json_string_value(json_object_get(o, key));
	return s ? s : "";
}

static void print_component(const char *title, const json_t *o)
{
	(void)printf("%s:\n", title);
	(void)printf(" Version:           %s\n", text_at(o, "Version"));
	(void)printf(" API version:       %s", text_at(o, "ApiVersion"));
	if (*text_at(o, "MinAPIVersion"))
		(void)printf(" (minimum version %s)", text_at(o, "MinAPIVersion"));
	(void)printf("\n OS/Arch:           %s/%s\n", text_at(o, "Os"), text_at(o, "Arch"));
	if (*text_at(o, "KernelVersion"))
		(void)printf(" Kernel:            %s\n", text_at(o, "KernelVersion"));
}

/* Names of machines as Go, and so docker, has them. */
static const char *go_arch(const char *machine)
{
	static const struct {
		const char *uname, *go;
	} names[] = { { "x86_64", "amd64" }, { "aarch64", "arm64" }, { "armv7l", "arm" }, { "armv6l", "arm" },
		{ "i686", "386" } };
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (strcmp(machine, names[i].uname) == 0)
			return names[i].go;
	return machine;
}

int verb_version(const struct cli *cli, const struct args *o)
{
	const char *format = option_string(o, "format");
	struct utsname un;
	struct err e = { 0 };
	auto_(json) json_t *server = NULL;
	auto_(buf) struct buf out = { 0 };
	int r = api_call(cli, "GET", "/version", NULL, &server, &e);
	(void)uname(&un); /* cannot fail with a valid buffer */
	auto_(json) json_t *client = json_pack("{s:s,s:s,s:s,s:s}", "Version", BERTH_VERSION, "ApiVersion",
		r >= 0 ? text_at(server, "ApiVersion") : "", "Os", "linux", "Arch", go_arch(un.machine));
	if (format) {
		auto_(json) json_t *both = json_pack("{s:O,s:O?}", "Client", client, "Server", server);
		struct err bad = { 0 };
		if (template_render(strcmp(format, "json") == 0 ? "{{json .}}" : format, both, &out, &bad) <
			0)
			return output_error(r < 0 ? &e : &bad, 1);
		(void)printf("%s\n", out.data ? out.data : "");
		return r < 0 ? output_error(&e, 1) : 0;
	}
	print_component("Client: berth", client);
	if (r < 0)
		return output_error(&e, 1);
	const char *name = text_at(json_object_get(server, "Platform"), "Name");
	(void)printf("\n");
	auto_free char *title = NULL;
	if (asprintf(&title, "Server: %s", *name ? name : "berth") < 0)
		title = NULL;
	print_component(title ? title : "Server", server);
	return 0;
}

const struct option_def *version_options(void)
{
	static const struct option_def table[] = {
		{ 'f', "format", OPT_STRING, "\"json\" or a template: {{.Server.Version}}" },
		{ 0, NULL, OPT_BOOL, NULL },
	};
	return table;
}

#include "supervisor/project_load.h"

#include <string.h>

#include "base/arena.h"
#include "base/io.h"
#include "base/json.h"
#include "supervisor/compose/compose.h"

/* A list of strings as a vector; NULL when the member is missing or empty. */
static int strings(
	const json_t *request, const char *key, struct arena *a, const char *const **out, struct err *e)
{
	json_t *list, *v;
	size_t i;
	int r = json_get_array(request, "", key, &list, e);
	*out = NULL;
	if (r < 0 || json_array_size(list) == 0)
		return r;
	const char **vector = arena_calloc(a, json_array_size(list) + 1, sizeof(*vector));
	if (!vector)
		return err_set(e, ENOMEM, "read %s", key);
	json_array_foreach (list, i, v) {
		if (!json_is_string(v))
			return err_say(e, EINVAL, "%s[%zu]: must be a string", key, i);
		vector[i] = json_string_value(v);
	}
	*out = vector;
	return 0;
}

/* {"K": "V"} as "K=V". */
static int environment(const json_t *request, struct arena *a, const char *const **out, struct err *e)
{
	json_t *env, *v;
	const char *key;
	int r = json_get_object(request, "", "Env", &env, e);
	if (r < 0)
		return r;
	const char **vector = arena_calloc(a, json_object_size(env) + 1, sizeof(*vector));
	size_t n = 0;
	if (!vector)
		return err_set(e, ENOMEM, "read Env");
	json_object_foreach (env, key, v) {
		if (!json_is_string(v))
			return err_say(e, EINVAL, "Env.%.64s: must be a string", key);
		vector[n++] = arena_printf(a, "%s=%s", key, json_string_value(v));
	}
	*out = vector;
	return arena_failed(a) ? err_set(e, ENOMEM, "read Env") : 0;
}

static int text(const json_t *request, const char *key, const char **out, struct err *e)
{
	int r = json_get_string(request, "", key, out, e);
	if (r == 0 && *out && !**out)
		*out = NULL;
	return r;
}

static int parse_request(const json_t *request, struct arena *a, struct compose_request *out, struct err *e)
{
	int r = strings(request, "Files", a, &out->files, e);
	if (r == 0)
		r = strings(request, "FileNames", a, &out->file_names, e);
	if (r == 0)
		r = strings(request, "EnvFiles", a, &out->env_files, e);
	if (r == 0)
		r = strings(request, "Profiles", a, &out->profiles, e);
	if (r == 0)
		r = strings(request, "Services", a, &out->services, e);
	if (r == 0)
		r = text(request, "ProjectDirectory", &out->project_directory, e);
	if (r == 0)
		r = text(request, "DefaultFrom", &out->default_from, e);
	if (r == 0)
		r = text(request, "Name", &out->name, e);
	if (r == 0)
		r = text(request, "Stdin", &out->stdin_text, e);
	out->canonical = json_is_true(json_object_get(request, "Canonical"));
	if (out->stdin_text)
		out->stdin_len = strlen(out->stdin_text);
	return r < 0 ? r : environment(request, a, &out->env, e);
}

int project_load(const json_t *request, int out_fd, struct err *e)
{
	auto_(arena) struct arena *a = arena_new();
	auto_(compose) struct compose_project *project = NULL;
	struct compose_request r = { 0 };
	if (!a)
		return err_set(e, ENOMEM, "read request");
	int failed = parse_request(request, a, &r, e);
	if (failed == 0)
		failed = compose_load(&r, &project, e);
	if (failed < 0)
		return failed;
	auto_(json) json_t *model = compose_to_json(project);
	if (project->document && json_object_set(model, "Document", project->document) < 0)
		return err_set(e, ENOMEM, "write the project's model");
	auto_free char *bytes = model ? json_dumps(model, JSON_COMPACT) : NULL;
	if (!bytes)
		return err_set(e, ENOMEM, "write the project's model");
	failed = io_write_full(out_fd, bytes, strlen(bytes));
	return failed < 0 ? err_set(e, -failed, "write the project's model") : 0;
}

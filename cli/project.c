#include "cli/project.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/json.h"
#include "base/path.h"
#include "base/text.h"

#define LINE_MAX_BYTES (4 * 1024 * 1024)

static json_t *absolute(const char *cwd, const char *path)
{
	char joined[2 * PATH_MAX], clean[PATH_MAX];
	if (path[0] == '/')
		(void)snprintf(joined, sizeof(joined), "%s", path);
	else
		(void)snprintf(joined, sizeof(joined), "%s/%s", cwd, path);
	return path_clean(joined, clean, sizeof(clean)) < 0 ? NULL : json_string(clean);
}

static json_t *absolute_list(const struct option_value *v, const char *cwd)
{
	json_t *list = json_array();
	for (size_t i = 0; i < v->count; i++) {
		bool is_stdin = strcmp(v->values[i], "-") == 0;
		if (json_array_append_new(list, is_stdin ? json_string("-") : absolute(cwd, v->values[i])) <
			0) {
			json_decref(list);
			return NULL;
		}
	}
	return list;
}

/* The file names of the Compose specification, by preference, and what is laid over them. */
static const char *const names[] = { "compose.yaml", "compose.yml", "docker-compose.yaml",
	"docker-compose.yml" };
static const char *const override_names[] = { "compose.override.yaml", "compose.override.yml",
	"docker-compose.override.yaml", "docker-compose.override.yml" };

/* 1 when one of the names is there and was added. */
static int add_present(const char *dir, size_t dir_len, const char *const *candidates, json_t *files)
{
	for (size_t i = 0; i < ARRAY_LEN(names); i++) {
		char path[PATH_MAX];
		int n = snprintf(path, sizeof(path), "%.*s/%s", (int)dir_len, dir, candidates[i]);
		if (n < (int)sizeof(path) && access(path, F_OK) == 0)
			return json_array_append_new(files, json_string(path)) < 0 ? -ENOMEM : 1;
	}
	return 0;
}

/* The names in COMPOSE_FILE, as -f would have them. */
static int listed_files(const char *list, const char *separator, const char *cwd, json_t *files)
{
	size_t len = separator && *separator ? strlen(separator) : 1;
	for (const char *next; list; list = next ? next + len : NULL) {
		next = strstr(list, separator && *separator ? separator : ":");
		auto_free char *name = next ? strndup(list, (size_t)(next - list)) : strdup(list);
		if (!name)
			return -ENOMEM;
		if (!*name)
			continue;
		json_t *file = strcmp(name, "-") == 0 ? json_string("-") : absolute(cwd, name);
		if (json_array_append_new(files, file) < 0)
			return -ENOMEM;
	}
	return 0;
}

static const char *env_value(char *const *env, const char *key)
{
	const char *value = NULL;
	for (; env && *env && !value; env++)
		value = text_env_value(*env, key);
	return value;
}

/* Without -f: COMPOSE_FILE, or what lies in the directory or above it, as people start compose from anywhere in there. */
static int default_files(const char *cwd, char *const *env, json_t *files, bool need_file, struct err *e)
{
	const char *list = env_value(env, "COMPOSE_FILE");
	int r = list && *list ? listed_files(list, env_value(env, "COMPOSE_PATH_SEPARATOR"), cwd, files) : 0;
	if (r < 0 || json_array_size(files) > 0)
		return r < 0 ? err_set(e, -r, "COMPOSE_FILE") : 0;
	for (size_t len = strlen(cwd);; len--) {
		if (cwd[len] != '/' && cwd[len] != '\0')
			continue;
		r = add_present(cwd, len > 1 ? len : 0, names, files);
		if (r > 0)
			r = add_present(cwd, len > 1 ? len : 0, override_names, files);
		if (r < 0)
			return err_set(e, -r, "files");
		if (json_array_size(files) > 0)
			return 0;
		if (len == 0)
			break;
	}
	char dotenv[PATH_MAX]; /* it may name them: the daemon looks */
	(void)snprintf(dotenv, sizeof(dotenv), "%s/.env", cwd);
	if (!need_file || access(dotenv, F_OK) == 0)
		return 0;
	return err_say(e, ENOENT,
		"no configuration file provided: not found (looked for compose.yaml, compose.yml, "
		"docker-compose.yaml and docker-compose.yml in %s and above it)",
		cwd);
}

static json_t *env_object(char *const *env)
{
	json_t *o = json_object();
	for (; o && env && *env; env++) {
		const char *eq = strchr(*env, '=');
		auto_free char *key = eq ? strndup(*env, (size_t)(eq - *env)) : NULL;
		/* What is not UTF-8 cannot stand in a compose file either: it is left out. */
		if (key && *key)
			(void)json_object_set_new(o, key, json_string(eq + 1));
	}
	return o;
}

static json_t *strings(const char *const *values, size_t n)
{
	json_t *list = json_array();
	for (size_t i = 0; i < n; i++)
		(void)json_array_append_new(
			list, json_string(values[i])); /* a lost one is seen by the size below */
	if (json_array_size(list) == n)
		return list;
	json_decref(list);
	return NULL;
}

const struct option_value *project_option(const struct args *o, const struct args *group, const char *name)
{
	const struct option_value *own = option_list(o, name);
	return own->count == 0 && group ? option_list(group, name) : own;
}

static const char *last_of(const struct option_value *v)
{
	return v->count ? v->values[v->count - 1] : NULL;
}

const char *project_option_last(const struct args *o, const struct args *group, const char *name)
{
	return last_of(project_option(o, group, name));
}

json_t *project_body(const struct args *o, const struct args *group, const char *cwd, char *const *env,
	const char *stdin_text, bool need_file, struct err *e)
{
	const char *name = last_of(project_option(o, group, "project-name"));
	const char *dir = last_of(project_option(o, group, "project-directory"));
	const struct option_value *profiles = project_option(o, group, "profile");
	json_t *files = absolute_list(project_option(o, group, "file"), cwd);
	json_t *body = json_pack("{s:o,s:o,s:s,s:o,s:o,s:o,s:o}", "Files", files, "ProjectDirectory",
		dir ? absolute(cwd, dir) : json_string(""), "Name", name ? name : "", "EnvFiles",
		absolute_list(project_option(o, group, "env-file"), cwd), "Profiles",
		strings(profiles->values, profiles->count), "Services", strings(o->words, o->words_len),
		"Env", env_object(env));
	if (!body) {
		(void)err_say(
			e, EINVAL, "a file name, project name or service is too long or not UTF-8 text");
		return NULL;
	}
	int r = 0;
	if (json_array_size(files) == 0) {
		const char *from = dir ? json_string_value(json_object_get(body, "ProjectDirectory")) : cwd;
		r = json_object_set_new(body, "DefaultFrom", json_string(from)) < 0
			? err_say(e, EINVAL, "%s: not UTF-8 text", from)
			: default_files(from, env, files, need_file, e);
	}
	if (r == 0 && stdin_text && json_object_set_new(body, "Stdin", json_string(stdin_text)) < 0)
		r = err_say(e, EINVAL, "standard input is not UTF-8 text");
	if (r == 0)
		return body;
	json_decref(body);
	return NULL;
}

/* ---------------------------------------------------------------- progress */

int json_lines_feed(struct json_lines *l, const char *data, size_t len,
	int (*fn)(const json_t *line, void *cookie), void *cookie)
{
	while (len > 0) {
		const char *end = memchr(data, '\n', len);
		size_t n = end ? (size_t)(end - data) : len;
		if (l->rest.len + n > LINE_MAX_BYTES)
			return -EPROTO;
		int r = buf_add(&l->rest, data, n);
		if (r < 0)
			return r;
		data += n + (end != NULL);
		len -= n + (end != NULL);
		if (!end || strspn(l->rest.data, " \t\r") == l->rest.len) {
			if (end)
				buf_reset(&l->rest);
			continue;
		}
		auto_(json) json_t *line = json_loadb(l->rest.data, l->rest.len, 0, NULL);
		buf_reset(&l->rest);
		if (!json_is_object(line))
			return -EPROTO;
		r = fn(line, cookie);
		if (r < 0)
			return r;
	}
	return 0;
}

void json_lines_done(struct json_lines *l)
{
	buf_done(&l->rest);
}

const char *project_short_name(const char *project, const char *name)
{
	size_t n = project ? strlen(project) : 0;
	return n > 0 && strncmp(name, project, n) == 0 && name[n] == '-' && name[n + 1] ? name + n + 1 : name;
}

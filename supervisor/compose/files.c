#include "supervisor/compose/files.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <unistd.h>

#include "base/io.h"
#include "base/path.h"
#include "base/text.h"
#include "supervisor/compose/envfile.h"
#include "supervisor/compose/yaml.h"

static const char *const names[] = { "compose.yaml", "compose.yml", "docker-compose.yaml",
	"docker-compose.yml" };
static const char *const override_names[] = { "compose.override.yaml", "compose.override.yml",
	"docker-compose.override.yaml", "docker-compose.override.yml" };

/* ---- variables ---- */

struct adding {
	struct load *l;
	const struct vars *first;
	struct vars *into;
};

static int add_variable(void *cookie, const char *key, const char *value)
{
	struct adding *a = cookie;
	return !value || vars_get(a->first, key) ? 0 : vars_set(a->l->arena, a->into, key, value);
}

int files_add_variables(struct load *l, const char *path, const char *name, bool required,
	const struct vars *first, struct vars *into)
{
	auto_(buf) struct buf text = { 0 };
	int r = io_read_file(AT_FDCWD, path, ENVFILE_MAX_BYTES, &text, l->err);
	if ((r == -ENOENT || r == -ENOTDIR) && !required)
		return 0;
	if (r < 0)
		return r;
	struct adding adding = { .l = l, .first = first, .into = into };
	struct interpolate in = l->in;
	in.vars = into; /* the lines behind see the lines before */
	r = envfile_parse(
		&(struct envfile){ .name = name, .in = &in, .add = add_variable, .cookie = &adding },
		text.data ? text.data : "", text.len, l->err);
	l->in.total = in.total;
	return r;
}

static int client_variables(struct load *l, struct vars *out)
{
	for (const char *const *env = l->req->env; env && *env; env++) {
		const char *eq = strchr(*env, '=');
		const char *key = eq ? arena_strndup(l->arena, *env, (size_t)(eq - *env)) : NULL;
		if (eq && (!key || vars_set(l->arena, out, key, eq + 1) < 0))
			return load_fail_memory(l);
	}
	return 0;
}

/* The client's win over those of the request's env_files, or of .env in dir. */
static int add_env_files(struct load *l, const char *dir, const struct vars *client, struct vars *into)
{
	const char *const *files = l->req->env_files;
	if (!files || !*files) {
		const char *path = arena_printf(l->arena, "%s/.env", dir);
		return path ? files_add_variables(l, path, ".env", false, client, into) : load_fail_memory(l);
	}
	for (; *files; files++) {
		int r = files_add_variables(l, *files, *files, true, client, into);
		if (r < 0)
			return r;
	}
	return 0;
}

int files_load_variables(struct load *l)
{
	struct vars client = { 0 };
	int r = client_variables(l, &client);
	if (r == 0 && vars_copy(l->arena, &client, &l->vars) < 0)
		r = load_fail_memory(l);
	return r == 0 ? add_env_files(l, l->dir, &client, &l->vars) : r;
}

/* ---- which files ---- */

static const char *first_present(struct load *l, const char *dir, const char *const *candidates, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		const char *path =
			arena_printf(l->arena, "%s/%s", strcmp(dir, "/") == 0 ? "" : dir, candidates[i]);
		if (path && access(path, F_OK) == 0)
			return path;
	}
	return NULL;
}

/* Look in the directory and in each one above it, as people start compose from anywhere in a project. */
static int search(struct load *l, struct file *files, size_t *n)
{
	const char *from = l->req->project_directory ? l->req->project_directory : l->req->default_from;
	char *dir = arena_strdup(l->arena, from);
	if (!from)
		return err_say(l->err, EINVAL, "no compose file given");
	if (!dir)
		return load_fail_memory(l);
	for (;;) {
		files[0].path = first_present(l, dir, names, ARRAY_LEN(names));
		if (files[0].path)
			break;
		char *slash = strrchr(dir, '/');
		if (!slash || !dir[1])
			return err_say(l->err, ENOENT,
				"no configuration file provided: not found (no compose.yaml in %s or above it)",
				from);
		slash[slash == dir] = '\0';
	}
	files[1].path = first_present(l, dir, override_names, ARRAY_LEN(override_names));
	*n = files[1].path ? 2 : 1;
	l->dir = dir;
	return 0;
}

const char *files_display_name(const struct load *l, const char *path)
{
	size_t len = strlen(l->dir);
	if (strcmp(path, "-") == 0)
		return "<stdin>";
	return strncmp(path, l->dir, len) == 0 && path[len] == '/' ? path + len + 1 : path;
}

static int directory_of(struct load *l, const char *path)
{
	if (l->req->project_directory) {
		l->dir = l->req->project_directory;
		return 0;
	}
	const char *slash = strrchr(path, '/');
	if (!slash)
		return err_say(l->err, EINVAL,
			"%s: a compose file without a directory needs a project directory", path);
	l->dir = slash == path ? "/" : arena_strndup(l->arena, path, (size_t)(slash - path));
	return l->dir ? 0 : load_fail_memory(l);
}

static int given(struct load *l, struct file *files, size_t *n)
{
	const struct compose_request *req = l->req;
	for (*n = 0; req->files[*n]; ++*n) {
		const char *path = req->files[*n];
		if (*n == COMPOSE_MAX_FILES)
			return err_say(l->err, EINVAL, "more than %d compose files", COMPOSE_MAX_FILES);
		if (*path != '/' && strcmp(path, "-") != 0)
			return err_say(l->err, EINVAL, "%s: must be an absolute path", path);
		files[*n].path = path;
	}
	int r = directory_of(l, files[0].path);
	for (size_t i = 0; r == 0 && i < *n && req->file_names && req->file_names[i]; i++)
		files[i].name = req->file_names[i];
	return r;
}

/* Those of COMPOSE_FILE in .env, when the client has neither named files nor that variable; *n stays 0 without it. */
static int listed(struct load *l, struct file *files, size_t *n)
{
	const char *from = l->req->default_from;
	struct vars client = { 0 }, all;
	*n = 0;
	if (!from)
		return 0;
	int r = client_variables(l, &client);
	if (r == 0 && vars_copy(l->arena, &client, &all) < 0)
		r = load_fail_memory(l);
	if (r < 0 || vars_get(&client, "COMPOSE_FILE"))
		return r;
	r = add_env_files(l, from, &client, &all);
	const char *list = r == 0 ? vars_get(&all, "COMPOSE_FILE") : NULL;
	const char *separator = vars_get(&all, "COMPOSE_PATH_SEPARATOR");
	separator = separator && *separator ? separator : ":";
	for (const char *next; list; list = next ? next + strlen(separator) : NULL) {
		next = strstr(list, separator);
		size_t len = next ? (size_t)(next - list) : strlen(list);
		if (*n == COMPOSE_MAX_FILES)
			return err_say(l->err, EINVAL, "more than %d compose files", COMPOSE_MAX_FILES);
		if (len == 0)
			continue;
		files[*n].name = arena_strndup(l->arena, list, len);
		files[*n].path = *list == '/' || !files[*n].name
			? files[*n].name
			: arena_printf(l->arena, "%s/%s", from, files[*n].name);
		if (!files[(*n)++].path)
			return load_fail_memory(l);
	}
	return r == 0 && *n ? directory_of(l, files[0].path) : r;
}

int files_find(struct load *l, struct file **out, size_t *n)
{
	struct file *files = arena_calloc(l->arena, COMPOSE_MAX_FILES + 1, sizeof(*files));
	char clean[PATH_MAX];
	if (!files)
		return load_fail_memory(l);
	int r = listed(l, files, n);
	if (r == 0 && *n == 0)
		r = l->req->files && l->req->files[0] ? given(l, files, n) : search(l, files, n);
	if (r < 0)
		return r;
	if (*l->dir != '/' || path_clean(l->dir, clean, sizeof(clean)) < 0)
		return err_say(l->err, EINVAL, "%s: the project directory must be an absolute path", l->dir);
	l->dir = l->project->working_dir = arena_strdup(l->arena, clean);
	l->project->config_files = arena_calloc(l->arena, *n + 1, sizeof(char *));
	if (!l->dir || !l->project->config_files)
		return load_fail_memory(l);
	for (size_t i = 0; i < *n; i++) {
		l->project->config_files[i] = arena_strdup(l->arena, files[i].path);
		if (!l->project->config_files[i])
			return load_fail_memory(l);
		if (!files[i].name)
			files[i].name = files_display_name(l, files[i].path);
	}
	*out = files;
	return 0;
}

/* ---- contents ---- */

int files_parse(struct load *l, const struct file *f, struct node **out)
{
	auto_(buf) struct buf text = { 0 };
	const char *data = l->req->stdin_text;
	size_t len = l->req->stdin_len;

	if (strcmp(f->path, "-") == 0) {
		if (!data || len > COMPOSE_MAX_BYTES)
			return err_say(l->err, data ? EFBIG : EINVAL, "%s: %s", f->name,
				data ? "too large for a compose file" : "nothing was sent");
	} else {
		int r = io_read_file(AT_FDCWD, f->path, COMPOSE_MAX_BYTES, &text, l->err);
		if (r < 0)
			return r;
		data = text.data ? text.data : "";
		len = text.len;
	}
	l->n_bytes += len;
	if (l->n_bytes > LOAD_MAX_BYTES)
		return err_say(l->err, EFBIG, "%s: more than %d MiB in all files together", f->name,
			LOAD_MAX_BYTES / (1024 * 1024));
	int r = yaml_load(l->arena, f->name, data, len, out, l->err);
	if (r < 0)
		return r;
	if ((*out)->kind == NODE_NULL)
		return err_say(l->err, EINVAL, "%s: the file is empty", f->name);
	return (*out)->kind == NODE_MAP
		? 0
		: err_say(l->err, EINVAL, "%s:%d:%d: must be a mapping with services:", f->name, (*out)->line,
			  (*out)->column);
}

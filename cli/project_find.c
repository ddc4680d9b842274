#include "cli/project_find.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/json.h"
#include "cli/api.h"
#include "cli/project.h"

#define STDIN_MAX (4 * 1024 * 1024)

/* ---------------------------------------------------------------- rows */

const char *row_text(const json_t *row, const char *key)
{
	const char *s = json_string_value(json_object_get(row, key));
	return s ? s : "";
}

const char *row_name(const json_t *row)
{
	const char *s = json_string_value(json_array_get(json_object_get(row, "Names"), 0));
	return !s ? row_text(row, "Id") : s + (*s == '/');
}

const char *row_label(const json_t *row, const char *label)
{
	return row_text(json_object_get(row, "Labels"), label);
}

static int by_name(const void *a, const void *b)
{
	return strverscmp(row_name(*(json_t *const *)a), row_name(*(json_t *const *)b));
}

static int sort_rows(json_t *rows)
{
	size_t n = json_array_size(rows);
	auto_free json_t **list = calloc(n + 1, sizeof(*list));
	auto_(json) json_t *sorted = json_array();
	if (!list || !sorted)
		return -ENOMEM;
	for (size_t i = 0; i < n; i++)
		list[i] = json_array_get(rows, i);
	qsort(list, n, sizeof(json_t *), by_name);
	for (size_t i = 0; i < n; i++)
		if (json_array_append(sorted, list[i]) < 0)
			return -ENOMEM;
	return json_array_clear(rows) < 0 || json_array_extend(rows, sorted) < 0 ? -ENOMEM : 0;
}

int project_rows(const struct cli *cli, const char *name, json_t **out, struct err *e)
{
	auto_(buf) struct buf target = { 0 }, label = { 0 };
	auto_(json) json_t *rows = NULL;
	int r = buf_printf(&label, "%s%s%s", LABEL_PROJECT, name ? "=" : "", name ? name : "");
	auto_(json) json_t *filters = r == 0 ? json_pack("{s:[s]}", "label", label.data) : NULL;
	auto_free char *text = filters ? json_dumps(filters, JSON_COMPACT) : NULL;
	if (!text || buf_puts(&target, "/containers/json?all=1") < 0 ||
		api_query(&target, "filters", text) < 0)
		return err_set(e, ENOMEM, "list containers");
	r = api_call(cli, "GET", target.data, NULL, &rows, e);
	if (r < 0)
		return r;
	if (!json_is_array(rows))
		return err_say(e, EPROTO, "the daemon's list of containers is none");
	if (sort_rows(rows) < 0)
		return err_set(e, ENOMEM, "list containers");
	*out = take_ptr(&rows);
	return 0;
}

/* ---------------------------------------------------------------- the request */

static int read_stdin(const struct option_value *files, struct buf *text, struct err *e)
{
	bool wanted = false;
	for (size_t i = 0; i < files->count; i++)
		wanted |= strcmp(files->values[i], "-") == 0;
	while (wanted) {
		char chunk[8192];
		ssize_t n = read(STDIN_FILENO, chunk, sizeof(chunk));
		if (n == 0)
			return buf_reserve(text, 0) < 0 ? err_set(e, ENOMEM, "read standard input") : 1;
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return err_set(e, errno, "read standard input");
		if (text->len + (size_t)n > STDIN_MAX)
			return err_set(e, EFBIG, "read standard input");
		if (buf_add(text, chunk, (size_t)n) < 0)
			return err_set(e, ENOMEM, "read standard input");
	}
	return 0;
}

json_t *project_request(const struct cli *cli, const struct args *o, bool need_file, struct err *e)
{
	auto_(buf) struct buf text = { 0 };
	char cwd[PATH_MAX];
	if (!getcwd(cwd, sizeof(cwd))) {
		(void)err_set(e, errno, "find the current directory");
		return NULL;
	}
	int r = read_stdin(project_option(o, cli->group, "file"), &text, e);
	if (r < 0)
		return NULL;
	return project_body(
		o, cli->group, cwd, environ, r > 0 ? (text.data ? text.data : "") : NULL, need_file, e);
}

/* ---------------------------------------------------------------- the project */

static int find_name(const struct cli *cli, const struct args *o, char **name, json_t **model, struct err *e)
{
	const char *given = getenv("COMPOSE_PROJECT_NAME");
	const struct option_value *option = project_option(o, cli->group, "project-name");
	if (option->count)
		given = option->values[option->count - 1];
	bool is_given = given && *given;
	auto_(json) json_t *body = project_request(cli, o, !is_given, e);
	if (!body)
		return -e->code;
	if (json_array_size(json_object_get(body, "Files")) > 0) {
		/* The words are this verb's own: all services are asked for. */
		if (json_object_set_new(body, "Services", json_array()) < 0)
			return err_set(e, ENOMEM, "read the project");
		int r = api_call(cli, "POST", "/berth/projects/config", body, model, e);
		if (r < 0)
			return r;
		given = json_string_value(json_object_get(*model, "Name"));
		if (!given)
			return err_say(e, EPROTO, "the daemon's model of the project has no Name");
	}
	*name = strdup(given);
	return *name ? 0 : err_set(e, ENOMEM, "read the project");
}

int project_find(const struct cli *cli, const struct args *o, struct project_view *out, struct err *e)
{
	auto_(project_view) struct project_view v = { 0 };
	int r = find_name(cli, o, &v.name, &v.model, e);
	if (r == 0)
		r = project_rows(cli, v.name, &v.rows, e);
	if (r < 0)
		return r;
	*out = v;
	v = (struct project_view){ 0 };
	return 0;
}

void project_view_done(struct project_view *v)
{
	free(v->name);
	json_decref(v->model);
	json_decref(v->rows);
}

static bool is_declared(const struct project_view *v, const char *service)
{
	size_t i;
	json_t *item;
	json_array_foreach (json_object_get(v->model, "Declared"), i, item)
		if (strcmp(json_string_value(item), service) == 0)
			return true;
	json_array_foreach (v->rows, i, item)
		if (strcmp(row_label(item, LABEL_SERVICE), service) == 0)
			return true;
	return false;
}

int project_select(const struct project_view *v, const char *const *services, size_t n, bool oneoff,
	json_t **out, struct err *e)
{
	auto_(json) json_t *rows = json_array();
	size_t i;
	json_t *row;
	for (size_t k = 0; k < n; k++)
		if (!is_declared(v, services[k]))
			return err_say(e, ENOENT, "no such service: %s", services[k]);
	json_array_foreach (v->rows, i, row) {
		bool wanted = n == 0;
		for (size_t k = 0; k < n && !wanted; k++)
			wanted = strcmp(row_label(row, LABEL_SERVICE), services[k]) == 0;
		if (!wanted || (!oneoff && strcasecmp(row_label(row, LABEL_ONEOFF), "true") == 0))
			continue;
		if (json_array_append(rows, row) < 0)
			return err_set(e, ENOMEM, "list containers");
	}
	*out = take_ptr(&rows);
	return *out ? 0 : err_set(e, ENOMEM, "list containers");
}

int project_container(const struct project_view *v, const char *service, int64_t number, bool running,
	const json_t **out, struct err *e)
{
	auto_(json) json_t *rows = NULL;
	size_t i;
	json_t *row;
	int r = project_select(v, &service, 1, false, &rows, e);
	if (r < 0)
		return r;
	json_array_foreach (rows, i, row) {
		const char *state = row_text(row, "State");
		bool runs = strcmp(state, "running") == 0 || strcmp(state, "paused") == 0;
		if ((number && strtoll(row_label(row, LABEL_NUMBER), NULL, 10) != number) ||
			(running && !runs))
			continue;
		*out = row; /* v's own, so it stays */
		return 0;
	}
	return number ? err_say(e, ENOENT, "service \"%s\" is not running container #%lld", service,
				(long long)number)
		      : err_say(e, ENOENT, "service \"%s\" is not running", service);
}

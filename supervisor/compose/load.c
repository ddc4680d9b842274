#include "supervisor/compose/load.h"

#include <errno.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/path.h"
#include "base/text.h"

static int record(struct load *l, const char *file, int line, int column, const char *text)
{
	int r = buf_printf(&l->errors, "%s%s:%d:%d: %s%s%s", l->n_errors ? "\n" : "", file ? file : "compose",
		line, column, l->path, *l->path ? ": " : "", text);
	if (r < 0)
		return load_fail_memory(l);
	return ++l->n_errors >= LOAD_MAX_ERRORS ? -E2BIG : -EINVAL;
}

int load_fail(struct load *l, const struct node *at, const char *fmt, ...)
{
	char text[400];
	va_list ap;
	va_start(ap, fmt);
	(void)vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	return record(l, at->file, at->line, at->column, text);
}

int load_fail_key(struct load *l, const struct node *map, const struct node_entry *key, const char *fmt, ...)
{
	char text[400];
	va_list ap;
	va_start(ap, fmt);
	(void)vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	return record(l, map->file, key->line, key->column, text);
}

int load_fail_memory(struct load *l)
{
	return err_set(l->err, ENOMEM, "load compose files");
}

bool load_goes_on(int r)
{
	return r >= 0 || r == -EINVAL;
}

int load_result(struct load *l)
{
	if (arena_failed(l->arena))
		return load_fail_memory(l);
	if (!l->n_errors)
		return 0;
	/* As many whole lines as the error object holds. */
	size_t len = l->errors.len, room = ERR_TEXT_MAX - 1;
	if (len > room) {
		len = room;
		while (len > 0 && l->errors.data[len] != '\n')
			len--;
		if (len == 0)
			len = room;
	}
	return err_say(l->err, EINVAL, "%.*s", (int)len, l->errors.data);
}

int load_warn(struct load *l, const struct node *at, const char *fmt, ...)
{
	char text[400];
	va_list ap;
	va_start(ap, fmt);
	(void)vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);

	char **warnings = l->project->warnings;
	for (size_t i = 0; i < l->n_warnings; i++) {
		size_t have = strlen(warnings[i]), want = strlen(text);
		if (have >= want && strcmp(warnings[i] + have - want, text) == 0)
			return 0;
	}
	if (l->n_warnings == COMPOSE_MAX_WARNINGS)
		return 0;
	char *warning = at ? arena_printf(l->arena, "%s:%d: %s", at->file, at->line, text)
			   : arena_strdup(l->arena, text);
	if (!warning)
		return load_fail_memory(l);
	warnings[l->n_warnings++] = warning;
	return 0;
}

/* ---- the place ---- */

size_t load_enter(struct load *l, const char *key)
{
	size_t mark = strlen(l->path);
	(void)snprintf(l->path + mark, sizeof(l->path) - mark, "%s%.64s", mark ? "." : "", key);
	return mark;
}

size_t load_enter_item(struct load *l, size_t index)
{
	size_t mark = strlen(l->path);
	(void)snprintf(l->path + mark, sizeof(l->path) - mark, "[%zu]", index);
	return mark;
}

void load_leave(struct load *l, size_t mark)
{
	l->path[mark] = '\0';
}

/* ---- variables ---- */

static int interpolate_text(struct load *l, struct node *n)
{
	struct err why;
	const char *before = n->text;
	l->at = n;
	int r = interpolate(&l->in, n->text, &n->text, &why);
	l->at = NULL;
	if (r == -ENOMEM)
		return load_fail_memory(l);
	if (r < 0)
		return load_fail(l, n, "%s", why.text);
	auto_(json) json_t *text = n->text != before ? json_string(n->text) : NULL;
	if (n->text != before && !text)
		return load_fail(l, n, "not valid UTF-8 once its variables are replaced");
	return 0;
}

int load_interpolate(struct load *l, struct node *tree)
{
	int r = 0;
	if (tree->kind == NODE_SCALAR)
		return interpolate_text(l, tree);
	for (size_t i = 0; i < tree->n && load_goes_on(r); i++) {
		size_t mark;
		if (tree->kind == NODE_LIST) {
			mark = load_enter_item(l, i);
			r = load_interpolate(l, tree->items[i]);
		} else {
			mark = load_enter(l, tree->entries[i].key);
			r = load_interpolate(l, tree->entries[i].value);
		}
		load_leave(l, mark);
	}
	return load_goes_on(r) ? 0 : r;
}

const struct vars *load_vars(const struct load *l, const struct node *at)
{
	return at->origin ? at->origin->vars : &l->vars;
}

int load_path(struct load *l, const struct node *at, const char *path, const char **out)
{
	char clean[PATH_MAX];
	const char *base = "", *sep = "";

	if (!*path)
		return load_fail(l, at, "the path is empty");
	if (*path == '~') {
		base = vars_get(load_vars(l, at), "HOME");
		if (!base || *base != '/' || (path[1] && path[1] != '/'))
			return load_fail(l, at, "~ needs HOME, and stands alone or before a /");
		path++;
	} else if (*path != '/') {
		base = at->origin ? at->origin->dir : l->dir;
		sep = "/";
	}
	const char *joined = arena_printf(l->arena, "%s%s%s", base, sep, path);
	if (!joined)
		return load_fail_memory(l);
	if (path_clean(joined, clean, sizeof(clean)) < 0)
		return load_fail(l, at, "the path is too long");
	*out = arena_strdup(l->arena, clean);
	return *out ? 0 : load_fail_memory(l);
}

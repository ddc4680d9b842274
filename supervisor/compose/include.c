/* Other projects' files as a part of this one. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/buf.h"
#include "supervisor/compose/document.h"
#include "supervisor/compose/keys.h"

/* What include: names, with everything absolute. */
struct included {
	const struct node *item;
	struct document *docs;
	size_t n;
	struct vars *vars;
	const char *dir;
};

/* ---- which files, from where, with what ---- */

/* "a.yaml -> b.yaml -> a.yaml" when one of the files is being read already. */
static int check_circle(
	struct load *l, const struct node *at, const struct document_chain *chain, const char *path)
{
	const struct document_chain *links[LOAD_MAX_FILES];
	size_t n = 0;
	bool found = false;
	for (const struct document_chain *c = chain; c && !found && n < LOAD_MAX_FILES; c = c->up) {
		links[n++] = c;
		for (size_t i = 0; i < c->n; i++)
			found |= strcmp(c->docs[i].file.path, path) == 0;
	}
	if (!found)
		return 0;
	auto_(buf) struct buf text = { 0 };
	int r = 0;
	while (n-- > 0 && r == 0)
		r = buf_printf(&text, "%s -> ", links[n]->docs[0].file.name);
	return r < 0
		? load_fail_memory(l)
		: load_fail(l, at, "include cycle detected: %s%s", text.data, files_display_name(l, path));
}

static int find_directory(struct load *l, struct included *in)
{
	const struct node *dir = node_get(in->item, "project_directory");
	if (dir)
		return load_path(l, dir, dir->text, &in->dir);
	const char *path = in->docs[0].file.path, *slash = strrchr(path, '/');
	in->dir = slash == path ? "/" : arena_strndup(l->arena, path, (size_t)(slash - path));
	return in->dir ? 0 : load_fail_memory(l);
}

static int find_files(struct load *l, struct included *in, const struct document_chain *chain)
{
	const struct node *paths = node_get(in->item, "path");
	in->docs = arena_calloc(l->arena, paths->n + 1, sizeof(*in->docs));
	if (!in->docs)
		return load_fail_memory(l);
	if (paths->n == 0)
		return load_fail(l, paths, "path is empty");
	for (size_t i = 0; i < paths->n; i++) {
		const struct node *at = paths->items[i];
		const char *path;
		if (strstr(at->text, "://") || strncmp(at->text, "git@", 4) == 0)
			return load_fail(
				l, at, "\"%.80s\": only files of this machine can be included", at->text);
		int r = load_path(l, at, at->text, &path);
		if (r == 0)
			r = check_circle(l, at, chain, path);
		if (r < 0)
			return r;
		in->docs[in->n++].file = (struct file){ .path = path, .name = files_display_name(l, path) };
	}
	return find_directory(l, in);
}

static int add_variables(struct load *l, const struct node *at, const char *path, bool required,
	const struct vars *first, struct vars *into)
{
	struct err why, *err = l->err;
	l->err = &why;
	int r = files_add_variables(l, path, files_display_name(l, path), required, first, into);
	l->err = err;
	if (r == -ENOMEM)
		return load_fail_memory(l);
	return r < 0 ? load_fail(l, at, "%s", why.text) : 0;
}

/* Its env_files, or .env in its directory; what the including project has set wins. */
static int read_variables(struct load *l, struct included *in)
{
	const struct node *files = node_get(in->item, "env_file");
	const struct vars *ours = load_vars(l, in->item);
	in->vars = arena_alloc(l->arena, sizeof(*in->vars));
	if (!in->vars || vars_copy(l->arena, ours, in->vars) < 0)
		return load_fail_memory(l);
	if (!files) {
		const char *path =
			arena_printf(l->arena, "%s/.env", strcmp(in->dir, "/") == 0 ? "" : in->dir);
		return path ? add_variables(l, in->item, path, false, ours, in->vars) : load_fail_memory(l);
	}
	for (size_t i = 0; i < files->n; i++) {
		const char *path;
		int r = load_path(l, files->items[i], files->items[i]->text, &path);
		if (r == 0 && strcmp(path, "/dev/null") != 0) /* the usual way to say: none */
			r = add_variables(l, files->items[i], path, true, ours, in->vars);
		if (r < 0)
			return r;
	}
	return 0;
}

/* ---- their contents ---- */

static int read_files(
	struct load *l, struct included *in, const struct document_chain *chain, struct node **out)
{
	const struct node *paths = node_get(in->item, "path");
	const struct document_chain here = { .up = chain, .docs = in->docs, .n = in->n };
	for (size_t i = 0; i < in->n; i++) {
		in->docs[i].origin = (struct origin){ .dir = in->dir, .vars = in->vars };
		int r = document_read_for(l, paths->items[i], &in->docs[i]);
		if (r < 0)
			return r;
	}
	char path[sizeof(l->path)];
	memcpy(path, l->path, sizeof(path));
	l->path[0] = '\0'; /* errors in there stand at the places of that document */
	int r = document_merge(l, &here, in->docs, in->n, out);
	memcpy(l->path, path, sizeof(path));
	return r;
}

/* One name of one section. The same thing twice is no conflict: two projects may include a third. */
static int copy_entry(struct load *l, const struct node *item, const char *section, struct node *map,
	const struct node_entry *e)
{
	const struct node_entry *have = node_entry(map, e->key);
	if (!have)
		return node_add(l->arena, map, e->key, e->value) < 0 ? load_fail_memory(l) : 0;
	if (node_equal(have->value, e->value))
		return 0;
	return load_fail(l, item,
		"%s.%.80s (%s:%d) conflicts with %s:%d; a file laid over this one may change it", section,
		e->key, e->value->file, e->value->line, have->value->file, have->value->line);
}

static int copy_sections(struct load *l, const struct node *item, struct node *tree, const struct node *from)
{
	for (size_t i = 0; i < from->n; i++) {
		const struct node_entry *section = &from->entries[i];
		if (section->value->kind != NODE_MAP)
			continue;
		struct node *map = node_get(tree, section->key);
		if (!map &&
			(!(map = node_new(l->arena, NODE_MAP, section->value)) ||
				node_add(l->arena, tree, section->key, map) < 0))
			return load_fail_memory(l);
		for (size_t j = 0; j < section->value->n; j++) {
			int r = copy_entry(l, item, section->key, map, &section->value->entries[j]);
			if (r < 0)
				return r;
		}
	}
	return 0;
}

static int include_one(
	struct load *l, struct document *d, const struct node *item, const struct document_chain *chain)
{
	struct included in = { .item = item };
	struct node *tree = NULL;
	int r = find_files(l, &in, chain);
	if (r == 0)
		r = read_variables(l, &in);
	if (r == 0)
		r = read_files(l, &in, chain, &tree);
	if (r < 0 || !tree)
		return r;
	merge_clear_marks(tree);
	return copy_sections(l, item, d->tree, tree);
}

int include_resolve(struct load *l, struct document *d, const struct document_chain *chain)
{
	struct node_entry *e = node_entry(d->tree, "include");
	if (!e)
		return 0;
	const struct node *list = e->value;
	node_remove(d->tree, (size_t)(e - d->tree->entries));
	size_t outer = load_enter(l, "include");
	int r = 0;
	for (size_t i = 0; i < list->n && load_goes_on(r); i++) {
		size_t mark = load_enter_item(l, i);
		r = include_one(l, d, list->items[i], chain);
		load_leave(l, mark);
	}
	load_leave(l, outer);
	return load_goes_on(r) ? 0 : r;
}

/* ---- the key itself ---- */

int include_normalise(struct load *l, struct node **v)
{
	struct node *map = node_new(l->arena, NODE_MAP, *v);
	if (!map || node_set(l->arena, map, "path", *v) < 0)
		return load_fail_memory(l);
	*v = map;
	return 0;
}

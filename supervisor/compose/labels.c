/* A service's labels: those of its files, then its own over them. */
#include <errno.h>
#include <fcntl.h>
#include <string.h>

#include "base/io.h"
#include "base/text.h"
#include "supervisor/compose/envfile.h"
#include "supervisor/compose/service.h"

struct reading {
	struct load *l;
	const struct node *at;
	json_t *labels;
};

static int add_label(void *cookie, const char *key, const char *value)
{
	const struct reading *rd = cookie;
	json_t *text;
	if (text_has_prefix(key, "com.docker.compose"))
		return load_fail(
			rd->l, rd->at, "%.80s: labels that start with com.docker.compose are reserved", key);
	int r = value_json(rd->l, rd->at, value ? value : "", &text);
	if (r < 0)
		return r;
	return json_object_set_new(rd->labels, key, text) < 0 ? load_fail_memory(rd->l) : 0;
}

static int read_label_file(struct load *l, const struct node *item, json_t *labels)
{
	auto_(buf) struct buf text = { 0 };
	struct err why;
	const char *file;
	int n = l->n_errors, r = load_path(l, item, item->text, &file);
	if (r < 0)
		return r;
	r = io_read_file(AT_FDCWD, file, ENVFILE_MAX_BYTES, &text, &why);
	if (r < 0)
		return load_fail(l, item, "%s", why.text);
	l->at = item;
	r = envfile_parse(&(struct envfile){ .name = item->text,
				  .in = &l->in,
				  .add = add_label,
				  .cookie = &(struct reading){ .l = l, .at = item, .labels = labels } },
		text.data ? text.data : "", text.len, &why);
	l->at = NULL;
	if (r == 0 || l->n_errors > n)
		return r;
	return r == -ENOMEM ? load_fail_memory(l) : load_fail(l, item, "%s", why.text);
}

int labels_build(struct load *l)
{
	const struct node *files = node_get(l->svc->node, "label_file"),
			  *own = node_get(l->svc->node, "labels");
	auto_(json) json_t *labels = json_object();
	int r = labels ? 0 : load_fail_memory(l);
	if (r < 0 || (!files && !own))
		return r;
	size_t mark = load_enter(l, "label_file");
	for (size_t i = 0; files && i < files->n && r == 0; i++)
		r = read_label_file(l, files->items[i], labels);
	load_leave(l, mark);
	mark = load_enter(l, "labels");
	for (size_t i = 0; own && i < own->n && r == 0; i++) {
		const struct node *v = own->entries[i].value;
		r = add_label(&(struct reading){ .l = l, .at = v, .labels = labels }, own->entries[i].key,
			v->kind == NODE_NULL ? "" : v->text);
	}
	if (r == 0)
		r = service_put(l, own ? own : files, "Labels", take_ptr(&labels));
	load_leave(l, mark);
	return r;
}

#include "supervisor/compose/document.h"

#include <errno.h>

#include "supervisor/compose/keys.h"

int document_read(struct load *l, struct document *d)
{
	int r = files_parse(l, &d->file, &d->tree);
	if (r < 0)
		return r;
	size_t n = node_set_origin(d->tree, &d->origin);
	if (n > l->budget)
		return err_say(l->err, EFBIG, "%s: too much in all files together", d->file.name);
	l->budget -= n;
	return 0;
}

/* What is too large ends the walk: the others would be too. */
static int fail_size(struct load *l, const struct node *at, const char *text)
{
	int r = load_fail(l, at, "%s", text);
	return r == -ENOMEM ? r : -E2BIG;
}

int document_read_for(struct load *l, const struct node *at, struct document *d)
{
	struct err why, *err = l->err;
	if (l->n_files++ == LOAD_MAX_FILES) {
		(void)err_say(&why, EFBIG, "more than %d files by extends and include", LOAD_MAX_FILES);
		return fail_size(l, at, why.text);
	}
	l->err = &why;
	int r = document_read(l, d);
	l->err = err;
	if (r == -ENOMEM)
		return load_fail_memory(l);
	if (r == -EFBIG)
		return fail_size(l, at, why.text);
	return r < 0 ? load_fail(l, at, "%s", why.text) : 0;
}

/* An error of the one step is not told again by the next. */
static int complete(struct load *l, struct document *d, const struct document_chain *chain)
{
	const struct vars *before = l->in.vars;
	l->in.vars = d->origin.vars;
	int r = merge_take_resets(l, d->tree, &d->resets);
	if (load_goes_on(r))
		r = load_interpolate(l, d->tree);
	if (r == 0)
		r = schema_normalise(l, keys_document(), d->tree);
	if (r == 0 && l->n_errors == 0)
		r = extends_resolve(l, d);
	if (r == 0 && l->n_errors == 0)
		r = include_resolve(l, d, chain);
	l->in.vars = before;
	return load_goes_on(r) ? 0 : r;
}

int document_merge(struct load *l, const struct document_chain *chain, struct document *docs, size_t n,
	struct node **out)
{
	*out = NULL;
	for (size_t i = 0; i < n; i++) {
		int r = complete(l, &docs[i], chain);
		if (r == 0 && i > 0 && l->n_errors == 0) {
			merge_apply_resets(&docs[i].resets, docs[0].tree);
			r = merge_mapping(l, keys_document(), docs[0].tree, docs[i].tree);
		}
		if (r < 0)
			return r;
	}
	*out = l->n_errors ? NULL : docs[0].tree;
	return 0;
}

/* image: of a service, and the names that x-berth-images gives to root filesystems. */
#include <errno.h>
#include <string.h>

#include "base/text.h"
#include "image/reference.h"
#include "image/source.h"
#include "supervisor/compose/service.h"

/* A local form with its path made absolute; NULL: it is none. */
static int local_form(struct load *l, const struct node *v, const char **out)
{
	static const char *const kinds[] = { "dir:", "oci-bundle:" };
	const char *path;

	*out = NULL;
	for (size_t i = 0; i < ARRAY_LEN(kinds); i++) {
		if (!text_has_prefix(v->text, kinds[i]))
			continue;
		int r = load_path(l, v, v->text + strlen(kinds[i]), &path);
		if (r < 0)
			return r;
		*out = arena_printf(l->arena, "%s%s", kinds[i], path);
		return *out ? 0 : load_fail_memory(l);
	}
	return 0;
}

int images_service(struct load *l, const struct key *k, const struct node *v)
{
	struct reference ref;
	struct err why;
	const char *image;
	int r = local_form(l, v, &image);

	(void)k;
	if (r < 0)
		return r;
	if (!image && reference_parse(v->text, &ref, &why) < 0)
		return load_fail(l, v,
			"%s; an image is dir:PATH (a root file system), oci-bundle:PATH (a bundle) or the name of one",
			why.text);
	return service_put_text(l, v, "Image", image ? image : v->text);
}

static int declare(struct load *l, const struct node_entry *e, struct compose_image *image)
{
	const struct node *v = e->value;
	char name[REFERENCE_MAX + 1];
	struct reference ref;
	struct err why;

	if (image_source_is_local(e->key))
		return load_fail(l, v, "\"%.80s\" would be read as a path", e->key);
	if (reference_parse(e->key, &ref, &why) < 0)
		return load_fail(l, v, "%s", why.text);
	image->name = arena_strdup(l->arena, reference_format(&ref, name));
	if (!image->name)
		return load_fail_memory(l);
	if (v->kind != NODE_SCALAR)
		return load_fail(l, v, "what it names is missing: dir:PATH or oci-bundle:PATH");
	int r = local_form(l, v, &image->source);
	if (r == 0 && !image->source)
		r = load_fail(l, v, "\"%.80s\" is not dir:PATH or oci-bundle:PATH", v->text);
	return r;
}

int images_declare(struct load *l, const struct node *images)
{
	struct compose_project *p = l->project;
	int r = 0;

	if (!images || images->n == 0)
		return 0;
	p->images = arena_calloc(l->arena, images->n, sizeof(*p->images));
	if (!p->images)
		return load_fail_memory(l);
	size_t outer = load_enter(l, "x-berth-images");
	for (size_t i = 0; i < images->n && load_goes_on(r); i++) {
		size_t mark = load_enter(l, images->entries[i].key);
		r = declare(l, &images->entries[i], &p->images[p->n_images++]);
		load_leave(l, mark);
	}
	load_leave(l, outer);
	return load_goes_on(r) ? 0 : r;
}

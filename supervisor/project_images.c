#include "supervisor/project_images.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "image/source.h"
#include "supervisor/images.h"

struct naming {
	struct project_job *job;
	void (*then)(struct project_job *j);
};

static void named(void *cookie, int r, const struct err *e)
{
	struct naming x = *(struct naming *)cookie;

	free(cookie);
	if (r == 0) {
		x.then(x.job);
		return;
	}
	struct err why = *e;
	(void)err_wrap(&why, r, "x-berth-images");
	project_end(x.job, r, &why, NULL);
}

void project_name_images(struct project_job *j, void (*then)(struct project_job *j))
{
	auto_(json) json_t *names = json_object();
	struct naming *x = malloc(sizeof(*x));

	if (!x || !names)
		abort();
	*x = (struct naming){ j, then };
	for (size_t i = 0; i < j->project->n_images; i++)
		if (json_object_set_new(
			    names, j->project->images[i].name, json_string(j->project->images[i].source)) < 0)
			abort();
	if (j->project->n_images)
		images_tag_all(j->engine, names, named, x);
	else
		named(x, 0, NULL);
}

/* Is there nothing to be made of the image? */
static bool is_made(const struct project_job *j, const struct compose_service *s)
{
	const struct container *c = project_container_of(j, s);
	return c && !c->remove && project_is_kept(j, c, s);
}

int project_check_images(struct project_job *j, struct err *e)
{
	struct image_record x;

	for (size_t i = 0; i < j->project->n_services; i++) {
		const struct compose_service *s = &j->project->services[i];
		const char *image = json_string_value(json_object_get(s->body, "Image"));
		if (!image || image_source_is_local(image) || is_made(j, s))
			continue;
		int r = images_find(j->engine, image, &x, e);
		if (r < 0)
			return err_wrap(e, r, "service %s", s->name);
	}
	return 0;
}

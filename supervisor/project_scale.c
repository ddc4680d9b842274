/* project_scale - what a smaller scale leaves over. */
#include "supervisor/project_scale.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/text.h"
#include "supervisor/config.h"
#include "supervisor/hooks.h"

#define LABEL_NUMBER "com.docker.compose.container-number"

struct scale_down {
	struct project_job *job;
	char id[TEXT_ID_LEN + 1]; /* which one is on its way out */
	char name[CONTAINER_NAME_MAX + 1];
	void (*then)(struct project_job *j);
};

unsigned project_number(const struct container *c)
{
	const char *label = config_label(c->config, LABEL_NUMBER);
	int64_t n;
	return label && text_parse_int(label, 1, INT32_MAX, &n) == 0 ? (unsigned)n : 1;
}

/* Of the services that this verb is about; what was run for once is nobody's replica. */
static bool is_surplus(const struct project_job *j, const struct container *c)
{
	const char *service = config_label(c->config, LABEL_SERVICE);
	const char *oneoff = config_label(c->config, "com.docker.compose.oneoff");
	json_t *scale = service ? json_object_get(j->project->scales, service) : NULL;
	return scale && project_has(j, c, NULL) && project_number(c) > json_integer_value(scale) &&
		!(oneoff && strcasecmp(oneoff, "true") == 0);
}

static struct container *last_surplus(struct project_job *j)
{
	struct container *last = NULL;
	list_each (struct container, c, &j->engine->containers, link)
		if (is_surplus(j, c) && (!last || project_number(c) > project_number(last)))
			last = c;
	return last;
}

static void remove_next(struct scale_down *down);

static void failed(struct scale_down *down, int r, const struct err *why)
{
	struct err e = *why;
	(void)err_wrap(&e, r, "container %s", down->name);
	project_end(down->job, -e.code, &e, NULL);
	free(down);
}

static void removed(void *cookie, int r, const struct err *e)
{
	struct scale_down *down = cookie;
	if (r < 0 && r != -ENOENT) {
		failed(down, r, e);
		return;
	}
	project_say(down->job, down->name, "Removed");
	remove_next(down);
}

static void stopped(void *cookie, int r, const struct err *e)
{
	struct scale_down *down = cookie;
	struct container *c = container_by_id(down->job->engine, down->id);
	if (r < 0 && r != -EALREADY && r != -ENOENT)
		failed(down, r, e);
	else if (c)
		container_remove_or_join(c, false, removed, down);
	else
		removed(down, 0, NULL);
}

static void remove_next(struct scale_down *down)
{
	struct project_job *j = down->job;
	struct container *c = last_surplus(j);
	if (!c) {
		void (*then)(struct project_job * j) = down->then;
		free(down);
		then(j);
		return;
	}
	memcpy(down->id, c->id, sizeof(down->id));
	memcpy(down->name, c->name, sizeof(down->name));
	hooks_stop(c, 0, project_timeout_ns(j), stopped, down);
}

void project_scale_down(struct project_job *j, void (*then)(struct project_job *j))
{
	struct scale_down *down = calloc(1, sizeof(*down));
	if (!down)
		abort();
	down->job = j;
	down->then = then;
	remove_next(down);
}

/* project_orphans - containers of the project whose service no file names: told of, or removed. */
#include <stdio.h>
#include <string.h>

#include "supervisor/config.h"
#include "supervisor/hooks.h"
#include "supervisor/project_job.h"

static bool is_orphan(const struct project_job *j, const struct container *c)
{
	const char *service = config_label(c->config, LABEL_SERVICE);
	if (!service || !project_has(j, c, NULL) || project_is_oneoff(c))
		return false;
	for (char **d = j->project->declared; *d; d++)
		if (strcmp(*d, service) == 0)
			return false;
	return true;
}

/* Did the files that are read now make it? Others may share the project's name. */
static bool is_of_these_files(const struct project_job *j, const struct container *c)
{
	const char *p = config_label(c->config, LABEL_FILES);
	for (char **file = j->project->config_files; p && *file; file++) {
		size_t len = strlen(*file);
		if (strncmp(p, *file, len) != 0 || p[len] != (file[1] ? ',' : '\0'))
			return false;
		p += len + 1;
	}
	return p != NULL;
}

static bool is_to_go(const struct project_job *j, const struct container *c)
{
	return project_flag(j, "RemoveOrphans") && is_orphan(j, c) &&
		(!project_flag(j, "OwnOrphans") || is_of_these_files(j, c));
}

static struct container *next_orphan(struct project_job *j)
{
	list_each (struct container, c, &j->engine->containers, link)
		if (is_to_go(j, c))
			return c;
	return NULL;
}

static void remove_next(struct project_job *j);

static void orphan_removed(void *cookie, int r, const struct err *e)
{
	struct project_job *j = cookie;
	if (r < 0 && r != -ENOENT) {
		project_end(j, r, e, NULL);
		return;
	}
	project_say(j, j->orphan, "Removed");
	remove_next(j);
}

static void orphan_stopped(void *cookie, int r, const struct err *e)
{
	struct project_job *j = cookie;
	struct container *c = next_orphan(j);
	if (r < 0 && r != -EALREADY && r != -ENOENT) {
		project_end(j, r, e, NULL);
	} else if (!c || strcmp(c->name, j->orphan) != 0) {
		orphan_removed(j, 0, NULL); /* somebody else was faster */
	} else {
		project_say(j, j->orphan, "Removing");
		container_remove_or_join(c, false, orphan_removed, j);
	}
}

static void remove_next(struct project_job *j)
{
	struct container *c = next_orphan(j);
	if (!c) {
		j->orphans_gone(j);
		return;
	}
	j->orphan = arena_strdup(j->project->arena, c->name);
	if (!j->orphan) {
		struct err e;
		(void)err_set(&e, ENOMEM, "remove %s", c->name);
		project_end(j, -e.code, &e, NULL);
		return;
	}
	project_say(j, j->orphan, "Stopping");
	hooks_stop(c, 0, project_timeout_ns(j), orphan_stopped, j);
}

void project_orphans(struct project_job *j, void (*then)(struct project_job *j))
{
	j->orphans_gone = then;
	list_each (struct container, c, &j->engine->containers, link) {
		char text[512];
		if (!is_orphan(j, c) || is_to_go(j, c))
			continue;
		(void)snprintf(text, sizeof(text),
			"%s is of this project but of none of its services: --remove-orphans removes it",
			c->name);
		j->report(j->cookie, NULL, NULL, text);
	}
	remove_next(j);
}

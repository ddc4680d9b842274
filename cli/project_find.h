/*
 * project_find - which compose project is meant, what the daemon knows of its files, and which containers it has.
 *
 * Where there is a compose file it says the name; without one -p or COMPOSE_PROJECT_NAME does, and the labels say the rest.
 *
 * Owns:    project_view_done() releases what project_find() filled in; json results are new references.
 * Errors:  -ENOENT: no file and no name; "no such service: x". What the daemon says of the file.
 * Context: blocking.
 */
#ifndef CLI_PROJECT_FIND_H
#define CLI_PROJECT_FIND_H

#include <jansson.h>

#include "base/err.h"
#include "base/own.h"
#include "cli/cli.h"

#define LABEL_PROJECT	 "com.docker.compose.project"
#define LABEL_SERVICE	 "com.docker.compose.service"
#define LABEL_DEPENDS_ON "com.docker.compose.depends_on"
#define LABEL_NUMBER	 "com.docker.compose.container-number"
#define LABEL_ONEOFF	 "com.docker.compose.oneoff"
#define LABEL_FILES	 "com.docker.compose.project.config_files"

/* ---- of one element of GET /containers/json; "" where there is none */
const char *row_text(const json_t *row, const char *key);
const char *row_name(const json_t *row); /* without its slash */
const char *row_label(const json_t *row, const char *label);

struct project_view {
	char *name;
	json_t *model; /* what POST /berth/projects/config says; NULL: there is no file */
	json_t *rows;  /* its containers, by name */
};

/* The body for POST /berth/projects/..., -f - read from standard input. */
json_t *project_request(const struct cli *cli, const struct args *o, bool need_file, struct err *e);
int project_find(const struct cli *cli, const struct args *o, struct project_view *out, struct err *e);
void project_view_done(struct project_view *v);
/* GET /containers/json of one project's, or, name NULL, of all that are in one; sorted by name. */
int project_rows(const struct cli *cli, const char *name, json_t **out, struct err *e);

/* Those of these services (none: all), one-off containers of `run` only with oneoff. */
int project_select(const struct project_view *v, const char *const *services, size_t n, bool oneoff,
	json_t **out, struct err *e);
/* The container of a service with this number, 0: the first. "service \"x\" is not running" where running is wanted. */
int project_container(const struct project_view *v, const char *service, int64_t number, bool running,
	const json_t **out, struct err *e);

OWN_DEFINE(project_view, struct project_view, project_view_done)

#endif

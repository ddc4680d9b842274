/*
 * project_job - what project.c, project_up.c and project_down.c share: one verb on one project, under way.
 */
#ifndef SUPERVISOR_PROJECT_JOB_H
#define SUPERVISOR_PROJECT_JOB_H

#include "base/arena.h"
#include "supervisor/compose/compose.h"
#include "supervisor/container.h"
#include "supervisor/project.h"
#include "supervisor/waiter.h"

#define LABEL_PROJECT	 "com.docker.compose.project"
#define LABEL_SERVICE	 "com.docker.compose.service"
#define LABEL_HASH	 "com.docker.compose.config-hash"
#define LABEL_DEPENDS_ON "com.docker.compose.depends_on"
#define LABEL_FILES	 "com.docker.compose.project.config_files"
#define LABEL_ONEOFF	 "com.docker.compose.oneoff"

struct project_item; /* one container of the project, down's view */

struct project_job {
	struct engine *engine;
	enum project_verb verb;
	json_t *request;
	struct compose_project *project; /* after the load */
	json_t *model;			 /* the same as JSON */
	project_report_fn report;
	project_done_fn done;
	void *cookie;

	/* up: service after service, first made, then started */
	bool starting;
	size_t service;		      /* which one */
	size_t dependency;	      /* which of its dependencies is waited for */
	size_t replica;		      /* of the services: from which on to look for that one's containers */
	char (*ids)[TEXT_ID_LEN + 1]; /* a container per service */
	bool *replaced;		      /* of each: its container took another's place */
	bool replacing;		      /* the one that is made next takes the place of another */
	const char *orphan;	      /* which is being removed, in the project's arena */
	void (*orphans_gone)(struct project_job *j);

	/* down: many at once */
	struct project_item *items;
	size_t n_items, n_left;
	struct err first_error; /* what failed first; the rest goes on */
};

/* Ends the job: calls done, frees all. */
void project_end(struct project_job *j, int r, const struct err *e, json_t *result /* taken, may be NULL */);
void project_say(struct project_job *j, const char *what, const char *status);
/* Is this container of the job's project (and, unless NULL, of that service)? */
bool project_has(const struct project_job *j, const struct container *c, const char *service);

/* Was it made by `run`, for once? */
bool project_is_oneoff(const struct container *c);
/* A boolean of the request. */
bool project_flag(const struct project_job *j, const char *key);
/* Does the request name this service? */
bool project_is_named(const struct project_job *j, const char *service);
/* The container that this service has, or NULL. */
struct container *project_container_of(const struct project_job *j, const struct compose_service *s);
/* Does up leave it as it is, rather than put another in its place? */
bool project_is_kept(const struct project_job *j, const struct container *c, const struct compose_service *s);
/* The request's "Timeout" for a stop, or the containers' own. */
int64_t project_timeout_ns(const struct project_job *j);

/* Orphans are told of, or removed when that is asked for; then(j), unless that failed and the job is ended. */
void project_orphans(struct project_job *j, void (*then)(struct project_job *j));
void project_up(struct project_job *j);
void project_down(struct project_job *j);

#endif

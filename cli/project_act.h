/*
 * project_act - one request for each of several containers of a project, as many at once as their dependencies allow.
 *
 * Who depends on whom stands in the label com.docker.compose.depends_on of each. What failed first is the result; the rest goes on.
 * What may be asked twice is asked again of the next supervisor when this one dies.
 *
 * Owns:    a run, until project_act_free(). base and progress are borrowed.
 * Context: the loop.
 */
#ifndef CLI_PROJECT_ACT_H
#define CLI_PROJECT_ACT_H

#include <event2/event.h>
#include <jansson.h>

#include "base/err.h"
#include "cli/cli.h"
#include "cli/progress.h"

enum act_order {
	ACT_ANY,
	ACT_FORWARD, /* after those that it depends on */
	ACT_REVERSE, /* after those that depend on it */
};

struct act {
	const char *method;
	const char *verb;	  /* "stop" of "/containers/ID/stop", or NULL */
	const char *query;	  /* "?t=3", or "" */
	const char *doing, *done; /* "Stopping", "Stopped" */
	enum act_order order;
	bool again; /* to ask twice means the same */
};

struct project_act;

/* rows: elements of GET /containers/json. done(cookie) from the loop when all are through, also when there are none; it may
 * free the run. */
int project_act_start(const struct cli *cli, struct event_base *base, const struct act *act,
	const json_t *rows, struct progress *progress, void (*done)(void *cookie), void *cookie,
	struct project_act **out, struct err *e);
/* 0, or what failed first. */
int project_act_result(const struct project_act *run, struct err *e);
void project_act_free(struct project_act *run);
/* The same from its begin to its end. */
int project_act(const struct cli *cli, struct event_base *base, const struct act *act, const json_t *rows,
	struct progress *progress, struct err *e);

OWN_DEFINE_PTR(project_act, struct project_act, project_act_free)

#endif

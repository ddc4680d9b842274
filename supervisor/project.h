/*
 * project - compose projects carried out: what has to be made, started, stopped and removed, and in which order.
 *
 * The files are read and checked by a worker (supervisor/compose/), so that nothing a file says can stall or hurt the
 * supervisor; what comes back is a model whose services are create bodies. Then, for `up`: containers that are missing or whose
 * configuration changed are made, those that are not wanted any more are replaced, and all are started in order of depends_on.
 * For `down`: all containers of the project are stopped and removed, each after those that depend on it.
 * What belongs to a project is known by the labels com.docker.compose.project and .service alone.
 *
 * Owns:    a job frees itself after done(). It goes on to its end when nobody listens any more.
 * Errors:  done() gets what the files' author must know ("compose.yaml:7:5: ..."), or what the failing verb said.
 * Context: the loop.
 */
#ifndef SUPERVISOR_PROJECT_H
#define SUPERVISOR_PROJECT_H

#include <jansson.h>

#include "supervisor/engine.h"

/* One line of progress: what ("demo-web-1", a container; "Volume demo_data"; NULL with a warning) and its new status ("Created", "Started", ...) or a warning. */
typedef void (*project_report_fn)(void *cookie, const char *what, const char *status, const char *warning);
/* result is borrowed: for up {"Project", "Containers": [{Id, Name, Service}]}, for config the whole model. */
typedef void (*project_done_fn)(void *cookie, int r, const struct err *e, json_t *result);

/* READ has the same result as CONFIG, for who goes on to make something of it: nothing may be hidden in it.
 * RESUME is up at a daemon's start: what ran before and ended by itself, or by a person, is left to its policy. */
enum project_verb { PROJECT_UP, PROJECT_RESUME, PROJECT_DOWN, PROJECT_CONFIG, PROJECT_READ };

/* request: {"Files", "ProjectDirectory", "Name", "EnvFiles", "Profiles", "Services", "Env", "Stdin", "Timeout",
 * "RemoveOrphans" and with it "OwnOrphans" (only those that the same files made), for up "ForceRecreate", "NoRecreate", "NoStart", "NoDeps", for down "Volumes"}; copied. */
int project_start(struct engine *en, enum project_verb verb, const json_t *request, project_report_fn report,
	project_done_fn done, void *cookie, struct err *e);

/* The same with the model that PROJECT_READ has given. */
int project_start_model(struct engine *en, enum project_verb verb, const json_t *request, json_t *model,
	project_report_fn report, project_done_fn done, void *cookie, struct err *e);

#endif

/*
 * api - the control API: routes, answers, errors. Between the files of this folder only; the outside sees api_start().
 *
 * A request becomes a struct api_call, which its handler ends by exactly one of the api_reply_* functions (or by taking the
 * connection over). Long ones keep the call as the cookie of what they wait for: it stays valid when the client goes.
 *
 * Source:  Docker Engine API 1.40-1.47, its paths, bodies, codes and texts; what Docker lacks lives under /berth/.
 * Errors:  errno to HTTP: ENOENT 404, EEXIST EBUSY 409, EINVAL EOPNOTSUPP ERANGE 400, EALREADY 304, EPERM EACCES 403,
 *          ENOSYS 501, ETIMEDOUT 504, else 500; the body is {"message": text}.
 * Context: the loop.
 */
#ifndef SUPERVISOR_API_API_H
#define SUPERVISOR_API_API_H

#include <jansson.h>
#include <stdbool.h>

#include "base/err.h"
#include "base/http.h"
#include "supervisor/container.h"
#include "supervisor/engine.h"

#define API_VERSION_MAJOR 1
#define API_VERSION_MIN	  40
#define API_VERSION_MAX	  47
#define API_BODY_MAX	  (4 << 20) /* of a JSON body */
#define API_PARAM_MAX	  256

struct api_call {
	struct engine *engine;
	struct http_request *rq;
	int version;		      /* minor; API_VERSION_MAX when the path names none */
	char param[2][API_PARAM_MAX]; /* what stood for {} in the route */
	char *rest;		      /* what stood for {+}, slashes and all */
	void *data;		      /* the handler's own */
};

typedef void (*api_handler)(struct api_call *call);

struct api_route {
	const char *method;
	const char *path; /* "/containers/{}/json", "/images/{+}/json" */
	api_handler fn;
};

/* One table per file; the router walks them all. */
struct api_routes {
	const struct api_route *routes;
	size_t n;
};
extern const struct api_routes api_system_routes, api_container_routes, api_lifecycle_routes,
	api_stream_routes, api_exec_routes, api_project_routes, api_event_routes, api_upgrade_routes,
	api_top_routes, api_stats_routes, api_libcontainerd_routes, api_volume_routes, api_prune_routes,
	api_df_routes, api_image_routes, api_archive_routes, api_changes_routes;
void api_libcontainerd_events(struct api_call *call); /* a handler with a file of its own */

/* Each ends the call. */
void api_reply_json(struct api_call *call, int status, json_t *body /* taken; NULL: out of memory */);
void api_reply_empty(struct api_call *call, int status);
void api_reply_err(struct api_call *call, const struct err *e);
void api_reply_no_checkpoint(struct api_call *call);
/* Forget the call after its request was ended by other means (hijack, http_reply_end). NULL is none. */
void api_call_free(struct api_call *call);

/* The HTTP status of an errno. */
int api_status(int code);

/* Read and parse a JSON object, then fn(call, body); fn owns the end of the call, body is borrowed. An empty body is {}. */
void api_read_json(struct api_call *call, void (*fn)(struct api_call *call, json_t *body));

/* A whole number from the query, within bounds; a missing one leaves *out alone. */
int api_query_int(
	const struct api_call *call, const char *key, int64_t min, int64_t max, int64_t *out, struct err *e);
bool api_query_bool(const struct api_call *call, const char *key);
/* The container that {} names, or NULL: the call is ended with 404 or 400 then. */
struct container *api_container(struct api_call *call);
/* A start that is to go on from a checkpoint ends the call, and is true. */
bool api_refuse_checkpoint(struct api_call *call);
/* Answer of a verb: 204, or the error. A done_fn; cookie is the call. */
void api_done(void *cookie, int r, const struct err *e);

/* The machine as Go, and so docker, has it: "amd64". */
struct utsname;
const char *api_architecture(const struct utsname *u);

/* Times as docker prints them; a new string object. */
json_t *api_time(int64_t real_ns);

#endif

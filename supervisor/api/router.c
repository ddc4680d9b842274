#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/json.h"
#include "base/text.h"
#include "supervisor/api/api.h"
#include "supervisor/api/unbuilt.h"

#define STRINGIFY_(x) #x
#define STRINGIFY(x)  STRINGIFY_(x)

static const struct api_routes *const tables[] = { &api_system_routes, &api_container_routes,
	&api_lifecycle_routes, &api_stream_routes, &api_exec_routes, &api_project_routes, &api_event_routes,
	&api_upgrade_routes, &api_top_routes, &api_stats_routes, &api_libcontainerd_routes,
	&api_volume_routes, &api_prune_routes, &api_df_routes, &api_image_routes, &api_archive_routes,
	&api_changes_routes };

int api_status(int code)
{
	switch (code) {
	case ENOENT:
		return 404;
	case EEXIST:
	case EBUSY:
		return 409;
	case EINVAL:
	case EOPNOTSUPP:
	case ERANGE:
		return 400;
	case EALREADY:
		return 304;
	case EPERM:
	case EACCES:
		return 403;
	case ENOSYS:
		return 501;
	case ETIMEDOUT:
		return 504;
	default:
		return 500;
	}
}

void api_call_free(struct api_call *call)
{
	if (!call)
		return;
	free(call->rest);
	free(call);
}

void api_reply_json(struct api_call *call, int status, json_t *body)
{
	auto_free char *text = body ? json_dumps(body, JSON_COMPACT) : NULL;
	json_decref(body);
	if (text)
		http_reply(call->rq, status, "application/json", text, strlen(text));
	else
		http_reply(call->rq, 500, NULL, NULL, 0);
	api_call_free(call);
}

void api_reply_empty(struct api_call *call, int status)
{
	http_reply(call->rq, status, NULL, NULL, 0);
	api_call_free(call);
}

void api_reply_err(struct api_call *call, const struct err *e)
{
	int status = api_status(e->code);
	if (status == 304)
		api_reply_empty(call, 304);
	else
		api_reply_json(call, status, json_pack("{s:s#}", "message", e->text, (int)strlen(e->text)));
}

void api_reply_no_checkpoint(struct api_call *call)
{
	struct err e;
	(void)err_say(&e, ENOSYS, "checkpoint: not built yet");
	api_reply_err(call, &e);
}

bool api_refuse_checkpoint(struct api_call *call)
{
	const char *checkpoint = http_query(call->rq, "checkpoint");
	if (!checkpoint || !*checkpoint)
		return false;
	api_reply_no_checkpoint(call);
	return true;
}

void api_done(void *cookie, int r, const struct err *e)
{
	if (r < 0)
		api_reply_err(cookie, e);
	else
		api_reply_empty(cookie, 204);
}

struct body_reader {
	struct api_call *call;
	void (*fn)(struct api_call *call, json_t *body);
};

static void body_read(struct http_request *rq, const char *data, size_t len, int r, void *cookie)
{
	(void)rq;
	auto_free struct body_reader *reader = cookie;
	struct api_call *call = reader->call;
	if (r < 0) { /* the server has ended the request */
		api_call_free(call);
		return;
	}
	struct err e;
	auto_(json) json_t *body = len ? json_parse(data, len, "request body", &e) : json_object();
	if (body && !json_is_object(body)) {
		(void)err_say(&e, EINVAL, "request body: must be a JSON object");
		api_reply_err(call, &e);
	} else if (!body) {
		api_reply_err(call, &e);
	} else {
		reader->fn(call, body);
	}
}

void api_read_json(struct api_call *call, void (*fn)(struct api_call *call, json_t *body))
{
	struct body_reader *reader = malloc(sizeof(*reader));
	if (!reader) {
		api_reply_empty(call, 500);
		return;
	}
	*reader = (struct body_reader){ call, fn };
	http_read_body(call->rq, API_BODY_MAX, body_read, reader);
}

int api_query_int(
	const struct api_call *call, const char *key, int64_t min, int64_t max, int64_t *out, struct err *e)
{
	const char *text = http_query(call->rq, key);
	if (!text || !*text)
		return 0;
	int r = text_parse_int(text, min, max, out);
	return r < 0 ? err_say(e, EINVAL, "%s: \"%.64s\" is not a number between %lld and %lld", key, text,
			       (long long)min, (long long)max)
		     : 0;
}

bool api_query_bool(const struct api_call *call, const char *key)
{
	return text_query_bool(http_query(call->rq, key));
}

struct container *api_container(struct api_call *call)
{
	struct err e;
	struct container *c = container_find(call->engine, call->param[0], &e);
	if (!c)
		api_reply_err(call, &e);
	return c;
}

json_t *api_time(int64_t real_ns)
{
	char text[CLOCK_TEXT_MAX];
	return json_string(clock_format_rfc3339(real_ns, text));
}

/* The rest of the pattern is text that the path has to end with. */
static bool match_rest(const char *end, const char *path, char **rest)
{
	size_t len = strlen(path), tail = strlen(end);
	if (len <= tail || strcmp(path + len - tail, end) != 0)
		return false;
	free(*rest);
	*rest = strndup(path, len - tail);
	return *rest != NULL;
}

/* Does path match the pattern? {} stands for one component, kept in call->param; {+} for one or more, kept in call->rest. */
static bool match(const char *pattern, const char *path, struct api_call *call)
{
	size_t n = 0;
	while (*pattern && *path) {
		if (strncmp(pattern, "{+}", 3) == 0)
			return match_rest(pattern + 3, path, &call->rest);
		if (strncmp(pattern, "{}", 2) == 0) {
			size_t len = strcspn(path, "/");
			if (len == 0 || len >= API_PARAM_MAX || n == 2)
				return false;
			memcpy(call->param[n], path, len);
			call->param[n++][len] = '\0';
			path += len;
			pattern += 2;
		} else if (*pattern++ != *path++) {
			return false;
		}
	}
	return !*pattern && !*path;
}

/* Takes "/v1.N" off the path. The minor version, API_VERSION_MAX when there is none, -EINVAL when it is not ours. */
static int split_version(const char **path, struct err *e)
{
	int major, minor, len;
	if (sscanf(*path, "/v%d.%d%n", &major, &minor, &len) != 2 || ((*path)[len] != '/' && (*path)[len]))
		return API_VERSION_MAX;
	if (major != API_VERSION_MAJOR || minor < API_VERSION_MIN)
		return err_say(e, EINVAL,
			"client version %d.%d is too old. Minimum supported API version is %d.%d, please upgrade your client to a newer version",
			major, minor, API_VERSION_MAJOR, API_VERSION_MIN);
	if (minor > API_VERSION_MAX)
		return err_say(e, EINVAL,
			"client version %d.%d is too new. Maximum supported API version is %d.%d", major,
			minor, API_VERSION_MAJOR, API_VERSION_MAX);
	*path += len;
	return minor;
}

static void dispatch(struct http_request *rq, void *cookie)
{
	struct api_call *call = calloc(1, sizeof(*call));
	if (!call) {
		http_drop(rq);
		return;
	}
	call->engine = cookie;
	call->rq = rq;

	struct err e;
	const char *path = http_path(rq), *method = http_method(rq);
	call->version = split_version(&path, &e);
	if (call->version < 0) {
		api_reply_err(call, &e);
		return;
	}
	bool known = false;
	for (size_t t = 0; t < ARRAY_LEN(tables); t++) {
		for (size_t i = 0; i < tables[t]->n; i++) {
			const struct api_route *route = &tables[t]->routes[i];
			if (!match(route->path, path, call))
				continue;
			known = true;
			if (strcmp(route->method, method) == 0) {
				route->fn(call);
				return;
			}
		}
	}
	const char *unbuilt = api_unbuilt(method, path);
	if (unbuilt) {
		/* docker's inspect looks on among other kinds of objects at the words "not supported". */
		(void)err_say(&e, ENOSYS, "%s: not built yet (%s %.200s is not supported by berth)", unbuilt,
			method, path);
		api_reply_err(call, &e);
		return;
	}
	(void)err_say(&e, known ? EOPNOTSUPP : ENOENT,
		known ? "%s is not a method of %.200s" : "page not found: %s %.200s", method, path);
	if (known)
		api_reply_json(call, 405, json_pack("{s:s}", "message", e.text));
	else
		api_reply_err(call, &e);
}

int api_start(struct engine *en, int listen_fd, struct err *e)
{
	static const char *const headers[] = { "Api-Version",
		STRINGIFY(API_VERSION_MAJOR) "." STRINGIFY(API_VERSION_MAX), "Ostype", "linux",
		"Docker-Experimental", "false", "Server", "berth/" BERTH_VERSION " (linux)", NULL };
	struct http_server *server;
	int r = http_server_new(en->base, listen_fd, dispatch, en, &server, e);
	if (r < 0)
		return r;
	r = http_server_set_headers(server, headers);
	if (r < 0) {
		http_server_free(server);
		return err_set(e, -r, "start the API");
	}
	en->api = server;
	return 0;
}

void api_stop(struct engine *en)
{
	if (en->api)
		http_server_free(en->api);
	en->api = NULL;
}

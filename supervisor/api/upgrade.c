/* upgrade - the calls behind `berth upgrade`: another program for the supervisor, and how that went. */
#include "base/json.h"
#include "supervisor/api/api.h"
#include "supervisor/upgrade.h"

static void status(struct api_call *call)
{
	api_reply_json(call, 200, upgrade_status(call->engine));
}

static void handed_over(void *cookie, int r, const struct err *e)
{
	struct api_call *call = cookie;
	struct engine *en = call->engine;

	if (r < 0) {
		api_reply_err(call, e);
		return;
	}
	api_reply_json(call, 200, upgrade_status(en));
	upgrade_leave(en);
}

static void start_with(struct api_call *call, json_t *body)
{
	const char *path = NULL;
	struct err e;
	int r = json_get_string(body, "", "Path", &path, &e);

	if (r == 0)
		r = upgrade_start(call->engine, path ? path : "", handed_over, call, &e);
	if (r < 0)
		api_reply_err(call, &e);
}

static void start(struct api_call *call)
{
	api_read_json(call, start_with);
}

static const struct api_route routes[] = {
	{ "GET", "/berth/upgrade", status },
	{ "POST", "/berth/upgrade", start },
};
const struct api_routes api_upgrade_routes = { routes, ARRAY_LEN(routes) };

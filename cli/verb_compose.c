/* down, config and reload: projects as a whole. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/json.h"
#include "cli/api.h"
#include "cli/cli.h"
#include "cli/config_print.h"
#include "cli/output.h"
#include "cli/progress.h"
#include "cli/project.h"
#include "cli/project_ask.h"
#include "cli/project_find.h"
#include "cli/project_options.h"

/* What the daemon carries out, with its progress. */
static int ask_daemon(
	const struct cli *cli, const struct args *o, const char *target, const json_t *body, struct err *e)
{
	struct event_base *base = api_loop_new();
	struct progress *progress = NULL;
	int r = base ? progress_as_asked(cli, o, base, &progress, e) : err_set(e, ENOMEM, "%s", target);
	if (r == 0)
		r = project_ask(cli, base, target, body, progress, NULL, e);
	progress_free(progress);
	if (base)
		event_base_free(base);
	return r;
}

static int take_down(const struct cli *cli, const struct args *o, struct err *e)
{
	auto_(json) json_t *body =
		project_request(cli, o, !project_option_last(o, cli->group, "project-name"), e);
	if (!body)
		return -e->code;
	if (json_object_set_new(body, "Volumes", json_boolean(option_bool(o, "volumes"))) < 0 ||
		json_object_set_new(body, "RemoveOrphans", json_boolean(option_bool(o, "remove-orphans"))) <
			0 ||
		(option_given(o, "timeout") &&
			json_object_set_new(body, "Timeout", json_integer(option_number(o, "timeout", 0))) <
				0))
		return err_set(e, ENOMEM, "down");
	return ask_daemon(cli, o, "/berth/projects/down", body, e);
}

int verb_reload(const struct cli *cli, const struct args *o)
{
	struct err e;
	return ask_daemon(cli, o, "/berth/reload", NULL, &e) < 0 ? output_error(&e, 1) : 0;
}

int verb_down(const struct cli *cli, const struct args *o)
{
	struct err e;
	return take_down(cli, o, &e) < 0 ? output_error(&e, 1) : 0;
}

int verb_config(const struct cli *cli, const struct args *o)
{
	struct err e;
	auto_(json) json_t *answer = NULL;
	auto_(json) json_t *body = project_request(cli, o, true, &e);
	if (!body || config_ask(o, body, &e) < 0 ||
		api_call(cli, "POST", "/berth/projects/config", body, &answer, &e) < 0)
		return output_error(&e, 1);
	print_warnings(json_object_get(answer, "Warnings"));
	return config_print(o, answer, &e) < 0 ? output_error(&e, 1) : 0;
}

const struct option_def *down_options(void)
{
	static const struct option_def table[] = {
		PROJECT_OPTIONS,
		{ 'v', "volumes", OPT_BOOL, "Remove the project's volumes too" },
		{ 't', "timeout", OPT_INT, "Seconds to wait before killing" },
		{ 0, "remove-orphans", OPT_BOOL, "Remove containers of services that the files do not name" },
		{ 0, NULL, OPT_BOOL, NULL },
	};
	return table;
}

const struct option_def *config_options(void)
{
	static const struct option_def table[] = {
		PROJECT_OPTIONS,
		CONFIG_OPTIONS,
		{ 0, NULL, OPT_BOOL, NULL },
	};
	return table;
}

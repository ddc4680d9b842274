/* The verbs of "berth compose". */
#include <stdint.h>

#include "cli/compose.h"
#include "cli/project_options.h"

static const struct verb verbs[] = {
	{ "up", "[OPTIONS] [SERVICE...]", "Create and start containers", up_options, false, 0, SIZE_MAX, 1,
		verb_up, NULL },
	{ "down", "[OPTIONS] [SERVICE...]", "Stop and remove containers", down_options, false, 0, SIZE_MAX, 1,
		verb_down, NULL },
	{ "create", "[OPTIONS] [SERVICE...]", "Create containers", compose_create_options, false, 0, SIZE_MAX,
		1, verb_compose_create, NULL },
	{ "start", "[SERVICE...]", "Start containers that exist", plain_options, false, 0, SIZE_MAX, 1,
		verb_compose_start, NULL },
	{ "stop", "[OPTIONS] [SERVICE...]", "Stop containers, keep them", compose_stop_options, false, 0,
		SIZE_MAX, 1, verb_compose_stop, NULL },
	{ "restart", "[OPTIONS] [SERVICE...]", "Restart containers", compose_stop_options, false, 0, SIZE_MAX,
		1, verb_compose_restart, NULL },
	{ "kill", "[OPTIONS] [SERVICE...]", "Send a signal to containers", compose_kill_options, false, 0,
		SIZE_MAX, 1, verb_compose_kill, NULL },
	{ "pause", "[SERVICE...]", "Freeze all that runs in containers", plain_options, false, 0, SIZE_MAX, 1,
		verb_compose_pause, NULL },
	{ "unpause", "[SERVICE...]", "Let them run again", plain_options, false, 0, SIZE_MAX, 1,
		verb_compose_unpause, NULL },
	{ "rm", "[OPTIONS] [SERVICE...]", "Remove stopped containers", compose_rm_options, false, 0, SIZE_MAX,
		1, verb_compose_rm, NULL },
	{ "run", "[OPTIONS] SERVICE [COMMAND] [ARG...]", "Run a command in a new container of a service",
		compose_run_options, true, 1, SIZE_MAX, 1, verb_compose_run, NULL },
	{ "exec", "[OPTIONS] SERVICE COMMAND [ARG...]", "Run a command in a running container",
		compose_exec_options, true, 2, SIZE_MAX, 1, verb_compose_exec, NULL },
	{ "ps", "[OPTIONS] [SERVICE...]", "List containers", compose_ps_options, false, 0, SIZE_MAX, 1,
		verb_compose_ps, NULL },
	{ "ls", "[OPTIONS]", "List projects", compose_ls_options, false, 0, 0, 1, verb_compose_ls, NULL },
	{ "logs", "[OPTIONS] [SERVICE...]", "Print the output of containers", compose_logs_options, false, 0,
		SIZE_MAX, 1, verb_compose_logs, NULL },
	{ "top", "[SERVICE...]", "Print the processes of containers", plain_options, false, 0, SIZE_MAX, 1,
		verb_compose_top, NULL },
	{ "events", "[OPTIONS] [SERVICE...]", "Print what happens to containers, as it happens",
		compose_events_options, false, 0, SIZE_MAX, 1, verb_compose_events, NULL },
	{ "config", "[OPTIONS] [SERVICE...]", "Print a compose file as it is understood", config_options,
		false, 0, SIZE_MAX, 1, verb_config, NULL },
	{ NULL, NULL, NULL, NULL, false, 0, 0, 0, NULL, NULL },
};

const struct verb *compose_verbs(void)
{
	return verbs;
}

const struct option_def *compose_options(void)
{
	static const struct option_def table[] = {
		PROJECT_OPTIONS,
		{ 0, NULL, OPT_BOOL, NULL },
	};
	return table;
}

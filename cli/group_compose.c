/* The verbs of "berth compose". */
#include "cli/cli.h"

#include "cli/project_options.h"

static const struct verb verbs[] = {
	{ "up", "[OPTIONS] [SERVICE...]", "Create and start containers", up_options, false, 0, SIZE_MAX, 1,
		verb_up, NULL },
	{ "down", "[OPTIONS] [SERVICE...]", "Stop and remove containers", down_options, false, 0, SIZE_MAX, 1,
		verb_down, NULL },
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

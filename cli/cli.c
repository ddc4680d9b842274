#include "cli/cli.h"

#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "cli/check.h"
#include "cli/output.h"

static const struct verb verbs[] = {
	{ "run", "[OPTIONS] IMAGE [COMMAND] [ARG...]", "Create a container and run it", run_options, true, 1,
		SIZE_MAX, 125, verb_run, NULL },
	{ "exec", "[OPTIONS] CONTAINER COMMAND [ARG...]", "Run a command in a running container",
		exec_options, true, 2, SIZE_MAX, 125, verb_exec, NULL },
	{ "ps", "[OPTIONS]", "List containers", ps_options, false, 0, 0, 125, verb_ps, NULL },
	{ "create", "[OPTIONS] IMAGE [COMMAND] [ARG...]", "Create a container", create_options, true, 1,
		SIZE_MAX, 125, verb_create, NULL },
	{ "start", "[OPTIONS] CONTAINER [CONTAINER...]", "Start stopped containers", start_options, false, 1,
		SIZE_MAX, 125, verb_start, NULL },
	{ "stop", "[OPTIONS] CONTAINER [CONTAINER...]", "Stop running containers", stop_options, false, 1,
		SIZE_MAX, 125, verb_stop, NULL },
	{ "restart", "[OPTIONS] CONTAINER [CONTAINER...]", "Restart containers", stop_options, false, 1,
		SIZE_MAX, 125, verb_restart, NULL },
	{ "kill", "[OPTIONS] CONTAINER [CONTAINER...]", "Send a signal to running containers", kill_options,
		false, 1, SIZE_MAX, 125, verb_kill, NULL },
	{ "pause", "CONTAINER [CONTAINER...]", "Freeze all that runs in containers", plain_options, false, 1,
		SIZE_MAX, 125, verb_pause, NULL },
	{ "unpause", "CONTAINER [CONTAINER...]", "Let them run again", plain_options, false, 1, SIZE_MAX, 125,
		verb_unpause, NULL },
	{ "rename", "CONTAINER NEW_NAME", "Rename a container", plain_options, false, 2, 2, 125, verb_rename,
		NULL },
	{ "update", "[OPTIONS] CONTAINER [CONTAINER...]", "Change limits and restart policy of containers",
		update_options, false, 1, SIZE_MAX, 125, verb_update, NULL },
	{ "rm", "[OPTIONS] CONTAINER [CONTAINER...]", "Remove containers", rm_options, false, 1, SIZE_MAX,
		125, verb_rm, NULL },
	{ "wait", "[OPTIONS] CONTAINER [CONTAINER...]", "Wait until containers stop, print their exit codes",
		wait_options, false, 1, SIZE_MAX, 125, verb_wait, NULL },
	{ "attach", "[OPTIONS] CONTAINER", "Attach to a running container", attach_options, false, 1, 1, 125,
		verb_attach, NULL },
	{ "logs", "[OPTIONS] CONTAINER", "Print the output of a container", logs_options, false, 1, 1, 125,
		verb_logs, NULL },
	{ "top", "CONTAINER [ps OPTIONS]", "Print the processes of a container", top_options, true, 1,
		SIZE_MAX, 125, verb_top, NULL },
	{ "stats", "[OPTIONS] [CONTAINER...]", "Print what containers use, again each second", stats_options,
		false, 0, SIZE_MAX, 125, verb_stats, NULL },
	{ "events", "[OPTIONS]", "Print what happens, as it happens", events_options, false, 0, 0, 125,
		verb_events, NULL },
	{ "inspect", "[OPTIONS] CONTAINER [CONTAINER...]", "Print all that is known of containers",
		inspect_options, false, 1, SIZE_MAX, 125, verb_inspect, NULL },
	{ "up", "[OPTIONS] [SERVICE...]", "Create and start the containers of a compose file", up_options,
		false, 0, SIZE_MAX, 1, verb_up, NULL },
	{ "down", "[OPTIONS] [SERVICE...]", "Stop and remove them", down_options, false, 0, SIZE_MAX, 1,
		verb_down, NULL },
	{ "config", "[OPTIONS] [SERVICE...]", "Print a compose file as it is understood", config_options,
		false, 0, SIZE_MAX, 1, verb_config, NULL },
	{ "version", "[OPTIONS]", "Print the versions of client and daemon", version_options, false, 0, 0,
		125, verb_version, NULL },
	{ "upgrade", "[OPTIONS] [PROGRAM]", "Change the daemon to another berth; the containers go on",
		upgrade_options, false, 0, 1, 125, verb_upgrade, NULL },
	{ "check", "[OPTIONS]", "Print what this kernel can do and what follows from it", check_options,
		false, 0, 0, 1, NULL, check_main },
	{ NULL, NULL, NULL, NULL, false, 0, 0, 0, NULL, NULL },
};

const struct verb *cli_verbs(void)
{
	return verbs;
}

/* ---------------------------------------------------------------- help */

static void print_help(FILE *to)
{
	(void)fprintf(to,
		"Usage:  berth [-H unix://PATH] VERB [OPTIONS]\n\nContainers from root filesystems and compose "
		"files.\n\nVerbs:\n");
	for (const struct verb *v = verbs; v->name; v++)
		(void)fprintf(to, "  %-10s %s\n", v->name, v->summary);
	(void)fprintf(to, "  %-10s %s\n", "daemon", "Be the supervisor");
	(void)fprintf(to,
		"\nOptions:\n  -H, --host string   The daemon's socket (BERTH_HOST; default unix://%s)\n"
		"      --help          Print this\n  -v, --version       Print the version\n\n"
		"Run 'berth VERB --help' for more on a verb.\n",
		CLI_DEFAULT_SOCKET);
}

static int print_verb_help(const struct verb *v)
{
	auto_(buf) struct buf out = { 0 };
	if (args_help(v->options(), &out) < 0)
		return 1;
	(void)printf("Usage:  berth %s %s\n\n%s\n", v->name, v->usage, v->summary);
	if (out.len > 0)
		(void)printf("\nOptions:\n%s", out.data);
	return 0;
}

/* ---------------------------------------------------------------- global options */

static int set_host(const char *host, struct cli *cli, struct err *e)
{
	static const char scheme[] = "unix://";
	if (!text_has_prefix(host, scheme) || host[sizeof(scheme) - 1] != '/')
		return err_say(e, EINVAL, "unable to parse host '%s': only unix:///PATH is supported", host);
	cli->socket = host + sizeof(scheme) - 1;
	return 0;
}

int cli_parse_globals(int argc, char *const *argv, const char *env_host, struct cli *cli, struct err *e)
{
	const char *host = env_host && *env_host ? env_host : NULL;
	int i = 1;
	for (; i < argc && argv[i][0] == '-'; i++) {
		const char *a = argv[i];
		if (strcmp(a, "--help") == 0 || strcmp(a, "-v") == 0 || strcmp(a, "--version") == 0)
			break;
		if (text_has_prefix(a, "--host="))
			host = a + strlen("--host=");
		else if (strcmp(a, "-H") != 0 && strcmp(a, "--host") != 0)
			return a[0] == '-' && a[1] == 'H' && a[2]
				? err_say(e, EINVAL, "write -H unix:///PATH with a blank")
				: err_say(e, EINVAL, "unknown flag: %s", a);
		else if (i + 1 >= argc)
			return err_say(e, EINVAL, "flag needs an argument: %s", a);
		else
			host = argv[++i];
	}
	cli->socket = CLI_DEFAULT_SOCKET;
	int r = host ? set_host(host, cli, e) : 0;
	return r < 0 ? r : i;
}

/* ---------------------------------------------------------------- the verb */

static int unknown_verb(const char *name)
{
	const char *names[sizeof(verbs) / sizeof(verbs[0])];
	size_t n = 0;
	for (const struct verb *v = verbs; v->name; v++)
		names[n++] = v->name;
	const char *near = nearest_name(name, names, n);
	(void)fprintf(stderr, "berth: '%s' is not a berth verb.", name);
	if (near)
		(void)fprintf(stderr, " Did you mean '%s'?", near);
	(void)fprintf(stderr, "\nSee 'berth --help'\n");
	return 1;
}

static int run_verb(const struct verb *v, const struct cli *cli, int argc, char **argv)
{
	struct args o;
	struct err e;
	if (args_parse(v->options(), argc - 1, argv + 1, v->stop_at_argument, &o, &e) < 0)
		return print_usage_error(v->name, &e, v->usage_code);
	int code;
	if (o.help) {
		code = print_verb_help(v);
	} else if (v->raw) {
		code = v->raw(argc, argv);
	} else if (o.words_len < v->min_args || o.words_len > v->max_args) {
		if (v->max_args == 0)
			(void)err_say(&e, EINVAL, "'berth %s' accepts no arguments", v->name);
		else if (v->max_args == v->min_args)
			(void)err_say(&e, EINVAL, "'berth %s' requires exactly %zu argument%s", v->name,
				v->min_args, v->min_args == 1 ? "" : "s");
		else if (o.words_len > v->max_args)
			(void)err_say(&e, EINVAL, "'berth %s' accepts at most %zu argument%s", v->name,
				v->max_args, v->max_args == 1 ? "" : "s");
		else
			(void)err_say(&e, EINVAL, "'berth %s' requires at least %zu argument%s", v->name,
				v->min_args, v->min_args == 1 ? "" : "s");
		code = print_usage_error(v->name, &e, v->usage_code);
	} else {
		code = v->run(cli, &o);
	}
	args_done(&o);
	if (fflush(stdout) != 0 && code == 0)
		code = 1;
	return code;
}

int cli_main(int argc, char **argv)
{
	struct cli cli;
	struct err e;
	int at = cli_parse_globals(argc, argv, getenv("BERTH_HOST"), &cli, &e);
	if (at < 0) {
		(void)fprintf(stderr, "berth: %s\nSee 'berth --help'\n", e.text);
		return 125;
	}
	if (at >= argc || strcmp(argv[at], "--help") == 0 || strcmp(argv[at], "help") == 0) {
		print_help(stdout);
		return 0;
	}
	if (strcmp(argv[at], "-v") == 0 || strcmp(argv[at], "--version") == 0) {
		(void)printf("berth version %s\n", BERTH_VERSION);
		return 0;
	}
	for (const struct verb *v = verbs; v->name; v++)
		if (strcmp(v->name, argv[at]) == 0)
			return run_verb(v, &cli, argc - at, argv + at);
	return unknown_verb(argv[at]);
}

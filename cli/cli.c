#include "cli/cli.h"

#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "cli/check.h"
#include "cli/complete.h"
#include "cli/man.h"
#include "cli/output.h"

#define VERBS_MAX 128 /* of one table, for suggestions */

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
	{ "cp", "[OPTIONS] CONTAINER:SRC_PATH DEST_PATH|-\n        berth cp [OPTIONS] SRC_PATH|- CONTAINER:DEST_PATH",
		"Copy files between a container and here", cp_options, false, 2, 2, 125, verb_cp, NULL },
	{ "diff", "CONTAINER", "Print what a container has changed in its root filesystem", plain_options,
		false, 1, 1, 125, verb_diff, NULL },
	{ "export", "[OPTIONS] CONTAINER", "Print a container's files as a tar archive", export_options,
		false, 1, 1, 125, verb_export, NULL },
	{ "inspect", "[OPTIONS] NAME [NAME...]", "Print all that is known of containers and images",
		inspect_options, false, 1, SIZE_MAX, 125, verb_inspect, NULL },
	{ "images", "[OPTIONS] [NAME[:TAG]]", "List names of root filesystems", images_options, false, 0, 1,
		125, verb_images, NULL },
	{ "tag", "dir:PATH|oci-bundle:PATH|IMAGE NAME[:TAG]", "Give a root filesystem a name", plain_options,
		false, 2, 2, 125, verb_tag, NULL },
	{ "rmi", "[OPTIONS] IMAGE [IMAGE...]", "Take names of root filesystems away", rmi_options, false, 1,
		SIZE_MAX, 125, verb_rmi, NULL },
	{ "up", "[OPTIONS] [SERVICE...]", "Create and start the containers of a compose file", up_options,
		false, 0, SIZE_MAX, 1, verb_up, NULL },
	{ "down", "[OPTIONS] [SERVICE...]", "Stop and remove them", down_options, false, 0, SIZE_MAX, 1,
		verb_down, NULL },
	{ "config", "[OPTIONS] [SERVICE...]", "Print a compose file as it is understood", config_options,
		false, 0, SIZE_MAX, 1, verb_config, NULL },
	{ "info", "[OPTIONS]", "Print what the daemon is and has", info_options, false, 0, 0, 125, verb_info,
		NULL },
	{ "version", "[OPTIONS]", "Print the versions of client and daemon", version_options, false, 0, 0,
		125, verb_version, NULL },
	{ "upgrade", "[OPTIONS] [PROGRAM]", "Change the daemon to another berth; the containers go on",
		upgrade_options, false, 0, 1, 125, verb_upgrade, NULL },
	{ "reload", "", "Have the daemon read its compose files again, and carry out what has changed",
		plain_options, false, 0, 0, 1, verb_reload, NULL },
	{ "completion", "bash|zsh|fish", "Print the completion for a shell", plain_options, false, 1, 1, 125,
		verb_completion, NULL },
	{ "check", "[OPTIONS]", "Print what this kernel can do and what follows from it", check_options,
		false, 0, 0, 1, NULL, check_main },
	{ NULL, NULL, NULL, NULL, false, 0, 0, 0, NULL, NULL },
};

static const struct verb_group groups[] = {
	{ "compose", "The verbs of docker compose, by project and service", compose_options, compose_verbs },
	{ "container", "Containers, by docker's longer names", plain_options, container_verbs },
	{ "image", "Names of root filesystems", plain_options, image_verbs },
	{ "system", "The daemon: what it has, what can go", plain_options, system_verbs },
	{ "volume", "Volumes", plain_options, volume_verbs },
	{ NULL, NULL, NULL, NULL },
};

const struct verb *cli_verbs(void)
{
	return verbs;
}

const struct verb_group *cli_groups(void)
{
	return groups;
}

/* ---------------------------------------------------------------- help */

static void print_names(FILE *to, const struct verb *table)
{
	for (const struct verb *v = table; v->name; v++)
		(void)fprintf(to, "  %-10s %s\n", v->name, v->summary);
}

static void print_help(FILE *to)
{
	(void)fprintf(to,
		"Usage:  berth [-H unix://PATH] VERB [OPTIONS]\n\nContainers from root filesystems and compose "
		"files.\n\nVerbs:\n");
	print_names(to, verbs);
	(void)fprintf(to, "  %-10s %s\n\nGroups of verbs:\n", "daemon", "Be the supervisor");
	for (const struct verb_group *g = groups; g->name; g++)
		(void)fprintf(to, "  %-10s %s\n", g->name, g->summary);
	(void)fprintf(to,
		"\nOptions:\n  -H, --host string   The daemon's socket (BERTH_HOST; default unix://%s)\n"
		"      --help          Print this\n  -v, --version       Print the version\n\n"
		"Run 'berth VERB --help' for more on a verb.\n",
		CLI_DEFAULT_SOCKET);
}

static int print_options(const struct option_def *table)
{
	auto_(buf) struct buf out = { 0 };
	if (args_help(table, &out) < 0)
		return 1;
	(void)printf("\nOptions:\n%s      --help   Print this\n", out.len > 0 ? out.data : "");
	return 0;
}

static int print_verb_help(const struct verb *v, const char *title)
{
	(void)printf("Usage:  berth %s %s\n\n%s\n", title, v->usage, v->summary);
	return print_options(v->options());
}

static int print_group_help(const struct verb_group *g)
{
	(void)printf("Usage:  berth %s [OPTIONS] VERB\n\n%s\n\nVerbs:\n", g->name, g->summary);
	print_names(stdout, g->verbs());
	int r = print_options(g->options());
	(void)printf("\nRun 'berth %s VERB --help' for more on a verb.\n", g->name);
	return r;
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

static int unknown_global(const char *flag, struct err *e)
{
	static const char *const names[] = { "--host", "--help", "--version" };
	const char *near = text_nearest(flag, names, sizeof(names) / sizeof(names[0]));
	return near ? err_say(e, EINVAL, "unknown flag: %s (did you mean %s?)", flag, near)
		    : err_say(e, EINVAL, "unknown flag: %s", flag);
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
				: unknown_global(a, e);
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

static const struct verb *find_verb(const struct verb *table, const char *name)
{
	for (; table->name; table++)
		if (strcmp(table->name, name) == 0)
			return table;
	return NULL;
}

static const struct verb_group *find_group(const char *name)
{
	for (const struct verb_group *g = groups; g->name; g++)
		if (strcmp(g->name, name) == 0)
			return g;
	return NULL;
}

/* group NULL: a verb of berth itself. */
static int unknown_verb(const struct verb_group *group, const char *name)
{
	const char *names[VERBS_MAX] = { "daemon", "help" };
	size_t n = group ? 0 : 2;
	for (const struct verb *v = group ? group->verbs() : verbs; v->name && n < VERBS_MAX; v++)
		names[n++] = v->name;
	for (const struct verb_group *g = groups; !group && g->name && n < VERBS_MAX; g++)
		names[n++] = g->name;
	const char *near = text_nearest(name, names, n);
	const char *title = group ? group->name : "", *blank = group ? " " : "";
	(void)fprintf(stderr, "berth: '%s' is not a berth%s%s verb.", name, blank, title);
	if (near)
		(void)fprintf(stderr, " Did you mean '%s'?", near);
	(void)fprintf(stderr, "\nSee 'berth%s%s --help'\n", blank, title);
	return 1;
}

static int wrong_count(const struct verb *v, const char *title)
{
	struct err e;
	if (v->max_args == 0)
		(void)err_say(&e, EINVAL, "'berth %s' accepts no arguments", title);
	else if (v->max_args == v->min_args)
		(void)err_say(&e, EINVAL, "'berth %s' requires exactly %zu argument%s", title, v->min_args,
			v->min_args == 1 ? "" : "s");
	else if (v->max_args < SIZE_MAX && v->min_args == 0)
		(void)err_say(&e, EINVAL, "'berth %s' accepts at most %zu argument%s", title, v->max_args,
			v->max_args == 1 ? "" : "s");
	else if (v->max_args < SIZE_MAX)
		(void)err_say(&e, EINVAL, "'berth %s' requires %zu to %zu arguments", title, v->min_args,
			v->max_args);
	else
		(void)err_say(&e, EINVAL, "'berth %s' requires at least %zu argument%s", title, v->min_args,
			v->min_args == 1 ? "" : "s");
	return print_usage_error(title, &e, v->usage_code);
}

/* title is what stands behind "berth": "ps" or "compose ps". */
static int run_verb(const struct verb *v, const char *title, const struct cli *cli, int argc, char **argv)
{
	struct args o;
	struct err e;
	if (args_parse(v->options(), argc - 1, argv + 1, v->stop_at_argument, &o, &e) < 0)
		return print_usage_error(title, &e, v->usage_code);
	int code;
	if (o.help)
		code = print_verb_help(v, title);
	else if (v->raw)
		code = v->raw(argc, argv);
	else if (o.words_len < v->min_args || o.words_len > v->max_args)
		code = wrong_count(v, title);
	else
		code = v->run(cli, &o);
	args_done(&o);
	return code;
}

static int run_group(const struct verb_group *g, const struct cli *cli, int argc, char **argv)
{
	struct args o;
	struct err e;
	struct cli inner = *cli;
	int code;
	if (args_parse(g->options(), argc - 1, argv + 1, true, &o, &e) < 0)
		return print_usage_error(g->name, &e, 1);
	const struct verb *v = o.words_len > 0 && !o.help ? find_verb(g->verbs(), o.words[0]) : NULL;
	inner.group = &o;
	if (v) {
		char title[64];
		int at = argc - (int)o.words_len;
		(void)snprintf(title, sizeof(title), "%s %s", g->name, v->name);
		code = run_verb(v, title, &inner, argc - at, argv + at);
	} else if (o.words_len > 0 && !o.help && strcmp(o.words[0], "help") != 0) {
		code = unknown_verb(g, o.words[0]);
	} else {
		code = print_group_help(g);
	}
	args_done(&o);
	return code;
}

/* "berth help [GROUP] [VERB]": the words are what stands behind "help". */
static int help_on(int argc, char **argv)
{
	const struct verb_group *g = argc > 0 ? find_group(argv[0]) : NULL;
	const struct verb *v = g && argc > 1 ? find_verb(g->verbs(), argv[1])
		: argc > 0		     ? find_verb(verbs, argv[0])
					     : NULL;
	char title[64];
	if (argc == 0) {
		print_help(stdout);
		return 0;
	}
	if (!v)
		return g && argc == 1 ? print_group_help(g) : unknown_verb(g, argv[g ? 1 : 0]);
	(void)snprintf(title, sizeof(title), "%s%s%s", g ? g->name : "", g ? " " : "", v->name);
	return print_verb_help(v, title);
}

/* "berth __man DIRECTORY": for the installation. */
static int man_main(int argc, char **argv)
{
	struct err e;
	if (argc != 1)
		return unknown_verb(NULL, "__man");
	return man_write(argv[0], &e) < 0 ? output_error(&e, 1) : 0;
}

static int dispatch(const struct cli *cli, int argc, char **argv)
{
	if (argc == 0 || strcmp(argv[0], "--help") == 0) {
		print_help(stdout);
		return 0;
	}
	if (strcmp(argv[0], "help") == 0)
		return help_on(argc - 1, argv + 1);
	if (strcmp(argv[0], "-v") == 0 || strcmp(argv[0], "--version") == 0) {
		(void)printf("berth version %s\n", BERTH_VERSION);
		return 0;
	}
	if (strcmp(argv[0], "__complete") == 0)
		return complete_main(cli, argc - 1, argv + 1);
	if (strcmp(argv[0], "__man") == 0)
		return man_main(argc - 1, argv + 1);
	const struct verb_group *g = find_group(argv[0]);
	if (g)
		return run_group(g, cli, argc, argv);
	const struct verb *v = find_verb(verbs, argv[0]);
	return v ? run_verb(v, v->name, cli, argc, argv) : unknown_verb(NULL, argv[0]);
}

int cli_main(int argc, char **argv)
{
	struct cli cli = { 0 };
	struct err e;
	int at = cli_parse_globals(argc, argv, getenv("BERTH_HOST"), &cli, &e);
	if (at < 0) {
		(void)fprintf(stderr, "berth: %s\nSee 'berth --help'\n", e.text);
		return 125;
	}
	int code = dispatch(&cli, argc - at, argv + at);
	if (fflush(stdout) != 0 && code == 0)
		code = 1;
	return code;
}

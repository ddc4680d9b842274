/*
 * cli - the client verbs: what they share.
 *
 * The verbs talk to the daemon through the control API only (base/http.h). Output and exit codes are docker's where
 * docker has the verb, compose's for up, down and config.
 *
 * Exit:    0; 1 for an error; for run 125 (berth's or the daemon's error, and usage), 126, 127 (from the start's
 *          error), else the container's own code.
 * Context: one thread; a verb runs an event loop of its own when it streams.
 */
#ifndef CLI_CLI_H
#define CLI_CLI_H

#include <jansson.h>
#include <stdbool.h>

#include "base/buf.h"
#include "base/err.h"
#include "cli/args.h"

#define CLI_DEFAULT_SOCKET "/run/berth/berth.sock"

struct cli {
	const char *socket;	  /* the daemon's socket path */
	const struct args *group; /* what stood before the verb of a group; NULL: the verb is of none */
};

struct verb {
	const char *name;
	const char *usage; /* what follows "berth" */
	const char *summary;
	const struct option_def *(*options)(void);
	bool stop_at_argument;
	size_t min_args, max_args; /* SIZE_MAX: any number */
	int usage_code;		   /* exit status of a usage error */
	int (*run)(const struct cli *cli, const struct args *o);
	int (*raw)(int argc, char **argv); /* in place of run: reads its own options */
};

/* Verbs of one kind: "berth compose [OPTIONS] ps". Its options stand before the verb, which finds them in cli.group. */
struct verb_group {
	const char *name;
	const char *summary;
	const struct option_def *(*options)(void);
	const struct verb *(*verbs)(void);
};

/* Everything that is not `daemon` or internal. argv[0] is the program; returns the exit status. */
int cli_main(int argc, char **argv);
/* The verb table, ends with a NULL name. */
const struct verb *cli_verbs(void);
/* The table of groups, ends with a NULL name. */
const struct verb_group *cli_groups(void);
/* Read "[-H unix://PATH]" and the environment: fills cli, returns the index of the verb, or -errno. */
int cli_parse_globals(int argc, char *const *argv, const char *env_host, struct cli *cli, struct err *e);

/* ---------------------------------------------------------------- groups */
const struct verb *compose_verbs(void);
const struct option_def *compose_options(void);
const struct verb *container_verbs(void);
const struct verb *system_verbs(void);
const struct verb *volume_verbs(void);
const struct verb *image_verbs(void);

/* ---------------------------------------------------------------- verbs, by file */
int verb_run(const struct cli *cli, const struct args *o);
int verb_create(const struct cli *cli, const struct args *o);
int verb_start(const struct cli *cli, const struct args *o);
int verb_attach(const struct cli *cli, const struct args *o);
int verb_exec(const struct cli *cli, const struct args *o);
int verb_logs(const struct cli *cli, const struct args *o);
int verb_stop(const struct cli *cli, const struct args *o);
int verb_restart(const struct cli *cli, const struct args *o);
int verb_kill(const struct cli *cli, const struct args *o);
int verb_pause(const struct cli *cli, const struct args *o);
int verb_unpause(const struct cli *cli, const struct args *o);
int verb_rename(const struct cli *cli, const struct args *o);
int verb_update(const struct cli *cli, const struct args *o);
int verb_rm(const struct cli *cli, const struct args *o);
int verb_wait(const struct cli *cli, const struct args *o);
int verb_events(const struct cli *cli, const struct args *o);
int verb_top(const struct cli *cli, const struct args *o);
int verb_stats(const struct cli *cli, const struct args *o);
int verb_ps(const struct cli *cli, const struct args *o);
int verb_inspect(const struct cli *cli, const struct args *o);
int verb_info(const struct cli *cli, const struct args *o);
int verb_image_inspect(const struct cli *cli, const struct args *o);
int verb_images(const struct cli *cli, const struct args *o);
int verb_tag(const struct cli *cli, const struct args *o);
int verb_rmi(const struct cli *cli, const struct args *o);
int verb_version(const struct cli *cli, const struct args *o);
int verb_up(const struct cli *cli, const struct args *o);
int verb_down(const struct cli *cli, const struct args *o);
int verb_config(const struct cli *cli, const struct args *o);
int verb_cp(const struct cli *cli, const struct args *o);
int verb_diff(const struct cli *cli, const struct args *o);
int verb_export(const struct cli *cli, const struct args *o);
int verb_upgrade(const struct cli *cli, const struct args *o);
int verb_reload(const struct cli *cli, const struct args *o);
int verb_completion(const struct cli *cli, const struct args *o);

const struct option_def *run_options(void);
const struct option_def *create_options(void);
const struct option_def *start_options(void);
const struct option_def *attach_options(void);
const struct option_def *exec_options(void);
const struct option_def *logs_options(void);
const struct option_def *stop_options(void);
const struct option_def *kill_options(void);
const struct option_def *update_options(void);
const struct option_def *rm_options(void);
const struct option_def *plain_options(void);
const struct option_def *wait_options(void);
const struct option_def *events_options(void);
const struct option_def *top_options(void);
const struct option_def *stats_options(void);
const struct option_def *ps_options(void);
const struct option_def *inspect_options(void);
const struct option_def *info_options(void);
const struct option_def *image_inspect_options(void);
const struct option_def *images_options(void);
const struct option_def *rmi_options(void);
const struct option_def *version_options(void);
const struct option_def *up_options(void);
const struct option_def *down_options(void);
const struct option_def *config_options(void);
const struct option_def *check_options(void);
const struct option_def *cp_options(void);
const struct option_def *export_options(void);
const struct option_def *upgrade_options(void);

#endif

/*
 * compose - the verbs of "berth compose", by file; cli/group_compose.c is their table.
 *
 * Each finds its project by cli/project_find.h: by the compose file of this directory, by -f, or by name and labels alone.
 */
#ifndef CLI_COMPOSE_H
#define CLI_COMPOSE_H

#include "cli/cli.h"

int verb_compose_stop(const struct cli *cli, const struct args *o);
int verb_compose_start(const struct cli *cli, const struct args *o);
int verb_compose_restart(const struct cli *cli, const struct args *o);
int verb_compose_kill(const struct cli *cli, const struct args *o);
int verb_compose_pause(const struct cli *cli, const struct args *o);
int verb_compose_unpause(const struct cli *cli, const struct args *o);
int verb_compose_rm(const struct cli *cli, const struct args *o);
int verb_compose_ps(const struct cli *cli, const struct args *o);
int verb_compose_ls(const struct cli *cli, const struct args *o);
int verb_compose_logs(const struct cli *cli, const struct args *o);
int verb_compose_top(const struct cli *cli, const struct args *o);
int verb_compose_events(const struct cli *cli, const struct args *o);
int verb_compose_exec(const struct cli *cli, const struct args *o);
int verb_compose_run(const struct cli *cli, const struct args *o);
int verb_compose_create(const struct cli *cli, const struct args *o);

const struct option_def *compose_stop_options(void);
const struct option_def *compose_kill_options(void);
const struct option_def *compose_rm_options(void);
const struct option_def *compose_ps_options(void);
const struct option_def *compose_ls_options(void);
const struct option_def *compose_logs_options(void);
const struct option_def *compose_events_options(void);
const struct option_def *compose_exec_options(void);
const struct option_def *compose_run_options(void);
const struct option_def *compose_create_options(void);

#endif

/*
 * run - create a container, start it, and be its terminal or pipeline until it ends.
 */
#ifndef CLI_RUN_H
#define CLI_RUN_H

#include "cli/cli.h"
#include "cli/create.h"

/* The exit status: the container's, or 125 to 127 with the reason said. */
int run_container(const struct cli *cli, const struct create *c);

#endif

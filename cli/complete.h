/*
 * complete - what may stand next on a command line, for the shells' completions.
 *
 * From the verb tables: verbs, flags, and by the words of a verb's usage its arguments: CONTAINER and SERVICE are asked of the daemon,
 * "a|b" is one of them, COMMAND and the like are the shell's own business (files).
 *
 * Errors:  none: what cannot be found out is left out. A daemon that does not answer is waited for two seconds.
 */
#ifndef CLI_COMPLETE_H
#define CLI_COMPLETE_H

#include "base/buf.h"
#include "cli/cli.h"

/* words: what stands behind "berth", the last one as far as it is typed. Appends "candidate\tdescription" lines, and ":file" when the
 * shell is to complete names of files. */
int complete(const struct cli *cli, int argc, char *const *argv, struct buf *out);

/* "berth __complete WORDS..." */
int complete_main(const struct cli *cli, int argc, char **argv);
/* The script for bash, zsh or fish, which asks that; NULL: no such shell. */
const char *complete_script(const char *shell);

#endif

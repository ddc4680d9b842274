/* config_print - the ways in which `config` shows a project. */
#ifndef CLI_CONFIG_PRINT_H
#define CLI_CONFIG_PRINT_H

#include <jansson.h>

#include "base/err.h"
#include "cli/args.h"

/* What the options ask of the daemon, into the body of POST /berth/projects/config. */
int config_ask(const struct args *o, json_t *body, struct err *e);
/* The answer as the options want it, to standard output or --output. */
int config_print(const struct args *o, const json_t *answer, struct err *e);

#define CONFIG_OPTIONS                                                                                       \
	{ 'q', "quiet", OPT_BOOL, "Only check, print nothing" },                                             \
		{ 0, "format", OPT_STRING, "Format of the document: \"yaml\" (default) or \"json\"" },       \
		{ 'o', "output", OPT_STRING, "Write to a file (default: standard output)" },                 \
		{ 0, "services", OPT_BOOL, "Print the names of the services, one per line" },                \
		{ 0, "volumes", OPT_BOOL, "Print the names of the volumes, one per line" },                  \
		{ 0, "images", OPT_BOOL, "Print the images, one per line" },                                 \
		{ 0, "profiles", OPT_BOOL, "Print the profiles, one per line" },                             \
	{                                                                                                    \
		0, "hash", OPT_STRING, "Print the config hash of services, separated by commas; * is all"    \
	}

#endif

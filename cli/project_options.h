/*
 * project_options - the options that say which compose project is meant: a piece of an option table.
 */
#ifndef CLI_PROJECT_OPTIONS_H
#define CLI_PROJECT_OPTIONS_H

#define PROJECT_OPTIONS                                                                                      \
	{ 'f', "file", OPT_LIST, "Compose file (default: compose.yaml in this directory), - for STDIN" },    \
		{ 'p', "project-name", OPT_STRING, "Project name" },                                         \
		{ 0, "project-directory", OPT_STRING, "Directory that relative paths start from" },          \
		{ 0, "env-file", OPT_LIST, "Environment file" },                                             \
		{ 0, "profile", OPT_LIST, "Profile to enable" },                                             \
		{ 0, "ansi", OPT_STRING, "Colours: \"never\", \"always\" or \"auto\" (default)" },           \
	{                                                                                                    \
		0, "progress", OPT_STRING, "Progress: \"auto\" (default), \"tty\", \"plain\" or \"quiet\""   \
	}

#endif

/*
 * args - command lines from tables, as docker's (pflag) are read.
 *
 * -d -it -eK=V -e K=V --name x --name=x --rm=false, "--" ends the options, and where a verb says so the first
 * argument that is no option does (the rest belongs to the container's program).
 *
 * Owns:    struct args owns its vectors; strings are those of argv. args_done() frees.
 * Errors:  -EINVAL with docker's words ("unknown flag: --nmae (did you mean --name?)"). -ENOMEM.
 */
#ifndef CLI_ARGS_H
#define CLI_ARGS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"

enum option_type {
	OPT_BOOL,
	OPT_STRING,
	OPT_LIST,     /* may be repeated */
	OPT_INT,      /* decimal, may be negative */
	OPT_BYTES,    /* "64m"; -1 is allowed and means no limit */
	OPT_DURATION, /* "1m30s" */
	OPT_NUMBER,   /* decimal fraction, not negative */
	OPT_TYPE_COUNT
};

struct option_def {
	char short_name; /* 0: none */
	const char *long_name;
	enum option_type type;
	const char *help;
};

struct option_value {
	const char **values; /* as written, in order */
	size_t count;
};

struct args {
	const struct option_def *table;
	size_t table_len;
	struct option_value *values; /* parallel to the table */
	const char **words;	     /* what is no option, NULL-terminated */
	size_t words_len;
	bool help; /* --help was asked for */
};

/* The table ends with a NULL long_name. argv[0] is the first word after the verb. --help is known everywhere. */
int args_parse(const struct option_def *table, int argc, char *const *argv, bool stop_at_argument,
	struct args *out, struct err *e);
void args_done(struct args *o);

bool option_given(const struct args *o, const char *name);
bool option_bool(const struct args *o, const char *name);
/* The last value, or NULL. */
const char *option_string(const struct args *o, const char *name);
const struct option_value *option_list(const struct args *o, const char *name);
/* Valid by the parse: the value or def. OPT_BYTES in bytes, OPT_DURATION in nanoseconds, OPT_NUMBER in billionths. */
int64_t option_number(const struct args *o, const char *name, int64_t def);

/* "      --name string   Assign a name" lines. */
int args_help(const struct option_def *table, struct buf *out);

#endif

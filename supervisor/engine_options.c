#include "supervisor/engine_options.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/own.h"
#include "base/text.h"

#define DEFAULT_NAME	 "berth"
#define DEFAULT_DATA	 "/var/lib/berth"
#define DEFAULT_RUN	 "/run/berth"
#define DEFAULT_GRACE_NS (10 * NS_PER_S)

static int set_name(struct engine_options *o, const char *value, struct err *e)
{
	if (!text_is_safe_id(value) || strlen(value) > 32)
		return err_say(e, EINVAL,
			"--name: '%s' is not a name ([A-Za-z0-9_+-][A-Za-z0-9_+.-]*, at most 32)", value);
	o->name = value;
	return 0;
}

static int absolute(const char *option, const char *value, const char **out, struct err *e)
{
	if (*value != '/')
		return err_say(e, EINVAL, "%s: '%s' is not an absolute path", option, value);
	if (strlen(value) > 1024)
		return err_say(e, EINVAL, "%s: the path is too long", option);
	*out = value;
	return 0;
}

static int set_data_root(struct engine_options *o, const char *value, struct err *e)
{
	return absolute("--data-root", value, &o->data_root, e);
}

static int set_run_root(struct engine_options *o, const char *value, struct err *e)
{
	return absolute("--run-root", value, &o->run_root, e);
}

static int set_log_root(struct engine_options *o, const char *value, struct err *e)
{
	return absolute("--log-root", value, &o->log_root, e);
}

static int set_host(struct engine_options *o, const char *value, struct err *e)
{
	if (!text_has_prefix(value, "unix://"))
		return err_say(e, EINVAL, "--host: '%s' is not of the form unix://PATH", value);
	return absolute("--host", value + strlen("unix://"), &o->socket, e);
}

static int add_file(struct engine_options *o, const char *value, struct err *e)
{
	size_t n = 0;

	while (o->files && o->files[n])
		n++;
	char **more = realloc(o->files, (n + 2) * sizeof(*more));
	if (!more)
		return err_set(e, ENOMEM, "--file");
	o->files = more;
	more[n] = (char *)value; /* argv's own */
	more[n + 1] = NULL;
	return 0;
}

static int set_log_level(struct engine_options *o, const char *value, struct err *e)
{
	if (log_parse_level(value, &o->log_level) < 0)
		return err_say(e, EINVAL, "--log-level: '%s' is not one of debug, info, warn, error", value);
	return 0;
}

static int set_stop_timeout(struct engine_options *o, const char *value, struct err *e)
{
	int64_t seconds;

	if (text_parse_int(value, 0, INT32_MAX, &seconds) == 0)
		o->stop_timeout_ns = seconds * NS_PER_S;
	else if (clock_parse_duration(value, &o->stop_timeout_ns) < 0)
		return err_say(e, EINVAL,
			"--stop-timeout: '%s' is neither seconds nor a duration such as 1m30s", value);
	return 0;
}

static const struct option {
	const char *name, *letter;
	int (*set)(struct engine_options *o, const char *value, struct err *e);
	const char *kind, *help;
} table[] = {
	{ "--name", NULL, set_name, "string",
		"Prefix of what is global to a host (default " DEFAULT_NAME
		"); two daemons need two names and roots" },
	{ "--data-root", NULL, set_data_root, "dir",
		"What lasts: containers, volumes (default " DEFAULT_DATA ")" },
	{ "--run-root", NULL, set_run_root, "dir",
		"What ends with the boot: socket, state (default " DEFAULT_RUN ")" },
	{ "--log-root", NULL, set_log_root, "dir", "The containers' logs (default logs in the data root)" },
	{ "--host", "-H", set_host, "unix://PATH", "The API's socket (default berth.sock in the run root)" },
	{ "--file", "-f", add_file, "file", "Compose file to bring up at the start, may be repeated" },
	{ "--log-level", NULL, set_log_level, "level", "debug, info, warn or error (default info)" },
	{ "--stop-timeout", NULL, set_stop_timeout, "duration",
		"Grace of a container that names none, in seconds or as 1m30s (default 10s)" },
};

void engine_options_help(FILE *to)
{
	(void)fprintf(to,
		"Usage:  berth daemon [OPTIONS]\n\nBe the supervisor, in the foreground: ends orderly on SIGTERM and "
		"SIGINT, logs to standard error.\n\nOptions:\n");
	for (size_t i = 0; i < ARRAY_LEN(table); i++) {
		char left[64];
		(void)snprintf(left, sizeof(left), "%s%s%s %s", table[i].letter ? table[i].letter : "  ",
			table[i].letter ? ", " : "  ", table[i].name, table[i].kind);
		(void)fprintf(to, "  %-29s %s\n", left, table[i].help);
	}
	(void)fprintf(to, "  %-29s %s\n", "    --help", "Print this");
}

/* The value of this option in word ("--name=x", "-Hx") or in the next word; NULL: not this option, or no value (*missing). */
static const char *value_of(
	const struct option *op, const char *word, const char *next, int *used, bool *missing)
{
	size_t len = strlen(op->name);

	*missing = false;
	if (strncmp(word, op->name, len) == 0 && word[len] == '=')
		return word + len + 1;
	if (op->letter && strncmp(word, op->letter, 2) == 0 && word[2])
		return word + 2;
	if (strcmp(word, op->name) != 0 && (!op->letter || strcmp(word, op->letter) != 0))
		return NULL;
	*missing = !next;
	*used += next ? 1 : 0;
	return next;
}

static int parse_one(struct engine_options *o, char **argv, int *i, struct err *e)
{
	for (size_t k = 0; k < ARRAY_LEN(table); k++) {
		bool missing;
		const char *value = value_of(&table[k], argv[*i], argv[*i + 1], i, &missing);
		if (missing)
			return err_say(e, EINVAL, "%s: needs a value", table[k].name);
		if (value)
			return table[k].set(o, value, e);
	}
	const char *names[ARRAY_LEN(table)];
	for (size_t k = 0; k < ARRAY_LEN(table); k++)
		names[k] = table[k].name;
	const char *near = text_nearest(argv[*i], names, ARRAY_LEN(names));
	return near ? err_say(e, EINVAL, "unknown option: %s (did you mean %s?)", argv[*i], near)
		    : err_say(e, EINVAL, "unknown option: %s", argv[*i]);
}

int engine_options_parse(int argc, char **argv, struct engine_options *out, struct err *e)
{
	struct engine_options o = { .name = DEFAULT_NAME,
		.data_root = DEFAULT_DATA,
		.run_root = DEFAULT_RUN,
		.log_level = LOG_LEVEL_INFO,
		.stop_timeout_ns = DEFAULT_GRACE_NS };
	int r = 0;

	for (int i = 1; i < argc && r == 0; i++)
		r = parse_one(&o, argv, &i, e);
	if (r == 0 && !o.log_root && asprintf(&o.made_log_root, "%s/logs", o.data_root) < 0)
		r = err_set(e, ENOMEM, "options");
	if (r == 0 && !o.socket && asprintf(&o.made_socket, "%s/berth.sock", o.run_root) < 0)
		r = err_set(e, ENOMEM, "options");
	if (r < 0) {
		engine_options_done(&o);
		return r;
	}
	o.log_root = o.log_root ? o.log_root : o.made_log_root;
	o.socket = o.socket ? o.socket : o.made_socket;
	*out = o;
	return 0;
}

void engine_options_done(struct engine_options *o)
{
	free(o->made_log_root);
	free(o->made_socket);
	free(o->files);
	o->made_log_root = o->made_socket = NULL;
	o->files = NULL;
}

/* compose exec: a command in a service's container. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/compose.h"
#include "cli/output.h"
#include "cli/project_find.h"

/* The flags that exec itself has, as they were given. */
static size_t same_flags(const struct args *o, const char **words)
{
	static const char *const bools[][2] = { { "detach", "--detach" }, { "privileged", "--privileged" } };
	static const char *const texts[][2] = { { "env", "--env" }, { "user", "--user" },
		{ "workdir", "--workdir" } };
	size_t n = 0;
	for (size_t i = 0; i < sizeof(bools) / sizeof(bools[0]); i++)
		if (option_bool(o, bools[i][0]))
			words[n++] = bools[i][1];
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		const struct option_value *v = option_list(o, texts[i][0]);
		for (size_t k = 0; k < v->count; k++) {
			words[n++] = texts[i][1];
			words[n++] = v->values[k];
		}
	}
	return n;
}

static int run_exec(const struct cli *cli, const struct args *o, const char *container, struct err *e)
{
	size_t room = o->words_len + 16 +
		2 *
			(option_list(o, "env")->count + option_list(o, "user")->count +
				option_list(o, "workdir")->count);
	auto_free const char **words = calloc(room, sizeof(*words));
	struct args inner;
	if (!words)
		return err_set(e, ENOMEM, "exec");
	size_t n = same_flags(o, words);
	bool detach = option_bool(o, "detach");
	if (!detach && (!option_given(o, "interactive") || option_bool(o, "interactive")))
		words[n++] = "--interactive";
	if (!detach && !option_bool(o, "no-tty") && isatty(STDIN_FILENO) && isatty(STDOUT_FILENO))
		words[n++] = "--tty";
	words[n++] = "--";
	words[n++] = container;
	for (size_t i = 1; i < o->words_len; i++)
		words[n++] = o->words[i];
	int r = args_parse(exec_options(), (int)n, (char *const *)words, true, &inner, e);
	if (r < 0)
		return r;
	int code = verb_exec(cli, &inner);
	args_done(&inner);
	return code;
}

int verb_compose_exec(const struct cli *cli, const struct args *o)
{
	auto_(project_view) struct project_view v = { 0 };
	const json_t *row = NULL;
	struct err e;
	int r = project_find(cli, o, &v, &e);
	if (r == 0)
		r = project_container(&v, o->words[0], option_number(o, "index", 0), true, &row, &e);
	if (r == 0)
		r = run_exec(cli, o, row_text(row, "Id"), &e);
	return r < 0 ? output_error(&e, 1) : r;
}

const struct option_def *compose_exec_options(void)
{
	static const struct option_def table[] = {
		{ 'd', "detach", OPT_BOOL, "Run in the background" },
		{ 'e', "env", OPT_LIST, "Set an environment variable" },
		{ 0, "index", OPT_INT, "In the container with this number (default the first)" },
		{ 'i', "interactive", OPT_BOOL, "Keep STDIN open (default true)" },
		{ 'T', "no-tty", OPT_BOOL, "No terminal (default: one where STDIN and STDOUT are one)" },
		{ 0, "privileged", OPT_BOOL, "Give extended privileges to the command" },
		{ 't', "tty", OPT_BOOL, "The default; accepted" },
		{ 'u', "user", OPT_STRING, "User: name|uid[:group|gid]" },
		{ 'w', "workdir", OPT_STRING, "Working directory in the container" },
		{ 0, NULL, OPT_BOOL, NULL },
	};
	return table;
}

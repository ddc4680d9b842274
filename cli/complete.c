#include "cli/complete.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/json.h"
#include "base/text.h"
#include "cli/api.h"
#include "cli/project_find.h"

#define PATIENCE_S 2

struct line {
	struct cli cli;
	int argc, at;
	char *const *argv;
	const char *last; /* as far as it is typed */
	struct buf *out;
};

static void offer(struct line *l, const char *word, const char *help)
{
	if (text_has_prefix(word, l->last))
		(void)buf_printf(l->out, "%s\t%s\n", word, help); /* one candidate less */
}

static void offer_files(struct line *l)
{
	(void)buf_puts(l->out, ":file\n");
}

/* ---------------------------------------------------------------- what the daemon knows */

/* In which states a container is one for this verb; NULL: in any. */
static const char *states_for(const char *verb)
{
	static const char *const table[][2] = { { "start", "created exited dead" }, { "unpause", "paused" },
		{ "pause", "running" }, { "exec", "running" }, { "attach", "running" }, { "top", "running" },
		{ "stop", "running paused restarting" }, { "kill", "running paused restarting" } };
	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++)
		if (strcmp(table[i][0], verb) == 0)
			return table[i][1];
	return NULL;
}

static void offer_containers(struct line *l, const char *verb, const char *behind)
{
	auto_(json) json_t *rows = NULL;
	const char *states = states_for(verb);
	size_t i;
	json_t *row;
	if (api_call(&l->cli, "GET", "/containers/json?all=1", NULL, &rows, NULL) < 0)
		return;
	json_array_foreach (rows, i, row) {
		char name[512];
		if (states && !strstr(states, row_text(row, "State")))
			continue;
		(void)snprintf(name, sizeof(name), "%s%s", row_name(row), behind);
		offer(l, name, row_text(row, "Image"));
	}
}

/* The names in a list of objects, or of lists of names. */
static void offer_names(struct line *l, const char *target, const char *list, const char *key)
{
	auto_(json) json_t *answer = NULL;
	size_t i, k;
	json_t *o, *name;
	if (api_call(&l->cli, "GET", target, NULL, &answer, NULL) < 0)
		return;
	json_array_foreach (list ? json_object_get(answer, list) : answer, i, o) {
		json_t *value = json_object_get(o, key);
		if (json_is_string(value))
			offer(l, json_string_value(value), "");
		json_array_foreach (value, k, name)
			if (json_is_string(name))
				offer(l, json_string_value(name), "");
	}
}

static void offer_services(struct line *l, const struct args *o)
{
	auto_(json) json_t *model = NULL;
	auto_(json) json_t *body = project_request(&l->cli, o, true, NULL);
	size_t i;
	json_t *name;
	if (!body || json_object_set_new(body, "Services", json_array()) < 0 ||
		api_call(&l->cli, "POST", "/berth/projects/config", body, &model, NULL) < 0)
		return;
	json_array_foreach (json_object_get(model, "Declared"), i, name)
		offer(l, json_string_value(name), "service");
}

/* ---------------------------------------------------------------- arguments and values */

/* "a|b|c" */
static void offer_one_of(struct line *l, const char *words)
{
	for (const char *p = words; *p;) {
		char word[64];
		size_t n = strcspn(p, "|");
		(void)snprintf(word, sizeof(word), "%.*s", (int)n, p);
		offer(l, word, "");
		p += n;
		p += *p == '|';
	}
}

/* The word of the usage for argument number n: "CONTAINER" of "[OPTIONS] CONTAINER [CONTAINER...]"; false: there is none. */
static bool argument_word(const char *usage, size_t n, char *out, size_t room)
{
	bool found = false;
	for (const char *p = usage; *p;) {
		size_t len = strcspn(p, " ");
		const char *word = p;
		size_t n_word = len;
		p += len + (p[len] == ' ');
		while (n_word > 0 && *word == '[')
			word++, n_word--;
		while (n_word > 0 && strchr("].", word[n_word - 1]))
			n_word--;
		if (n_word == 7 && strncmp(word, "OPTIONS", 7) == 0)
			continue;
		bool repeated = len > 4 && strncmp(word + n_word, "...", 3) == 0;
		(void)snprintf(out, room, "%.*s", (int)n_word, word);
		found = n == 0 || repeated;
		if (found)
			return true;
		n--;
	}
	return found;
}

static void offer_argument(struct line *l, const struct verb *v, const struct args *o, size_t number)
{
	char word[128];
	if (!argument_word(v->usage, number, word, sizeof(word)))
		return;
	if (strcmp(word, "CONTAINER") == 0 || strcmp(word, "NAME") == 0) {
		offer_containers(l, v->name, "");
	} else if (text_has_prefix(word, "CONTAINER:")) {
		offer_containers(l, v->name, ":");
		offer_files(l);
	} else if (strcmp(word, "SERVICE") == 0) {
		offer_services(l, o);
	} else if (strcmp(word, "VOLUME") == 0) {
		offer_names(l, "/volumes", "Volumes", "Name");
	} else if (text_has_prefix(word, "IMAGE")) {
		offer_names(l, "/images/json", NULL, "RepoTags");
		offer_files(l);
	} else if (strchr(word, '|') && !strpbrk(word, "ABCDEFGHIJKLMNOPQRSTUVWXYZ")) {
		offer_one_of(l, word);
	} else {
		offer_files(l);
	}
}

static void offer_value(struct line *l, const struct option_def *d)
{
	static const char *const known[][2] = {
		{ "signal",
			"SIGHUP|SIGINT|SIGQUIT|SIGKILL|SIGUSR1|SIGUSR2|SIGTERM|SIGCONT|SIGSTOP|SIGWINCH" },
		{ "stop-signal", "SIGHUP|SIGINT|SIGQUIT|SIGKILL|SIGUSR1|SIGUSR2|SIGTERM" },
		{ "restart", "no|always|on-failure|unless-stopped" }, { "network", "none|host" },
		{ "ansi", "auto|never|always" }, { "progress", "auto|tty|plain|quiet" },
		{ "condition", "not-running|next-exit|removed" }, { "format", "json|table" },
		{ "status", "created|dead|exited|paused|removing|restarting|running" },
		{ "log-driver", "json-file|local|none" }, { "tail", "all" }
	};
	for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
		if (strcmp(known[i][0], d->long_name) == 0) {
			offer_one_of(l, known[i][1]);
			return;
		}
	}
	if (strcmp(d->long_name, "project-name") == 0) {
		auto_(json) json_t *rows = NULL;
		size_t i;
		json_t *row;
		const char *before = "";
		if (project_rows(&l->cli, NULL, &rows, NULL) < 0)
			return;
		json_array_foreach (rows, i, row) { /* by name of the container, so mostly by project */
			if (strcmp(before, row_label(row, LABEL_PROJECT)) != 0)
				offer(l, row_label(row, LABEL_PROJECT), "project");
			before = row_label(row, LABEL_PROJECT);
		}
	} else if (d->type == OPT_STRING || d->type == OPT_LIST) {
		offer_files(l);
	}
}

static void offer_flags(struct line *l, const struct option_def *table)
{
	for (const struct option_def *d = table; d->long_name; d++) {
		char word[128];
		(void)snprintf(word, sizeof(word), "--%s", d->long_name);
		offer(l, word, d->help);
	}
	offer(l, "--help", "Print this");
}

/* ---------------------------------------------------------------- where on the line we are */

struct place {
	const struct option_def *value_of; /* the last word is the value of this */
	size_t words;			   /* arguments before it */
	bool only_words;		   /* it is no flag, whatever it looks like */
};

static const struct option_def *option_of(const struct option_def *table, const char *word)
{
	if (word[1] == '-') {
		for (; table->long_name; table++)
			if (strcmp(table->long_name, word + 2) == 0)
				return table->type == OPT_BOOL ? NULL : table;
		return NULL;
	}
	for (const char *p = word + 1; *p; p++) {
		const struct option_def *d = table;
		while (d->long_name && d->short_name != *p)
			d++;
		if (d->long_name && d->type != OPT_BOOL)
			return p[1] ? NULL : d; /* "-nvalue" has it with it */
	}
	return NULL;
}

/* From l->at to the last word; with until_word it ends at the first that is no flag, and l->at is there then. */
static struct place walk(struct line *l, const struct option_def *table, bool stop, bool until_word)
{
	struct place p = { 0 };
	for (; l->at < l->argc - 1; l->at++) {
		const char *word = l->argv[l->at];
		p.value_of = NULL;
		if (p.only_words || word[0] != '-' || !word[1]) {
			if (until_word)
				return p;
			p.words++;
			p.only_words |= stop;
		} else if (strcmp(word, "--") == 0) {
			p.only_words = true;
		} else if ((p.value_of = option_of(table, word)) && l->at + 1 < l->argc - 1) {
			l->at++;
			p.value_of = NULL;
		}
	}
	return p;
}

static bool offer_option(struct line *l, const struct place *p, const struct option_def *table)
{
	if (p->value_of)
		offer_value(l, p->value_of);
	else if (l->last[0] == '-' && !p->only_words)
		offer_flags(l, table);
	else
		return false;
	return true;
}

static void offer_verbs(struct line *l, const struct verb *table)
{
	for (const struct verb *v = table; v->name; v++)
		offer(l, v->name, v->summary);
}

static void complete_verb(struct line *l, const struct verb *v)
{
	int from = ++l->at;
	struct args o = { 0 };
	struct place p = walk(l, v->options(), v->stop_at_argument, false);
	if (offer_option(l, &p, v->options()))
		return;
	/* The project may be named by what stands before. */
	if (args_parse(v->options(), l->argc - 1 - from, l->argv + from, v->stop_at_argument, &o, NULL) ==
		0) {
		offer_argument(l, v, &o, p.words);
		args_done(&o);
	}
}

static const struct verb *find_verb(const struct verb *table, const char *name)
{
	for (; table->name; table++)
		if (strcmp(table->name, name) == 0)
			return table;
	return NULL;
}

static void complete_group(struct line *l, const struct verb_group *g)
{
	int from = ++l->at;
	struct args o = { 0 };
	struct place p = walk(l, g->options(), true, true);
	if (l->at >= l->argc - 1) {
		if (!offer_option(l, &p, g->options()))
			offer_verbs(l, g->verbs());
		return;
	}
	const struct verb *v = find_verb(g->verbs(), l->argv[l->at]);
	if (!v || args_parse(g->options(), l->at - from, l->argv + from, true, &o, NULL) < 0)
		return;
	l->cli.group = &o;
	complete_verb(l, v);
	args_done(&o);
}

static const struct option_def *globals(void)
{
	static const struct option_def table[] = {
		{ 'H', "host", OPT_STRING, "The daemon's socket" },
		{ 'v', "version", OPT_BOOL, "Print the version" },
		{ 0, NULL, OPT_BOOL, NULL },
	};
	return table;
}

int complete(const struct cli *cli, int argc, char *const *argv, struct buf *out)
{
	struct line l = { .cli = *cli, .argc = argc, .argv = argv, .out = out };
	if (argc == 0)
		return 0;
	l.last = argv[argc - 1];
	struct place p = walk(&l, globals(), true, true);
	if (l.at >= argc - 1) {
		if (offer_option(&l, &p, globals()))
			return 0;
		offer_verbs(&l, cli_verbs());
		for (const struct verb_group *g = cli_groups(); g->name; g++)
			offer(&l, g->name, g->summary);
		offer(&l, "daemon", "Be the supervisor");
		offer(&l, "help", "Help on a verb");
		return 0;
	}
	for (const struct verb_group *g = cli_groups(); g->name; g++) {
		if (strcmp(g->name, argv[l.at]) == 0) {
			complete_group(&l, g);
			return 0;
		}
	}
	const struct verb *v = find_verb(cli_verbs(), argv[l.at]);
	if (v)
		complete_verb(&l, v);
	else if (strcmp(argv[l.at], "help") == 0)
		offer_verbs(&l, cli_verbs());
	else
		offer_files(&l);
	return 0;
}

int complete_main(const struct cli *cli, int argc, char **argv)
{
	auto_(buf) struct buf out = { 0 };
	auto_free char **words = calloc((size_t)argc + 2, sizeof(*words));
	struct cli inner = *cli;
	struct err e;
	if (!words)
		return 1;
	words[0] = (char[]){ "berth" };
	for (int i = 0; i < argc; i++)
		words[i + 1] = argv[i];
	/* Whose daemon is meant may stand on the line itself. What is typed still is no part of that. */
	(void)cli_parse_globals(argc, words, getenv("BERTH_HOST"), &inner, &e);
	(void)alarm(PATIENCE_S); /* whoever types does not wait for longer */
	(void)complete(&inner, argc, argv, &out);
	(void)fputs(out.data ? out.data : "", stdout);
	return 0;
}

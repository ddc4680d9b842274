/* The verbs of "berth container": those of berth itself by docker's longer names, and prune. */
#include "cli/cli.h"

#include <errno.h>
#include <stdint.h>
#include <string.h>

#include "cli/objects.h"
#include "cli/output.h"

static int verb_container_prune(const struct cli *cli, const struct args *o)
{
	auto_(buf) struct buf target = { 0 };
	int64_t reclaimed = 0;
	struct err e = { 0 };
	int r = buf_puts(&target, "/containers/prune") < 0 ? err_set(&e, ENOMEM, "prune")
							   : objects_add_filters(o, NULL, &target, &e);

	if (r == 0 && !objects_confirm(o, "This will remove all stopped containers."))
		return 0;
	if (r == 0)
		r = objects_prune(
			cli, target.data, "ContainersDeleted", "Deleted Containers", &reclaimed, &e);
	if (r < 0)
		return output_error(&e, 1);
	objects_print_reclaimed(reclaimed);
	return 0;
}

static const struct option_def *prune_options(void)
{
	static const struct option_def table[] = {
		{ 0, "filter", OPT_LIST,
			"Those that fit: until=TIME, label=name[=value], label!=name[=value]" },
		{ 'f', "force", OPT_BOOL, "Do not ask" },
		{ 0, NULL, OPT_BOOL, NULL },
	};
	return table;
}

/* Ours, and the name that docker has for it in this group. */
static const char *const same[][2] = { { "attach", "attach" }, { "create", "create" }, { "exec", "exec" },
	{ "inspect", "inspect" }, { "kill", "kill" }, { "logs", "logs" }, { "ps", "ls" },
	{ "pause", "pause" }, { "rename", "rename" }, { "restart", "restart" }, { "rm", "rm" },
	{ "run", "run" }, { "start", "start" }, { "stats", "stats" }, { "stop", "stop" }, { "top", "top" },
	{ "unpause", "unpause" }, { "update", "update" }, { "wait", "wait" } };
#define SAME_LEN (sizeof(same) / sizeof(same[0]))

const struct verb *container_verbs(void)
{
	static struct verb table[SAME_LEN + 2];
	size_t n = 0;

	for (size_t i = 0; i < SAME_LEN; i++) {
		for (const struct verb *v = cli_verbs(); v->name; v++) {
			if (strcmp(v->name, same[i][0]) != 0)
				continue;
			table[n] = *v;
			table[n++].name = same[i][1];
		}
	}
	table[n] = (struct verb){ .name = "prune",
		.usage = "[OPTIONS]",
		.summary = "Remove all stopped containers",
		.options = prune_options,
		.usage_code = 125,
		.run = verb_container_prune };
	return table;
}

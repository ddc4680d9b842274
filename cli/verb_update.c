/* Changes to containers that are there: rename, update. */
#include "cli/cli.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "cli/api.h"
#include "cli/create.h"
#include "cli/output.h"

int verb_rename(const struct cli *cli, const struct args *o)
{
	auto_(buf) struct buf target = { 0 };
	struct err e;
	int r = api_target(&target, "/containers/%s/rename", o->words[0]);

	if (r == 0)
		r = api_query(&target, "name", o->words[1]);
	r = r < 0 ? err_set(&e, -r, "rename") : api_call(cli, "POST", target.data, NULL, NULL, &e);
	return r < 0 ? output_error(&e, 1) : 0;
}

/* ---------------------------------------------------------------- update */

static const struct {
	const char *option, *field;
} numbers[] = {
	{ "blkio-weight", "BlkioWeight" },
	{ "cpu-period", "CpuPeriod" },
	{ "cpu-quota", "CpuQuota" },
	{ "cpu-shares", "CpuShares" },
	{ "cpus", "NanoCpus" },
	{ "memory", "Memory" },
	{ "memory-reservation", "MemoryReservation" },
	{ "memory-swap", "MemorySwap" },
	{ "pids-limit", "PidsLimit" },
};

static const struct {
	const char *option, *field;
} texts[] = {
	{ "cpuset-cpus", "CpusetCpus" },
	{ "cpuset-mems", "CpusetMems" },
};

static int update_body(const struct args *o, json_t **out, struct err *e)
{
	auto_(json) json_t *body = json_object();
	const char *restart = option_string(o, "restart");
	int r = 0;

	for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++)
		if (option_given(o, numbers[i].option))
			r |= json_object_set_new(
				body, numbers[i].field, json_integer(option_number(o, numbers[i].option, 0)));
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
		if (option_given(o, texts[i].option))
			r |= json_object_set_new(
				body, texts[i].field, json_string(option_string(o, texts[i].option)));
	if (restart) {
		json_t *policy = create_parse_restart(*restart ? restart : "no", e);
		if (!policy)
			return -EINVAL;
		r |= json_object_set_new(body, "RestartPolicy", policy);
	}
	if (r < 0)
		return err_set(e, ENOMEM, "update");
	if (json_object_size(body) == 0)
		return err_say(e, EINVAL, "you must provide one or more flags when using this command");
	*out = take_ptr(&body);
	return 0;
}

static int update_one(
	const struct cli *cli, const char *name, const json_t *body, json_t *warnings, struct err *e)
{
	auto_(buf) struct buf target = { 0 };
	auto_(json) json_t *answer = NULL;

	if (api_target(&target, "/containers/%s/update", name) < 0)
		return err_set(e, ENOMEM, "update");
	int r = api_call(cli, "POST", target.data, body, &answer, e);
	json_t *said = json_object_get(answer, "Warnings");
	if (json_is_array(said))
		(void)json_array_extend(warnings, said);
	return r;
}

int verb_update(const struct cli *cli, const struct args *o)
{
	auto_(json) json_t *body = NULL, *warnings = json_array();
	int code = 0;
	struct err e;

	if (update_body(o, &body, &e) < 0)
		return print_usage_error("update", &e, 1);
	for (size_t i = 0; i < o->words_len; i++) {
		if (update_one(cli, o->words[i], body, warnings, &e) < 0)
			code = output_error(&e, 1);
		else
			(void)puts(o->words[i]);
	}
	print_warnings(warnings);
	return code;
}

const struct option_def *update_options(void)
{
	static const struct option_def table[] = {
		{ 0, "blkio-weight", OPT_INT, "Block IO weight, 10 to 1000" },
		{ 0, "cpu-period", OPT_INT, "CPU CFS period in microseconds" },
		{ 0, "cpu-quota", OPT_INT, "CPU CFS quota in microseconds, -1 for no limit" },
		{ 'c', "cpu-shares", OPT_INT, "CPU shares (relative weight)" },
		{ 0, "cpus", OPT_NUMBER, "Number of CPUs" },
		{ 0, "cpuset-cpus", OPT_STRING, "CPUs to run on (0-3, 0,1)" },
		{ 0, "cpuset-mems", OPT_STRING, "Memory nodes to use (0-3, 0,1)" },
		{ 'm', "memory", OPT_BYTES, "Memory limit" },
		{ 0, "memory-reservation", OPT_BYTES, "Memory soft limit" },
		{ 0, "memory-swap", OPT_BYTES, "Limit of memory plus swap, -1 for no limit" },
		{ 0, "pids-limit", OPT_INT, "Limit of processes, -1 for no limit" },
		{ 0, "restart", OPT_STRING, "Restart policy: no, always, unless-stopped, on-failure[:N]" },
		{ 0, NULL, OPT_BOOL, NULL },
	};
	return table;
}

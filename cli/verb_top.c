/* top: the processes of a container. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/json.h"
#include "cli/api.h"
#include "cli/cli.h"
#include "cli/output.h"
#include "cli/top.h"

int top_print(const json_t *answer, size_t width, struct err *e)
{
	const json_t *titles = json_object_get(answer, "Titles"),
		     *processes = json_object_get(answer, "Processes");
	size_t columns = json_array_size(titles), rows = json_array_size(processes) + 1;
	auto_free const char **cells = calloc(rows * columns + 1, sizeof(*cells));
	auto_(buf) struct buf out = { 0 };

	if (columns == 0)
		return err_say(e, EPROTO, "the daemon's answer to top has no titles");
	if (!cells)
		return err_set(e, ENOMEM, "top");
	for (size_t row = 0; row < rows; row++) {
		for (size_t col = 0; col < columns; col++) {
			const json_t *line = row ? json_array_get(processes, row - 1) : titles;
			const char *cell = json_string_value(json_array_get(line, col));
			cells[row * columns + col] = cell ? cell : "";
		}
	}
	if (table_print_wide(&out, cells, rows, columns, width) < 0)
		return err_set(e, ENOMEM, "top");
	(void)fputs(out.data, stdout);
	return 0;
}

int verb_top(const struct cli *cli, const struct args *o)
{
	auto_(buf) struct buf target = { 0 }, words = { 0 };
	auto_(json) json_t *answer = NULL;
	struct err e;
	int r = api_target(&target, "/containers/%s/top", o->words[0]);
	for (size_t i = 1; i < o->words_len && r == 0; i++)
		r = buf_printf(&words, "%s%s", i > 1 ? " " : "", o->words[i]);
	if (r == 0 && words.len)
		r = api_query(&target, "ps_args", words.data);
	if (r < 0)
		r = err_set(&e, -r, "top");
	else
		r = api_call(cli, "GET", target.data, NULL, &answer, &e);
	if (r >= 0)
		r = top_print(answer, TOP_WIDTH, &e);
	return r < 0 ? output_error(&e, 1) : 0;
}

const struct option_def *top_options(void)
{
	static const struct option_def table[] = {
		{ 0, NULL, OPT_BOOL, NULL },
	};
	return table;
}

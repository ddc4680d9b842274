/* diff: what a container has changed in its root filesystem. */
#include <stdio.h>

#include "base/json.h"
#include "base/own.h"
#include "cli/api.h"
#include "cli/cli.h"
#include "cli/output.h"

int verb_diff(const struct cli *cli, const struct args *o)
{
	static const char kinds[] = "CAD";
	auto_(buf) struct buf target = { 0 };
	auto_(json) json_t *answer = NULL;
	struct err e;
	size_t i;
	const json_t *line;
	int r = api_target(&target, "/containers/%s/changes", o->words[0]);

	if (r < 0)
		r = err_set(&e, -r, "diff");
	else
		r = api_call(cli, "GET", target.data, NULL, &answer, &e);
	if (r < 0)
		return output_error(&e, 1);
	json_array_foreach (answer, i, line) {
		json_int_t kind = json_integer_value(json_object_get(line, "Kind"));
		const char *path = json_string_value(json_object_get(line, "Path"));
		if (path && kind >= 0 && kind < (json_int_t)sizeof(kinds) - 1)
			(void)printf("%c %s\n", kinds[kind], path);
	}
	return 0;
}

/* completion: the script for a shell. */
#include <errno.h>
#include <stdio.h>

#include "cli/cli.h"
#include "cli/complete.h"
#include "cli/output.h"

int verb_completion(const struct cli *cli, const struct args *o)
{
	const char *script = complete_script(o->words[0]);
	struct err e;
	(void)cli;
	if (!script) {
		(void)err_say(&e, EINVAL, "no completion for '%s': there is bash, zsh and fish", o->words[0]);
		return print_usage_error("completion", &e, 125);
	}
	(void)fputs(script, stdout);
	return 0;
}

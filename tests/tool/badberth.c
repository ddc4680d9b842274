/*
 * badberth - says that it is a berth, and is a bad one. What it does stands in its image, for a keeper runs it without a name:
 * a test writes another word of the same length over it.
 *
 *   exits    ends at once
 *   hangs    never says that it is ready
 *   crash    is ready, and crashes three seconds later
 *   stuck    does not even answer to --version
 *   liar!    answers with something else
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "../../init/protocol.h"

static char mode[] = "badberth:exits";

static int is(const char *word)
{
	const char *volatile text = mode; /* read at run time, whatever the compiler thinks that it knows */
	return strcmp(text + strlen("badberth:"), word) == 0;
}

int main(int argc, char **argv)
{
	if (argc > 1 && strcmp(argv[1], "--version") == 0) {
		if (is("stuck"))
			for (;;)
				(void)pause();
		(void)printf("%s 9.9.9\n", is("liar!") ? "dock version" : "berth version");
		return 0;
	}
	if (is("exits"))
		return 7;
	if (is("crash")) {
		struct keeper_msg ready = {
			.version = KEEPER_PROTOCOL_VERSION, .op = KEEPER_OP_READY, .serial = 1
		};
		if (send(KEEPER_FD, &ready, sizeof(ready), 0) != sizeof(ready))
			return 8;
		(void)sleep(3);
		abort();
	}
	for (;;)
		(void)pause();
}

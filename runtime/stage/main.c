/* The stage program's entry; berth executes it from a sealed memfd, nobody else has a use for it. */
#include <string.h>

#include "runtime/stage/stage.h"

int main(int argc, char **argv)
{
	if (argc == 2 && strcmp(argv[1], "join") == 0)
		stage_join_main();
	if (argc == 2 && strcmp(argv[1], "enter") == 0)
		stage_enter_main();
	if (argc == 2 && strcmp(argv[1], "reap") == 0)
		stage_reap_main();
	return 128;
}

/*
 * berth - one program, several callers:
 *
 *     berth daemon ARGS...    becomes the keeper (same process), which starts the next one
 *     berth supervise ARGS... the supervisor, started by the keeper
 *     berth launch-exec ...   the launcher of a container that joins a pid namespace, started by the supervisor
 *     berth archive-work ...  the process that reads or writes the files of a container, started by the supervisor
 *     berth-oci ...           the OCI command line
 *     berth VERB ...          the client
 */
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/own.h"
#include "cli/cli.h"
#include "runtime/archive.h"
#include "runtime/launch_exec.h"
#include "supervisor/daemon.h"
#include "supervisor/engine_options.h"
#include "supervisor/keeper.h"

#define EXIT_USAGE 125 /* docker's: the program itself failed */

/* Where berth-init may be: beside us, as in a build directory, else where it is installed. */
static int find_keeper(const char *self, char *out, size_t room)
{
	const char *slash = strrchr(self, '/');
	if (slash && snprintf(out, room, "%.*s/berth-init", (int)(slash - self), self) < (int)room &&
		access(out, X_OK) == 0)
		return 0;
	if (snprintf(out, room, "%s/berth-init", BERTH_LIBEXECDIR) < (int)room && access(out, X_OK) == 0)
		return 0;
	return -ENOENT;
}

static int become_keeper(int argc, char **argv)
{
	char self[PATH_MAX], keeper[PATH_MAX];

	for (int i = 2; i < argc; i++) {
		if (strcmp(argv[i], "--help") == 0 || strcmp(argv[i], "-h") == 0) {
			engine_options_help(stdout);
			return 0;
		}
	}
	ssize_t len = readlink("/proc/self/exe", self, sizeof(self) - 1);
	if (len < 0) {
		(void)fprintf(stderr, "berth: find our own program: /proc/self/exe: %s\n", strerror(errno));
		return EXIT_USAGE;
	}
	self[len] = '\0';
	if (find_keeper(self, keeper, sizeof(keeper)) < 0) {
		(void)fprintf(
			stderr, "berth: berth-init is neither beside %s nor in %s\n", self, BERTH_LIBEXECDIR);
		return EXIT_USAGE;
	}
	/* berth-init -- SELF ARGS... */
	auto_free char **args = calloc((size_t)argc + 2, sizeof(*args));
	if (!args) {
		(void)fprintf(stderr, "berth: out of memory\n");
		return EXIT_USAGE;
	}
	args[0] = (char[]){ "berth-init" };
	args[1] = (char[]){ "--" };
	args[2] = self;
	for (int i = 2; i < argc; i++)
		args[i + 1] = argv[i];
	execv(keeper, args);
	(void)fprintf(stderr, "berth: run %s: %s\n", keeper, strerror(errno));
	return EXIT_USAGE;
}

/* A supervisor that returns before it knew its keeper - for wrong options, say - would be started again, for ever. The
 * first one of a keeper has started nothing yet, so the keeper may end with it; a later one has containers to look after. */
static int supervise(int argc, char **argv)
{
	int status = daemon_main(argc, argv);
	int sock = keeper_env_fd(NULL);
	auto_(keeper) struct keeper *k = NULL;
	if (sock >= 0 && keeper_open(sock, NULL, NULL, NULL, NULL, &k, NULL) == 0 &&
		keeper_limits(k)->starts == 1)
		(void)keeper_stopping(
			k, status, NULL); /* without it we are started again, which is the safe side */
	return status;
}

static int oci_main(int argc, char **argv)
{
	(void)argc;
	(void)argv;
	(void)fprintf(stderr, "berth-oci: not built yet\n");
	return 1;
}

static const struct {
	const char *verb;
	int (*run)(int argc, char **argv); /* argv[0] is the verb */
} verbs[] = {
	{ "supervise", supervise },
	{ "launch-exec", launch_exec_main },
	{ ARCHIVE_VERB, archive_main },
};

int main(int argc, char **argv)
{
	const char *slash = argc > 0 ? strrchr(argv[0], '/') : NULL;
	const char *name = slash ? slash + 1 : argc > 0 ? argv[0] : "";

	if (strcmp(name, "berth-oci") == 0)
		return oci_main(argc, argv);
	if (argc > 1 && strcmp(argv[1], "daemon") == 0)
		return become_keeper(argc, argv);
	for (size_t i = 0; argc > 1 && i < ARRAY_LEN(verbs); i++)
		if (strcmp(argv[1], verbs[i].verb) == 0)
			return verbs[i].run(argc - 1, argv + 1);
	return cli_main(argc, argv);
}

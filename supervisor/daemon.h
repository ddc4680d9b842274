/*
 * daemon - the supervisor's main: `berth supervise [options]`, started by the keeper.
 *
 * Start: options -> run root locked -> keeper -> cgroups -> leftovers of a former supervisor ended -> launch environment ->
 * what the store says taken up -> socket -> ready -> what policy restarts started. End, on SIGTERM or SIGINT: containers stopped
 * (a second signal: killed), cgroups, run root's files and socket removed; the data root keeps the containers. When the keeper
 * goes, all that runs goes.
 */
#ifndef SUPERVISOR_DAEMON_H
#define SUPERVISOR_DAEMON_H

/* argv[0] is the verb. Returns the exit status: 0 ended as asked, 1 failed at run time, 2 options are wrong. */
int daemon_main(int argc, char **argv);

#endif

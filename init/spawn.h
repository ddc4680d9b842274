/*
 * spawn - starts the supervisor: a child in a session of its own, executing the sealed image.
 *
 * It begins with the protocol socket at KEEPER_FD, standard descriptors as the keeper has them and nothing else open; the
 * signals that the keeper relays blocked, so that none is lost before its signalfd exists; every disposition the default.
 *
 * Owns:    what it returns belongs to the caller.
 */
#ifndef INIT_SPAWN_H
#define INIT_SPAWN_H

#include <signal.h>
#include <stdbool.h>

/* Called once: argv becomes "berth supervise ARGS..." in place (argv[0] is overwritten), envp gets KEEPER_FD_ENV. */
int spawn_init(char **argv, char **envp);
/* Returns the pid, *out_sock is the keeper's end; -errno. */
int spawn_supervisor(int image_fd, int *out_sock);

/* Is this a signal that the keeper passes on? */
bool spawn_is_relayed(int sig);

#endif

/*
 * reconnect - a call that outlives the supervisor which took it: wait, then ask again.
 *
 *     struct reconnect rc = { .cli = cli };
 *     do {
 *         r = one_attempt(..., &e);              calls reconnect_made() when the daemon has answered
 *     } while (r < 0 && (r = reconnect_after(&rc, r, &e)) == 0);
 *
 * While a supervisor is replaced the keeper holds the socket, so a call made then only takes longer. Only a call that was made
 * before breaks; it is up to the caller that asking again means the same. Pauses grow from 20 ms to 500 ms; after 2 s a line
 * on standard error says what is waited for. Gives up RECONNECT_MS after the last answer.
 *
 * Errors:  what the call failed with, when that is no broken connection or the daemon was never reached; else "the berth daemon
 *          at unix://PATH has gone".
 */
#ifndef CLI_RECONNECT_H
#define CLI_RECONNECT_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "cli/cli.h"

#define RECONNECT_MS 10000

struct reconnect {
	const struct cli *cli;
	bool was_made;	 /* it has answered once */
	int64_t lost_ns; /* monotonic, 0: the connection stands */
	unsigned tries;
	bool said;
};

/* Is this the error of a connection that broke or could not be made? */
bool reconnect_is_broken(int r);
/* The daemon has answered. */
void reconnect_made(struct reconnect *rc);
/* After a failure r: how many milliseconds from now to try again, or -errno with e. For callers with a loop of their own. */
int reconnect_delay(struct reconnect *rc, int r, struct err *e);
/* The same with the pause: 0 or -errno. */
int reconnect_after(struct reconnect *rc, int r, struct err *e);

#endif

#include "cli/reconnect.h"

#include <errno.h>
#include <stdio.h>
#include <time.h>

#include "base/clock.h"

#define PAUSE_MS     20
#define PAUSE_MAX_MS 500
#define SAY_MS	     2000

bool reconnect_is_broken(int r)
{
	return r == -ECONNRESET || r == -EPIPE || r == -ECONNREFUSED || r == -EAGAIN;
}

void reconnect_made(struct reconnect *rc)
{
	if (rc->said)
		(void)fprintf(stderr, "berth: the daemon is back\n");
	*rc = (struct reconnect){ .cli = rc->cli, .was_made = true };
}

int reconnect_delay(struct reconnect *rc, int r, struct err *e)
{
	int64_t now = clock_mono_ns();

	if (!rc->was_made || !reconnect_is_broken(r))
		return r;
	if (!rc->lost_ns)
		rc->lost_ns = now;
	int64_t away_ms = (now - rc->lost_ns) / NS_PER_MS;
	if (away_ms >= RECONNECT_MS)
		return err_say(e, -r, "the berth daemon at unix://%s has gone", rc->cli->socket);
	if (away_ms >= SAY_MS && !rc->said) {
		(void)fprintf(
			stderr, "berth: waiting for the daemon at unix://%s to come back\n", rc->cli->socket);
		rc->said = true;
	}
	int ms = rc->tries < 5 ? PAUSE_MS << rc->tries : PAUSE_MAX_MS;
	rc->tries++;
	return ms;
}

int reconnect_after(struct reconnect *rc, int r, struct err *e)
{
	int ms = reconnect_delay(rc, r, e);
	if (ms < 0)
		return ms;
	struct timespec ts = { ms / 1000, ms % 1000 * NS_PER_MS };
	(void)nanosleep(&ts, NULL); /* a signal that we live through only makes it shorter */
	return 0;
}

#include "init/life.h"

#include "init/protocol.h"
#include "init/say.h"

#define FIRST_DELAY   (100 * SAY_MS)
#define LAST_DELAY    (5 * SAY_S)
#define LONG_LIFE     (10 * SAY_S)
#define TRIAL_TIME    (KEEPER_TRIAL_S * SAY_S)
#define PATIENCE      (60 * SAY_S)
#define LAST_PATIENCE (480 * SAY_S)
#define DEAF_TIME     (5 * SAY_S)
#define STOP_TIME     (30 * SAY_S)

void life_init(struct life *l, int64_t now_ns)
{
	*l = (struct life){ .spawn_at_ns = now_ns,
		.patience_ns = PATIENCE,
		.deaf_until_ns = LIFE_NEVER,
		.stop_until_ns = LIFE_NEVER };
}

static int64_t earlier(int64_t a, int64_t b)
{
	return a < b ? a : b;
}

enum life_act life_next(struct life *l, int64_t now_ns, int64_t *out_until_ns)
{
	*out_until_ns = LIFE_NEVER;
	if (l->ended)
		return LIFE_END;
	if (!l->pid) {
		if (now_ns >= l->stop_until_ns)
			return LIFE_GIVE_UP;
		if (now_ns >= l->spawn_at_ns)
			return LIFE_SPAWN;
		*out_until_ns = earlier(l->spawn_at_ns, l->stop_until_ns);
		return LIFE_WAIT;
	}
	if (l->killed) { /* its death wakes us; stuck in the kernel, it keeps nobody from the end */
		if (l->stop_signal && now_ns >= l->deaf_until_ns)
			return LIFE_GIVE_UP;
		*out_until_ns = l->stop_signal ? l->deaf_until_ns : LIFE_NEVER;
		return LIFE_WAIT;
	}
	int64_t deadline = l->deaf_until_ns, ready_until = LIFE_NEVER;
	if (!l->ready) {
		ready_until = l->started_ns + (l->trial ? TRIAL_TIME : l->patience_ns);
		deadline = earlier(deadline, earlier(ready_until, l->stop_until_ns));
	}
	if (now_ns >= deadline) {
		l->killed = true;
		l->late = now_ns >= ready_until;
		l->deaf_until_ns = now_ns + DEAF_TIME;
		if (l->late && !l->trial)
			l->patience_ns = earlier(2 * l->patience_ns, LAST_PATIENCE);
		return LIFE_KILL;
	}
	if (l->ready && l->trial) {
		if (now_ns >= l->ready_ns + TRIAL_TIME) {
			l->trial = false;
			return LIFE_ACCEPT;
		}
		deadline = earlier(deadline, l->ready_ns + TRIAL_TIME);
	}
	*out_until_ns = deadline;
	return LIFE_WAIT;
}

void life_started(struct life *l, int32_t pid, int64_t now_ns)
{
	l->pid = pid;
	l->ready = l->killed = l->late = false;
	l->trial = l->trial_next;
	l->trial_next = false;
	l->started_ns = now_ns;
	l->deaf_until_ns = LIFE_NEVER;
}

static void back_off(struct life *l, int64_t now_ns)
{
	l->spawn_at_ns = now_ns + l->delay_ns;
	l->delay_ns = l->delay_ns ? earlier(2 * l->delay_ns, LAST_DELAY) : FIRST_DELAY;
}

void life_not_started(struct life *l, int64_t now_ns)
{
	if (!l->delay_ns)
		l->delay_ns = FIRST_DELAY; /* fork or the like failed: at once would fail again */
	back_off(l, now_ns);
}

bool life_died(struct life *l, int64_t now_ns)
{
	bool rollback = l->trial && !l->stopping;

	if (l->stopping)
		l->ended = true;
	if (rollback || l->trial_next || now_ns - l->started_ns >= LONG_LIFE)
		l->delay_ns = 0;
	l->died_stopping |= l->stop_signal != 0;
	if (l->stop_signal && l->stop_until_ns == LIFE_NEVER)
		l->stop_until_ns = now_ns + STOP_TIME;
	l->pid = 0;
	l->ready = l->trial = false;
	back_off(l, now_ns);
	return rollback;
}

void life_ready(struct life *l, int64_t now_ns)
{
	if (!l->ready)
		l->ready_ns = now_ns;
	l->ready = true;
	l->patience_ns = PATIENCE;
	if (!l->died_stopping)
		l->stop_until_ns = LIFE_NEVER; /* it came up in time, and takes its own over the stop */
}

void life_replaced(struct life *l)
{
	l->trial = false;
	l->trial_next = true;
}

void life_deaf(struct life *l, int64_t now_ns)
{
	l->deaf_until_ns = now_ns + DEAF_TIME;
}

void life_stop_wanted(struct life *l, int sig, int64_t now_ns)
{
	l->stop_signal = sig;
	if (!l->ready && l->stop_until_ns == LIFE_NEVER)
		l->stop_until_ns = now_ns + STOP_TIME;
}

#include "init/slots.h"

#include <errno.h>
#include <stddef.h>

static struct keeper_msg_slot slots[KEEPER_SLOTS]; /* pid 0: free */
static bool told[KEEPER_SLOTS];
static uint32_t in_use; /* slots behind this one are free */
static uint32_t untold; /* exited and not told */

static struct keeper_msg_slot ring[KEEPER_RING];
static uint32_t ring_at;

static struct keeper_msg_slot *find_slot(int32_t pid, uint64_t start_ticks)
{
	if (pid <= 0)
		return NULL;
	for (uint32_t i = 0; i < in_use; i++)
		if (slots[i].pid == pid && slots[i].start_ticks == start_ticks)
			return &slots[i];
	return NULL;
}

static struct keeper_msg_slot *add_slot(void)
{
	for (uint32_t i = 0; i < in_use; i++)
		if (!slots[i].pid)
			return &slots[i];
	return in_use < KEEPER_SLOTS ? &slots[in_use++] : NULL;
}

static void forget_slot(struct keeper_msg_slot *s)
{
	if (s->exited && !told[s - slots])
		untold--;
	*s = (struct keeper_msg_slot){ 0 };
	while (in_use && !slots[in_use - 1].pid)
		in_use--;
}

static void fill_slot(struct keeper_msg_slot *s, const struct keeper_msg_slot *ended)
{
	uint64_t start_ticks = s->start_ticks;
	*s = *ended;
	s->start_ticks = start_ticks;
	s->exited = 1;
	told[s - slots] = false;
	untold++;
}

bool slots_has(int32_t pid, uint64_t start_ticks)
{
	return find_slot(pid, start_ticks) != NULL;
}

int slots_watch(int32_t pid, uint64_t start_ticks)
{
	struct keeper_msg_slot *s = add_slot();
	if (!s)
		return -ENOSPC;
	*s = (struct keeper_msg_slot){ .pid = pid, .start_ticks = start_ticks };
	return 0;
}

int slots_watch_dead(int32_t pid, uint64_t start_ticks)
{
	for (uint32_t i = 0; i < KEEPER_RING; i++) {
		if (ring[i].pid != pid || ring[i].start_ticks != start_ticks || pid <= 0)
			continue;
		int r = slots_watch(pid, start_ticks);
		if (r < 0)
			return r;
		fill_slot(find_slot(pid, start_ticks), &ring[i]);
		ring[i].pid = 0;
		return 0;
	}
	return -ESRCH;
}

int slots_ack(int32_t pid, uint64_t start_ticks)
{
	struct keeper_msg_slot *s = find_slot(pid, start_ticks);
	if (!s)
		return -ENOENT;
	forget_slot(s);
	return 0;
}

void slots_record(const struct keeper_msg_slot *ended)
{
	/* A pid is not given away again before it is reaped, so a running slot of this pid is this process. */
	for (uint32_t i = 0; i < in_use; i++) {
		if (slots[i].pid != ended->pid || slots[i].exited)
			continue;
		fill_slot(&slots[i], ended);
		return;
	}
	ring[ring_at] = *ended;
	ring[ring_at].exited = 1;
	ring_at = (ring_at + 1) % KEEPER_RING;
}

bool slots_next(uint32_t *cursor, struct keeper_msg_slot *out)
{
	for (uint32_t i = *cursor; i < in_use; i++) {
		if (!slots[i].pid)
			continue;
		slots_set_told(&slots[i]);
		*out = slots[i];
		*cursor = i + 1;
		return true;
	}
	return false;
}

const struct keeper_msg_slot *slots_untold(void)
{
	if (!untold)
		return NULL;
	for (uint32_t i = 0; i < in_use; i++)
		if (slots[i].exited && !told[i])
			return &slots[i];
	return NULL;
}

void slots_set_told(const struct keeper_msg_slot *slot)
{
	if (slot->exited && !told[slot - slots]) {
		told[slot - slots] = true;
		untold--;
	}
}

void slots_set_all_told(void)
{
	for (uint32_t i = 0; i < in_use; i++)
		slots_set_told(&slots[i]);
}

#include "init/descriptors.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

static uint32_t hashes[KEEPER_DESCRIPTORS]; /* 0: free */
static int fds[KEEPER_DESCRIPTORS];
static char names[KEEPER_DESCRIPTORS][KEEPER_NAME_MAX + 1];
static uint32_t used; /* entries behind this one are free */
static uint32_t limit_now;

static bool is_name_byte(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
		(c && strchr("._:@+-", c));
}

/* FNV-1a, never 0; 0 for what is not a name (the bytes come from the other side and may lack their end). */
static uint32_t hash_name(const char *name)
{
	uint32_t h = 2166136261u;
	size_t len = 0;
	for (; len <= KEEPER_NAME_MAX && name[len]; len++) {
		if (!is_name_byte(name[len]))
			return 0;
		h = (h ^ (uint8_t)name[len]) * 16777619u;
	}
	if (len == 0 || len > KEEPER_NAME_MAX)
		return 0;
	return h ? h : 1;
}

static int find(const char *name, uint32_t hash)
{
	for (uint32_t i = 0; i < used; i++)
		if (hashes[i] == hash && strcmp(names[i], name) == 0)
			return (int)i;
	return -ENOENT;
}

static int find_free(void)
{
	for (uint32_t i = 0; i < used; i++)
		if (!hashes[i])
			return (int)i;
	return used < limit_now ? (int)used++ : -ENOSPC;
}

void descriptors_init(uint32_t limit)
{
	limit_now = limit < KEEPER_DESCRIPTORS ? limit : KEEPER_DESCRIPTORS;
}

uint32_t descriptors_limit(void)
{
	return limit_now;
}

int descriptors_put(const char *name, int fd)
{
	uint32_t hash = hash_name(name);
	if (!hash)
		return -EINVAL;
	int i = find(name, hash);
	if (i >= 0) {
		(void)close(fds[i]); /* the new one takes its place whatever the old one says */
	} else {
		i = find_free();
		if (i < 0)
			return i;
		strcpy(names[i], name);
		hashes[i] = hash;
	}
	fds[i] = fd;
	return 0;
}

int descriptors_get(const char *name)
{
	uint32_t hash = hash_name(name);
	if (!hash)
		return -EINVAL;
	int i = find(name, hash);
	return i < 0 ? i : fds[i];
}

int descriptors_drop(const char *name)
{
	uint32_t hash = hash_name(name);
	if (!hash)
		return -EINVAL;
	int i = find(name, hash);
	if (i < 0)
		return i;
	(void)close(fds[i]); /* it is gone from the table whatever close says */
	hashes[i] = 0;
	while (used && !hashes[used - 1])
		used--;
	return 0;
}

bool descriptors_next(uint32_t *cursor, char name[KEEPER_NAME_MAX + 1])
{
	for (uint32_t i = *cursor; i < used; i++) {
		if (!hashes[i])
			continue;
		strcpy(name, names[i]);
		*cursor = i + 1;
		return true;
	}
	return false;
}

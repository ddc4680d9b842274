/*
 * names - a name for a container that was given none: adjective_surname, as docker's clients expect.
 */
#ifndef SUPERVISOR_NAMES_H
#define SUPERVISOR_NAMES_H

#include <stdbool.h>
#include <stddef.h>

/* taken(cookie, name) says whether a name is in use. Six tries, with a digit from the second on; then 0 and out is not written:
 * the caller falls back to the short id. */
bool names_random(bool (*taken)(void *cookie, const char *name), void *cookie, char *out, size_t room);

#endif

/*
 * arena - memory that lives and dies together: the strings and arrays of one parsed document.
 *
 * Owns:    everything handed out; arena_free() gives all of it back at once.
 * Errors:  NULL when memory is out; after the first NULL arena_failed() stays true, so a
 *          builder may check once at its end.
 * Context: any; one thread.
 */
#ifndef BASE_ARENA_H
#define BASE_ARENA_H

#include <stdbool.h>
#include <stddef.h>

#include "base/own.h"

struct arena;

struct arena *arena_new(void);
void arena_free(struct arena *a);
bool arena_failed(const struct arena *a);

/* Zeroed, aligned for any type. */
void *arena_alloc(struct arena *a, size_t size);
void *arena_calloc(struct arena *a, size_t n, size_t size);
/* NULL in, NULL out. */
char *arena_strdup(struct arena *a, const char *s);
char *arena_strndup(struct arena *a, const char *s, size_t n);
char *arena_printf(struct arena *a, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* A NULL-terminated copy of a string vector; n may be -1 for "up to its NULL". */
char **arena_strv(struct arena *a, const char *const *v, long n);

OWN_DEFINE_PTR(arena, struct arena, arena_free)

#endif

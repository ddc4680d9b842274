/*
 * words - a command line split into words as a shell does, without running or replacing anything.
 *
 * Source:  POSIX, Shell Command Language, 2.2 Quoting. ; & | < > and globs are ordinary letters.
 * Errors:  -EINVAL: a quote is not closed, or the text ends in a backslash; -ENOMEM.
 */
#ifndef COMPOSE_WORDS_H
#define COMPOSE_WORDS_H

#include <stddef.h>

#include "base/arena.h"

/* *out is NULL-terminated and has *n words. */
int words_split(struct arena *a, const char *text, char ***out, size_t *n);

#endif

/*
 * interpolate - variables in values: $V ${V} ${V:-d} ${V-d} ${V:?e} ${V?e} ${V:+r} ${V+r}, $$ for a dollar.
 *
 * Source:  the Compose specification, "Interpolation"; :+ and + as compose-go has them. d, e and r may hold further
 *          expressions and are looked at only when they are used, as a shell does. Any other "$x" stays as it is;
 *          "${" that is not of this form is an error, never guessed at. Braces inside of it come in pairs ("${V:-{}}"). What a variable holds is not expanded again.
 * Errors:  -EINVAL with the reason alone (the caller knows the place), -ERANGE past the size limits, -ENOMEM.
 */
#ifndef COMPOSE_INTERPOLATE_H
#define COMPOSE_INTERPOLATE_H

#include "base/arena.h"
#include "base/err.h"

#define INTERPOLATE_MAX_TEXT  (1024 * 1024)
#define INTERPOLATE_MAX_TOTAL (16 * 1024 * 1024)

/* A growing "K=V" vector. */
struct vars {
	const char **v; /* NULL-terminated once anything is in it */
	size_t n, room;
};

struct interpolate {
	struct arena *arena;
	const struct vars *vars;
	/* Told of each variable that is used and not set; may be NULL. */
	void (*unset)(void *cookie, const char *name);
	void *cookie;
	size_t total; /* bytes made so far */
};

int vars_set(struct arena *a, struct vars *vars, const char *key, const char *value);
/* A vector of its own with the same variables. */
int vars_copy(struct arena *a, const struct vars *from, struct vars *out);
const char *vars_get(const struct vars *vars, const char *key);

int interpolate(struct interpolate *in, const char *text, const char **out, struct err *e);

#endif

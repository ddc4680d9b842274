#include "supervisor/answers.h"

#include <stdlib.h>

struct caller {
	struct list link;
	done_fn done;
	void *cookie;
};

void answers_add(struct answers *a, done_fn done, void *cookie)
{
	if (!a->callers.next)
		list_init(&a->callers);
	if (!done)
		return;
	struct caller *c = malloc(sizeof(*c));
	if (!c)
		abort();
	c->done = done;
	c->cookie = cookie;
	list_append(&a->callers, &c->link);
}

void answers_give(struct answers *a, struct engine *en, int r, const struct err *e)
{
	if (!a->callers.next)
		return;
	list_each_safe (struct caller, c, &a->callers, link) {
		engine_answer(en, c->done, c->cookie, r, e);
		list_remove(&c->link);
		free(c);
	}
}

void answers_move(struct answers *to, struct answers *from)
{
	list_init(&to->callers);
	answers_append(to, from);
}

void answers_append(struct answers *to, struct answers *from)
{
	if (!to->callers.next)
		list_init(&to->callers);
	if (!from->callers.next)
		return;
	list_each_safe (struct caller, c, &from->callers, link) {
		list_remove(&c->link);
		list_append(&to->callers, &c->link);
	}
}

void answers_drop(struct answers *a)
{
	if (!a->callers.next)
		return;
	list_each_safe (struct caller, c, &a->callers, link) {
		list_remove(&c->link);
		free(c);
	}
}

/*
 * list - an intrusive, circular, doubly linked list.
 *
 *     struct list containers;  list_init(&containers);
 *     list_each(struct container, c, &containers, link) ...
 *
 * Owns nothing. list_remove() leaves the link empty, so removing twice is harmless.
 */
#ifndef BASE_LIST_H
#define BASE_LIST_H

#include <stdbool.h>
#include <stddef.h>

struct list {
	struct list *next, *prev;
};

static inline void list_init(struct list *l)
{
	l->next = l->prev = l;
}

static inline bool list_empty(const struct list *l)
{
	return l->next == l;
}

static inline void list_append(struct list *head, struct list *item)
{
	item->prev = head->prev;
	item->next = head;
	head->prev->next = item;
	head->prev = item;
}

static inline void list_remove(struct list *item)
{
	item->prev->next = item->next;
	item->next->prev = item->prev;
	list_init(item);
}

#define list_entry(ptr, type, member) ((type *)((char *)(ptr)-offsetof(type, member)))
#define list_first(head, type, member)                                                                       \
	(list_empty(head) ? (type *)NULL : list_entry((head)->next, type, member))

#define list_each(type, var, head, member)                                                                   \
	for (type *var = list_entry((head)->next, type, member); &var->member != (head);                     \
		var = list_entry(var->member.next, type, member))

/* As list_each, but var may be removed or freed in the body (nothing else may). */
#define list_each_safe(type, var, head, member)                                                              \
	for (type *var = list_entry((head)->next, type, member),                                             \
		  *var##_next = list_entry(var->member.next, type, member);                                  \
		&var->member != (head);                                                                      \
		var = var##_next, var##_next = list_entry(var->member.next, type, member))

#endif

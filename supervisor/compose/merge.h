/*
 * merge - one document laid over another, and what it asks to be dropped from there.
 *
 * Source:  the Compose specification, "Merge": mappings by key, lists appended, words replaced; commands are replaced
 *          whole, items that are one of a kind (a mount's target, a device's) replace each other. !override replaces
 *          in place of merging; !reset drops, and its value counts for nothing. As compose-go has it, a logging driver
 *          that differs takes the other driver's options with it.
 * Errors:  as load_fail(); -ENOMEM.
 *
 * Both documents must have been through schema_normalise(): the rules know one form of each key.
 */
#ifndef COMPOSE_MERGE_H
#define COMPOSE_MERGE_H

#include "supervisor/compose/schema.h"

/* The keys that !reset stood at, each as the way from the document's top. */
struct merge_resets {
	struct merge_reset {
		const char **keys;
		size_t n;
	} * v;
	size_t n, room;
};

/* Take every key with !reset out of the tree, before anything looks at its value. */
int merge_take_resets(struct load *l, struct node *tree, struct merge_resets *out);
/* Drop them from what the document is laid over. */
void merge_apply_resets(const struct merge_resets *resets, struct node *base);
/* The same for one service that stands alone: those of services.NAME. */
void merge_apply_service_resets(const struct merge_resets *resets, const char *name, struct node *service);

/* over's nodes become part of base. */
int merge_mapping(struct load *l, const struct key *keys, struct node *base, struct node *over);
/* Forget !override, which has had its say in its own document. */
void merge_clear_marks(struct node *tree);

#endif

/*
 * node - a document as a tree that remembers where each value stood.
 *
 * Owns:    everything lives in the arena it was made from.
 * Errors:  NULL or -ENOMEM when memory is out.
 *
 * A plain scalar (written without quotes) may mean null, a boolean or a number; which of them it is depends on
 * the key it stands at, so the text is kept as written and nothing is guessed here: 22:22 stays 22:22, and 010
 * stays 010. Only null is told apart, because a missing value is a shape and not a word.
 */
#ifndef COMPOSE_NODE_H
#define COMPOSE_NODE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"

enum node_kind { NODE_NULL, NODE_SCALAR, NODE_LIST, NODE_MAP };
/* compose's !reset and !override: what a later file asks for in place of merging. */
enum node_mark { NODE_MARK_NONE, NODE_MARK_RESET, NODE_MARK_OVERRIDE };

struct vars;

/* What the values of a file are relative to. */
struct origin {
	const char *dir;	 /* where its paths start */
	const struct vars *vars; /* its variables */
};

struct node_entry {
	const char *key;
	uint32_t hash; /* of key: a mapping of thousands is searched often */
	int line, column;
	struct node *value;
};

struct node {
	enum node_kind kind;
	enum node_mark mark;
	bool plain; /* scalar without quotes */
	const char *file;
	const struct origin *origin; /* NULL: the project's */
	int line, column;	     /* from 1 */
	const char *text;	     /* NODE_SCALAR */
	struct node **items;	     /* NODE_LIST */
	struct node_entry *entries;  /* NODE_MAP, in the document's order */
	size_t n, room;
};

/* A node that stands where *at stands and has its origin. */
struct node *node_new(struct arena *a, enum node_kind kind, const struct node *at);
struct node *node_new_text(struct arena *a, const char *text, const struct node *at);
int node_append(struct arena *a, struct node *list, struct node *item);
/* Add a key that is known to be new. */
int node_add(struct arena *a, struct node *map, const char *key, struct node *value);
/* Add or replace; the entry's own place is the value's. */
int node_set(struct arena *a, struct node *map, const char *key, struct node *value);
struct node_entry *node_entry(const struct node *map, const char *key);
/* The value at key; NULL when missing or map is not a mapping. */
struct node *node_get(const struct node *map, const char *key);
void node_remove(struct node *map, size_t index);
/* Do two values say the same? The order of a mapping's keys does not matter, the directory of its words does. */
bool node_equal(const struct node *a, const struct node *b);
/* Answers with the number of nodes. */
size_t node_set_origin(struct node *tree, const struct origin *origin);
/* A deep copy; *budget counts nodes down and -ERANGE says that it ran out. */
int node_clone(struct arena *a, const struct node *n, size_t *budget, struct node **out);

#endif

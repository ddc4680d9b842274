/*
 * yaml - one YAML document's text as a tree of nodes, anchors and merge keys resolved.
 *
 * Source:  YAML 1.1 as libyaml parses it; the Compose specification, "Fragments": `<<` takes one mapping or a list
 *          of mappings, explicit keys win, an earlier mapping of the list wins over a later one.
 * Errors:  -EINVAL with "compose.yaml:3:7: ..."; -ENOMEM. Refused: more than one document, duplicate keys, keys that
 *          are no words, unknown tags, NUL in a value, and what exceeds the limits below (deep nesting, alias bombs).
 * Owns:    the tree lives in the arena; its strings are copies.
 */
#ifndef COMPOSE_YAML_H
#define COMPOSE_YAML_H

#include "base/arena.h"
#include "base/err.h"
#include "supervisor/compose/node.h"

#define YAML_MAX_DEPTH	 64
#define YAML_MAX_NODES	 100000 /* copies made for aliases included */
#define YAML_MAX_KEYS	 4096	/* in one mapping; items in one list */
#define YAML_MAX_ANCHORS 1024

/* name stands in errors and in the nodes. An empty document is a NODE_NULL. */
int yaml_load(
	struct arena *a, const char *name, const char *text, size_t len, struct node **out, struct err *e);

#endif

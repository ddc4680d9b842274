/*
 * schema - the keys of a compose file as tables, and the passes that walk a document along them.
 *
 * Each file: schema_normalise() refuses unknown and not yet built keys, drops x-* and what means nothing here, and
 * gives every value the one form its shape has. Then schema_merge() lays a later file over an earlier one. The result:
 * schema_apply() calls each key's handler, which writes the service's create body.
 */
#ifndef COMPOSE_SCHEMA_H
#define COMPOSE_SCHEMA_H

#include "supervisor/compose/load.h"

/* The form of a value after schema_normalise(), and how a later file is laid over it. */
enum shape {
	SHAPE_SCALAR,  /* replaced */
	SHAPE_LIST,    /* list of words, one word allowed for a list of one; appended */
	SHAPE_SET,     /* the same, equal items once */
	SHAPE_COMMAND, /* one string or a list of words; replaced */
	SHAPE_PAIRS,   /* mapping of words (null allowed) or list of K=V; by key */
	SHAPE_KEYS,    /* mapping of the keys in .sub */
	SHAPE_NAMED,   /* mapping of free names to mappings of the keys in .sub */
	SHAPE_OBJECTS, /* list of mappings of the keys in .sub, one per .unique; .normalise makes them of words */
	SHAPE_FREE, /* any; mappings by key, lists appended, else replaced; .normalise may bring it into form */
	SHAPE_COUNT
};

enum key_status {
	KEY_BUILT,
	KEY_LATER,	 /* an error that says what is not built yet: .words */
	KEY_MEANINGLESS, /* one warning, then ignored */
	KEY_IGNORED	 /* metadata without effect, no warning */
};

struct key {
	const char *name;
	enum shape shape;
	enum key_status status;
	int (*apply)(struct load *l, const struct key *k, const struct node *v);
	const char *member; /* of the create body, "HostConfig.ShmSize" */
	const char
		*words; /* LATER, MEANINGLESS: what; enumerations: the words allowed, separated by blanks */
	const struct key *sub; /* ends with a NULL name */
	const char *unique;
	bool one;	     /* OBJECTS: a single item may stand for a list of one */
	bool every;	     /* OBJECTS: a later file's items are added, also those that are there already */
	const char *decides; /* KEYS: a later file that says another word at this key replaces the mapping */
	int (*normalise)(struct load *l, struct node **v);
	int (*complete)(struct load *l,
		struct node *item); /* OBJECTS: what an item leaves out, before .unique is looked at */
	int64_t min, max;
};

int schema_normalise(struct load *l, const struct key *keys, struct node *map);
int schema_apply(struct load *l, const struct key *keys, const struct node *map);

const struct key *schema_find(const struct key *keys, const char *name);
/* The key nearest to a misspelt one (or the one people usually mean by it); NULL when none is near. */
const char *schema_nearest(const struct key *keys, const char *name);

#endif

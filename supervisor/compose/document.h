/*
 * document - one compose file, from its text to a tree that can be laid over another: variables replaced, every key in
 * its one form, extends and include carried out.
 *
 * Source:  the Compose specification; the order of the steps is compose-go's: each file is complete in itself before
 *          the next one is laid over it, so that a file behind it may change what it includes.
 * Errors:  as load_fail(); what a file's text has wrong comes back as its own code with the caller's err set.
 */
#ifndef COMPOSE_DOCUMENT_H
#define COMPOSE_DOCUMENT_H

#include "supervisor/compose/files.h"
#include "supervisor/compose/merge.h"

struct document {
	struct file file;
	struct origin origin;
	struct node *tree;
	struct merge_resets resets;
};

/* The files that include each other down to where we are. */
struct document_chain {
	const struct document_chain *up;
	const struct document *docs;
	size_t n;
};

/* .file and .origin are the caller's; .tree is set. */
int document_read(struct load *l, struct document *d);
/* The same for a file that the value at names: what is wrong with it is an error at that value. */
int document_read_for(struct load *l, const struct node *at, struct document *d);
/* All of them as one tree, NULL when errors were recorded. They were read, and live as long as the tree. */
int document_merge(struct load *l, const struct document_chain *chain, struct document *docs, size_t n,
	struct node **out);

/* extends.c: every service that extends another becomes the whole of both, and loses the key. */
int extends_resolve(struct load *l, struct document *d);
int extends_normalise(struct load *l, struct node **v);
/* include.c: what the files under include: define becomes part of this one. */
int include_resolve(struct load *l, struct document *d, const struct document_chain *chain);
int include_normalise(struct load *l, struct node **v);

#endif

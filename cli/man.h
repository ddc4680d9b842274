/*
 * man - the manual pages, made from the verb tables: berth.1 and one for each verb and group.
 *
 * Source:  man(7), for the macros.
 * Errors:  -errno of a file that cannot be written, named; -ENOMEM.
 */
#ifndef CLI_MAN_H
#define CLI_MAN_H

#include "base/buf.h"
#include "base/err.h"
#include "cli/cli.h"

/* The page of one verb; group NULL: it is of none. */
int man_verb(const struct verb_group *group, const struct verb *v, struct buf *out);
/* The page of a group, or, NULL, of berth itself. */
int man_group(const struct verb_group *group, struct buf *out);
/* All of them as files of this directory, which exists. */
int man_write(const char *dir, struct err *e);

#endif

/*
 * cp_paths - what docker's cp makes of its two arguments, by name alone.
 *
 * Source:  docker's documentation of cp: existing and missing destinations, a slash or "/." at the end.
 * Errors:  -EINVAL, -ENAMETOOLONG, with docker's words.
 * Context: pure.
 */
#ifndef CLI_CP_PATHS_H
#define CLI_CP_PATHS_H

#include <limits.h>
#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"

struct cp_info {
	char path[PATH_MAX];
	bool exists, is_dir;
	char rebase[NAME_MAX + 1]; /* the name that the user knows it by, where a link has another; "" */
};

/* Where an archive of the source goes: into .dir, its names beginning with .to in place of .from. */
struct cp_plan {
	char dir[PATH_MAX];
	bool rename;
	char from[NAME_MAX + 1], to[NAME_MAX + 1];
};

/* "CONTAINER:PATH", else a local path: absolute, with "." in front, or without a colon. out_container NULL: it is local. Both are
 * parts of arg, whose colon becomes a NUL. */
void cp_split_argument(char *arg, const char **out_container, const char **out_path);
/* The directory and the last part; "dir/." has the part ".". -ENAMETOOLONG. */
int cp_split_path(const char *path, char dir[PATH_MAX], char base[NAME_MAX + 1]);
bool cp_ends_with_slash(const char *path);
bool cp_ends_with_dot(const char *path); /* its last part is "." */
/* resolved is where path's link leads to: it gets path's ending, and rebase path's name if the two differ. */
int cp_rebase(const char *path, const char *resolved, struct cp_info *out, struct err *e);
/* The target of a link found at path. */
int cp_join_link(const char *path, const char *target, char out[PATH_MAX]);
int cp_plan(const struct cp_info *from, const struct cp_info *to, struct cp_plan *out, struct err *e);

#endif

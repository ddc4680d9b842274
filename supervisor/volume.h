/*
 * volume - named volumes of the local driver: <data-root>/volumes/NAME/_data.
 *
 * Units:   paths; a name is text_is_safe_id(), so that it is one component.
 * Owns:    nothing: the directory is the volume.
 * Errors:  -EINVAL: not a name; -ENOENT from volume_check().
 * Context: these touch the disk: launchers and workers; volume_path() anywhere.
 */
#ifndef SUPERVISOR_VOLUME_H
#define SUPERVISOR_VOLUME_H

#include <limits.h>
#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"

/* The directory that containers see; text only. */
int volume_path(const char *data_root, const char *name, char out[PATH_MAX], struct err *e);
/* Make it unless it is there. */
int volume_make(const char *data_root, const char *name, struct err *e);
/* Remove it with all that is in it; a missing one is fine. It is renamed first, so that a half removed one never comes back. */
int volume_remove(const char *data_root, const char *name, struct err *e);
bool volume_exists(const char *data_root, const char *name);

#endif

/*
 * volume - a volume of the local driver on the disk: its directory, its record, its removal.
 *
 *     <data-root>/volumes/NAME/_data         what containers see
 *     <data-root>/volumes/NAME/volume.json   {"Schema", "CreatedNs", "Labels", "Options"}
 *     <data-root>/volumes/NAME/.filling      while an image's files are copied into _data; what died in it begins again
 *     <data-root>/volumes/.ID.new, .ID.removed   on its way in, on its way out: no volume, whatever happens
 *
 * A volume is there from one rename on and until another. One without a record (of an older version) is one without labels.
 *
 * Units:   paths; nanoseconds. A name is text_is_safe_id(), so that it is one component.
 * Owns:    a struct volume_record its two objects: volume_record_done().
 * Errors:  -EINVAL: not a name, or not a record; else what the file system says.
 * Context: these touch the disk: workers, or the start; volume_path() anywhere.
 */
#ifndef SUPERVISOR_VOLUME_H
#define SUPERVISOR_VOLUME_H

#include <jansson.h>
#include <limits.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/own.h"

#define VOLUME_ANONYMOUS "com.docker.volume.anonymous" /* the label that says so, its value is "" */

struct volume_record {
	int64_t created_ns; /* real time */
	json_t *labels;	    /* names to strings; NULL: none were given */
	json_t *options;
};

void volume_record_done(struct volume_record *r);
/* A new reference; NULL: out of memory. */
json_t *volume_record_to_json(const struct volume_record *r);
int volume_record_from_json(const json_t *v, struct volume_record *out, struct err *e);
OWN_DEFINE(volume_record, struct volume_record, volume_record_done)

/* The directory that containers see; text only. */
int volume_path(const char *data_root, const char *name, char out[PATH_MAX], struct err *e);
/* A directory of that name without a record, unless it is there: for a container whose volume somebody has taken away. Two
 * system calls when it is there, so the loop may. */
int volume_make(const char *data_root, const char *name, struct err *e);

/* dirfd is that of <data-root>/volumes, which the caller is to sync: then what these did is durable. */

/* A volume with this record; a directory that is there becomes it. */
int volume_put(int dirfd, const char *name, const char *record, struct err *e);
/* The record alone, for a directory that is there. */
int volume_adopt(int dirfd, const char *name, const char *record, struct err *e);
/* Out of sight, as the name trash; a missing one is fine. path_remove_tree(dirfd, trash) is the rest. */
int volume_drop(int dirfd, const char *name, const char *trash, struct err *e);
#define VOLUME_TRASH_MAX 80
int volume_trash_name(char out[VOLUME_TRASH_MAX]);
/* Both, for who opens the directory himself and need not know when it is durable. */
int volume_remove(const char *data_root, const char *name, struct err *e);
/* The record of one that is there. What is damaged is set aside as *.damaged, what cannot be read or is of
 * a later version stays: 1 then, *e says why, *out is that of one without. */
int volume_load(int dirfd, const char *name, struct volume_record *out, struct err *e);

#endif

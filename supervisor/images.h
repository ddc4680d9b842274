/*
 * images - the names that local root filesystems have: NAME:TAG -> dir:PATH or oci-bundle:PATH.
 *
 *     <data-root>/images.json    all of them: {"Schema", "Images": {"web:latest": {"Source", "Id", "CreatedNs", "Config"}}}
 *
 * A record keeps what the image said about itself when it was named (image/config.h), so that an id stands for one thing and
 * no list has to look at a disk; the files are where they always were. Who changes the configuration names the image again.
 * Two names of one source and configuration are two names of one image.
 *
 * One worker at a time writes all changes that wait, as the store does: temporary file, fsync, rename, fsync of the directory. A change
 * holds when it is on the disk; until then, and after a failure, the table is the one before.
 *
 * Events:  of type "image": tag and untag (name), delete when the last name of an image has gone. A death right behind the write
 *          may take them along.
 * Owns:    records point into the table: they hold until the loop is returned to.
 * Errors:  -EINVAL: not a name, or what is named cannot be an image; -ENOENT: "No such image: X" and how to name one; else what
 *          kept the file from being written. A damaged file is renamed to images.json.damaged and named in the log; with one of
 *          a later version no name is known, and none can be given (-EPROTONOSUPPORT).
 * Context: the loop; images_open() may block.
 */
#ifndef SUPERVISOR_IMAGES_H
#define SUPERVISOR_IMAGES_H

#include <jansson.h>

#include "supervisor/engine.h"

struct images;

struct image_record {
	const char *name;   /* "web:latest" */
	const char *source; /* "dir:/srv/web" */
	const char *id;	    /* "sha256:..." */
	int64_t created_ns; /* real time; when this name was given */
	const json_t *config;
};

int images_open(struct engine *en, struct err *e);
/* Who waits is not answered any more. */
void images_close(struct engine *en);

/* By name, id ("sha256:..." or its digits) or a unique beginning of one; with several names any of them. */
int images_find(struct engine *en, const char *ref, struct image_record *out, struct err *e);
/* All records by name: at NULL the first; NULL when there is none behind at. */
void *images_next(struct engine *en, void *at, struct image_record *out);

/* from: a local form, which is read by a worker, or what images_find() takes. A name that is there already is moved. When it says what it
 * said before, nothing is written. */
void images_tag(struct engine *en, const char *from, const char *name, done_fn done, void *cookie);
/* Names and the local forms they are for, {"web:1": "dir:/srv/web"}: all or, after an error, none. names is borrowed. */
void images_tag_all(struct engine *en, json_t *names, done_fn done, void *cookie);
/* These names ("web:latest") go, all at once. */
void images_untag(struct engine *en, const char *const *names, size_t n, done_fn done, void *cookie);

#endif

/*
 * reference - names of images as people write them: [DOMAIN[:PORT]/]PATH[:TAG].
 *
 * A name without a tag has the tag "latest", and what stands for the same in docker is one name here: "web",
 * "web:latest", "library/web" and "docker.io/library/web:latest".
 *
 * Source:  the grammar of distribution's reference package (docker's names).
 * Units:   a name has at most 255 bytes, a tag 128.
 * Errors:  -EINVAL: "invalid reference format ..." with what is wrong, as docker says it.
 * Context: any; no I/O.
 * Not:     digests ("web@sha256:..."): nothing here is known by one.
 */
#ifndef IMAGE_REFERENCE_H
#define IMAGE_REFERENCE_H

#include "base/err.h"

#define REFERENCE_NAME_MAX 255
#define REFERENCE_TAG_MAX  128
#define REFERENCE_MAX	   (REFERENCE_NAME_MAX + 1 + REFERENCE_TAG_MAX)

struct reference {
	char name[REFERENCE_NAME_MAX + 1]; /* the short form: without docker.io and library/ */
	char tag[REFERENCE_TAG_MAX + 1];   /* never "" */
};

int reference_parse(const char *text, struct reference *out, struct err *e);
/* "NAME:TAG" */
const char *reference_format(const struct reference *ref, char out[REFERENCE_MAX + 1]);

#endif

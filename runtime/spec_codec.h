/*
 * spec_codec - the parts of config.json, each with its reader and its writer side by side (private to runtime/spec*.c).
 *
 * Readers take the object, fill the struct from the spec's arena and answer -EINVAL with the member's path; writers
 * return 0 or -ENOMEM. One table serves both, so that what is written is what will be read.
 */
#ifndef RUNTIME_SPEC_CODEC_H
#define RUNTIME_SPEC_CODEC_H

#include "base/fields.h"
#include "base/json.h"
#include "runtime/spec.h"

/* spec_process.c */
int spec_process_read(const json_t *obj, struct arena *a, struct spec_process *p, struct err *e);
int spec_process_write(const struct spec_process *p, json_t *obj);
/* spec_mounts.c; bundle_dir resolves relative bind sources */
int spec_mounts_read(const json_t *root, const char *bundle_dir, struct spec *s, struct err *e);
int spec_mounts_write(const struct spec *s, json_t *root);
/* spec_mount_options.c: the list of words that gives these flags again; a new reference, NULL when memory is out */
json_t *spec_mount_options_json(const struct spec_mount *m);
/* spec_linux.c */
int spec_linux_read(const json_t *obj, struct spec *s, struct err *e);
int spec_linux_write(const struct spec *s, json_t *obj);
/* spec_resources.c */
int spec_resources_read(const json_t *obj, struct arena *a, struct spec_resources *r, struct err *e);
int spec_resources_write(const struct spec_resources *r, json_t *obj);
/* seccomp_oci.c */
int spec_seccomp_write(const struct spec_seccomp *s, json_t *obj);

/* Put a new object or list under key; steals v; an empty one is dropped. 0 or -ENOMEM. */
static inline int spec_put(json_t *obj, const char *key, json_t *v)
{
	if (!v)
		return -ENOMEM;
	if ((json_is_object(v) && json_object_size(v) == 0) ||
		(json_is_array(v) && json_array_size(v) == 0)) {
		json_decref(v);
		return 0;
	}
	return json_object_set_new(obj, key, v) < 0 ? -ENOMEM : 0;
}

#endif

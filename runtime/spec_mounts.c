#include "runtime/spec_codec.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>

#include "base/own.h"

static const struct field mount_fields[] = {
	{ "destination", FIELD_STRING, offsetof(struct spec_mount, destination), 0, 0 },
	{ "type", FIELD_STRING, offsetof(struct spec_mount, type), 0, 0 },
	{ "source", FIELD_STRING, offsetof(struct spec_mount, source), 0, 0 },
};
static const struct field_refused refused[] = {
	{ "uidMappings", "id-mapped mounts are not built yet" },
	{ "gidMappings", "id-mapped mounts are not built yet" },
};

static int read_mount(const json_t *item, const char *path, struct arena *a, void *to, struct err *e)
{
	struct spec_mount *m = to;
	char **options = NULL;
	int r = fields_refuse(item, path, refused, ARRAY_LEN(refused), e);
	if (r == 0)
		r = fields_read(item, path, mount_fields, ARRAY_LEN(mount_fields), a, m, e);
	if (r == 0)
		r = fields_read_strv(item, path, "options", a, &options, e);
	if (r < 0)
		return r;
	if (!m->destination || !*m->destination)
		return err_say(e, EINVAL, "%s.destination: missing", path);
	if (*m->destination != '/') { /* the specification still takes it, as below the root */
		m->destination = arena_printf(a, "/%s", m->destination);
		if (!m->destination)
			return err_set(e, ENOMEM, "%s", path);
	}
	if (m->type && strcmp(m->type, "bind") == 0)
		m->flags |= MS_BIND;
	r = spec_mount_options(a, options, m, e);
	if (r < 0)
		return err_wrap(e, r, "%s.options", path);
	if (!m->type || !*m->type)
		return err_say(e, EINVAL, "%s.type: missing", path);
	return 0;
}

int spec_mounts_read(const json_t *root, const char *bundle_dir, struct spec *s, struct err *e)
{
	int r = fields_read_list(
		root, "", "mounts", sizeof(*s->mounts), read_mount, s->arena, &s->mounts, &s->n_mounts, e);
	for (size_t i = 0; r == 0 && i < s->n_mounts; i++) {
		struct spec_mount *m = &s->mounts[i];
		if (!(m->flags & MS_BIND))
			continue;
		if (!m->source || !*m->source)
			return err_say(e, EINVAL, "mounts[%zu].source: missing", i);
		if (*m->source == '/')
			continue;
		if (!bundle_dir)
			return err_say(e, EINVAL, "mounts[%zu].source: must be an absolute path", i);
		m->source = arena_printf(s->arena, "%s/%s", bundle_dir, m->source);
		if (!m->source)
			return err_set(e, ENOMEM, "mounts[%zu]", i);
	}
	return r;
}

int spec_mounts_write(const struct spec *s, json_t *root)
{
	json_t *list = json_array();
	for (size_t i = 0; i < s->n_mounts; i++) {
		json_t *item = json_object();
		int r = fields_write(&s->mounts[i], mount_fields, ARRAY_LEN(mount_fields), item);
		if (r == 0)
			r = spec_put(item, "options", spec_mount_options_json(&s->mounts[i]));
		if (r < 0 || json_array_append_new(list, item) < 0)
			return json_decref(list), -ENOMEM;
	}
	return spec_put(root, "mounts", list);
}

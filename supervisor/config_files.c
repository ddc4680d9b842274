#include <limits.h>
#include <stdio.h>
#include <string.h>

#include "base/own.h"
#include "base/path.h"
#include "supervisor/config_parts.h"

#define AT(member) offsetof(struct config_file, member)

static const struct field file_fields[] = {
	{ "Target", FIELD_STRING, AT(target), 0, 0 },
	{ "Source", FIELD_STRING, AT(source), 0, 0 },
	{ "Content", FIELD_STRING, AT(content), 0, 0 },
	{ "Uid", FIELD_U32, AT(uid), 0, UINT32_MAX - 1 },
	{ "Gid", FIELD_U32, AT(gid), 0, UINT32_MAX - 1 },
	{ "Mode", FIELD_U32, AT(mode), 0, 0777 },
};

static int read_file(const json_t *item, const char *path, struct arena *a, void *to, struct err *e)
{
	struct config_file *f = to;
	char clean[PATH_MAX];
	int r = fields_read(item, path, file_fields, ARRAY_LEN(file_fields), a, f, e);
	if (r < 0)
		return r;
	if (!json_object_get(item, "Mode"))
		f->mode = 0444;
	if (!f->target || *f->target != '/' || path_clean(f->target, clean, sizeof(clean)) < 0 || !clean[1])
		return err_say(e, EINVAL, "%s.Target: must be an absolute path in the container", path);
	if (!f->source == !f->content)
		return err_say(e, EINVAL, "%s: needs Source or Content, and not both", path);
	if (f->source && *f->source != '/')
		return err_say(e, EINVAL, "%s.Source: must be an absolute path", path);
	f->target = arena_strdup(a, clean);
	return f->target ? 0 : config_no_memory(e);
}

int config_read_files(const json_t *body, struct config *c, struct err *e)
{
	json_t *berth = NULL;
	int r = json_get_object(body, "", "Berth", &berth, e);
	if (r < 0 || !berth)
		return r;
	r = fields_read_list(
		berth, "Berth", "Files", sizeof(*c->files), read_file, c->arena, &c->files, &c->n_files, e);
	for (size_t i = 0; r == 0 && i < c->n_files; i++) {
		const char *target = c->files[i].target;
		for (size_t j = 0; j < i; j++)
			if (strcmp(c->files[j].target, target) == 0)
				return err_say(e, EINVAL, "Duplicate mount point: %s", target);
		for (size_t j = 0; j < c->n_mounts; j++)
			if (strcmp(c->mounts[j].target, target) == 0)
				return err_say(e, EINVAL, "Duplicate mount point: %s", target);
	}
	return r;
}

/* What an image says about the programs in it, from a bundle or from its configuration. */
#include <errno.h>

#include "base/own.h"
#include "supervisor/config_parts.h"

void config_image_from_spec(const struct spec *bundle, struct config_image *out)
{
	/* Its user stays numbers in the spec: spec_build() keeps them where the config says none. */
	*out = (struct config_image){
		.cmd = bundle->process.args,
		.env = bundle->process.env,
		.working_dir = bundle->process.cwd,
		.hostname = bundle->hostname,
	};
}

#define AT(member) offsetof(struct config_image, member)
static const struct field image_fields[] = {
	{ "Entrypoint", FIELD_STRV, AT(entrypoint), 0, 0 },
	{ "Cmd", FIELD_STRV, AT(cmd), 0, 0 },
	{ "Env", FIELD_STRV, AT(env), 0, 0 },
	{ "User", FIELD_STRING, AT(user), 0, 0 },
	{ "WorkingDir", FIELD_STRING, AT(working_dir), 0, 0 },
	{ "StopSignal", FIELD_STRING, AT(stop_signal), 0, 0 },
};
#undef AT

static int read_keys(const json_t *config, const char *key, struct arena *a, char ***out, struct err *e)
{
	json_t *object = NULL, *v;
	const char *name;
	size_t n = 0;
	int r = json_get_object(config, "", key, &object, e);

	if (r < 0 || !object)
		return r;
	*out = arena_calloc(a, json_object_size(object) + 1, sizeof(**out));
	if (!*out)
		return config_no_memory(e);
	json_object_foreach (object, name, v)
		(*out)[n++] = (char *)(uintptr_t)name;
	return 0;
}

int config_image_from_json(const json_t *config, struct arena *a, struct config_image *out, struct err *e)
{
	json_t *health = NULL;

	*out = (struct config_image){ 0 };
	int r = fields_read(config, "", image_fields, ARRAY_LEN(image_fields), a, out, e);
	if (r == 0)
		r = fields_read_map(config, "", "Labels", a, &out->labels, e);
	if (r == 0)
		r = read_keys(config, "Volumes", a, &out->volumes, e);
	if (r == 0)
		r = read_keys(config, "ExposedPorts", a, &out->exposed_ports, e);
	if (r == 0)
		r = json_get_object(config, "", "Healthcheck", &health, e);
	out->health = health;
	return r;
}

static int put_keys(json_t *to, const char *key, char *const *names)
{
	if (!names || !*names)
		return 0;
	json_t *keys = json_object();
	for (; *names; names++)
		if (json_object_set_new(keys, *names, json_object()) < 0)
			return json_decref(keys), -ENOMEM;
	return json_object_set_new(to, key, keys);
}

/* Empty ones say nothing. */
static int drop_empty(json_t *of)
{
	const char *key;
	json_t *v;
	void *next;

	json_object_foreach_safe(
		of, next, key, v) if (fields_is_empty(v) && json_object_del(of, key) < 0) return -ENOMEM;
	return 0;
}

json_t *config_image_to_json(const struct config_image *image)
{
	auto_(json) json_t *to = json_object();

	if (!to || fields_write(image, image_fields, ARRAY_LEN(image_fields), to) < 0 ||
		(image->labels && json_object_set_new(to, "Labels", fields_map_json(image->labels)) < 0) ||
		put_keys(to, "Volumes", image->volumes) < 0 ||
		put_keys(to, "ExposedPorts", image->exposed_ports) < 0 ||
		(image->health &&
			json_object_set(to, "Healthcheck", (json_t *)(uintptr_t)image->health) < 0) ||
		drop_empty(to) < 0)
		return NULL;
	return take_ptr(&to);
}

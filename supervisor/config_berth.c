#include <errno.h>
#include <string.h>

#include "base/own.h"
#include "base/text.h"
#include "supervisor/config_parts.h"

static const struct field map_fields[] = {
	{ "ContainerID", FIELD_U32, offsetof(struct spec_id_map, container_id), 0, UINT32_MAX },
	{ "HostID", FIELD_U32, offsetof(struct spec_id_map, host_id), 0, UINT32_MAX },
	{ "Size", FIELD_U32, offsetof(struct spec_id_map, size), 1, UINT32_MAX },
};

/* One of a few words; the index into them. */
static int read_word(
	const json_t *berth, const char *key, const char *const words[2], int *out, struct err *e)
{
	const char *word = words[0];
	int r = json_get_string(berth, "Berth", key, &word, e);
	if (r < 0)
		return r;
	for (int i = 0; i < 2; i++)
		if (strcmp(words[i], word) == 0) {
			*out = i;
			return 0;
		}
	return err_say(
		e, EINVAL, "Berth.%s: \"%s\" is neither \"%s\" nor \"%s\"", key, word, words[0], words[1]);
}

static int read_map(const json_t *item, const char *path, struct arena *a, void *to, struct err *e)
{
	int r = fields_read(item, path, map_fields, ARRAY_LEN(map_fields), a, to, e);
	if (r == 0 && !((struct spec_id_map *)to)->size)
		r = err_say(e, EINVAL, "%s.Size: missing", path);
	return r;
}

static int read_user_maps(const json_t *berth, struct config *c, struct err *e)
{
	json_t *maps = NULL;
	int r = json_get_object(berth, "Berth", "UserMaps", &maps, e);
	if (r < 0 || !maps)
		return r;
	r = fields_read_list(maps, "Berth.UserMaps", "Uid", sizeof(*c->uid_maps), read_map, c->arena,
		&c->uid_maps, &c->n_uid_maps, e);
	if (r == 0)
		r = fields_read_list(maps, "Berth.UserMaps", "Gid", sizeof(*c->gid_maps), read_map, c->arena,
			&c->gid_maps, &c->n_gid_maps, e);
	if (r == 0 && !c->n_uid_maps != !c->n_gid_maps)
		r = err_say(e, EINVAL, "Berth.UserMaps: Uid and Gid are both needed");
	if (r == 0 && c->n_uid_maps)
		c->ns[SPEC_NS_USER].mode = CONFIG_NS_PRIVATE;
	return r;
}

int config_parse_oci(const char *text, struct spec **out, struct err *e)
{
	auto_(spec) struct spec *s = NULL;
	int r = spec_parse(text, strlen(text), NULL, &s, e);
	if (r == 0)
		r = spec_validate(s, e);
	if (r < 0)
		return r;
	s->cgroups_path = NULL; /* where containers live is ours to say */
	*out = take_ptr(&s);
	return 0;
}

/* Read here only to find what is wrong with it before anything is made. */
static int check_spec(const char *text, struct err *e)
{
	auto_(spec) struct spec *s = NULL;
	int r = config_parse_oci(text, &s, e);
	return r < 0 ? err_wrap(e, r, "Berth.Oci.Spec") : 0;
}

static int read_oci(const json_t *berth, struct config *c, struct err *e)
{
	json_t *oci = NULL;
	const char *id = NULL, *text = NULL;
	int r = json_get_object(berth, "Berth", "Oci", &oci, e);
	if (r < 0 || !oci)
		return r;
	if ((r = json_get_string(oci, "Berth.Oci", "Id", &id, e)) < 0 ||
		(r = json_get_string(oci, "Berth.Oci", "Spec", &text, e)) < 0)
		return r;
	if (!id || !text_is_name(id) || strlen(id) > CONFIG_OCI_ID_MAX)
		return err_say(e, EINVAL, "Berth.Oci.Id: must be [a-zA-Z0-9][a-zA-Z0-9_.-]+, at most %d",
			CONFIG_OCI_ID_MAX);
	if (!text)
		return err_say(e, EINVAL, "Berth.Oci.Spec: missing");
	c->oci_id = id;
	c->oci_spec = text;
	return check_spec(text, e);
}

/* What an exec says to the rest of it is said when it is run. */
static int check_hook(const json_t *hook, const char *key, size_t i, struct err *e)
{
	const json_t *command = json_object_get(hook, "Cmd");
	for (size_t k = 0; k < json_array_size(command); k++)
		if (!json_is_string(json_array_get(command, k)))
			return err_say(e, EINVAL, "Berth.%s[%zu].Cmd[%zu]: must be a string", key, i, k);
	return json_array_size(command) > 0
		? 0
		: err_say(e, EINVAL, "Berth.%s[%zu].Cmd: must be a list that is not empty", key, i);
}

static int read_hooks(const json_t *berth, struct config *c, struct err *e)
{
	static const char *const keys[CONFIG_HOOK_COUNT] = {
		[CONFIG_HOOK_POST_START] = "PostStart", [CONFIG_HOOK_PRE_STOP] = "PreStop"
	};
	int r = 0;
	for (size_t k = 0; k < CONFIG_HOOK_COUNT && r == 0; k++) {
		json_t *list = NULL;
		r = json_get_array(berth, "Berth", keys[k], &list, e);
		for (size_t i = 0; r == 0 && i < json_array_size(list); i++)
			r = check_hook(json_array_get(list, i), keys[k], i, e);
		c->hooks[k] = list;
	}
	return r;
}

static int read_image(const json_t *berth, struct config *c, struct err *e)
{
	json_t *image = NULL;
	int r = json_get_object(berth, "Berth", "Image", &image, e);

	if (r < 0 || !image)
		return r;
	c->image_health = json_is_object(json_object_get(image, "Healthcheck"));
	r = json_get_string(image, "Berth.Image", "Source", &c->image_source, e);
	return r < 0 ? r : json_get_string(image, "Berth.Image", "Id", &c->image_id, e);
}

int config_read_berth(const json_t *body, struct config *c, struct err *e)
{
	static const char *const uppers[] = { [CONFIG_UPPER_DISK] = "disk", [CONFIG_UPPER_TMPFS] = "tmpfs" };
	static const char *const roots[] = {
		[CONFIG_ROOT_OVERLAY] = "overlay", [CONFIG_ROOT_SHARED] = "shared"
	};
	json_t *berth = NULL;
	static const char *const logs[] = { "disk", "volatile" };
	int upper = CONFIG_UPPER_DISK, root = CONFIG_ROOT_OVERLAY, in_memory = 0;
	int r = json_get_object(body, "", "Berth", &berth, e);
	if (r < 0 || !berth)
		return r;
	r = read_word(berth, "Upper", uppers, &upper, e);
	if (r == 0)
		r = read_word(berth, "Root", roots, &root, e);
	if (r == 0)
		r = read_word(berth, "Logs", logs, &in_memory, e);
	if (r == 0)
		r = read_user_maps(berth, c, e);
	if (r == 0)
		r = read_oci(berth, c, e);
	if (r == 0)
		r = read_hooks(berth, c, e);
	if (r == 0)
		r = read_image(berth, c, e);
	if (r == 0)
		r = json_get_int(berth, "Berth", "StopGraceNs", 0, INT64_MAX, &c->stop_grace_ns, e);
	c->upper = (enum config_upper)upper;
	c->root = (enum config_root)root;
	c->log_volatile = in_memory;
	return r;
}

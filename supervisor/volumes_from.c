#include "supervisor/volumes_from.h"

#include <stdio.h>
#include <string.h>

#include "base/json.h"
#include "base/own.h"
#include "supervisor/config.h"
#include "supervisor/container.h"

static json_t *options_of(const struct config_mount *m)
{
	if (m->type == CONFIG_MOUNT_VOLUME)
		return json_pack("{s:b, s:s}", "NoCopy", m->no_copy, "Subpath", m->subpath ? m->subpath : "");
	return json_pack("{s:s, s:b, s:b}", "Propagation", m->propagation_name, "NonRecursive",
		m->non_recursive, "CreateMountpoint", m->create_source);
}

static int add_mount(const struct config_mount *m, bool read_only, json_t *list)
{
	bool volume = m->type == CONFIG_MOUNT_VOLUME;
	if (m->type == CONFIG_MOUNT_TMPFS)
		return 0;
	json_t *options = options_of(m);
	if (options && m->ro_non_recursive && !volume)
		(void)json_object_set_new(options, "ReadOnlyNonRecursive", json_true());
	json_t *mount = json_pack("{s:s, s:s, s:s, s:b, s:o}", "Type", volume ? "volume" : "bind", "Source",
		m->source, "Target", m->target, "ReadOnly", read_only || m->read_only,
		volume ? "VolumeOptions" : "BindOptions", options);
	return json_array_append_new(list, mount);
}

/* CONTAINER[:MODE] */
static int add_container(struct engine *en, const char *text, json_t *list, struct err *e)
{
	char name[CONTAINER_NAME_MAX + 1];
	const char *colon = strchr(text, ':'), *mode = colon ? colon + 1 : "rw";
	(void)snprintf(
		name, sizeof(name), "%.*s", (int)(colon ? (size_t)(colon - text) : strlen(text)), text);
	if (!*name)
		return err_say(e, EINVAL, "invalid volumes-from specification: '%s'", text);
	if (strcmp(mode, "ro") != 0 && strcmp(mode, "rw") != 0 && strcmp(mode, "z") != 0 &&
		strcmp(mode, "Z") != 0)
		return err_say(e, EINVAL, "invalid mode for volumes-from: %s", mode);
	const struct container *c = container_find(en, name, e);
	if (!c)
		return -e->code;
	for (size_t i = 0; i < c->config->n_mounts; i++)
		if (add_mount(&c->config->mounts[i], strcmp(mode, "ro") == 0, list) < 0)
			return err_set(e, ENOMEM, "mount the volumes of %s", name);
	return 0;
}

int volumes_from_resolve(struct engine *en, const json_t *body, json_t **out, struct err *e)
{
	json_t *host = json_object_get(body, "HostConfig"), *asked = json_object_get(host, "VolumesFrom"),
	       *item;
	auto_(json) json_t *list = json_array();
	size_t i;
	int r = 0;

	*out = NULL;
	if (!json_is_array(asked) || json_array_size(asked) == 0)
		return 0;
	json_array_foreach (asked, i, item) {
		if (!json_is_string(item))
			return err_say(e, EINVAL, "HostConfig.VolumesFrom[%zu]: must be a string", i);
		if ((r = add_container(en, json_string_value(item), list, e)) < 0)
			return r;
	}
	auto_(json) json_t *copy = json_deep_copy(body);
	json_t *berth = json_object_get(copy, "Berth");
	if (!json_is_object(berth) && json_object_set_new(copy, "Berth", json_object()) == 0)
		berth = json_object_get(copy, "Berth");
	if (!copy || json_object_set(berth, "MountsFrom", list) < 0)
		return err_set(e, ENOMEM, "mount the volumes of others");
	*out = take_ptr(&copy);
	return 0;
}

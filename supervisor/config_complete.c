#include <errno.h>
#include <limits.h>
#include <string.h>
#include <unistd.h>

#include "base/own.h"
#include "base/text.h"
#include "supervisor/config_parts.h"

#define SHORT_ID 12

/* All of this edits the document, which is then read anew: so the struct and what is stored can never differ. */

static int put(json_t *obj, const char *key, json_t *v)
{
	return json_object_set_new(obj, key, v) < 0 ? -ENOMEM : 0;
}

static bool said(const json_t *doc, const char *key)
{
	return !fields_is_empty(json_object_get(doc, key));
}

static int fill_hostname(
	const struct config *c, json_t *doc, const char *id, const struct config_image *image)
{
	char name[SHORT_ID + 1], host[HOST_NAME_MAX + 1] = "";
	/* Joined to another's network or the host's UTS namespace it has no name of its own, and Docker refuses one. */
	if (*c->hostname || c->ns[SPEC_NS_NET].mode == CONFIG_NS_CONTAINER ||
		c->ns[SPEC_NS_UTS].mode == CONFIG_NS_HOST)
		return 0;
	if (c->ns[SPEC_NS_NET].mode == CONFIG_NS_HOST && gethostname(host, sizeof(host) - 1) == 0 && *host)
		return put(doc, "Hostname", json_string(host));
	if (image && image->hostname && *image->hostname)
		return put(doc, "Hostname", json_string(image->hostname));
	size_t n = strnlen(id, SHORT_ID);
	memcpy(name, id, n);
	name[n] = '\0';
	return put(doc, "Hostname", json_string(name));
}

static size_t count(char *const *v)
{
	size_t n = 0;
	while (v && v[n])
		n++;
	return n;
}

/* The image's command only where the user said neither; its entrypoint where the user said none, not even an empty one. */
static int merge_command(const struct config *c, json_t *doc, const struct config_image *image)
{
	int r = 0;
	if (count(c->entrypoint))
		return 0;
	if (!count(c->cmd) && image->cmd)
		r = put(doc, "Cmd", fields_strv_json(image->cmd));
	if (r == 0 && !c->entrypoint && image->entrypoint)
		r = put(doc, "Entrypoint", fields_strv_json(image->entrypoint));
	return r;
}

static bool has_key(char *const *env, const char *entry)
{
	size_t n = strcspn(entry, "=");
	for (; *env; env++)
		if (strncmp(*env, entry, n) == 0 && ((*env)[n] == '=' || (*env)[n] == '\0'))
			return true;
	return false;
}

static int merge_env(const struct config *c, json_t *doc, const struct config_image *image)
{
	json_t *env = fields_strv_json(c->env);
	for (char **v = image->env; v && *v; v++)
		if (!has_key(c->env, *v) && json_array_append_new(env, json_string(*v)) < 0)
			return json_decref(env), -ENOMEM;
	return put(doc, "Env", env);
}

static int merge_labels(json_t *doc, const struct config_image *image)
{
	json_t *labels = fields_map_json(image->labels);
	const json_t *own = json_object_get(doc, "Labels");
	if (json_is_object(own) && json_object_update(labels, (json_t *)own) < 0)
		return json_decref(labels), -ENOMEM;
	return put(doc, "Labels", labels);
}

static json_t *object_at(json_t *obj, const char *key)
{
	json_t *at = json_object_get(obj, key);
	if (!json_is_object(at) && put(obj, key, json_object()) == 0)
		at = json_object_get(obj, key);
	return at;
}

/* An object whose keys say it all: both have theirs. */
static int merge_keys(json_t *doc, const char *key, char *const *image)
{
	if (!count(image))
		return 0;
	json_t *keys = object_at(doc, key);
	for (; *image; image++)
		if (!json_object_get(keys, *image) && put(keys, *image, json_object()) < 0)
			return -ENOMEM;
	return 0;
}

/* What the name stands for from here on, whatever becomes of the name. */
static int keep_image(json_t *doc, const struct config_image *image)
{
	if (!image->source || !image->id)
		return 0;
	/* A test of the user's own, be it none, takes the place of the image's. */
	bool own = !fields_is_empty(json_object_get(json_object_get(doc, "Healthcheck"), "Test"));
	return put(object_at(doc, "Berth"), "Image",
		json_pack("{s:s, s:s, s:O*}", "Source", image->source, "Id", image->id, "Healthcheck",
			own ? NULL : image->health));
}

static int merge_image(const struct config *c, json_t *doc, const struct config_image *image)
{
	const struct {
		const char *key, *value;
	} words[] = { { "User", image->user }, { "WorkingDir", image->working_dir },
		{ "StopSignal", image->stop_signal } };
	int r = merge_command(c, doc, image);
	if (r == 0)
		r = merge_env(c, doc, image);
	if (r == 0)
		r = merge_labels(doc, image);
	if (r == 0)
		r = merge_keys(doc, "Volumes", image->volumes);
	if (r == 0)
		r = merge_keys(doc, "ExposedPorts", image->exposed_ports);
	if (r == 0)
		r = keep_image(doc, image);
	for (size_t i = 0; r == 0 && i < ARRAY_LEN(words); i++)
		if (!said(doc, words[i].key) && words[i].value && *words[i].value)
			r = put(doc, words[i].key, json_string(words[i].value));
	return r;
}

static int name_volumes(const struct config *c, json_t *doc)
{
	for (size_t i = 0; i < c->n_mounts; i++) {
		char id[TEXT_ID_LEN + 1];
		if (!c->mounts[i].anonymous || c->mounts[i].source)
			continue;
		int r = text_random_id(id);
		if (r < 0)
			return r;
		json_t *names = object_at(object_at(doc, "Berth"), "Volumes");
		if (put(names, c->mounts[i].target, json_string(id)) < 0)
			return -ENOMEM;
	}
	return 0;
}

/* Read the changed document into *c, which stays as it was on failure. */
static int read_again(struct config *c, const json_t *doc, struct err *e)
{
	struct config *fresh = NULL;
	int r = config_parse(doc, &fresh, e);
	if (r < 0)
		return r;
	struct config old = *c;
	*c = *fresh;
	*fresh = old;
	config_free(fresh);
	return 0;
}

int config_complete(struct config *c, const char *id, const struct config_image *image, struct err *e)
{
	int r = config_check_resources(c, e);
	if (r < 0)
		return r;
	auto_(json) json_t *doc = json_deep_copy(c->doc);
	if (!doc)
		return config_no_memory(e);
	r = fill_hostname(c, doc, id, image);
	if (r == 0 && image)
		r = merge_image(c, doc, image);
	if (r < 0)
		return config_no_memory(e);
	r = read_again(c, doc, e); /* the image's volumes are mounts now */
	if (r < 0)
		return r;
	r = name_volumes(c, doc);
	if (r < 0)
		return err_set(e, -r, "name anonymous volumes");
	r = read_again(c, doc, e);
	if (r < 0)
		return r;
	char **command = config_command(c);
	if (!command)
		return config_no_memory(e);
	if (!command[0] || !*command[0])
		return err_say(e, EINVAL, "no command specified");
	return 0;
}

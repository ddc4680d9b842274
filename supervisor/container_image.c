#include "supervisor/container_image.h"

#include <errno.h>
#include <string.h>

#include "base/own.h"
#include "supervisor/config.h"
#include "supervisor/images.h"
#include "supervisor/rootfs.h"

static int complete(
	struct container *c, const struct rootfs *root, const json_t *said, const char *id, struct err *e)
{
	auto_(arena) struct arena *a = arena_new();
	struct config_image image;

	if (!a)
		return err_set(e, ENOMEM, "create container");
	/* A bundle is the base of what runs, so it is read as it is now. */
	int r = root->bundle ? (config_image_from_spec(root->bundle, &image), 0)
			     : config_image_from_json(said, a, &image, e);
	auto_free char *source = image_source_format(&root->source);
	if (r == 0 && !source)
		r = err_set(e, ENOMEM, "create container");
	if (r < 0)
		return r;
	image.source = source;
	image.id = id;
	return config_complete(c->config, c->id, &image, e);
}

static int complete_named(struct container *c, struct err *e)
{
	auto_(rootfs) struct rootfs root = { 0 };
	struct image_record named;
	struct err why;
	int r = images_find(c->engine, c->config->image, &named, e);

	if (r < 0)
		return r;
	/* Not -ENOENT: docker's client would take that for a name to pull. */
	if (rootfs_resolve(named.source, &root, &why) < 0)
		return err_say(e, EINVAL, "image %s: %s", c->config->image, why.text);
	return complete(c, &root, named.config, named.id, e);
}

int container_image_complete(struct container *c, struct err *e)
{
	auto_(rootfs) struct rootfs root = { 0 };

	if (c->config->oci_spec)
		return config_complete(c->config, c->id, NULL, e);
	if (!image_source_is_local(c->config->image))
		return complete_named(c, e);
	int r = rootfs_resolve(c->config->image, &root, e);
	if (r == 0)
		r = rootfs_describe(&root, e);
	return r < 0 ? r : complete(c, &root, root.config, root.id, e);
}

const char *container_image_source(const struct container *c)
{
	return c->config->image_source ? c->config->image_source : c->config->image;
}

const char *container_image_id(const struct container *c)
{
	return c->config->image_id ? c->config->image_id : c->config->image;
}

static bool stands_for(const struct container *c, struct image_record *now)
{
	return c->config->image_id && !image_source_is_local(c->config->image) &&
		images_find(c->engine, c->config->image, now, NULL) == 0;
}

bool container_image_moved(const struct container *c)
{
	struct image_record now;
	return stands_for(c, &now) && strcmp(now.id, c->config->image_id) != 0;
}

const char *container_image_shown(const struct container *c)
{
	struct image_record now;

	if (!c->config->image_id || image_source_is_local(c->config->image))
		return c->config->image;
	bool same = stands_for(c, &now) && strcmp(now.id, c->config->image_id) == 0;
	return same ? c->config->image : c->config->image_id;
}

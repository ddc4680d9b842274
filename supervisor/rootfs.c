#include "supervisor/rootfs.h"

#include <fcntl.h>

#include "base/buf.h"
#include "base/io.h"
#include "base/json.h"
#include "supervisor/config.h"

#define BUNDLE_CONFIG_MAX (4 << 20)

static int read_bundle(const char *image, struct rootfs *r, struct err *e)
{
	auto_(buf) struct buf text = { 0 };
	auto_close int fd = open(r->source.bundle, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (fd < 0)
		return err_set(e, errno, "image %s", image);
	int x = io_read_file(fd, "config.json", BUNDLE_CONFIG_MAX, &text, e);
	if (x == 0)
		x = spec_parse(text.data ? text.data : "", text.len, r->source.bundle, &r->bundle, e);
	return x < 0 ? err_wrap(e, x, "image %s", image) : 0;
}

int rootfs_resolve(const char *image, struct rootfs *out, struct err *e)
{
	auto_(rootfs) struct rootfs found = { 0 };

	if (!image_source_is_local(image))
		return err_say(e, ENOENT,
			"No such image: %s (dir:PATH names a root filesystem, oci-bundle:PATH a bundle)",
			image);
	int r = image_source_resolve(image, &found.source, e);
	if (r == 0 && found.source.bundle)
		r = read_bundle(image, &found, e);
	if (r < 0)
		return r;
	*out = found;
	found = (struct rootfs){ 0 };
	return 0;
}

int rootfs_describe(struct rootfs *r, struct err *e)
{
	struct config_image said;

	r->name = image_source_format(&r->source);
	if (!r->name)
		return err_set(e, ENOMEM, "image");
	if (r->bundle) {
		config_image_from_spec(r->bundle, &said);
		r->config = config_image_to_json(&said);
	} else {
		int x = image_config_read(r->source.root, &r->config, e);
		if (x < 0)
			return err_wrap(e, x, "image %s", r->name);
	}
	int x = r->config ? image_config_id(r->name, r->config, r->id) : -ENOMEM;
	return x < 0 ? err_set(e, -x, "image %s", r->name) : 0;
}

void rootfs_done(struct rootfs *r)
{
	image_source_done(&r->source);
	spec_free(r->bundle);
	free(r->name);
	json_decref(r->config);
	*r = (struct rootfs){ 0 };
}

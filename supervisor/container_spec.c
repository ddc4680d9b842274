#include "supervisor/container_spec.h"

#include <stdlib.h>

#include "base/own.h"
#include "supervisor/config.h"
#include "supervisor/container_configs.h"
#include "supervisor/container_files.h"
#include "supervisor/container_volumes.h"
#include "supervisor/spec_build.h"

static int container_pid(void *cookie, const char *ref, pid_t *out, struct err *e)
{
	struct container *c = container_find(cookie, ref, e);

	if (!c)
		return e ? -e->code : -ENOENT;
	if (c->actual.pid == 0 || !c->actual.running)
		return err_say(e, EBUSY, "cannot join the namespace of a non running container: %s", ref);
	*out = c->actual.pid;
	return 0;
}

int container_spec_build(struct container *c, const struct rootfs *image, struct err *e)
{
	char *files[CONTAINER_FILES];

	if (c->config->oci_spec)
		return config_parse_oci(c->config->oci_spec, &c->spec, e);
	int r = container_files_write(c, files, e);
	if (r < 0)
		return r;
	auto_free char *configs_dir = c->config->n_files ? container_configs_dir(c) : NULL;
	struct spec_build_env env = {
		.id = c->id,
		.root_path = image->source.root,
		.bundle = image->bundle,
		.hosts_path = files[0],
		.hostname_path = files[1],
		.resolv_conf_path = files[2],
		.configs_dir = configs_dir,
		.volume_path = container_volume_path,
		.container_pid = container_pid,
		.cookie = c->engine,
	};
	if (c->config->n_files && !configs_dir)
		r = err_set(e, ENOMEM, "name the files of %.12s", c->id);
	if (r == 0)
		r = spec_build(c->config, &env, &c->spec, e);
	for (int i = 0; i < CONTAINER_FILES; i++)
		free(files[i]);
	if (r == 0 && c->console_width && c->config->tty) {
		c->spec->process.console_width = c->console_width;
		c->spec->process.console_height = c->console_height;
	}
	return r;
}

size_t container_spec_joined(const struct container *c, int out[SPEC_NS_COUNT])
{
	size_t n = 0;
	for (size_t i = 0; i < SPEC_NS_COUNT; i++) {
		struct container *other = c->config->ns[i].mode == CONFIG_NS_CONTAINER
			? container_find(c->engine, c->config->ns[i].container, NULL)
			: NULL;
		if (other && other->pidfd >= 0)
			out[n++] = other->pidfd;
	}
	return n;
}

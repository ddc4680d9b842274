#include "supervisor/container_log.h"

#include <stdio.h>
#include <string.h>

#include "base/buf.h"
#include "base/http.h"
#include "supervisor/config.h"

#define VOLATILE_DIR "logs" /* below the record's directory: it goes with that */

void container_log_place(const struct container *c, struct logplace *out)
{
	bool in_memory = c->config->log_volatile;

	out->dirfd = in_memory ? c->engine->run_dirfd : c->engine->log_dirfd;
	(void)snprintf(out->dir, sizeof(out->dir), "%s%s", c->id, in_memory ? "/" VOLATILE_DIR : "");
}

bool container_log_limits(const struct container *c, struct logset_limits *out)
{
	*out = (struct logset_limits){ c->config->log_max_bytes, c->config->log_max_files };
	return c->config->log != CONFIG_LOG_NONE;
}

char *container_log_path(const struct container *c)
{
	const struct engine_options *o = &c->engine->options;
	char *path = NULL;
	int n;

	if (c->config->log == CONFIG_LOG_NONE)
		return strdup("");
	if (c->config->log_volatile)
		n = asprintf(&path, "%s/containers/%s/" VOLATILE_DIR "/" LOGSET_LIVE, o->run_root, c->id);
	else
		n = asprintf(&path, "%s/%s/" LOGSET_LIVE, o->log_root, c->id);
	return n < 0 ? NULL : path;
}

/* ---------------------------------------------------------------- details */

static int add_pair(struct buf *out, const char *key, const char *value)
{
	int r = out->len ? buf_puts(out, ",") : 0;

	if (r == 0)
		r = http_escape(out, key);
	if (r == 0)
		r = buf_puts(out, "=");
	return r == 0 ? http_escape(out, value) : r;
}

static const char *variable(const struct config *config, const char *key)
{
	for (char **v = config->env; *v; v++)
		if (text_env_value(*v, key))
			return text_env_value(*v, key);
	return NULL;
}

/* names: with commas between them. */
static int add_named(struct buf *out, const struct config *config, const char *names,
	const char *(*value_of)(const struct config *config, const char *key))
{
	auto_free char *copy = names ? strdup(names) : NULL;
	char *rest = NULL;
	int r = names && !copy ? -ENOMEM : 0;

	for (char *key = copy ? strtok_r(copy, ",", &rest) : NULL; key && r == 0;
		key = strtok_r(NULL, ",", &rest)) {
		const char *value = value_of(config, key);
		r = value ? add_pair(out, key, value) : 0;
	}
	return r;
}

char *container_log_details(const struct container *c)
{
	auto_(buf) struct buf out = { 0 };

	if (add_named(&out, c->config, c->config->log_labels, config_label) < 0 ||
		add_named(&out, c->config, c->config->log_env, variable) < 0)
		return NULL;
	return buf_take(&out);
}

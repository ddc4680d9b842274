#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/own.h"
#include "base/text.h"
#include "supervisor/config_parts.h"

#define NUMBER_MAX INT64_C(4294967295)

static int parse_access(const char *text, bool *read, bool *write, bool *mknod)
{
	*read = strchr(text, 'r') != NULL;
	*write = strchr(text, 'w') != NULL;
	*mknod = strchr(text, 'm') != NULL;
	return *text && text[strspn(text, "rwm")] == '\0' ? 0 : -EINVAL;
}

static int read_device(const json_t *item, const char *path, struct arena *a, void *to, struct err *e)
{
	struct config_device *d = to;
	const char *host = "", *container = "", *access = "";
	int r = json_get_string(item, path, "PathOnHost", &host, e);
	if (r == 0)
		r = json_get_string(item, path, "PathInContainer", &container, e);
	if (r == 0)
		r = json_get_string(item, path, "CgroupPermissions", &access, e);
	if (r < 0)
		return r;
	if (!*container)
		container = host;
	if (*host != '/' || *container != '/')
		return err_say(e, EINVAL, "%s.%s: must be an absolute path", path,
			*host != '/' ? "PathOnHost" : "PathInContainer");
	if (parse_access(*access ? access : "rwm", &d->read, &d->write, &d->mknod) < 0)
		return err_say(e, EINVAL, "invalid device permissions: %s", access);
	d->host = arena_strdup(a, host);
	d->container = arena_strdup(a, container);
	return d->host && d->container ? 0 : config_no_memory(e);
}

/* "1", "*" */
static int parse_number(const char *text, int64_t *out)
{
	if (strcmp(text, "*") == 0) {
		*out = -1;
		return 0;
	}
	return text_parse_int(text, 0, NUMBER_MAX, out);
}

/* "c 1:3 mr" */
static int parse_rule(const char *text, struct spec_device_rule *rule)
{
	char type, major[16], minor[16], access[8];
	int end = 0;
	if (sscanf(text, "%c %15[0-9*]:%15[0-9*] %7[rwm]%n", &type, major, minor, access, &end) != 4 ||
		text[end] || !strchr("abc", type))
		return -EINVAL;
	*rule = (struct spec_device_rule){ .allow = true, .type = type };
	if (parse_number(major, &rule->major) < 0 || parse_number(minor, &rule->minor) < 0)
		return -EINVAL;
	return parse_access(access, &rule->read, &rule->write, &rule->mknod);
}

int config_read_devices(const json_t *host, struct config *c, struct err *e)
{
	char **rules = NULL;
	int r = fields_read_list(host, HOST, "Devices", sizeof(*c->devices), read_device, c->arena,
		&c->devices, &c->n_devices, e);
	if (r == 0)
		r = fields_read_strv(host, HOST, "DeviceCgroupRules", c->arena, &rules, e);
	if (r < 0 || !rules)
		return r;
	size_t n = 0;
	while (rules[n])
		n++;
	c->device_rules = arena_calloc(c->arena, n + 1, sizeof(*c->device_rules));
	if (!c->device_rules)
		return config_no_memory(e);
	for (size_t i = 0; i < n; i++)
		if (parse_rule(rules[i], &c->device_rules[c->n_device_rules++]) < 0)
			return err_say(e, EINVAL, "invalid device cgroup rule format: '%s'", rules[i]);
	return 0;
}

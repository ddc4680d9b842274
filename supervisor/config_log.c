/* HostConfig.LogConfig: driver and options, with docker's names and units. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/own.h"
#include "base/text.h"
#include "supervisor/config_parts.h"

#define PLACE	       HOST ".LogConfig"
#define MAX_BYTES      (10 * 1000 * 1000)
#define MAX_FILES      3
#define VOLATILE_BYTES (1000 * 1000)
#define VOLATILE_FILES 2
#define FILES_LIMIT    1000

/* "10m" is ten million: docker's units for sizes of files. */
static int parse_decimal(const char *text, int64_t *out)
{
	static const char units[] = "kmgtp";
	char *end;
	double scale = 1;

	if (strspn(text, "0123456789") == 0)
		return -EINVAL;
	double number = strtod(text, &end);
	if (memchr(text, 'e', (size_t)(end - text)) || memchr(text, 'x', (size_t)(end - text)))
		return -EINVAL;
	end += *end == ' ';
	const char *unit = *end ? strchr(units, *end | 0x20) : NULL;
	for (const char *u = units; unit && u <= unit; u++)
		scale *= 1000;
	end += unit != NULL;
	end += unit && (*end | 0x20) == 'i';
	end += (*end | 0x20) == 'b';
	if (*end || number * scale < 1 || number * scale > 9e17)
		return -EINVAL;
	*out = (int64_t)(number * scale);
	return 0;
}

typedef int option_fn(const char *key, const char *value, struct config *c, struct err *e);

static int read_max_size(const char *key, const char *value, struct config *c, struct err *e)
{
	if (strcmp(value, "-1") == 0)
		c->log_max_bytes = 0;
	else if (parse_decimal(value, &c->log_max_bytes) < 0)
		return err_say(e, EINVAL,
			PLACE ".Config.%s: \"%.64s\" is no size (\"10m\"; \"-1\" for no limit)", key, value);
	return 0;
}

static int read_max_file(const char *key, const char *value, struct config *c, struct err *e)
{
	int64_t n;

	if (text_parse_int(value, 1, FILES_LIMIT, &n) < 0)
		return err_say(e, EINVAL, PLACE ".Config.%s: \"%.64s\" is not a number from 1 to %d", key,
			value, FILES_LIMIT);
	c->log_max_files = (int)n;
	return 0;
}

/* A log never holds a container up here, whatever it is told; nor is there a buffer to size. */
static int read_mode(const char *key, const char *value, struct config *c, struct err *e)
{
	(void)c;
	if (strcmp(value, "blocking") == 0 || strcmp(value, "non-blocking") == 0)
		return 0;
	return err_say(e, EINVAL, PLACE ".Config.%s: \"%.64s\" is neither \"blocking\" nor \"non-blocking\"",
		key, value);
}

static int read_buffer_size(const char *key, const char *value, struct config *c, struct err *e)
{
	int64_t bytes;

	(void)c;
	return text_parse_bytes(value, &bytes) < 0
		? err_say(e, EINVAL, PLACE ".Config.%s: \"%.64s\" is no size", key, value)
		: 0;
}

static int read_compress(const char *key, const char *value, struct config *c, struct err *e)
{
	(void)c;
	return text_query_bool(value)
		? err_say(e, EINVAL, PLACE ".Config.%s: log files are not compressed here", key)
		: 0;
}

static int read_labels(const char *key, const char *value, struct config *c, struct err *e)
{
	(void)key;
	(void)e;
	c->log_labels = value;
	return 0;
}

static int read_env(const char *key, const char *value, struct config *c, struct err *e)
{
	(void)key;
	(void)e;
	c->log_env = value;
	return 0;
}

static const struct {
	const char *key;
	option_fn *read;
} options[] = {
	{ "max-size", read_max_size },
	{ "max-file", read_max_file },
	{ "mode", read_mode },
	{ "max-buffer-size", read_buffer_size },
	{ "compress", read_compress },
	{ "labels", read_labels },
	{ "env", read_env },
};

static int read_option(
	const char *driver, const char *key, const json_t *value, struct config *c, struct err *e)
{
	const char *text = json_string_value(value);

	if (!text)
		return err_say(e, EINVAL, PLACE ".Config.%.64s: must be a string", key);
	for (size_t i = 0; c->log == CONFIG_LOG_FILE && i < ARRAY_LEN(options); i++)
		if (strcmp(options[i].key, key) == 0)
			return options[i].read(key, text, c, e);
	return err_say(e, EINVAL, PLACE ".Config: unknown log opt '%.64s' for %s log driver", key, driver);
}

static int check(const struct config *c, struct err *e)
{
	if (c->log_volatile && c->log_max_bytes == 0)
		return err_say(e, EINVAL,
			"Berth.Logs: volatile logs are in memory: " PLACE ".Config.max-size must limit them");
	return 0;
}

int config_read_log(const json_t *host, struct config *c, struct err *e)
{
	json_t *log = NULL, *config = NULL, *value;
	const char *type = "", *key;
	int r = json_get_object(host, HOST, "LogConfig", &log, e);

	c->log_max_bytes = c->log_volatile ? VOLATILE_BYTES : MAX_BYTES;
	c->log_max_files = c->log_volatile ? VOLATILE_FILES : MAX_FILES;
	if (r < 0 || !log)
		return r;
	if ((r = json_get_string(log, PLACE, "Type", &type, e)) < 0 ||
		(r = json_get_object(log, PLACE, "Config", &config, e)) < 0)
		return r;
	if (!*type)
		type = "json-file";
	if (strcmp(type, "none") == 0)
		c->log = CONFIG_LOG_NONE;
	else if (strcmp(type, "json-file") != 0 && strcmp(type, "local") != 0)
		return err_say(
			e, EINVAL, PLACE ".Type: logger: no log driver named '%.64s' is registered", type);
	json_object_foreach (config, key, value)
		if ((r = read_option(type, key, value, c, e)) < 0)
			return r;
	return check(c, e);
}

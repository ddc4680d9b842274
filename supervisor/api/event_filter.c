#include "supervisor/api/event_filter.h"

#include <string.h>

#include "base/own.h"
#include "base/text.h"

static const char *const known[] = { "type", "event", "scope", "label", "container", "image", "network",
	"volume", "daemon", "plugin", "node", "service", "secret", "config", NULL };

int event_filter_parse(const char *text, struct filters *out, struct err *e)
{
	return filters_parse(text, known, out, e);
}

struct actor {
	const char *id, *name;
};

static bool is_prefix(const char *value, const void *cookie)
{
	const struct actor *a = cookie;
	return text_has_prefix(a->id, value) || text_has_prefix(a->name, value);
}

static bool is_action(const char *value, const void *cookie)
{
	const char *action = cookie;
	size_t len = strlen(value);
	return strncmp(action, value, len) == 0 && (!action[len] || action[len] == ':');
}

/* The name of an image with or without its tag. A colon before a slash is a registry's port, or what says of a name that it is
 * a path. */
static bool is_image(const char *value, const void *cookie)
{
	const struct actor *a = cookie;
	const char *tag = strrchr(a->name, ':');
	size_t bare = tag && !strchr(tag, '/') ? (size_t)(tag - a->name) : strlen(a->name);

	return strcmp(value, a->id) == 0 || strcmp(value, a->name) == 0 ||
		(strlen(value) == bare && strncmp(value, a->name, bare) == 0);
}

static bool has_label(const json_t *attributes, const char *want)
{
	size_t len = strcspn(want, "=");
	auto_free char *key = strndup(want, len);
	const json_t *v = key ? json_object_get(attributes, key) : NULL;

	return v && (!want[len] || strcmp(json_string_value(v), want + len + 1) == 0);
}

static bool match_labels(const struct filters *f, const json_t *attributes)
{
	const json_t *v;
	size_t i;

	json_array_foreach (json_object_get(f->doc, "label"), i, v)
		if (!has_label(attributes, json_string_value(v)))
			return false;
	return true;
}

static const char *text_of(const json_t *attributes, const char *key)
{
	const char *s = json_string_value(json_object_get(attributes, key));
	return s ? s : "";
}

/* "container": an actor of another type never fits. */
static bool match_actors(const struct filters *f, const char *type, const struct actor *a)
{
	for (const char *const *key = known; *key; key++) {
		if (strcmp(*key, "type") == 0 || strcmp(*key, "event") == 0 || strcmp(*key, "scope") == 0 ||
			strcmp(*key, "label") == 0 || strcmp(*key, "image") == 0)
			continue;
		if (filters_has(f, *key) &&
			(strcmp(type, *key) != 0 || !filters_match(f, *key, is_prefix, a)))
			return false;
	}
	return true;
}

bool event_filter_match(const struct filters *f, const char *type, const char *action, const char *id,
	const json_t *attributes)
{
	const struct actor actor = { id, text_of(attributes, "name") };
	bool image = strcmp(type, "image") == 0;
	const struct actor of_image = { image ? id : "", text_of(attributes, image ? "name" : "image") };

	return filters_match(f, "event", is_action, action) && filters_match_word(f, "type", type) &&
		filters_match_word(f, "scope", "local") && match_actors(f, type, &actor) &&
		filters_match(f, "image", is_image, &of_image) && match_labels(f, attributes);
}

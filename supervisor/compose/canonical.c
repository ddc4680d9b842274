#include "supervisor/compose/canonical.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/buf.h"
#include "base/text.h"
#include "supervisor/compose/keys.h"
#include "supervisor/compose/service.h"

/* Where we are, as words with "*" for a free name; list items have no word of their own. */
struct writer {
	struct load *l;
	char way[128];
	const struct node *map; /* the innermost mapping */
};

static int write_value(struct writer *w, const struct key *k, const struct node *v, json_t **out);

/* ---- words ---- */

static int write_text(struct load *l, const char *text, json_t **out)
{
	auto_(buf) struct buf escaped = { 0 };
	int r = 0;
	for (const char *p = text; *p && r == 0; p += strcspn(p, "$")) {
		if (*p == '$') {
			r = buf_puts(&escaped, "$$");
			p++;
		}
		if (r == 0)
			r = buf_add(&escaped, p, strcspn(p, "$"));
	}
	*out = r < 0 ? NULL : json_string(escaped.data ? escaped.data : "");
	return *out ? 0 : load_fail_memory(l);
}

/* What stands behind the prefix as an absolute path; the text as it is without the prefix. */
static int absolute_behind(struct load *l, const struct node *v, const char *prefix, const char **text)
{
	const char *path;
	if (!text_has_prefix(*text, prefix))
		return 0;
	int r = load_path(l, v, *text + strlen(prefix), &path);
	if (r < 0)
		return r;
	*text = arena_printf(l->arena, "%s%s", prefix, path);
	return *text ? 0 : load_fail_memory(l);
}

static int absolute_image(struct writer *w, const struct node *v, const char **text)
{
	static const char *const prefixes[] = { "dir:", "oci-bundle:", "copy:" };
	for (size_t i = 0; i < ARRAY_LEN(prefixes); i++)
		if (text_has_prefix(*text, prefixes[i]))
			return absolute_behind(w->l, v, prefixes[i], text);
	return 0;
}

static int absolute_source(struct writer *w, const struct node *v, const char **text)
{
	const struct node *type = node_get(w->map, "type");
	return type && strcmp(type->text, "bind") == 0 ? absolute_behind(w->l, v, "", text) : 0;
}

static int absolute_security(struct writer *w, const struct node *v, const char **text)
{
	static const char *const words[] = { "unconfined", "builtin" };
	if (!text_has_prefix(*text, "seccomp=") && !text_has_prefix(*text, "seccomp:"))
		return 0;
	for (size_t i = 0; i < ARRAY_LEN(words); i++)
		if (strcmp(*text + 8, words[i]) == 0)
			return 0;
	return absolute_behind(w->l, v, (*text)[7] == '=' ? "seccomp=" : "seccomp:", text);
}

static int absolute_file(struct writer *w, const struct node *v, const char **text)
{
	return absolute_behind(w->l, v, "", text);
}

/* The directory that a volume of the local driver is. */
static int absolute_device(struct writer *w, const struct node *v, const char **text)
{
	const struct node *o = node_get(w->map, "o");
	bool bind = o && o->kind == NODE_SCALAR && strstr(o->text, "bind") && node_get(w->map, "device") == v;
	return bind ? absolute_behind(w->l, v, "", text) : 0;
}

static const struct {
	const char *way;
	int (*absolute)(struct writer *w, const struct node *v, const char **text);
} paths[] = {
	{ "services.*.image", absolute_image },
	{ "services.*.volumes.source", absolute_source },
	{ "services.*.security_opt", absolute_security },
	{ "services.*.label_file", absolute_file },
	{ "services.*.label_file.path", absolute_file },
	{ "volumes.*.driver_opts.*", absolute_device },
	{ "configs.*.file", absolute_file },
	{ "secrets.*.file", absolute_file },
	{ "x-berth-images.*", absolute_image },
};

/* Keys whose values are words also when they consist of digits. */
static service_handler *const word_handlers[] = { service_apply_text, service_apply_bytes, process_user,
	process_hostname, process_container_name };

/* A whole number where one is meant: written without quotes, or the key takes nothing else. */
static bool is_count(const struct key *k, const struct node *v, int64_t *n)
{
	if (k && k->apply == service_apply_int)
		return text_parse_int(v->text, k->min, k->max, n) == 0;
	for (size_t i = 0; k && i < ARRAY_LEN(word_handlers); i++)
		if (k->apply == word_handlers[i])
			return false;
	bool decimal = v->plain && isdigit((unsigned char)*v->text) && (*v->text != '0' || !v->text[1]);
	return decimal && text_parse_int(v->text, 0, INT64_MAX, n) == 0;
}

/* The values were understood once already, so that these cannot fail but for memory. */
static int write_word(struct writer *w, const struct key *k, const struct node *v, json_t **out)
{
	const char *text = v->text;
	int64_t n;
	for (size_t i = 0; i < ARRAY_LEN(paths); i++) {
		int r = strcmp(paths[i].way, w->way) == 0 ? paths[i].absolute(w, v, &text) : 0;
		if (r < 0)
			return r;
	}
	/* what stands in lists and pairs is text */
	bool listed = k && k->shape != SHAPE_SCALAR && k->shape != SHAPE_FREE, word = k && k->apply;
	if (k && k->apply == service_apply_bool) {
		*out = json_boolean(strchr("tTyY", *text) || strcasecmp(text, "on") == 0);
	} else if (!listed && !word && (strcmp(text, "true") == 0 || strcmp(text, "false") == 0)) {
		*out = json_boolean(*text == 't');
	} else if (!listed && is_count(k, v, &n)) {
		*out = json_integer(n);
	} else if (k && k->apply == service_apply_bytes && value_bytes(w->l, v, &n) == 0) {
		char digits[32];
		(void)snprintf(digits, sizeof(digits), "%lld", (long long)n);
		*out = json_string(digits);
	} else {
		return write_text(w->l, text, out);
	}
	return *out ? 0 : load_fail_memory(w->l);
}

/* ---- what holds them ---- */

static int write_list(struct writer *w, const struct key *k, const struct node *v, json_t **out)
{
	auto_(json) json_t *list = json_array();
	for (size_t i = 0; i < v->n; i++) {
		json_t *item;
		int r = write_value(w, k, v->items[i], &item);
		if (r < 0)
			return r;
		if (json_array_append_new(list, item) < 0)
			return load_fail_memory(w->l);
	}
	*out = take_ptr(&list);
	return *out ? 0 : load_fail_memory(w->l);
}

/* The rules for the value at a key of a mapping that stands at k; *name is what the key is called in a way. */
static const struct key *inner(const struct key *k, struct key *item, const char **name)
{
	const char *key = *name;
	if (k && (k->shape == SHAPE_KEYS || k->shape == SHAPE_OBJECTS))
		return schema_find(k->sub, key);
	*name = "*";
	if (k && k->shape == SHAPE_NAMED) {
		*item = (struct key){ .shape = SHAPE_KEYS, .sub = k->sub };
		return item;
	}
	return k && k->shape == SHAPE_PAIRS ? k : NULL;
}

static int write_entry(struct writer *w, const struct key *k, const struct node_entry *e, json_t *object)
{
	struct key item;
	const char *name = e->key;
	const struct key *sub = inner(k, &item, &name);
	size_t len = strlen(w->way);
	json_t *value;
	(void)snprintf(w->way + len, sizeof(w->way) - len, "%s%.40s", len ? "." : "", name);
	int r = write_value(w, sub, e->value, &value);
	w->way[len] = '\0';
	if (r < 0)
		return r;
	return json_object_set_new(object, e->key, value) < 0 ? load_fail_memory(w->l) : 0;
}

static int write_map(struct writer *w, const struct key *k, const struct node *v, json_t **out)
{
	auto_(json) json_t *object = json_object();
	const struct node *outer = w->map;
	if (!object)
		return load_fail_memory(w->l);
	for (size_t i = 0; i < v->n; i++) {
		w->map = v;
		int r = write_entry(w, k, &v->entries[i], object);
		w->map = outer;
		if (r < 0)
			return r;
	}
	*out = take_ptr(&object);
	return 0;
}

static int write_value(struct writer *w, const struct key *k, const struct node *v, json_t **out)
{
	switch (v->kind) {
	case NODE_SCALAR:
		return write_word(w, k, v, out);
	case NODE_LIST:
		return write_list(w, k, v, out);
	case NODE_MAP:
		return write_map(w, k, v, out);
	case NODE_NULL:
		break;
	}
	*out = json_null();
	return 0;
}

/* ---- what the project knows better than the document ---- */

/* The body has the files' variables and the client's in it: as a mapping in place of both keys. */
static int set_environment(struct load *l, const struct compose_service *s, json_t *service)
{
	auto_(json) json_t *env = json_object();
	json_t *line;
	size_t i;
	json_array_foreach (json_object_get(s->body, "Env"), i, line) {
		const char *text = json_string_value(line), *eq = strchr(text, '=');
		json_t *value;
		int r = write_text(l, eq + 1, &value);
		if (r < 0)
			return r;
		if (json_object_setn_new(env, text, (size_t)(eq - text), value) < 0)
			return load_fail_memory(l);
	}
	(void)json_object_del(service, "env_file"); /* may not be there */
	(void)json_object_del(service, "environment");
	if (json_object_get(s->body, "Env") && json_object_set(service, "environment", env) < 0)
		return load_fail_memory(l);
	return 0;
}

static const struct compose_service *find_service(const struct load *l, const char *name)
{
	for (size_t i = 0; i < l->project->n_services; i++)
		if (strcmp(l->project->services[i].name, name) == 0)
			return &l->project->services[i];
	return NULL;
}

/* What need not be there, and is not. */
static void drop_dependencies(struct load *l, json_t *depends_on)
{
	const char *name;
	json_t *value;
	void *tmp;
	json_object_foreach_safe(depends_on, tmp, name, value) if (!find_service(l, name))(void)
		json_object_del(depends_on, name); /* it is there */
}

static int finish_services(struct load *l, json_t *services)
{
	const char *name;
	json_t *service;
	void *tmp;
	json_object_foreach_safe(services, tmp, name, service)
	{
		const struct compose_service *s = find_service(l, name);
		int r = s ? set_environment(l, s, service) : json_object_del(services, name);
		if (r < 0)
			return r;
		if (s)
			drop_dependencies(l, json_object_get(service, "depends_on"));
	}
	return 0;
}

static int finish_volumes(struct load *l, json_t *volumes)
{
	for (size_t i = 0; i < l->project->n_volumes; i++) {
		const struct compose_volume *v = &l->project->volumes[i];
		if (json_object_set_new(json_object_get(volumes, v->key), "name", json_string(v->name)) < 0)
			return load_fail_memory(l);
	}
	return 0;
}

int canonical_document(struct load *l, const struct node *document, json_t **out)
{
	const struct key top = { .shape = SHAPE_KEYS, .sub = keys_document() };
	struct writer w = { .l = l };
	auto_(json) json_t *written = NULL, *whole = json_pack("{s:s}", "name", l->project->name);
	int r = write_map(&w, &top, document, &written);
	if (r == 0)
		r = finish_services(l, json_object_get(written, "services"));
	if (r == 0)
		r = finish_volumes(l, json_object_get(written, "volumes"));
	/* The name first, as people write it. */
	if (r == 0 && json_object_update_missing(whole, written) < 0)
		r = load_fail_memory(l);
	if (r == 0)
		*out = take_ptr(&whole);
	return r;
}

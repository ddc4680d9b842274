/* A project as JSON and back. */
#include <errno.h>
#include <string.h>

#include "supervisor/compose/compose.h"

static const char *const conditions[COMPOSE_CONDITION_COUNT] = {
	[COMPOSE_STARTED] = "service_started",
	[COMPOSE_COMPLETED] = "service_completed_successfully",
	[COMPOSE_HEALTHY] = "service_healthy",
};

const char *compose_condition_name(enum compose_condition c)
{
	return conditions[c];
}

int compose_parse_condition(const char *name, enum compose_condition *out)
{
	for (int i = 0; i < COMPOSE_CONDITION_COUNT; i++)
		if (strcmp(conditions[i], name) == 0) {
			*out = (enum compose_condition)i;
			return 0;
		}
	return -EINVAL;
}

/* ---- to JSON: json_pack frees what it was given when a part is NULL ---- */

/* Text that may have been cut inside a letter: what is no UTF-8 becomes '?'. */
static json_t *loose_text(const char *s)
{
	json_t *text = json_string(s);
	if (text)
		return text;
	auto_free char *copy = strdup(s);
	for (char *p = copy; p && *p; p++)
		if (*p & 0x80)
			*p = '?';
	return json_string(copy);
}

static json_t *text_list(char *const *v)
{
	auto_(json) json_t *list = json_array();
	for (; v && *v; v++)
		if (json_array_append_new(list, loose_text(*v)) < 0)
			return NULL;
	return take_ptr(&list);
}

static json_t *dependencies(const struct compose_service *s)
{
	auto_(json) json_t *list = json_array();
	for (size_t i = 0; i < s->n_depends_on; i++) {
		const struct compose_dependency *d = &s->depends_on[i];
		json_t *one = json_pack("{s:s, s:s, s:b, s:b}", "Service", d->service, "Condition",
			conditions[d->condition], "Required", d->required, "Restart", d->restart);
		if (json_array_append_new(list, one) < 0)
			return NULL;
	}
	return take_ptr(&list);
}

static json_t *services(const struct compose_project *p)
{
	auto_(json) json_t *list = json_array();
	for (size_t i = 0; i < p->n_services; i++) {
		const struct compose_service *s = &p->services[i];
		json_t *one = json_pack("{s:s, s:s, s:s, s:b, s:o, s:O}", "Name", s->name, "ContainerName",
			s->container_name, "ConfigHash", s->config_hash, "Attach", s->attach, "DependsOn",
			dependencies(s), "Body", s->body);
		if (json_array_append_new(list, one) < 0)
			return NULL;
	}
	return take_ptr(&list);
}

static json_t *volumes(const struct compose_project *p)
{
	auto_(json) json_t *list = json_array();
	for (size_t i = 0; i < p->n_volumes; i++) {
		const struct compose_volume *v = &p->volumes[i];
		json_t *one = json_pack("{s:s, s:s, s:b, s:O}", "Key", v->key, "Name", v->name, "External",
			v->external, "Labels", v->labels);
		if (json_array_append_new(list, one) < 0)
			return NULL;
	}
	return take_ptr(&list);
}

static json_t *images(const struct compose_project *p)
{
	auto_(json) json_t *list = json_array();
	for (size_t i = 0; i < p->n_images; i++)
		if (json_array_append_new(list,
			    json_pack("{s:s, s:s}", "Name", p->images[i].name, "Source",
				    p->images[i].source)) < 0)
			return NULL;
	return take_ptr(&list);
}

json_t *compose_to_json(const struct compose_project *p)
{
	return json_pack("{s:s, s:o, s:o, s:o, s:o, s:o, s:O, s:o, s:o}", "Name", p->name, "WorkingDir",
		loose_text(p->working_dir), "ConfigFiles", text_list(p->config_files), "Warnings",
		text_list(p->warnings), "Declared", text_list(p->declared), "Volumes", volumes(p), "Scales",
		p->scales, "Images", images(p), "Services", services(p));
}

/* ---- from JSON ---- */

struct reader {
	struct compose_project *p;
	struct err *err;
};

static int read_text(
	struct reader *rd, const json_t *obj, const char *path, const char *key, const char **out)
{
	const char *text = NULL;
	int r = json_get_string(obj, path, key, &text, rd->err);
	if (r < 0)
		return r;
	if (!text)
		return err_say(rd->err, EINVAL, "%s%s%s: is missing", path, *path ? "." : "", key);
	*out = arena_strdup(rd->p->arena, text);
	return *out ? 0 : err_set(rd->err, ENOMEM, "read a project");
}

/* The list at key; a missing one is empty. */
static int read_list(struct reader *rd, const json_t *obj, const char *path, const char *key, json_t **list)
{
	*list = NULL;
	return json_get_array(obj, path, key, list, rd->err);
}

static int read_texts(struct reader *rd, const json_t *obj, const char *key, char ***out)
{
	json_t *list;
	int r = read_list(rd, obj, "", key, &list);
	if (r < 0)
		return r;
	size_t n = json_array_size(list);
	*out = arena_calloc(rd->p->arena, n + 1, sizeof(char *));
	for (size_t i = 0; *out && i < n; i++) {
		const char *text = json_string_value(json_array_get(list, i));
		if (!text)
			return err_say(rd->err, EINVAL, "%s: must be a list of strings", key);
		(*out)[i] = arena_strdup(rd->p->arena, text);
	}
	return *out && !arena_failed(rd->p->arena) ? 0 : err_set(rd->err, ENOMEM, "read a project");
}

static int read_dependencies(struct reader *rd, const json_t *obj, struct compose_service *s)
{
	json_t *list, *one;
	size_t i;
	int r = read_list(rd, obj, "Services", "DependsOn", &list);
	if (r < 0)
		return r;
	s->depends_on = arena_calloc(rd->p->arena, json_array_size(list) + 1, sizeof(*s->depends_on));
	if (!s->depends_on)
		return err_set(rd->err, ENOMEM, "read a project");
	json_array_foreach (list, i, one) {
		struct compose_dependency *d = &s->depends_on[s->n_depends_on++];
		const char *condition;
		r = read_text(rd, one, "DependsOn", "Service", &d->service);
		if (r == 0)
			r = read_text(rd, one, "DependsOn", "Condition", &condition);
		if (r == 0)
			r = json_get_bool(one, "DependsOn", "Required", &d->required, rd->err);
		if (r == 0)
			r = json_get_bool(one, "DependsOn", "Restart", &d->restart, rd->err);
		if (r < 0)
			return r;
		if (compose_parse_condition(condition, &d->condition) < 0)
			return err_say(rd->err, EINVAL, "DependsOn.Condition: unknown condition");
	}
	return 0;
}

static int read_object(struct reader *rd, const json_t *obj, const char *path, const char *key, json_t **out)
{
	json_t *object = NULL;
	int r = json_get_object(obj, path, key, &object, rd->err);
	if (r < 0)
		return r;
	if (!object)
		return err_say(rd->err, EINVAL, "%s.%s: is missing", path, key);
	*out = json_incref(object);
	return 0;
}

static int read_service(struct reader *rd, const json_t *obj, struct compose_service *s)
{
	int r = read_text(rd, obj, "Services", "Name", &s->name);
	if (r == 0)
		r = read_text(rd, obj, "Services", "ContainerName", &s->container_name);
	if (r == 0)
		r = read_text(rd, obj, "Services", "ConfigHash", &s->config_hash);
	if (r == 0)
		r = json_get_bool(obj, "Services", "Attach", &s->attach, rd->err);
	if (r == 0)
		r = read_dependencies(rd, obj, s);
	return r < 0 ? r : read_object(rd, obj, "Services", "Body", &s->body);
}

static int read_volume(struct reader *rd, const json_t *obj, struct compose_volume *v)
{
	int r = read_text(rd, obj, "Volumes", "Key", &v->key);
	if (r == 0)
		r = read_text(rd, obj, "Volumes", "Name", &v->name);
	if (r == 0)
		r = json_get_bool(obj, "Volumes", "External", &v->external, rd->err);
	return r < 0 ? r : read_object(rd, obj, "Volumes", "Labels", &v->labels);
}

static int read_images(struct reader *rd, const json_t *json)
{
	struct compose_project *p = rd->p;
	json_t *list, *one;
	size_t i;
	int r = read_list(rd, json, "", "Images", &list);
	p->images = arena_calloc(p->arena, json_array_size(list) + 1, sizeof(*p->images));
	if (r == 0 && !p->images)
		r = err_set(rd->err, ENOMEM, "read a project");
	json_array_foreach (list, i, one) {
		struct compose_image *image = &p->images[p->n_images++];
		if (r == 0)
			r = read_text(rd, one, "Images", "Name", &image->name);
		if (r == 0)
			r = read_text(rd, one, "Images", "Source", &image->source);
	}
	return r;
}

static int read_project(struct reader *rd, const json_t *json)
{
	struct compose_project *p = rd->p;
	json_t *service_list, *volume_list, *one;
	size_t i;
	int r = read_text(rd, json, "", "Name", &p->name);
	if (r == 0)
		r = read_text(rd, json, "", "WorkingDir", &p->working_dir);
	if (r == 0)
		r = read_texts(rd, json, "ConfigFiles", &p->config_files);
	if (r == 0)
		r = read_texts(rd, json, "Warnings", &p->warnings);
	if (r == 0)
		r = read_texts(rd, json, "Declared", &p->declared);
	if (r == 0)
		r = read_object(rd, json, "", "Scales", &p->scales);
	if (r == 0)
		r = read_list(rd, json, "", "Services", &service_list);
	if (r == 0)
		r = read_list(rd, json, "", "Volumes", &volume_list);
	if (r == 0)
		r = read_images(rd, json);
	if (r < 0)
		return r;
	p->services = arena_calloc(p->arena, json_array_size(service_list) + 1, sizeof(*p->services));
	p->volumes = arena_calloc(p->arena, json_array_size(volume_list) + 1, sizeof(*p->volumes));
	if (!p->services || !p->volumes)
		return err_set(rd->err, ENOMEM, "read a project");
	json_array_foreach (service_list, i, one) {
		r = read_service(rd, one, &p->services[p->n_services++]);
		if (r < 0)
			return r;
	}
	json_array_foreach (volume_list, i, one) {
		r = read_volume(rd, one, &p->volumes[p->n_volumes++]);
		if (r < 0)
			return r;
	}
	return 0;
}

int compose_from_json(const json_t *json, struct compose_project **out, struct err *e)
{
	auto_(compose) struct compose_project *p = compose_new();
	if (!p)
		return err_set(e, ENOMEM, "read a project");
	int r = read_project(&(struct reader){ .p = p, .err = e }, json);
	if (r == 0)
		*out = take_ptr(&p);
	return r;
}

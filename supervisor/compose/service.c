#include "supervisor/compose/service.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/sha256.h"
#include "base/text.h"
#include "supervisor/compose/keys.h"
#include "supervisor/config.h"

/* ---- members of the body ---- */

/* The object that holds the last part of a dotted name, made on the way when create; *last is that part. */
static json_t *holder(json_t *body, const char *member, bool create, const char **last)
{
	const char *dot;
	while ((dot = strchr(member, '.'))) {
		char part[64];
		(void)snprintf(part, sizeof(part), "%.*s", (int)(dot - member), member);
		json_t *inner = json_object_get(body, part);
		if (!inner && create && json_object_set_new(body, part, json_object()) == 0)
			inner = json_object_get(body, part);
		if (!inner)
			return NULL;
		body = inner;
		member = dot + 1;
	}
	*last = member;
	return body;
}

json_t *service_get(const struct load *l, const char *member)
{
	const char *last;
	json_t *in = holder(l->svc->out->body, member, false, &last);
	return in ? json_object_get(in, last) : NULL;
}

int service_put(struct load *l, const struct node *at, const char *member, json_t *value)
{
	const char *last;
	json_t *in = holder(l->svc->out->body, member, true, &last);
	json_t *old = in ? json_object_get(in, last) : NULL;

	if (!in || !value) {
		json_decref(value);
		return load_fail_memory(l);
	}
	if (old && !json_equal(old, value)) {
		json_decref(value);
		return load_fail(l, at, "must agree with the other key that sets %s", last);
	}
	return json_object_set_new(in, last, value) < 0 ? load_fail_memory(l) : 0;
}

int service_put_text(struct load *l, const struct node *at, const char *member, const char *text)
{
	json_t *value;
	int r = value_json(l, at, text, &value);
	return r < 0 ? r : service_put(l, at, member, value);
}

/* ---- common handlers ---- */

int service_apply_text(struct load *l, const struct key *k, const struct node *v)
{
	return service_put_text(l, v, k->member, v->text);
}

int service_apply_bool(struct load *l, const struct key *k, const struct node *v)
{
	bool on;
	int r = value_bool(l, v, &on);
	return r < 0 ? r : service_put(l, v, k->member, json_boolean(on));
}

int service_apply_int(struct load *l, const struct key *k, const struct node *v)
{
	int64_t n;
	int r = value_int(l, v, k->min, k->max, &n);
	return r < 0 ? r : service_put(l, v, k->member, json_integer(n));
}

int service_apply_bytes(struct load *l, const struct key *k, const struct node *v)
{
	int64_t n;
	int r = value_bytes(l, v, &n);
	return r < 0 ? r : service_put(l, v, k->member, json_integer(n));
}

int service_apply_word(struct load *l, const struct key *k, const struct node *v)
{
	int r = value_word(l, v, k->words);
	return r < 0 || !k->member ? r : service_put_text(l, v, k->member, v->text);
}

int service_apply_list(struct load *l, const struct key *k, const struct node *v)
{
	json_t *list;
	int r = value_json_list(l, v, &list);
	return r < 0 ? r : service_put(l, v, k->member, list);
}

int service_apply_pairs(struct load *l, const struct key *k, const struct node *v)
{
	json_t *pairs;
	int r = value_json_pairs(l, v, false, &pairs);
	return r < 0 ? r : service_put(l, v, k->member, pairs);
}

/* ---- names and dependencies ---- */

const char *service_container_name(struct load *l, const char *service)
{
	const struct node_entry *e = node_entry(l->services, service);
	if (!e)
		return NULL;
	const char **cached = &l->container_names[e - l->services->entries];
	const struct node *name = node_get(e->value, "container_name");
	if (!*cached)
		*cached = name && name->kind == NODE_SCALAR
			? name->text
			: arena_printf(l->arena, "%s-%s-1", l->project->name, service);
	return *cached;
}

int service_add_dependency(struct load *l, const struct node *at, const struct compose_dependency *wanted)
{
	struct service *s = l->svc;
	struct compose_service *out = s->out;

	for (size_t i = 0; i < out->n_depends_on; i++) {
		struct compose_dependency *d = &out->depends_on[i];
		if (strcmp(d->service, wanted->service) != 0)
			continue;
		d->required |= wanted->required;
		d->restart |= wanted->restart;
		if (wanted->condition > d->condition)
			d->condition = wanted->condition;
		return 0;
	}
	if (out->n_depends_on == s->depends_room) {
		size_t room = s->depends_room ? s->depends_room * 2 : 8;
		struct compose_dependency *d = arena_calloc(l->arena, room, sizeof(*d));
		const struct node **places = arena_calloc(l->arena, room, sizeof(*places));
		if (!d || !places)
			return load_fail_memory(l);
		if (out->n_depends_on) {
			memcpy(d, out->depends_on, out->n_depends_on * sizeof(*d));
			memcpy(places, s->places, out->n_depends_on * sizeof(*places));
		}
		out->depends_on = d;
		s->places = places;
		s->depends_room = room;
	}
	s->places[out->n_depends_on] = at;
	out->depends_on[out->n_depends_on++] = *wanted;
	return 0;
}

/* ---- the whole ---- */

static int hash_body(struct load *l, struct compose_service *out)
{
	auto_free char *text = json_dumps(out->body, JSON_SORT_KEYS | JSON_COMPACT);
	char hex[SHA256_HEX_LEN + 1];
	struct sha256 s;
	unsigned char digest[32];

	if (!text)
		return load_fail_memory(l);
	sha256_init(&s);
	sha256_add(&s, out->container_name, strlen(out->container_name) + 1);
	sha256_add(&s, text, strlen(text));
	sha256_end(&s, digest);
	for (size_t i = 0; i < sizeof(digest); i++)
		(void)snprintf(hex + 2 * i, 3, "%02x", digest[i]);
	out->config_hash = arena_strdup(l->arena, hex);
	return out->config_hash ? 0 : load_fail_memory(l);
}

/* "db:service_started:false,...": condition, and whether a restart follows. */
static int dependencies_text(struct load *l, const struct compose_service *out, struct buf *text)
{
	for (size_t i = 0; i < out->n_depends_on; i++) {
		const struct compose_dependency *d = &out->depends_on[i];
		if (buf_printf(text, "%s%s:%s:%s", i ? "," : "", d->service,
			    compose_condition_name(d->condition), d->restart ? "true" : "false") < 0)
			return load_fail_memory(l);
	}
	return 0;
}

static int set_label(struct load *l, json_t *labels, const char *name, const char *text)
{
	char key[80];
	json_t *value;
	(void)snprintf(key, sizeof(key), "com.docker.compose.%s", name);
	int r = value_json(l, l->svc->node, text ? text : "", &value);
	if (r < 0)
		return r;
	return json_object_set_new(labels, key, value) < 0 ? load_fail_memory(l) : 0;
}

int service_label(struct load *l)
{
	struct compose_service *out = l->svc->out;
	auto_(buf) struct buf files = { 0 }, depends = { 0 };

	for (char **f = l->project->config_files; *f; f++)
		if (buf_printf(&files, "%s%s", files.len ? "," : "", *f) < 0)
			return load_fail_memory(l);
	int r = dependencies_text(l, out, &depends);
	json_t *labels = json_object_get(out->body, "Labels");
	if (r == 0 && !labels) {
		labels = json_object();
		r = json_object_set_new(out->body, "Labels", labels) < 0 ? load_fail_memory(l) : 0;
	}
	const struct {
		const char *name, *text;
	} all[] = {
		{ "project", l->project->name },
		{ "service", out->name },
		{ "container-number", "1" },
		{ "oneoff", "False" },
		{ "config-hash", out->config_hash },
		{ "depends_on", depends.data },
		{ "project.working_dir", l->project->working_dir },
		{ "project.config_files", files.data },
	};
	for (size_t i = 0; r == 0 && i < ARRAY_LEN(all); i++)
		r = set_label(l, labels, all[i].name, all[i].text);
	return r;
}

/* Until networks exist, a service that names no network gets a loopback of its own; said once for the project. */
static int default_network(struct load *l)
{
	if (service_get(l, "HostConfig.NetworkMode"))
		return 0;
	int r = service_put_text(l, l->svc->node, "HostConfig.NetworkMode", "none");
	return r < 0 ? r
		     : load_warn(l, NULL,
			       "no networks: each service has a private loopback and cannot reach the others "
			       "(network_mode: host or service:NAME shares one)");
}

/* What only the create call knows to be wrong is said here too, before anything is made. */
static int check_body(struct load *l)
{
	auto_(config) struct config *config = NULL;
	struct err why;
	int r = config_parse(l->svc->out->body, &config, &why);
	if (r == -ENOMEM)
		return load_fail_memory(l);
	return r < 0 ? load_fail(l, l->svc->node, "%s", why.text) : 0;
}

int service_build(struct load *l)
{
	struct compose_service *out = l->svc->out;

	out->attach = true;
	out->scale = 1;
	out->container_name = service_container_name(l, out->name);
	out->body = json_pack("{s:{}}", "HostConfig");
	if (!out->body || !out->container_name)
		return load_fail_memory(l);
	int r = schema_apply(l, keys_service(), l->svc->node);
	if (r < 0)
		return r;
	r = process_environment(l);
	if (r == 0)
		r = labels_build(l);
	if (r == 0)
		r = configs_build(l);
	if (r == 0)
		r = volumes_check_scale(l);
	if (r == 0)
		r = resources_check(l);
	if (r == 0 && !node_get(l->svc->node, "image"))
		r = load_fail(l, l->svc->node,
			node_get(l->svc->node, "build")
				? "images are not built here: name a root filesystem by image: dir:PATH"
				: "image is missing");
	if (r == 0)
		r = default_network(l);
	if (r == 0)
		r = check_body(l);
	return r < 0 ? r : hash_body(l, out);
}

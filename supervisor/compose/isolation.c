/* Namespaces, privileges, names and dependencies. */
#include <arpa/inet.h>
#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/capability.h>

#include "base/io.h"
#include "base/text.h"
#include "supervisor/compose/keys.h"
#include "supervisor/compose/service.h"

/* ---- namespaces ---- */

static bool allows(const char *words, const char *word)
{
	size_t len = strlen(word);
	for (const char *p = words; (p = strstr(p, word)); p += len)
		if ((p == words || p[-1] == ' ') && (p[len] == ' ' || !p[len]))
			return true;
	return false;
}

/* service:NAME is the container of that service, which must be there first. */
static int namespace_of_service(
	struct load *l, const struct key *k, const struct node *v, const char *service)
{
	if (strcmp(service, l->svc->name) == 0)
		return load_fail(l, v, "a service cannot join itself");
	const char *name = service_container_name(l, service);
	if (!name)
		return load_fail(l, v, "there is no service %.80s", service);
	const char *mode = arena_printf(l->arena, "container:%s", name);
	if (!mode)
		return load_fail_memory(l);
	int r = service_add_dependency(
		l, v, &(const struct compose_dependency){ .service = service, .required = true });
	return r < 0 ? r : service_put_text(l, v, k->member, mode);
}

int isolation_namespace(struct load *l, const struct key *k, const struct node *v)
{
	if (text_has_prefix(v->text, "service:") && allows(k->words, "service"))
		return namespace_of_service(l, k, v, v->text + 8);
	if (text_has_prefix(v->text, "container:") && allows(k->words, "container") && v->text[10])
		return service_put_text(l, v, k->member, v->text);
	if (!allows(k->words, v->text) || strcmp(v->text, "service") == 0 ||
		strcmp(v->text, "container") == 0)
		return load_fail(l, v, "\"%.60s\" is not built yet or unknown; possible here: %s%s", v->text,
			k->words, allows(k->words, "service") ? " (as service:NAME, container:NAME)" : "");
	return service_put_text(l, v, k->member, v->text);
}

/* ---- privileges ---- */

int isolation_capabilities(struct load *l, const struct key *k, const struct node *v)
{
	for (size_t i = 0; i < v->n; i++) {
		char name[64];
		const char *text = v->items[i]->text;
		cap_value_t cap;
		if (strcasecmp(text, "ALL") == 0)
			continue;
		(void)snprintf(
			name, sizeof(name), "%s%s", strncasecmp(text, "CAP_", 4) == 0 ? "" : "cap_", text);
		for (char *p = name; *p; p++)
			*p = (char)tolower((unsigned char)*p);
		if (cap_from_name(name, &cap) < 0)
			return load_fail(l, v->items[i], "no such capability: %.60s", text);
	}
	return service_apply_list(l, k, v);
}

/* seccomp=FILE: the profile itself goes into the body, as docker's own client does it. */
static int seccomp_profile(struct load *l, const struct node *v, const char *name, const char **out)
{
	const char *path;
	int r = load_path(l, v, name, &path);
	if (r < 0)
		return r;
	auto_(buf) struct buf text = { 0 };
	struct err why;
	r = io_read_file(AT_FDCWD, path, COMPOSE_MAX_BYTES, &text, &why);
	if (r < 0)
		return load_fail(l, v, "%s", why.text);
	auto_(json) json_t *profile = json_parse(text.data ? text.data : "", text.len, name, &why);
	if (!profile)
		return load_fail(l, v, "%s", why.text);
	auto_free char *compact = json_dumps(profile, JSON_COMPACT);
	*out = compact ? arena_printf(l->arena, "seccomp=%s", compact) : NULL;
	return *out ? 0 : load_fail_memory(l);
}

/* One option; *out NULL when it asks for what is so anyway. */
static int security_option(struct load *l, const struct node *v, const char **out, bool *systempaths)
{
	/* "seccomp:x" is the older way of writing "seccomp=x" */
	size_t n = strcspn(v->text, "=:");
	const char *value = v->text[n] ? v->text + n + 1 : "";

	*out = v->text;
	if (n == 17 && strncmp(v->text, "no-new-privileges", n) == 0) {
		if (!*value || strcmp(value, "true") == 0)
			*out = "no-new-privileges";
		else if (strcmp(value, "false") == 0)
			*out = NULL;
		else
			return load_fail(l, v, "\"%.60s\": true or false", v->text);
		return 0;
	}
	if (n == 7 && strncmp(v->text, "seccomp", n) == 0) {
		if (strcmp(value, "unconfined") == 0 || strcmp(value, "builtin") == 0) {
			*out = arena_printf(l->arena, "seccomp=%s", value);
			return *out ? 0 : load_fail_memory(l);
		}
		return seccomp_profile(l, v, value, out);
	}
	if (strcmp(v->text, "systempaths=unconfined") == 0) {
		*systempaths = true;
		*out = NULL;
		return 0;
	}
	if ((n == 8 && strncmp(v->text, "apparmor", n) == 0 && strcmp(value, "unconfined") == 0) ||
		(n == 5 && strncmp(v->text, "label", n) == 0 && strcmp(value, "disable") == 0)) {
		*out = NULL; /* no label is ever written */
		return 0;
	}
	if ((n == 8 && strncmp(v->text, "apparmor", n) == 0) || (n == 5 && strncmp(v->text, "label", n) == 0))
		return load_fail(l, v,
			"\"%.60s\" cannot be honoured: AppArmor and SELinux labels are not supported",
			v->text);
	return load_fail(l, v, "unknown security option \"%.60s\"", v->text);
}

int isolation_security_opt(struct load *l, const struct key *k, const struct node *v)
{
	auto_(json) json_t *list = json_array();
	bool systempaths = false;

	(void)k;
	for (size_t i = 0; i < v->n; i++) {
		const char *text;
		json_t *option;
		int r = security_option(l, v->items[i], &text, &systempaths);
		if (r < 0)
			return r;
		if (!text)
			continue;
		r = value_json(l, v->items[i], text, &option);
		if (r < 0)
			return r;
		if (json_array_append_new(list, option) < 0)
			return load_fail_memory(l);
	}
	int r = service_put(l, v, "HostConfig.SecurityOpt", take_ptr(&list));
	if (r == 0 && systempaths)
		r = service_put(l, v, "HostConfig.MaskedPaths", json_array());
	if (r == 0 && systempaths)
		r = service_put(l, v, "HostConfig.ReadonlyPaths", json_array());
	return r;
}

/* "c 1:3 mr", "a *:* rwm" */
static bool is_device_rule(const char *s)
{
	if (!strchr("abc", *s) || !*s || s[1] != ' ')
		return false;
	s += 2;
	for (int part = 0; part < 2; part++) {
		size_t n = *s == '*' ? 1 : strspn(s, "0123456789");
		if (n == 0 || n > 10 || s[n] != (part ? ' ' : ':'))
			return false;
		s += n + 1;
	}
	size_t n = strspn(s, "rwm");
	return n >= 1 && n <= 3 && !s[n];
}

int isolation_device_rules(struct load *l, const struct key *k, const struct node *v)
{
	(void)k;
	for (size_t i = 0; i < v->n; i++)
		if (!is_device_rule(v->items[i]->text))
			return load_fail(
				l, v->items[i], "\"%.60s\" must be like \"c 1:3 rwm\"", v->items[i]->text);
	return service_apply_list(l, &(const struct key){ .member = "HostConfig.DeviceCgroupRules" }, v);
}

/* ---- ulimits ---- */

static int ulimit_value(struct load *l, const struct node *v, int64_t *out)
{
	if (!v || v->kind != NODE_SCALAR)
		return load_fail(l, v ? v : l->svc->node, "must be a number, or soft and hard");
	return value_int(l, v, -1, INT64_MAX, out);
}

static int ulimit_one(struct load *l, const struct node_entry *e, json_t *list)
{
	static const char names[] =
		"core cpu data fsize locks memlock msgqueue nice nofile nproc rss rtprio rttime "
		"sigpending stack";
	const struct node *v = e->value;
	int64_t soft, hard;
	int r;

	if (!allows(names, e->key))
		return load_fail(l, v, "unknown limit; possible: %s", names);
	if (v->kind == NODE_MAP) {
		for (size_t i = 0; i < v->n; i++)
			if (strcmp(v->entries[i].key, "soft") != 0 && strcmp(v->entries[i].key, "hard") != 0)
				return load_fail_key(l, v, &v->entries[i],
					"unknown key %.60s; soft and hard are possible", v->entries[i].key);
		if (!node_get(v, "soft") || !node_get(v, "hard"))
			return load_fail(l, v, "needs soft and hard");
		r = ulimit_value(l, node_get(v, "soft"), &soft);
		if (r == 0)
			r = ulimit_value(l, node_get(v, "hard"), &hard);
	} else {
		r = ulimit_value(l, v, &soft);
		hard = soft;
	}
	if (r < 0)
		return r;
	if (hard != -1 && (soft == -1 || soft > hard))
		return load_fail(l, v, "soft is above hard");
	json_t *one = json_pack(
		"{s:s, s:I, s:I}", "Name", e->key, "Soft", (json_int_t)soft, "Hard", (json_int_t)hard);
	return json_array_append_new(list, one) < 0 ? load_fail_memory(l) : 0;
}

int isolation_ulimits(struct load *l, const struct key *k, const struct node *v)
{
	auto_(json) json_t *list = json_array();

	(void)k;
	if (v->kind != NODE_MAP)
		return load_fail(l, v, "must be a mapping of limits");
	for (size_t i = 0; i < v->n; i++) {
		size_t mark = load_enter(l, v->entries[i].key);
		int r = ulimit_one(l, &v->entries[i], list);
		load_leave(l, mark);
		if (r < 0)
			return r;
	}
	return service_put(l, v, "HostConfig.Ulimits", take_ptr(&list));
}

/* ---- names ---- */

static bool is_address(const char *s)
{
	struct in6_addr a;
	return inet_pton(AF_INET, s, &a) == 1 || inet_pton(AF_INET6, s, &a) == 1;
}

/* "HOST=IP", "HOST:IP", with brackets around IPv6 if wanted: host -> list of addresses. */
static int add_host(struct load *l, struct node *map, const struct node *item)
{
	const char *text = item->text;
	size_t n = strcspn(text, "=");
	if (!text[n])
		n = strcspn(text, ":");
	if (n == 0 || !text[n])
		return load_fail(l, item, "\"%.80s\" must be HOST=ADDRESS", text);
	const char *host = arena_strndup(l->arena, text, n);
	struct node *address = node_new_text(l->arena, arena_strdup(l->arena, text + n + 1), item);
	if (!host || !address)
		return load_fail_memory(l);
	struct node *list = node_get(map, host);
	if (!list &&
		(!(list = node_new(l->arena, NODE_LIST, item)) || node_set(l->arena, map, host, list) < 0))
		return load_fail_memory(l);
	return node_append(l->arena, list, address) < 0 ? load_fail_memory(l) : 0;
}

/* Host -> list of addresses, whatever it was. */
int isolation_normalise_extra_hosts(struct load *l, struct node **v)
{
	struct node *in = *v, *map = node_new(l->arena, NODE_MAP, in);
	if (!map)
		return load_fail_memory(l);
	map->mark = in->mark;
	if (in->kind == NODE_SCALAR)
		return load_fail(l, in, "must be a list of HOST=ADDRESS or a mapping");
	for (size_t i = 0; i < in->n; i++) {
		if (in->kind == NODE_LIST) {
			if (in->items[i]->kind != NODE_SCALAR)
				return load_fail(l, in->items[i], "must be HOST=ADDRESS");
			int r = add_host(l, map, in->items[i]);
			if (r < 0)
				return r;
			continue;
		}
		const struct node_entry *e = &in->entries[i];
		struct node *list = e->value;
		if (list->kind == NODE_SCALAR) {
			list = node_new(l->arena, NODE_LIST, e->value);
			if (!list || node_append(l->arena, list, e->value) < 0)
				return load_fail_memory(l);
		}
		if (list->kind != NODE_LIST)
			return load_fail(l, e->value, "%.80s must be an address or a list of them", e->key);
		for (size_t j = 0; j < list->n; j++)
			if (list->items[j]->kind != NODE_SCALAR)
				return load_fail(l, list->items[j], "must be an address");
		if (node_set(l->arena, map, e->key, list) < 0)
			return load_fail_memory(l);
	}
	*v = map;
	return 0;
}

static int put_host(struct load *l, const char *host, const struct node *v, json_t *list)
{
	char address[64];
	size_t len = strlen(v->text);
	bool bracketed = len > 2 && v->text[0] == '[' && v->text[len - 1] == ']';

	(void)snprintf(
		address, sizeof(address), "%.*s", (int)(bracketed ? len - 2 : len), v->text + bracketed);
	if (strcmp(address, "host-gateway") == 0)
		return load_fail(l, v, "host-gateway: networks are not built yet");
	if (!is_address(address) || strpbrk(host, " \t\n"))
		return load_fail(l, v, "\"%.80s\" is no address", v->text);
	auto_(buf) struct buf line = { 0 };
	if (buf_printf(&line, "%s:%s", host, address) < 0 ||
		json_array_append_new(list, json_string(line.data)) < 0)
		return load_fail_memory(l);
	return 0;
}

int isolation_extra_hosts(struct load *l, const struct key *k, const struct node *v)
{
	auto_(json) json_t *list = json_array();

	(void)k;
	for (size_t i = 0; i < v->n; i++)
		for (size_t j = 0; j < v->entries[i].value->n; j++) {
			int r = put_host(l, v->entries[i].key, v->entries[i].value->items[j], list);
			if (r < 0)
				return r;
		}
	return service_put(l, v, "HostConfig.ExtraHosts", take_ptr(&list));
}

int isolation_dns(struct load *l, const struct key *k, const struct node *v)
{
	(void)k;
	for (size_t i = 0; i < v->n; i++)
		if (!is_address(v->items[i]->text))
			return load_fail(l, v->items[i], "\"%.60s\" is no address", v->items[i]->text);
	return service_apply_list(l, &(const struct key){ .member = "HostConfig.Dns" }, v);
}

/* ---- depends_on ---- */

/* A list of names is a mapping of names to nothing. */
int isolation_normalise_depends_on(struct load *l, struct node **v)
{
	struct node *in = *v, *map = node_new(l->arena, NODE_MAP, in);
	if (!map)
		return load_fail_memory(l);
	map->mark = in->mark;
	if (in->kind == NODE_SCALAR)
		return load_fail(l, in, "must be a list of services or a mapping");
	for (size_t i = 0; i < in->n; i++) {
		const char *name = in->kind == NODE_LIST ? in->items[i]->text : in->entries[i].key;
		struct node *value = in->kind == NODE_LIST ? in->items[i] : in->entries[i].value;
		if (in->kind == NODE_LIST && value->kind != NODE_SCALAR)
			return load_fail(l, value, "must be the name of a service");
		if (in->kind == NODE_LIST || value->kind == NODE_NULL)
			value = node_new(l->arena, NODE_MAP, value);
		if (!value || node_set(l->arena, map, name, value) < 0)
			return load_fail_memory(l);
		size_t mark = load_enter(l, name);
		int r = value->kind != NODE_MAP ? load_fail(l, value, "must be a mapping with condition")
						: schema_normalise(l, keys_depends_on(), value);
		load_leave(l, mark);
		if (r < 0)
			return r;
	}
	*v = map;
	return 0;
}

static int depend_on(struct load *l, const struct node_entry *e)
{
	const struct node *condition = node_get(e->value, "condition"),
			  *required = node_get(e->value, "required");
	const struct node *restart = node_get(e->value, "restart");
	struct compose_dependency d = { .service = e->key, .condition = COMPOSE_STARTED, .required = true };
	int r = 0;

	if (condition && compose_parse_condition(condition->text, &d.condition) < 0)
		return load_fail(l, condition,
			"\"%.60s\" must be service_started or service_completed_successfully",
			condition->text);
	if (d.condition == COMPOSE_HEALTHY)
		return load_fail(l, condition, "service_healthy: health checks are not built yet");
	if (required)
		r = value_bool(l, required, &d.required);
	if (r == 0 && restart)
		r = value_bool(l, restart, &d.restart);
	return r < 0 ? r : service_add_dependency(l, e->value, &d);
}

int isolation_depends_on(struct load *l, const struct key *k, const struct node *v)
{
	(void)k;
	for (size_t i = 0; i < v->n; i++) {
		size_t mark = load_enter(l, v->entries[i].key);
		int r = depend_on(l, &v->entries[i]);
		load_leave(l, mark);
		if (r < 0)
			return r;
	}
	return 0;
}

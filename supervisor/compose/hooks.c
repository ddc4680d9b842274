/* post_start and pre_stop: each command as the body of an exec. */
#include <string.h>

#include "base/text.h"
#include "supervisor/compose/service.h"

static int put(struct load *l, json_t *body, const char *member, json_t *value)
{
	return json_object_set_new(body, member, value) < 0 ? load_fail_memory(l) : 0;
}

/* A variable without a value is the client's, and is left out where the client has none. */
static int hook_environment(struct load *l, const struct node *map, json_t *body)
{
	auto_(json) json_t *list = json_array();
	for (size_t i = 0; i < map->n; i++) {
		const struct node_entry *e = &map->entries[i];
		const char *value = e->value->kind == NODE_NULL ? vars_get(load_vars(l, e->value), e->key)
								: e->value->text;
		json_t *text;
		if (!value)
			continue;
		const char *line = arena_printf(l->arena, "%s=%s", e->key, value);
		int r = line ? value_json(l, e->value, line, &text) : load_fail_memory(l);
		if (r < 0)
			return r;
		if (json_array_append_new(list, text) < 0)
			return load_fail_memory(l);
	}
	return put(l, body, "Env", take_ptr(&list));
}

static int hook_body(struct load *l, const struct node *hook, json_t *body)
{
	const struct node *command = node_get(hook, "command"), *user = node_get(hook, "user");
	const struct node *dir = node_get(hook, "working_dir"), *privileged = node_get(hook, "privileged");
	const struct node *environment = node_get(hook, "environment");
	json_t *value;
	bool on;
	int r = command ? process_words(l, command, &value) : load_fail(l, hook, "command is missing");
	if (r == 0 && json_array_size(value) == 0) {
		json_decref(value);
		r = load_fail(l, command, "is empty");
	}
	if (r == 0)
		r = put(l, body, "Cmd", value);
	if (r == 0 && user && (r = process_check_user(l, user)) == 0)
		r = put(l, body, "User", json_string(user->text));
	if (r == 0 && dir && *dir->text != '/')
		r = load_fail(l, dir, "\"%.80s\" must be an absolute path", dir->text);
	if (r == 0 && dir && (r = value_json(l, dir, dir->text, &value)) == 0)
		r = put(l, body, "WorkingDir", value);
	if (r == 0 && privileged && (r = value_bool(l, privileged, &on)) == 0)
		r = put(l, body, "Privileged", json_boolean(on));
	return r < 0 || !environment ? r : hook_environment(l, environment, body);
}

int hooks_apply(struct load *l, const struct key *k, const struct node *v)
{
	auto_(json) json_t *list = json_array();
	for (size_t i = 0; i < v->n; i++) {
		json_t *body = json_object();
		if (json_array_append_new(list, body) < 0)
			return load_fail_memory(l);
		size_t mark = load_enter_item(l, i);
		int r = hook_body(l, v->items[i], body);
		load_leave(l, mark);
		if (r < 0)
			return r;
	}
	return v->n ? service_put(l, v, k->member, take_ptr(&list)) : 0;
}

#include <errno.h>

#include "base/json_wide.h"
#include "runtime/seccomp.h"
#include "runtime/seccomp_names.h"
#include "runtime/seccomp_rules.h"
#include "runtime/spec_codec.h"

#define NUMBER(action) ((action)&0xffffU)

int seccomp_parse_oci(const struct json_t *obj, struct arena *a, struct spec_seccomp **out, struct err *e)
{
	struct spec_seccomp *s = arena_alloc(a, sizeof(*s));
	if (!s)
		return err_set(e, ENOMEM, "seccomp");
	int r = seccomp_read_arches(obj, a, s, e);
	if (r == 0)
		r = seccomp_read_common(obj, a, NULL, NULL, s, e);
	if (r == 0)
		*out = s;
	return r;
}

static int write_action(json_t *obj, const char *key, const char *errno_key, uint32_t action)
{
	if (json_object_set_new(obj, key, json_string(seccomp_action_name(action))) < 0)
		return -ENOMEM;
	if (!seccomp_action_has_number(action))
		return 0;
	return json_object_set_new(obj, errno_key, json_integer(NUMBER(action))) < 0 ? -ENOMEM : 0;
}

static json_t *args_json(const struct spec_seccomp_rule *rule)
{
	json_t *list = json_array();
	for (size_t i = 0; i < rule->n_args; i++) {
		const struct spec_seccomp_arg *arg = &rule->args[i];
		(void)json_array_append_new(list,
			json_pack("{s:i, s:o, s:o, s:s}", "index", (int)arg->index, "value",
				json_wide(arg->value), "valueTwo", json_wide(arg->value_two), "op",
				seccomp_op_name(arg->op)));
	}
	return list;
}

static json_t *rules_json(const struct spec_seccomp *s)
{
	json_t *list = json_array();
	for (size_t i = 0; i < s->n_rules; i++) {
		json_t *item = json_object();
		int r = spec_put(item, "names", fields_strv_json(s->rules[i].names));
		if (r == 0)
			r = write_action(item, "action", "errnoRet", s->rules[i].action);
		if (r == 0)
			r = spec_put(item, "args", args_json(&s->rules[i]));
		if (json_array_append_new(list, item) < 0 || r < 0)
			return json_decref(list), NULL;
	}
	return list;
}

int spec_seccomp_write(const struct spec_seccomp *s, json_t *obj)
{
	json_t *arches = json_array(), *flags = json_array();
	for (size_t i = 0; i < s->n_architectures; i++)
		(void)json_array_append_new(arches, json_string(seccomp_arch_name(s->architectures[i])));
	for (uint32_t bit = 1; bit; bit <<= 1)
		if ((s->flags & bit) && seccomp_flag_name(bit))
			(void)json_array_append_new(flags, json_string(seccomp_flag_name(bit)));
	int r = write_action(obj, "defaultAction", "defaultErrnoRet", s->default_action);
	if (r == 0)
		r = spec_put(obj, "architectures", json_incref(arches));
	if (r == 0)
		r = spec_put(obj, "flags", json_incref(flags));
	if (r == 0)
		r = spec_put(obj, "syscalls", rules_json(s));
	json_decref(arches);
	json_decref(flags);
	return r;
}

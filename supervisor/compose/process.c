/* What runs, as whom, with which environment, and when it stops. */
#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/utsname.h>

#include "base/clock.h"
#include "base/io.h"
#include "base/text.h"
#include "supervisor/compose/envfile.h"
#include "supervisor/compose/service.h"
#include "supervisor/compose/words.h"

#define MAX_ENVIRONMENT 8192

/* ---- command ---- */

int process_words(struct load *l, const struct node *v, json_t **out)
{
	if (v->kind == NODE_LIST)
		return value_json_list(l, v, out);
	char **words;
	size_t n;
	int r = words_split(l->arena, v->text, &words, &n);
	if (r == -EINVAL)
		return load_fail(l, v, "a quote is not closed");
	if (r < 0)
		return load_fail_memory(l);
	auto_(json) json_t *list = json_array();
	for (size_t i = 0; i < n; i++) {
		json_t *word;
		r = value_json(l, v, words[i], &word);
		if (r < 0)
			return r;
		if (json_array_append_new(list, word) < 0)
			return load_fail_memory(l);
	}
	*out = take_ptr(&list);
	return *out ? 0 : load_fail_memory(l);
}

int process_command(struct load *l, const struct key *k, const struct node *v)
{
	json_t *list;
	int r = process_words(l, v, &list);
	return r < 0 ? r : service_put(l, v, k->member, list);
}

int process_working_dir(struct load *l, const struct key *k, const struct node *v)
{
	(void)k;
	if (*v->text != '/')
		return load_fail(l, v, "\"%.80s\" must be an absolute path", v->text);
	return service_put_text(l, v, "WorkingDir", v->text);
}

/* ---- names ---- */

/* Digits are always an id, and one that fits: what wraps around would be root. */
static bool is_user_part(const char *s, size_t len)
{
	uint64_t id;
	char text[64];
	if (len == 0 || len >= sizeof(text))
		return false;
	(void)snprintf(text, sizeof(text), "%.*s", (int)len, s);
	if (isdigit((unsigned char)*text))
		return text_parse_uint(text, UINT32_MAX - 1u, &id) == 0;
	return !strpbrk(text, " \t\n/,") && *text != '-' && *text != '+';
}

int process_check_user(struct load *l, const struct node *v)
{
	const char *colon = strchr(v->text, ':');
	size_t len = colon ? (size_t)(colon - v->text) : strlen(v->text);
	if (!is_user_part(v->text, len) || (colon && !is_user_part(colon + 1, strlen(colon + 1))))
		return load_fail(
			l, v, "\"%.80s\" must be UID or NAME, and :GID or :GROUP if wanted", v->text);
	return 0;
}

int process_user(struct load *l, const struct key *k, const struct node *v)
{
	(void)k;
	int r = process_check_user(l, v);
	return r < 0 ? r : service_put_text(l, v, "User", v->text);
}

int process_container_name(struct load *l, const struct key *k, const struct node *v)
{
	(void)k;
	if (!text_is_name(v->text) || strlen(v->text) > 255)
		return load_fail(l, v,
			"\"%.80s\" is no name: two or more of [a-zA-Z0-9_.-], a letter or digit first",
			v->text);
	for (size_t i = 0; i < l->services->n; i++) {
		const char *other = l->services->entries[i].key;
		if (strcmp(other, l->svc->name) == 0)
			continue;
		const char *name = service_container_name(l, other);
		if (!name)
			return load_fail_memory(l);
		if (strcmp(name, v->text) == 0)
			return load_fail(l, v, "service %.80s has this container name already", other);
	}
	return 0;
}

static bool is_hostname(const char *s)
{
	size_t label = 0;
	if (strlen(s) > 64) /* the kernel's limit */
		return false;
	for (const char *p = s;; p++) {
		if (*p == '.' || *p == '\0') {
			if (label == 0 || p[-1] == '-')
				return false;
			label = 0;
			if (!*p)
				return true;
		} else if (!isalnum((unsigned char)*p) && (*p != '-' || label == 0)) {
			return false;
		} else if (++label > 63) {
			return false;
		}
	}
}

int process_hostname(struct load *l, const struct key *k, const struct node *v)
{
	if (!is_hostname(v->text))
		return load_fail(l, v,
			"\"%.80s\" is no host name (letters, digits and -, parts joined by dots)", v->text);
	return service_put_text(l, v, k->member, v->text);
}

/* ---- life ---- */

int process_restart(struct load *l, const struct key *k, const struct node *v)
{
	const char *name = v->text;
	int64_t tries = 0;
	int r = 0;

	(void)k;
	if (strcmp(name, "false") == 0 || (v->plain && strcmp(name, "no") == 0)) {
		r = load_warn(
			l, v, "%s: without quotes %s is a boolean to YAML; taken as \"no\"", l->path, name);
		name = "no";
	} else if (text_has_prefix(name, "on-failure:")) {
		if (text_parse_int(name + 11, 0, INT32_MAX, &tries) < 0)
			return load_fail(l, v, "\"%.60s\": on-failure: takes a number of tries", name);
		name = "on-failure";
	} else if (v->plain &&
		(strcmp(name, "true") == 0 || strcmp(name, "yes") == 0 || strcmp(name, "on") == 0)) {
		return load_fail(l, v, "%s is a boolean to YAML; did you mean always?", name);
	} else {
		r = value_word(l, v, "no always on-failure unless-stopped");
	}
	if (r < 0)
		return r;
	return service_put(l, v, "HostConfig.RestartPolicy",
		json_pack("{s:s, s:I}", "Name", name, "MaximumRetryCount", (json_int_t)tries));
}

int process_stop_signal(struct load *l, const struct key *k, const struct node *v)
{
	(void)k;
	if (text_parse_signal(v->text) < 0)
		return load_fail(l, v, "no such signal: %.60s", v->text);
	return service_put_text(l, v, "StopSignal", v->text);
}

/* Docker's StopTimeout is whole seconds: rounded up there, exact beside it. */
int process_stop_grace_period(struct load *l, const struct key *k, const struct node *v)
{
	int64_t ns;

	(void)k;
	int r = value_duration(l, v, &ns);
	if (r < 0)
		return r;
	r = service_put(l, v, "Berth.StopGraceNs", json_integer(ns));
	return r < 0 ? r
		     : service_put(l, v, "StopTimeout", json_integer(ns / NS_PER_S + (ns % NS_PER_S != 0)));
}

int process_attach(struct load *l, const struct key *k, const struct node *v)
{
	(void)k;
	return value_bool(l, v, &l->svc->out->attach);
}

/* "1w2d", "12h" */
static bool is_interval(const char *s)
{
	bool any = false;
	for (; *s; any = true) {
		size_t n = strspn(s, "0123456789");
		if (n == 0 || !s[n] || !strchr("wdhms", s[n]))
			return false;
		s += n + 1;
	}
	return any;
}

int process_pull_policy(struct load *l, const struct key *k, const struct node *v)
{
	(void)k;
	if (strcmp(v->text, "build") == 0)
		return load_warn(l, v, "%s: ignored: images are not built here", l->path);
	if (text_has_prefix(v->text, "every_") && is_interval(v->text + 6))
		return 0;
	return value_word(l, v, "always never missing if_not_present daily weekly every_DURATION");
}

/* ---- what the image is for, and what it offers ---- */

static const struct {
	const char *machine, *arch;
} arches[] = { { "x86_64", "amd64" }, { "aarch64", "arm64" }, { "armv7l", "arm" }, { "armv6l", "arm" },
	{ "i686", "386" }, { "riscv64", "riscv64" }, { "ppc64le", "ppc64le" }, { "s390x", "s390x" },
	{ "loongarch64", "loong64" }, { "mips64", "mips64le" } };

/* os[/arch[/variant]]: a root of another machine would fail with "exec format error" only when it starts. */
int process_platform(struct load *l, const struct key *k, const struct node *v)
{
	(void)k;
	if (strcmp(v->text, "linux") == 0)
		return 0;
	if (!text_has_prefix(v->text, "linux/"))
		return load_fail(l, v, "\"%.60s\": only linux containers run here", v->text);
	struct utsname u;
	const char *arch = v->text + 6;
	size_t len = strcspn(arch, "/");
	if (uname(&u) < 0)
		return 0;
	for (size_t i = 0; i < ARRAY_LEN(arches); i++)
		if (strcmp(arches[i].machine, u.machine) == 0 &&
			(strlen(arches[i].arch) != len || strncmp(arches[i].arch, arch, len) != 0))
			return load_fail(
				l, v, "\"%.60s\": this machine is linux/%s", v->text, arches[i].arch);
	return 0;
}

static int expose_one(struct load *l, const struct node *v, json_t *ports)
{
	char text[32];
	const char *protocol = strchr(v->text, '/');
	size_t len = protocol ? (size_t)(protocol - v->text) : strlen(v->text);
	int64_t from, to;

	(void)snprintf(
		text, sizeof(text), "%.*s", (int)(len < sizeof(text) ? len : sizeof(text) - 1), v->text);
	char *dash = strchr(text, '-');
	if (dash)
		*dash++ = '\0';
	protocol = protocol ? protocol + 1 : "tcp";
	if (len >= sizeof(text) || text_parse_int(text, 1, 65535, &from) < 0 ||
		text_parse_int(dash ? dash : text, from, 65535, &to) < 0 ||
		(strcmp(protocol, "tcp") != 0 && strcmp(protocol, "udp") != 0 &&
			strcmp(protocol, "sctp") != 0))
		return load_fail(l, v, "\"%.60s\" must be PORT or FROM-TO, and /tcp, /udp or /sctp if wanted",
			v->text);
	for (; from <= to; from++) {
		char port[32];
		if (l->n_exposed++ >= 65536)
			return load_fail(l, v, "too many ports");
		(void)snprintf(port, sizeof(port), "%d/%s", (int)from, protocol);
		if (json_object_set_new(ports, port, json_object()) < 0)
			return load_fail_memory(l);
	}
	return 0;
}

int process_expose(struct load *l, const struct key *k, const struct node *v)
{
	auto_(json) json_t *ports = json_object();

	(void)k;
	if (!ports)
		return load_fail_memory(l);
	for (size_t i = 0; i < v->n; i++) {
		int r = expose_one(l, v->items[i], ports);
		if (r < 0)
			return r;
	}
	return service_put(l, v, "ExposedPorts", take_ptr(&ports));
}

/* There is one log; the names under which Docker's clients read theirs mean it too. */
int process_log_driver(struct load *l, const struct key *k, const struct node *v)
{
	int r = value_word(l, v, k->words);
	bool none = strcmp(v->text, "none") == 0;
	return r < 0 ? r : service_put_text(l, v, "HostConfig.LogConfig.Type", none ? "none" : "json-file");
}

/* ---- environment ---- */

/* One variable; without a value it is the client's, and where the client has none it is taken away. */
static int set_variable(
	struct load *l, const struct vars *own, struct vars *env, const char *key, const char *value)
{
	if (!value)
		value = vars_get(own, key);
	if (value)
		return vars_set(l->arena, env, key, value);
	for (size_t i = 0; i < env->n; i++)
		if (text_env_value(env->v[i], key)) {
			memmove(env->v + i, env->v + i + 1, (env->n - i) * sizeof(*env->v));
			env->n--;
			break;
		}
	return 0;
}

/* What the callback of one env_file needs: its lines see the project's variables and the lines before. */
struct file_variables {
	struct load *l;
	const struct vars *own;
	struct vars *env, *seen;
};

static int add_from_file(void *cookie, const char *key, const char *value)
{
	struct file_variables *f = cookie;
	if (value && !vars_get(f->own, key) && vars_set(f->l->arena, f->seen, key, value) < 0)
		return -ENOMEM;
	return set_variable(f->l, f->own, f->env, key, value);
}

int process_normalise_env_file(struct load *l, struct node **v)
{
	struct node *map = node_new(l->arena, NODE_MAP, *v);
	if (!map || node_set(l->arena, map, "path", *v) < 0)
		return load_fail_memory(l);
	*v = map;
	return 0;
}

static int read_env_file(struct load *l, const struct node *item, struct vars *env)
{
	const struct node *path = node_get(item, "path"), *format = node_get(item, "format");
	const struct node *required_node = node_get(item, "required");
	const char *file;
	bool required = true;
	int r = load_path(l, path, path->text, &file);
	if (r == 0 && required_node)
		r = value_bool(l, required_node, &required);
	if (r == 0 && format)
		r = value_word(l, format, "raw");
	if (r < 0)
		return r;

	auto_(buf) struct buf text = { 0 };
	struct err why;
	r = io_read_file(AT_FDCWD, file, ENVFILE_MAX_BYTES, &text, &why);
	if (r == -ENOENT && !required)
		return 0;
	if (r < 0)
		return load_fail(l, path, "%s", why.text);

	const struct vars *own = load_vars(l, path);
	struct vars seen;
	if (vars_copy(l->arena, own, &seen) < 0)
		return load_fail_memory(l);
	struct interpolate in = l->in;
	in.vars = &seen;
	l->at = path;
	r = envfile_parse(
		&(struct envfile){ .name = path->text,
			.raw = format != NULL,
			.in = &in,
			.add = add_from_file,
			.cookie = &(struct file_variables){ .l = l, .own = own, .env = env, .seen = &seen } },
		text.data ? text.data : "", text.len, &why);
	l->at = NULL;
	l->in.total = in.total;
	if (r == -ENOMEM)
		return load_fail_memory(l);
	return r < 0 ? load_fail(l, path, "%s", why.text) : 0;
}

static int add_environment(struct load *l, const struct node *map, struct vars *env)
{
	for (size_t i = 0; map && i < map->n; i++) {
		const struct node_entry *e = &map->entries[i];
		if (strchr(e->key, '='))
			return load_fail_key(l, map, e, "\"%.80s\" is no name of a variable", e->key);
		const char *value = e->value->kind == NODE_NULL ? NULL : e->value->text;
		if (set_variable(l, load_vars(l, e->value), env, e->key, value) < 0)
			return load_fail_memory(l);
	}
	return 0;
}

static int put_environment(struct load *l, const struct node *at, const struct vars *env)
{
	auto_(json) json_t *list = json_array();
	if (env->n > MAX_ENVIRONMENT)
		return load_fail(l, at, "too many variables");
	for (size_t i = 0; i < env->n; i++) {
		json_t *text;
		int r = value_json(l, at, env->v[i], &text);
		if (r < 0)
			return r;
		if (json_array_append_new(list, text) < 0)
			return load_fail_memory(l);
	}
	return service_put(l, at, "Env", take_ptr(&list));
}

int process_environment(struct load *l)
{
	const struct node *files = node_get(l->svc->node, "env_file");
	const struct node *map = node_get(l->svc->node, "environment");
	struct vars env = { 0 };
	int r = 0;

	if (!files && !map)
		return 0;
	size_t mark = load_enter(l, "env_file");
	for (size_t i = 0; files && i < files->n && r == 0; i++)
		r = read_env_file(l, files->items[i], &env);
	load_leave(l, mark);
	if (r < 0)
		return r;
	mark = load_enter(l, "environment");
	r = add_environment(l, map, &env);
	if (r == 0)
		r = put_environment(l, map ? map : files, &env);
	load_leave(l, mark);
	return r;
}

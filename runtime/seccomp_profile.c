#include <errno.h>
#include <seccomp.h>
#include <stdio.h>
#include <string.h>
#include <sys/utsname.h>

#include "base/fields.h"
#include "base/json.h"
#include "base/json_wide.h"
#include "runtime/caps.h"
#include "runtime/seccomp.h"
#include "runtime/seccomp_names.h"
#include "runtime/seccomp_rules.h"

struct target {
	uint64_t caps;
	const char *arch; /* Docker's word */
	unsigned kernel[2];
};

static int read_kernel(const char *text, unsigned out[2])
{
	return sscanf(text, "%u.%u", &out[0], &out[1]) == 2 ? 0 : -EINVAL;
}

/* How many of the list's capabilities the container has; -EINVAL for a word that is none. */
static int count_caps(
	const json_t *list, const char *path, const struct target *t, size_t *out_held, struct err *e)
{
	json_t *v;
	size_t i;
	*out_held = 0;
	json_array_foreach (list, i, v) {
		int cap = json_is_string(v) ? caps_from_name(json_string_value(v)) : -EINVAL;
		if (cap < 0)
			return err_say(e, EINVAL, "%s.caps[%zu]: unknown capability", path, i);
		*out_held += t->caps >> cap & 1;
	}
	return 0;
}

static bool names_arch(const json_t *list, const struct target *t)
{
	json_t *v;
	size_t i;
	json_array_foreach (list, i, v)
		if (json_is_string(v) && strcmp(json_string_value(v), t->arch) == 0)
			return true;
	return false;
}

/* -1 missing, else whether the kernel we run on is at least minKernel. */
static int check_kernel(
	const json_t *filter, const char *path, const struct target *t, int *out, struct err *e)
{
	const char *text = NULL;
	unsigned want[2];
	*out = -1;
	int r = json_get_string(filter, path, "minKernel", &text, e);
	if (r < 0 || !text || !*text)
		return r;
	if (read_kernel(text, want) < 0)
		return err_say(e, EINVAL, "%s.minKernel: \"%s\" is not like 4.8", path, text);
	*out = t->kernel[0] > want[0] || (t->kernel[0] == want[0] && t->kernel[1] >= want[1]);
	return 0;
}

/* One of "includes" and "excludes": the rule applies when all of what it includes holds and nothing of what it excludes. */
static int passes(const json_t *rule, const char *rule_path, const char *key, bool include,
	const struct target *t, struct err *e)
{
	char path[FIELD_PATH_MAX];
	json_t *filter = NULL, *caps = NULL, *arches = NULL;
	size_t held = 0;
	int kernel = -1;
	(void)fields_path(path, rule_path, key);
	int r = json_get_object(rule, rule_path, key, &filter, e);
	if (r < 0 || !filter)
		return r < 0 ? r : 1;
	r = json_get_array(filter, path, "caps", &caps, e);
	if (r == 0)
		r = json_get_array(filter, path, "arches", &arches, e);
	if (r == 0)
		r = count_caps(caps, path, t, &held, e);
	if (r == 0)
		r = check_kernel(filter, path, t, &kernel, e);
	if (r < 0)
		return r;
	size_t n_caps = caps ? json_array_size(caps) : 0, n_arches = arches ? json_array_size(arches) : 0;
	if (include)
		return held == n_caps && (n_arches == 0 || names_arch(arches, t)) && kernel != 0;
	return held == 0 && !(n_arches && names_arch(arches, t)) && kernel != 1;
}

static int applies(const json_t *rule, const char *path, void *cookie, struct err *e)
{
	const struct target *t = cookie;
	int r = passes(rule, path, "includes", true, t, e);
	if (r < 0)
		return r;
	int excluded = passes(rule, path, "excludes", false, t, e);
	return excluded <= 0 ? excluded : r;
}

static int add_arch(const char *name, struct arena *a, struct spec_seccomp *s, struct err *e)
{
	uint32_t arch;
	if (!seccomp_arch_from_name(name, &arch))
		return err_say(e, EINVAL, "archMap: unknown architecture \"%s\"", name);
	uint32_t *more = arena_calloc(a, s->n_architectures + 1, sizeof(*more));
	if (!more)
		return err_set(e, ENOMEM, "archMap");
	if (s->n_architectures)
		memcpy(more, s->architectures, s->n_architectures * sizeof(*more));
	more[s->n_architectures++] = arch;
	s->architectures = more;
	return 0;
}

/* Only the entry of the machine we run on counts; the others may name what this libseccomp has never heard of. */
static int read_arch_map(const json_t *doc, struct arena *a, struct spec_seccomp *s, struct err *e)
{
	json_t *map = NULL, *item;
	size_t i;
	int r = json_get_array(doc, "", "archMap", &map, e);
	if (r < 0 || !map)
		return r < 0 ? r : seccomp_read_arches(doc, a, s, e);
	if (json_array_size(map) && !fields_is_empty(json_object_get(doc, "architectures")))
		return err_say(e, EINVAL, "archMap: use either 'architectures' or 'archMap'");
	json_array_foreach (map, i, item) {
		char path[40];
		const char *name = NULL;
		char **subs = NULL;
		(void)snprintf(path, sizeof(path), "archMap[%zu]", i);
		if (!json_is_object(item))
			return err_say(e, EINVAL, "%s: must be an object", path);
		r = json_get_string(item, path, "architecture", &name, e);
		if (r == 0)
			r = fields_read_strv(item, path, "subArchitectures", a, &subs, e);
		if (r < 0)
			return r;
		if (!name || strcmp(name, seccomp_native_name()) != 0)
			continue;
		r = add_arch(name, a, s, e);
		for (; r == 0 && subs && *subs; subs++)
			r = add_arch(*subs, a, s, e);
		return r;
	}
	return 0;
}

int seccomp_parse_profile(const char *text, size_t len, uint64_t caps, struct arena *a,
	struct spec_seccomp **out, struct err *e)
{
	struct target t = { .caps = caps, .arch = seccomp_native_docker_name() };
	struct utsname uts;
	auto_(json) json_t *doc = json_parse_wide(text, len, "seccomp profile", e);
	if (!doc)
		return e && e->code ? -e->code : -EINVAL;
	if (!json_is_object(doc))
		return err_say(e, EINVAL, "seccomp profile: must be an object");
	if (uname(&uts) < 0 || read_kernel(uts.release, t.kernel) < 0)
		return err_say(e, EIO, "seccomp profile: this kernel's version is unknown");
	struct spec_seccomp *s = arena_alloc(a, sizeof(*s));
	if (!s)
		return err_set(e, ENOMEM, "seccomp profile");
	int r = read_arch_map(doc, a, s, e);
	if (r == 0)
		r = seccomp_read_common(doc, a, applies, &t, s, e);
	if (r < 0)
		return err_wrap(e, r, "seccomp profile");
	*out = s;
	return 0;
}

#include "supervisor/seccomp_cache.h"

#include <errno.h>
#include <string.h>

#include "base/buf.h"
#include "base/list.h"
#include "base/own.h"

#define ENTRIES_MAX                                                                                          \
	32 /* profile and capabilities: one host has two or three pairs; a program takes 10-40 kB */

struct entry {
	struct list link;
	struct buf key; /* the profile, or a bundle's rules made flat; behind it the capabilities */
	struct seccomp_prog prog;
};

struct seccomp_cache {
	struct list entries; /* the last used first */
	size_t n;
	char *profile; /* NULL: the built-in one */
	size_t len;
};

static void entry_free(struct entry *en)
{
	list_remove(&en->link);
	buf_done(&en->key);
	seccomp_prog_done(&en->prog);
	free(en);
}

int seccomp_cache_new(const char *default_profile, size_t len, struct seccomp_cache **out, struct err *e)
{
	auto_(seccomp_cache) struct seccomp_cache *sc = calloc(1, sizeof(*sc));
	if (!sc)
		return err_set(e, ENOMEM, "seccomp cache");
	list_init(&sc->entries);
	if (default_profile) {
		auto_(arena) struct arena *a = arena_new();
		struct spec_seccomp *ignored = NULL;
		if (!a || !(sc->profile = malloc(len ? len : 1)))
			return err_set(e, ENOMEM, "seccomp cache");
		memcpy(sc->profile, default_profile, len);
		sc->len = len;
		int r = seccomp_parse_profile(default_profile, len, 0, a, &ignored, e);
		if (r < 0)
			return r;
	}
	*out = take_ptr(&sc);
	return 0;
}

void seccomp_cache_free(struct seccomp_cache *sc)
{
	if (!sc)
		return;
	list_each_safe (struct entry, en, &sc->entries, link)
		entry_free(en);
	free(sc->profile);
	free(sc);
}

/* Everything that decides the program, as bytes. */
static int flatten(const struct spec_seccomp *s, struct buf *out)
{
	int r = buf_add(out, &s->default_action, sizeof(s->default_action));
	if (r == 0)
		r = buf_add(out, &s->flags, sizeof(s->flags));
	if (r == 0)
		r = buf_add(out, &s->n_architectures, sizeof(s->n_architectures));
	if (r == 0)
		r = buf_add(out, s->architectures, s->n_architectures * sizeof(*s->architectures));
	for (size_t i = 0; r == 0 && i < s->n_rules; i++) {
		const struct spec_seccomp_rule *rule = &s->rules[i];
		r = buf_printf(out, "|%x", rule->action);
		for (char **name = rule->names; r == 0 && *name; name++)
			r = buf_printf(out, " %s", *name);
		for (size_t j = 0; r == 0 && j < rule->n_args; j++)
			r = buf_printf(out, ",%u %d %llx %llx", rule->args[j].index, rule->args[j].op,
				(unsigned long long)rule->args[j].value,
				(unsigned long long)rule->args[j].value_two);
	}
	return r;
}

struct wanted {
	const char *text; /* a profile in Docker's format, NULL: rules */
	size_t len;
	const struct spec_seccomp *rules;
	uint64_t caps;
};

/* false: no filter */
static bool choose(
	const struct seccomp_cache *sc, const struct config *c, const struct spec *s, struct wanted *out)
{
	*out = (struct wanted){ .caps = s->process.caps.bounding };
	if (c->seccomp == CONFIG_SECCOMP_UNCONFINED)
		return false;
	if (c->seccomp == CONFIG_SECCOMP_PROFILE) {
		out->text = c->seccomp_profile;
		out->len = strlen(out->text);
		return true;
	}
	if (c->privileged)
		return false;
	if (s->seccomp) {
		out->rules = s->seccomp;
		out->caps = 0; /* its rules know no capabilities */
		return true;
	}
	out->text = sc->profile;
	out->len = sc->len;
	if (!out->text)
		out->text = seccomp_default_profile(&out->len);
	return true;
}

static int make_key(const struct wanted *w, struct buf *key)
{
	char kind = w->rules ? 'r' : 't';
	int r = buf_add(key, &kind, 1);
	if (r == 0)
		r = w->rules ? flatten(w->rules, key) : buf_add(key, w->text, w->len);
	return r < 0 ? r : buf_add(key, &w->caps, sizeof(w->caps));
}

static struct entry *find(struct seccomp_cache *sc, const struct buf *key)
{
	list_each (struct entry, en, &sc->entries, link) {
		if (en->key.len == key->len && memcmp(en->key.data, key->data, key->len) == 0)
			return en;
	}
	return NULL;
}

static int build(const struct wanted *w, struct seccomp_prog *out, struct err *e)
{
	auto_(arena) struct arena *a = arena_new();
	struct spec_seccomp *parsed = NULL;
	if (!a)
		return err_set(e, ENOMEM, "seccomp cache");
	int r = w->rules ? 0 : seccomp_parse_profile(w->text, w->len, w->caps, a, &parsed, e);
	return r < 0 ? r : seccomp_compile(w->rules ? w->rules : parsed, out, e);
}

/* In front, so that the last one is the one that was not used for longest. */
static void put_first(struct seccomp_cache *sc, struct entry *en)
{
	list_append(
		sc->entries.next, &en->link); /* before the first: an append to it as if it were the head */
}

static int add(
	struct seccomp_cache *sc, const struct wanted *w, struct buf *key, struct entry **out, struct err *e)
{
	struct entry *en = calloc(1, sizeof(*en));
	if (!en)
		return err_set(e, ENOMEM, "seccomp cache");
	int r = build(w, &en->prog, e);
	if (r < 0) {
		free(en);
		return r;
	}
	en->key = *key;
	*key = (struct buf){ 0 };
	put_first(sc, en);
	if (++sc->n > ENTRIES_MAX) {
		entry_free(list_entry(sc->entries.prev, struct entry, link));
		sc->n--;
	}
	*out = en;
	return 0;
}

int seccomp_cache_get(struct seccomp_cache *sc, const struct config *c, const struct spec *s,
	const struct seccomp_prog **out, struct err *e)
{
	struct wanted w;
	auto_(buf) struct buf key = { 0 };
	if (!choose(sc, c, s, &w)) {
		*out = NULL;
		return 0;
	}
	if (make_key(&w, &key) < 0)
		return err_set(e, ENOMEM, "seccomp cache");
	struct entry *en = find(sc, &key);
	if (en) {
		list_remove(&en->link);
		put_first(sc, en);
	} else {
		int r = add(sc, &w, &key, &en, e);
		if (r < 0)
			return r;
	}
	*out = &en->prog;
	return 0;
}

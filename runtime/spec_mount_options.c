#include <errno.h>
#include <string.h>
#include <sys/mount.h>

#include "base/own.h"
#include "runtime/spec.h"
#include "runtime/spec_codec.h"

#ifndef MS_NOSYMFOLLOW
#define MS_NOSYMFOLLOW 256 /* since 5.10; not in Debian 12's libc */
#endif

enum kind { SET, CLEAR, PROPAGATION, REFUSED, NOTHING, RECURSIVE_RO, COPY_UP, IS_FILE };

/* Sorted by meaning; the writer takes the first word that fits, so longer flags stand before their parts. */
static const struct word {
	const char *name;
	enum kind kind;
	unsigned long flags;
} words[] = {
	{ "rbind", SET, MS_BIND | MS_REC },
	{ "bind", SET, MS_BIND },
	{ "ro", SET, MS_RDONLY },
	{ "rw", CLEAR, MS_RDONLY },
	{ "nosuid", SET, MS_NOSUID },
	{ "suid", CLEAR, MS_NOSUID },
	{ "nodev", SET, MS_NODEV },
	{ "dev", CLEAR, MS_NODEV },
	{ "noexec", SET, MS_NOEXEC },
	{ "exec", CLEAR, MS_NOEXEC },
	{ "sync", SET, MS_SYNCHRONOUS },
	{ "async", CLEAR, MS_SYNCHRONOUS },
	{ "dirsync", SET, MS_DIRSYNC },
	{ "noatime", SET, MS_NOATIME },
	{ "atime", CLEAR, MS_NOATIME },
	{ "nodiratime", SET, MS_NODIRATIME },
	{ "diratime", CLEAR, MS_NODIRATIME },
	{ "relatime", SET, MS_RELATIME },
	{ "norelatime", CLEAR, MS_RELATIME },
	{ "strictatime", SET, MS_STRICTATIME },
	{ "nostrictatime", CLEAR, MS_STRICTATIME },
	{ "lazytime", SET, MS_LAZYTIME },
	{ "nolazytime", CLEAR, MS_LAZYTIME },
	{ "nosymfollow", SET, MS_NOSYMFOLLOW },
	{ "symfollow", CLEAR, MS_NOSYMFOLLOW },
	{ "iversion", SET, MS_I_VERSION },
	{ "noiversion", CLEAR, MS_I_VERSION },
	{ "silent", SET, MS_SILENT },
	{ "loud", CLEAR, MS_SILENT },
	{ "mand", NOTHING, 0 }, /* the kernel dropped mandatory locks in 5.15 */
	{ "nomand", NOTHING, 0 },
	{ "defaults", NOTHING, 0 },
	{ "rprivate", PROPAGATION, MS_PRIVATE | MS_REC },
	{ "private", PROPAGATION, MS_PRIVATE },
	{ "rslave", PROPAGATION, MS_SLAVE | MS_REC },
	{ "slave", PROPAGATION, MS_SLAVE },
	{ "rshared", PROPAGATION, MS_SHARED | MS_REC },
	{ "shared", PROPAGATION, MS_SHARED },
	{ "runbindable", PROPAGATION, MS_UNBINDABLE | MS_REC },
	{ "unbindable", PROPAGATION, MS_UNBINDABLE },
	{ "rro", RECURSIVE_RO, 0 },
	{ "tmpcopyup", COPY_UP, 0 },
	{ "x-berth.file", IS_FILE, 0 },
	/* Known, and not what a plain mount would do with them. */
	{ "remount", REFUSED, 0 },
	{ "move", REFUSED, 0 },
	{ "idmap", REFUSED, 0 },
	{ "ridmap", REFUSED, 0 },
	{ "rrw", REFUSED, 0 },
	{ "rsuid", REFUSED, 0 },
	{ "rnosuid", REFUSED, 0 },
	{ "rdev", REFUSED, 0 },
	{ "rnodev", REFUSED, 0 },
	{ "rexec", REFUSED, 0 },
	{ "rnoexec", REFUSED, 0 },
	{ "ratime", REFUSED, 0 },
	{ "rnoatime", REFUSED, 0 },
	{ "rdiratime", REFUSED, 0 },
	{ "rnodiratime", REFUSED, 0 },
	{ "rrelatime", REFUSED, 0 },
	{ "rnorelatime", REFUSED, 0 },
	{ "rstrictatime", REFUSED, 0 },
	{ "rnostrictatime", REFUSED, 0 },
	{ "rsymfollow", REFUSED, 0 },
	{ "rnosymfollow", REFUSED, 0 },
};

static const struct word *find(const char *name)
{
	for (size_t i = 0; i < ARRAY_LEN(words); i++)
		if (strcmp(words[i].name, name) == 0)
			return &words[i];
	return NULL;
}

/* The kernel takes data options as one text split at commas: one option may not hold another. */
static int add_data(struct arena *a, struct spec_mount *m, const char *option, struct err *e)
{
	if (strchr(option, ','))
		return err_say(e, EINVAL, "mount option \"%s\": holds a comma", option);
	m->data = m->data ? arena_printf(a, "%s,%s", m->data, option) : arena_strdup(a, option);
	return m->data ? 0 : err_set(e, ENOMEM, "mount options");
}

static int apply(struct arena *a, const char *option, struct spec_mount *m, struct err *e)
{
	const struct word *w = find(option);
	if (!w)
		return *option ? add_data(a, m, option, e) : 0;
	switch (w->kind) {
	case SET:
		m->flags |= w->flags;
		m->clear &= ~w->flags;
		break;
	case CLEAR:
		m->flags &= ~w->flags;
		m->clear |= w->flags;
		break;
	case PROPAGATION:
		m->propagation = w->flags;
		break;
	case RECURSIVE_RO:
		m->recursive_ro = true;
		break;
	case COPY_UP:
		m->copy_up = true;
		break;
	case IS_FILE:
		m->source_is_file = true;
		break;
	case NOTHING:
		break;
	case REFUSED:
		return err_say(e, EOPNOTSUPP, "mount option \"%s\": not built yet", option);
	}
	return 0;
}

int spec_mount_options(struct arena *a, char *const *options, struct spec_mount *m, struct err *e)
{
	for (; options && *options; options++) {
		int r = apply(a, *options, m, e);
		if (r < 0)
			return r;
	}
	if (m->flags & MS_BIND)
		m->type = "bind";
	return 0;
}

static void add_words(json_t *list, unsigned long flags, enum kind kind)
{
	for (size_t i = 0; i < ARRAY_LEN(words); i++)
		if (words[i].kind == kind && words[i].flags && (flags & words[i].flags) == words[i].flags) {
			(void)json_array_append_new(list, json_string(words[i].name));
			flags &= ~words[i].flags;
		}
}

json_t *spec_mount_options_json(const struct spec_mount *m)
{
	json_t *list = json_array();
	add_words(list, m->flags, SET);
	add_words(list, m->clear, CLEAR);
	add_words(list, m->propagation, PROPAGATION);
	if (m->recursive_ro)
		(void)json_array_append_new(list, json_string("rro"));
	if (m->copy_up)
		(void)json_array_append_new(list, json_string("tmpcopyup"));
	if (m->source_is_file)
		(void)json_array_append_new(list, json_string("x-berth.file"));
	for (const char *p = m->data; p && *p;) {
		size_t n = strcspn(p, ",");
		if (n)
			(void)json_array_append_new(list, json_stringn(p, n));
		p += n + (p[n] == ',');
	}
	return list;
}

int spec_propagation_from_name(const char *name, unsigned long *out)
{
	const struct word *w = find(name);
	if (!w || w->kind != PROPAGATION)
		return -EINVAL;
	*out = w->flags;
	return 0;
}

const char *spec_propagation_name(unsigned long flags)
{
	for (size_t i = 0; i < ARRAY_LEN(words); i++)
		if (words[i].kind == PROPAGATION && words[i].flags == flags)
			return words[i].name;
	return NULL;
}

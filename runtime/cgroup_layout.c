#include "runtime/cgroup_layout.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

static const struct {
	const char *v1, *v2;
} names[CG_CONTROLLER_COUNT] = {
	[CG_CPU] = { "cpu", "cpu" },
	[CG_CPUACCT] = { "cpuacct", NULL },
	[CG_CPUSET] = { "cpuset", "cpuset" },
	[CG_MEMORY] = { "memory", "memory" },
	[CG_DEVICES] = { "devices", NULL },
	[CG_FREEZER] = { "freezer", NULL },
	[CG_IO] = { "blkio", "io" },
	[CG_PIDS] = { "pids", "pids" },
};

const char *cgroup_controller_name(enum cgroup_controller c, bool v2)
{
	return v2 ? names[c].v2 : names[c].v1;
}

static bool is_word(const char *word, size_t len, const char *name)
{
	return name && strlen(name) == len && memcmp(word, name, len) == 0;
}

unsigned cgroup_controller_bits(const char *list, bool v2)
{
	unsigned bits = 0;
	for (const char *p = list; *p; p += strspn(p, ", \n")) {
		size_t len = strcspn(p, ", \n");
		for (int c = 0; c < CG_CONTROLLER_COUNT; c++)
			if (is_word(p, len, cgroup_controller_name(c, v2)))
				bits |= 1u << c;
		p += len;
	}
	return bits;
}

/* One blank-separated field; proc(5) writes blanks, tabs, newlines and backslashes in it as \ooo. */
struct field {
	const char *at;
	size_t len;
};

static struct field next_field(const char **p, const char *end)
{
	while (*p < end && **p == ' ')
		(*p)++;
	struct field f = { *p, 0 };
	while (*p < end && **p != ' ')
		(*p)++;
	f.len = (size_t)(*p - f.at);
	return f;
}

static bool is_octal(const char *p, size_t left)
{
	return left >= 4 && p[0] == '\\' && p[1] >= '0' && p[1] <= '3' && p[2] >= '0' && p[2] <= '7' &&
		p[3] >= '0' && p[3] <= '7';
}

/* false: does not fit. */
static bool unescape(struct field f, char *out, size_t room)
{
	size_t n = 0;
	for (size_t i = 0; i < f.len; i++) {
		if (n + 1 >= room)
			return false;
		if (is_octal(f.at + i, f.len - i)) {
			out[n++] = (char)((f.at[i + 1] - '0') << 6 | (f.at[i + 2] - '0') << 3 |
				(f.at[i + 3] - '0'));
			i += 3;
		} else {
			out[n++] = f.at[i];
		}
	}
	out[n] = '\0';
	return true;
}

/* Our group in the hierarchy with these controllers (v2: the line "0::"), as /proc/self/cgroup has it. */
static bool find_own(const char *self_cgroup, bool v2, unsigned controllers, char *out, size_t room)
{
	for (const char *line = self_cgroup; *line;) {
		size_t len = strcspn(line, "\n");
		const char *end = line + len;
		const char *list = memchr(line, ':', len);
		const char *path = list ? memchr(list + 1, ':', (size_t)(end - list - 1)) : NULL;
		if (path) {
			char controllers_text[256];
			(void)snprintf(controllers_text, sizeof(controllers_text), "%.*s",
				(int)(path - list - 1), list + 1);
			bool match = v2
				? path == list + 1 && line[0] == '0'
				: (cgroup_controller_bits(controllers_text, false) & controllers) != 0;
			if (match && (size_t)(end - path - 1) < room) {
				memcpy(out, path + 1, (size_t)(end - path - 1));
				out[end - path - 1] = '\0';
				return true;
			}
		}
		line = *end ? end + 1 : end;
	}
	return false;
}

/* own is absolute in its hierarchy; the mount shows the part below root. A group outside of it (or outside of our cgroup
 * namespace, "/..") cannot be named: then the top of what is mounted has to do. */
static void make_relative(char *own, const char *root)
{
	size_t skip = strcmp(root, "/") == 0 ? 0 : strlen(root);
	if (strncmp(own, root, skip) != 0 || (own[skip] && own[skip] != '/') || strstr(own, "/..")) {
		own[0] = '\0';
		return;
	}
	skip += strspn(own + skip, "/");
	memmove(own, own + skip, strlen(own + skip) + 1);
}

/* true: line is a mount of a hierarchy that we use. */
static bool parse_line(const char *line, const char *end, const char *self_cgroup, struct cgroup_mount *m)
{
	const char *p = line;
	char root[768], options[512], type[16];
	for (int i = 0; i < 3; i++) /* mount id, parent id, device */
		(void)next_field(&p, end);
	if (!unescape(next_field(&p, end), root, sizeof(root)) ||
		!unescape(next_field(&p, end), m->dir, sizeof(m->dir)))
		return false;
	struct field f;
	do /* options, any number of optional fields, a lone dash */
		f = next_field(&p, end);
	while (f.len && !(f.len == 1 && f.at[0] == '-'));
	if (!unescape(next_field(&p, end), type, sizeof(type)))
		return false;
	(void)next_field(&p, end); /* source */
	if (!unescape(next_field(&p, end), options, sizeof(options)))
		return false;

	m->v2 = strcmp(type, "cgroup2") == 0;
	m->controllers = m->v2 ? 0 : cgroup_controller_bits(options, false);
	if (!m->v2 && (strcmp(type, "cgroup") != 0 || m->controllers == 0))
		return false;
	if (!find_own(self_cgroup, m->v2, m->controllers, m->own, sizeof(m->own)))
		return false;
	make_relative(m->own, root);
	return true;
}

static bool is_known(const struct cgroup_layout *l, const struct cgroup_mount *m)
{
	for (int i = 0; i < l->n; i++)
		if (l->mounts[i].v2 == m->v2 && l->mounts[i].controllers == m->controllers)
			return true;
	return false;
}

int cgroup_layout_parse(
	const char *mountinfo, const char *self_cgroup, struct cgroup_layout *out, struct err *e)
{
	out->n = 0;
	for (const char *line = mountinfo; *line;) {
		const char *end = line + strcspn(line, "\n");
		struct cgroup_mount *m = &out->mounts[out->n];
		if (out->n < (int)(sizeof(out->mounts) / sizeof(*out->mounts)) &&
			parse_line(line, end, self_cgroup, m) && !is_known(out, m))
			out->n++;
		line = *end ? end + 1 : end;
	}
	if (out->n == 0)
		return err_say(
			e, EOPNOTSUPP, "no cgroup file system is mounted (mount cgroup2 on /sys/fs/cgroup)");
	return 0;
}

static bool cut_tail(char *own, const char *tail)
{
	size_t len = strlen(own), n = strlen(tail);
	if (n > len || strcmp(own + len - n, tail) != 0 || (len > n && own[len - n - 1] != '/'))
		return false;
	own[len > n ? len - n - 1 : 0] = '\0';
	return true;
}

void cgroup_layout_strip(char *own, const char *name)
{
	char launch[192], leaf[192];
	(void)snprintf(launch, sizeof(launch), "%s/launch", name);
	(void)snprintf(leaf, sizeof(leaf), "%s.supervisor", name);
	if (!cut_tail(own, launch))
		(void)cut_tail(own, leaf);
}

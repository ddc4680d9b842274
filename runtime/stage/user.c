#include "runtime/stage/stage.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/own.h"
#include "base/sys.h"

#define FILE_MAX  (1U << 20)
#define NAME_ROOM 256

/* A run of bytes, not terminated. */
struct span {
	const char *at;
	size_t len;
};

static bool span_is(struct span s, const char *text, size_t len)
{
	return s.len == len && memcmp(s.at, text, len) == 0;
}

/* Cut s at the first sep; what is behind it stays in *rest (len 0 and at NULL when there is none). */
static struct span cut(struct span *rest, char sep)
{
	struct span s = *rest;
	const char *end = s.len ? memchr(s.at, sep, s.len) : NULL;
	if (!end) {
		*rest = (struct span){ 0 };
		return s;
	}
	*rest = (struct span){ end + 1, s.len - (size_t)(end + 1 - s.at) };
	s.len = (size_t)(end - s.at);
	return s;
}

static bool all_digits(const char *s, size_t len)
{
	for (size_t i = 0; i < len; i++)
		if (s[i] < '0' || s[i] > '9')
			return false;
	return len > 0;
}

/* The whole of it, at most PLAN_ID_MAX. */
static bool parse_id(const char *s, size_t len, uint32_t *out)
{
	uint64_t v = 0;
	if (!all_digits(s, len))
		return false;
	for (size_t i = 0; i < len; i++) {
		v = v * 10 + (uint64_t)(s[i] - '0');
		if (v > PLAN_ID_MAX)
			return false;
	}
	*out = (uint32_t)v;
	return true;
}

/* What somebody wrote for a user or group: an id, a name, or neither. */
static int classify(struct stage_ctx *c, const char *what, const char *s, bool *is_id, uint32_t *id)
{
	size_t len = strlen(s);
	*is_id = all_digits(s, len);
	if (*is_id && !parse_id(s, len, id))
		return stage_tell(c, ERANGE, 0, what, " \"", s, "\": ids are 0 to 4294967294", NULL);
	if (len == 0 || *s == '+' || *s == '-' || len >= NAME_ROOM)
		return stage_tell(c, EINVAL, 0, what, " \"", s, "\": neither a name nor an id", NULL);
	return 0;
}

static int add_group(struct stage_ctx *c, uint32_t gid)
{
	for (uint32_t i = 0; i < c->n_groups; i++)
		if (c->groups[i] == gid)
			return 0;
	if (c->n_groups == PLAN_GROUPS)
		return stage_tell(c, E2BIG, 0, "user: more than 256 supplementary groups", NULL);
	c->groups[c->n_groups++] = gid;
	return 0;
}

struct passwd_entry {
	struct span name, home;
	uint32_t uid, gid;
};

/* name:password:uid:gid:gecos:home:shell; what does not fit this is no entry. */
static bool parse_passwd_line(struct span line, struct passwd_entry *out)
{
	out->name = cut(&line, ':');
	(void)cut(&line, ':');
	struct span uid = cut(&line, ':'), gid = cut(&line, ':');
	(void)cut(&line, ':');
	out->home = cut(&line, ':');
	return out->name.len > 0 && parse_id(uid.at, uid.len, &out->uid) &&
		parse_id(gid.at, gid.len, &out->gid);
}

/* By name when it is not NULL, else by uid; the first one counts. */
static bool find_passwd(struct stage_file file, const char *name, uint32_t uid, struct passwd_entry *out)
{
	struct span rest = { file.text, file.len };
	while (rest.len) {
		struct passwd_entry entry;
		if (!parse_passwd_line(cut(&rest, '\n'), &entry))
			continue;
		if (name ? span_is(entry.name, name, strlen(name)) : entry.uid == uid) {
			*out = entry;
			return true;
		}
	}
	return false;
}

/* name:password:gid:member,member */
static bool parse_group_line(struct span line, struct span *name, uint32_t *gid, struct span *members)
{
	*name = cut(&line, ':');
	(void)cut(&line, ':');
	struct span number = cut(&line, ':');
	*members = cut(&line, ':');
	return name->len > 0 && parse_id(number.at, number.len, gid);
}

static bool find_group(struct stage_file file, const char *wanted, uint32_t *out)
{
	struct span rest = { file.text, file.len }, name, members;
	uint32_t gid;
	while (rest.len)
		if (parse_group_line(cut(&rest, '\n'), &name, &gid, &members) &&
			span_is(name, wanted, strlen(wanted))) {
			*out = gid;
			return true;
		}
	return false;
}

static int group_by_word(struct stage_ctx *c, struct stage_file group, const char *word, uint32_t *out)
{
	bool is_id;
	int r = classify(c, "group", word, &is_id, out);
	if (r < 0 || is_id)
		return r;
	if (!find_group(group, word, out))
		return stage_tell(c, ENOENT, 0, "unable to find group ", word,
			": no matching entries in group file", NULL);
	return 0;
}

static int add_memberships(struct stage_ctx *c, struct stage_file group, struct span user)
{
	struct span rest = { group.text, group.len }, name, members;
	uint32_t gid;
	int r = 0;
	while (r == 0 && rest.len) {
		if (!parse_group_line(cut(&rest, '\n'), &name, &gid, &members))
			continue;
		while (r == 0 && members.len) {
			struct span member = cut(&members, ',');
			if (span_is(member, user.at, user.len)) {
				r = add_group(c, gid);
				break;
			}
		}
	}
	return r;
}

/* "user[:group]", both parts checked for length by the caller's copy. */
static int match_words(struct stage_ctx *c, struct stage_file passwd, struct stage_file group,
	const char *user, const char *group_word, struct passwd_entry *entry, bool *found)
{
	bool is_id = true;
	uint32_t uid = 0;
	/* ":group" is root with that group, as runc has it. */
	int r = *user || !group_word ? classify(c, "user", user, &is_id, &uid) : 0;
	if (r < 0)
		return r;
	*found = find_passwd(passwd, is_id ? NULL : user, uid, entry);
	if (!*found && !is_id)
		return stage_tell(c, ENOENT, 0, "unable to find user ", user,
			": no matching entries in passwd file", NULL);
	c->uid = is_id ? uid : entry->uid;
	c->gid = *found ? entry->gid : 0;
	if (group_word)
		r = group_by_word(c, group, group_word, &c->gid);
	if (r == 0)
		r = add_group(c,
			c->gid); /* CVE-2022-2989: a file's group entry must not count for less than "others" */
	if (r == 0 && !group_word && *found)
		r = add_memberships(c, group, entry->name);
	return r;
}

int stage_match_user(struct stage_ctx *c, struct stage_file passwd, struct stage_file group)
{
	const struct plan *p = c->plan;
	struct passwd_entry entry;
	bool found = false;
	int r = 0;

	c->uid = p->uid;
	c->gid = p->gid;
	c->n_groups = 0;
	c->home[0] = '\0';
	if (p->flags & PLAN_LOOKUP_USER) {
		char user[NAME_ROOM];
		const char *whole = plan_string(p, p->user_off), *colon = strchr(whole, ':');
		size_t len = colon ? (size_t)(colon - whole) : strlen(whole);
		if (len >= sizeof(user))
			return stage_tell(
				c, EINVAL, 0, "user \"", whole, "\": neither a name nor an id", NULL);
		memcpy(user, whole, len);
		user[len] = '\0';
		r = match_words(c, passwd, group, user, colon ? colon + 1 : NULL, &entry, &found);
	} else {
		found = find_passwd(passwd, NULL, c->uid, &entry); /* for its home alone */
	}
	if (r == 0 && found && entry.home.len < sizeof(c->home)) {
		memcpy(c->home, entry.home.at, entry.home.len);
		c->home[entry.home.len] = '\0';
	}
	for (uint32_t i = 0; r == 0 && i < p->n_groups; i++)
		r = add_group(c, p->groups[i]);
	for (uint32_t i = 0; r == 0 && i < p->group_add.count; i++) {
		uint32_t gid = 0;
		r = group_by_word(c, group, plan_string_at(p, p->group_add, i), &gid);
		if (r == 0)
			r = add_group(c, gid);
	}
	return r;
}

/* One of the two files, whole. 0 also when it is missing. Never waits: not for a FIFO's writer nor for an endless device. */
static int read_file(struct stage_ctx *c, const char *path, char *room, struct stage_file *out)
{
	auto_close int fd = sys_openat2(c->root_fd, path, O_RDONLY | O_NONBLOCK | O_NOCTTY, 0,
		RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS);
	struct stat st;
	size_t len = 0;

	*out = (struct stage_file){ 0 };
	if (fd < 0 && (errno == ENOENT || errno == ENOTDIR))
		return 0;
	if (fd < 0)
		return stage_say(c, errno, "open", path);
	if (fstat(fd, &st) < 0)
		return stage_say(c, errno, "stat", path);
	if (!S_ISREG(st.st_mode))
		return stage_tell(c, EINVAL, 0, "user: /", path, " is not a regular file", NULL);
	for (;;) {
		ssize_t n = read(fd, room + len, FILE_MAX + 1 - len);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return stage_say(c, errno, "read", path);
		if (n == 0)
			break;
		len += (size_t)n;
		if (len > FILE_MAX)
			return stage_tell(c, EFBIG, 0, "user: /", path, " is larger than 1 MiB", NULL);
	}
	*out = (struct stage_file){ room, len };
	return 0;
}

int stage_resolve_user(struct stage_ctx *c)
{
	/* Untouched pages cost nothing, and a buffer of ours cannot be truncated under us as a mapping could. */
	static char passwd_text[FILE_MAX + 1], group_text[FILE_MAX + 1];
	const struct plan *p = c->plan;
	struct stage_file passwd = { 0 }, group = { 0 };
	int r = 0;

	if (p->flags & (PLAN_LOOKUP_USER | PLAN_SET_HOME))
		r = read_file(c, "etc/passwd", passwd_text, &passwd);
	if (r == 0 && (p->flags & PLAN_LOOKUP_USER || p->group_add.count))
		r = read_file(c, "etc/group", group_text, &group);
	return r < 0 ? r : stage_match_user(c, passwd, group);
}

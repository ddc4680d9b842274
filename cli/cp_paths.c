#include "cli/cp_paths.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/path.h"

void cp_split_argument(char *arg, const char **out_container, const char **out_path)
{
	char *colon = *arg == '/' ? NULL : strchr(arg, ':');

	*out_container = NULL;
	*out_path = arg;
	if (!colon || *arg == '.')
		return;
	*colon = '\0';
	*out_container = arg;
	*out_path = colon + 1;
}

bool cp_ends_with_slash(const char *path)
{
	size_t len = strlen(path);
	return len > 0 && path[len - 1] == '/';
}

bool cp_ends_with_dot(const char *path)
{
	const char *slash = strrchr(path, '/');
	return strcmp(slash ? slash + 1 : path, ".") == 0;
}

int cp_split_path(const char *path, char dir[PATH_MAX], char base[NAME_MAX + 1])
{
	char clean[PATH_MAX];
	int len = path_clean(path, clean, sizeof(clean));

	if (len < 0)
		return len;
	if (cp_ends_with_dot(path)) {
		(void)snprintf(dir, PATH_MAX, "%s", clean);
		(void)snprintf(base, NAME_MAX + 1, ".");
		return 0;
	}
	const char *slash = strrchr(clean, '/'), *name = slash && slash[1] ? slash + 1 : clean;
	if (strlen(name) > NAME_MAX)
		return -ENAMETOOLONG;
	memcpy(base, name, strlen(name) + 1);
	if (!slash)
		(void)snprintf(dir, PATH_MAX, ".");
	else
		(void)snprintf(dir, PATH_MAX, "%.*s", slash == clean ? 1 : (int)(slash - clean), clean);
	return 0;
}

int cp_rebase(const char *path, const char *resolved, struct cp_info *out, struct err *e)
{
	char dir[PATH_MAX], said[NAME_MAX + 1], real[NAME_MAX + 1];
	const char *tail = "";

	if (cp_ends_with_dot(path) && !cp_ends_with_dot(resolved))
		tail = cp_ends_with_slash(resolved) ? "." : "/.";
	else if (cp_ends_with_slash(path) && !cp_ends_with_slash(resolved))
		tail = "/";
	int n = snprintf(out->path, sizeof(out->path), "%s%s", resolved, tail);
	if (n >= (int)sizeof(out->path) || cp_split_path(path, dir, said) < 0 ||
		cp_split_path(out->path, dir, real) < 0)
		return err_set(e, ENAMETOOLONG, "%.200s", path);
	out->rebase[0] = '\0';
	if (strcmp(said, real) != 0)
		memcpy(out->rebase, said, sizeof(said));
	return 0;
}

int cp_join_link(const char *path, const char *target, char out[PATH_MAX])
{
	char dir[PATH_MAX], base[NAME_MAX + 1], joined[2 * PATH_MAX];

	if (cp_split_path(path, dir, base) < 0)
		return -ENAMETOOLONG;
	if (*target == '/')
		(void)snprintf(joined, sizeof(joined), "%s", target);
	else
		(void)snprintf(joined, sizeof(joined), "%s/%s", dir, target);
	int len = path_clean(joined, out, PATH_MAX);
	return len < 0 ? len : 0;
}

static bool asserts_directory(const char *path)
{
	return cp_ends_with_slash(path) || cp_ends_with_dot(path);
}

int cp_plan(const struct cp_info *from, const struct cp_info *to, struct cp_plan *out, struct err *e)
{
	char dir[PATH_MAX];

	*out = (struct cp_plan){ 0 };
	if (to->exists && to->is_dir) {
		(void)snprintf(out->dir, sizeof(out->dir), "%s", to->path);
		return 0;
	}
	if (to->exists && from->is_dir)
		return err_say(e, EINVAL, "cannot copy directory");
	if (!to->exists && !from->is_dir && asserts_directory(to->path))
		return err_say(e, EINVAL, "no such directory");
	if (cp_split_path(to->path, out->dir, out->to) < 0 || cp_split_path(from->path, dir, out->from) < 0)
		return err_set(e, ENAMETOOLONG, "%.200s", to->path);
	if (*from->rebase)
		memcpy(out->from, from->rebase, sizeof(out->from));
	if (strcmp(out->from, "/") == 0)
		out->from[0] = '\0';
	out->rename = true;
	return 0;
}

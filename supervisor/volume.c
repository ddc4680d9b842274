#include "supervisor/volume.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>

#include "base/own.h"
#include "base/path.h"
#include "base/text.h"

int volume_path(const char *data_root, const char *name, char out[PATH_MAX], struct err *e)
{
	if (!text_is_safe_id(name))
		return err_say(e, EINVAL,
			"volume name \"%.64s\" is invalid: only [a-zA-Z0-9_+.-] are allowed", name);
	if (snprintf(out, PATH_MAX, "%s/volumes/%s/_data", data_root, name) >= PATH_MAX)
		return err_set(e, ENAMETOOLONG, "volume %s", name);
	return 0;
}

int volume_make(const char *data_root, const char *name, struct err *e)
{
	char path[PATH_MAX], parent[PATH_MAX];
	int r = volume_path(data_root, name, path, e);
	if (r < 0)
		return r;
	/* Nobody but root reaches what images brought with them, setuid programs among it. */
	(void)snprintf(parent, sizeof(parent), "%s/volumes", data_root);
	r = path_mkdirs(parent, 0700, e);
	return r < 0 ? r : path_mkdirs(path, 0755, e);
}

int volume_remove(const char *data_root, const char *name, struct err *e)
{
	char path[PATH_MAX], trash[PATH_MAX];
	int r = volume_path(data_root, name, path, e);
	if (r < 0)
		return r;
	(void)snprintf(path, sizeof(path), "%s/volumes", data_root);
	auto_close int dirfd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (dirfd < 0)
		return errno == ENOENT ? 0 : err_set(e, errno, "open %s", path);
	(void)snprintf(trash, sizeof(trash), ".%s.removed", name);
	r = path_remove_tree(dirfd, trash, e); /* of an earlier try */
	if (r == 0 && renameat(dirfd, name, dirfd, trash) < 0 && errno != ENOENT)
		r = err_set(e, errno, "remove volume %s", name);
	return r < 0 ? r : path_remove_tree(dirfd, trash, e);
}

bool volume_exists(const char *data_root, const char *name)
{
	char path[PATH_MAX];
	struct stat st;
	return volume_path(data_root, name, path, NULL) == 0 && stat(path, &st) == 0;
}

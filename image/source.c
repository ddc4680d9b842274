#include "image/source.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "base/buf.h"
#include "base/io.h"
#include "base/json.h"
#include "base/path.h"

static const struct {
	const char *prefix;
	enum image_kind kind;
} forms[] = {
	{ "dir:", IMAGE_DIR },
	{ "oci-bundle:", IMAGE_OCI_BUNDLE },
};

static const char *find_form(const char *image, enum image_kind *kind)
{
	for (size_t i = 0; i < ARRAY_LEN(forms); i++) {
		size_t len = strlen(forms[i].prefix);
		if (strncmp(image, forms[i].prefix, len) == 0) {
			*kind = forms[i].kind;
			return image + len;
		}
	}
	return NULL;
}

bool image_source_is_local(const char *image)
{
	enum image_kind kind;
	return find_form(image, &kind) != NULL;
}

static int check_directory(const char *image, const char *path, struct err *e)
{
	struct stat st;
	if (stat(path, &st) < 0)
		return err_set(e, errno, "image %s: %s", image, path);
	if (!S_ISDIR(st.st_mode))
		return err_set(e, ENOTDIR, "image %s: %s", image, path);
	return 0;
}

static int absolute(const char *image, const char *path, char out[PATH_MAX], struct err *e)
{
	if (*path != '/')
		return err_say(e, EINVAL, "image %s: the path must be absolute", image);
	int r = path_clean(path, out, PATH_MAX);
	return r < 0 ? err_set(e, -r, "image %s", image) : 0;
}

/* config.json's root.path, absolute or below the bundle. */
static int bundle_root(const char *image, const char *bundle, char out[PATH_MAX], struct err *e)
{
	auto_close int dirfd = open(bundle, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (dirfd < 0)
		return err_set(e, errno, "image %s: %s", image, bundle);
	auto_(buf) struct buf text = { 0 };
	int r = io_read_file(dirfd, "config.json", 4 << 20, &text, e);
	if (r < 0)
		return err_wrap(e, r, "image %s", image);
	auto_(json) json_t *config = json_parse(text.data ? text.data : "", text.len, "config.json", e);
	if (!config)
		return err_wrap(e, -EINVAL, "image %s", image);
	json_t *root = NULL;
	const char *path = NULL;
	r = json_get_object(config, "", "root", &root, e);
	if (r == 0 && root)
		r = json_get_string(root, "root", "path", &path, e);
	if (r < 0)
		return err_wrap(e, r, "image %s: config.json", image);
	if (!path || !*path)
		return err_say(e, EINVAL, "image %s: config.json: root.path is missing", image);
	char joined[2 * PATH_MAX];
	(void)snprintf(joined, sizeof(joined), "%s/%s", *path == '/' ? "" : bundle, path);
	r = path_clean(joined, out, PATH_MAX);
	return r < 0 ? err_set(e, -r, "image %s: config.json: root.path", image) : 0;
}

int image_source_resolve(const char *image, struct image_source *out, struct err *e)
{
	enum image_kind kind = IMAGE_DIR;
	const char *named = find_form(image, &kind);
	if (!named)
		return err_say(e, EINVAL, "no such image: %s: images are dir:PATH or oci-bundle:PATH", image);
	char path[PATH_MAX], root[PATH_MAX];
	int r = absolute(image, named, path, e);
	if (r == 0)
		r = check_directory(image, path, e);
	if (r == 0 && kind == IMAGE_OCI_BUNDLE) {
		r = bundle_root(image, path, root, e);
		if (r == 0)
			r = check_directory(image, root, e);
	}
	if (r < 0)
		return r;
	bool bundle = kind == IMAGE_OCI_BUNDLE;
	auto_free char *root_copy = strdup(bundle ? root : path);
	auto_free char *bundle_copy = bundle ? strdup(path) : NULL;
	if (!root_copy || (bundle && !bundle_copy))
		return err_set(e, ENOMEM, "image %s", image);
	*out = (struct image_source){
		.kind = kind, .root = take_ptr(&root_copy), .bundle = take_ptr(&bundle_copy)
	};
	return 0;
}

char *image_source_format(const struct image_source *s)
{
	for (size_t i = 0; i < ARRAY_LEN(forms); i++) {
		char *text;
		if (forms[i].kind == s->kind)
			return asprintf(&text, "%s%s", forms[i].prefix, s->bundle ? s->bundle : s->root) < 0
				? NULL
				: text;
	}
	return NULL;
}

void image_source_done(struct image_source *s)
{
	free(s->root);
	free(s->bundle);
	*s = (struct image_source){ 0 };
}

#include "supervisor/images_file.h"

#include <errno.h>
#include <string.h>

#include "base/fault.h"
#include "base/io.h"
#include "base/json.h"
#include "image/config.h"
#include "image/reference.h"
#include "image/source.h"

#define FILE_MAX (64 << 20)

static int check_record(const char *name, const json_t *v, struct err *e)
{
	const char *source = NULL, *id = NULL;
	struct reference ref;
	char text[REFERENCE_MAX + 1];
	json_t *config = NULL;
	int64_t created = 0;
	int r = json_get_string(v, name, "Source", &source, e);

	if (r == 0)
		r = json_get_string(v, name, "Id", &id, e);
	if (r == 0)
		r = json_get_object(v, name, "Config", &config, e);
	if (r == 0)
		r = json_get_int(v, name, "CreatedNs", INT64_MIN, INT64_MAX, &created, e);
	if (r < 0)
		return r;
	if (reference_parse(name, &ref, NULL) < 0 || strcmp(reference_format(&ref, text), name) != 0)
		return err_say(e, EINVAL, "%.200s: is not a name", name);
	if (!source || !image_source_is_local(source))
		return err_say(e, EINVAL, "%s.Source: is not dir:PATH or oci-bundle:PATH", name);
	if (!id || strlen(id) != IMAGE_ID_LEN || strncmp(id, "sha256:", 7) != 0)
		return err_say(e, EINVAL, "%s.Id: is not an id", name);
	return config ? 0 : err_say(e, EINVAL, "%s.Config: is missing", name);
}

static int check_file(const json_t *v, json_t **table, struct err *e)
{
	int64_t schema = 0;
	const char *name;
	json_t *record;

	if (!json_is_object(v))
		return err_say(e, EINVAL, "%s: must be an object", IMAGES_FILE);
	int r = json_get_int(v, IMAGES_FILE, "Schema", 1, INT32_MAX, &schema, e);
	if (r < 0)
		return r;
	if (schema > IMAGES_SCHEMA)
		return err_say(e, EPROTONOSUPPORT, "%s: is of a later version", IMAGES_FILE);
	r = json_get_object(v, IMAGES_FILE, "Images", table, e);
	if (r < 0 || !schema || !*table)
		return r < 0 ? r : err_say(e, EINVAL, "%s: Schema or Images is missing", IMAGES_FILE);
	json_object_foreach (*table, name, record) {
		r = json_is_object(record) ? check_record(name, record, e)
					   : err_say(e, EINVAL, "%.200s: must be an object", name);
		if (r < 0)
			return err_wrap(e, r, "%s: Images", IMAGES_FILE);
	}
	return 0;
}

int images_file_read(int dirfd, json_t **out, struct err *e)
{
	auto_(buf) struct buf text = { 0 };
	struct err why;
	int r = io_read_file(dirfd, IMAGES_FILE, FILE_MAX, &text, &why);

	if (r == -ENOENT) {
		*out = json_object();
		return *out ? 0 : err_set(e, ENOMEM, "read %s", IMAGES_FILE);
	}
	if (r < 0)
		return err_set(e, -r, "read %s", IMAGES_FILE);
	auto_(json) json_t *v = json_parse(text.data ? text.data : "", text.len, IMAGES_FILE, e);
	json_t *table = NULL;
	r = v ? check_file(v, &table, e) : -e->code;
	if (r == 0)
		*out = json_incref(table);
	return r;
}

int images_file_write(int dirfd, const json_t *table, struct err *e)
{
	auto_(json) json_t *v = json_pack("{s:i, s:O}", "Schema", IMAGES_SCHEMA, "Images", table);
	auto_free char *text = v ? json_dumps(v, JSON_INDENT(2) | JSON_SORT_KEYS) : NULL;

	if (!text)
		return err_set(e, ENOMEM, "write %s", IMAGES_FILE);
	fault_point("images.write");
	int r = io_replace_file(dirfd, IMAGES_FILE, text, strlen(text), 0600, true, e);
	fault_point("images.written");
	return r;
}

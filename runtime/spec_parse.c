#include <errno.h>
#include <string.h>

#include "base/json_wide.h"
#include "base/own.h"
#include "base/text.h"
#include "runtime/spec.h"
#include "runtime/spec_codec.h"

#define AT(member) offsetof(struct spec, member)

static const struct field top_fields[] = {
	{ "ociVersion", FIELD_STRING, AT(oci_version), 0, 0 },
	{ "hostname", FIELD_STRING, AT(hostname), 0, 0 },
	{ "domainname", FIELD_STRING, AT(domainname), 0, 0 },
};
static const struct field root_fields[] = {
	{ "path", FIELD_STRING, AT(root_path), 0, 0 },
	{ "readonly", FIELD_BOOL, AT(root_readonly), 0, 0 },
};
static const struct field berth_fields[] = {
	{ "init", FIELD_BOOL, AT(init), 0, 0 },
};
static const struct field_refused refused[] = {
	{ "vm", "virtual machines cannot be honoured" },
	{ "zos", "z/OS containers cannot be honoured" },
	{ "windows", "Windows containers cannot be honoured" },
	{ "solaris", "Solaris containers cannot be honoured" },
	{ "freebsd", "FreeBSD containers cannot be honoured" },
};
static const struct field_refused hooks[] = {
	{ "prestart", "not built yet" },
	{ "createRuntime", "not built yet" },
	{ "createContainer", "not built yet" },
	{ "startContainer", "not built yet" },
	{ "poststart", "not built yet" },
	{ "poststop", "not built yet" },
};

static int read_version(const json_t *doc, struct spec *s, struct err *e)
{
	if (!json_is_string(json_object_get(doc, "ociVersion")))
		return err_say(e, EINVAL, "ociVersion: missing or not a string");
	if (!text_has_prefix(s->oci_version, "1."))
		return err_say(e, EINVAL, "ociVersion: %s is not 1.x", s->oci_version);
	return 0;
}

static int read_root(const json_t *doc, const char *bundle_dir, struct spec *s, struct err *e)
{
	json_t *root = NULL;
	int r = json_get_object(doc, "", "root", &root, e);
	if (r < 0)
		return r;
	if (!root)
		return err_say(e, EINVAL, "root: missing");
	r = fields_read(root, "root", root_fields, ARRAY_LEN(root_fields), s->arena, s, e);
	if (r < 0)
		return r;
	if (!s->root_path || !*s->root_path)
		return err_say(e, EINVAL, "root.path: missing");
	if (*s->root_path != '/') {
		if (!bundle_dir)
			return err_say(e, EINVAL, "root.path: must be an absolute path");
		s->root_path = arena_printf(s->arena, "%s/%s", bundle_dir, s->root_path);
	}
	return s->root_path ? 0 : err_set(e, ENOMEM, "root.path");
}

static int read_hooks(const json_t *doc, struct err *e)
{
	json_t *obj = NULL;
	int r = json_get_object(doc, "", "hooks", &obj, e);
	return r < 0 || !obj ? r : fields_refuse(obj, "hooks", hooks, ARRAY_LEN(hooks), e);
}

static int read_document(const json_t *doc, const char *bundle_dir, struct spec *s, struct err *e)
{
	json_t *process = NULL, *lin = NULL, *berth = NULL;
	int r = fields_refuse(doc, "", refused, ARRAY_LEN(refused), e);
	if (r == 0)
		r = read_hooks(doc, e);
	if (r == 0)
		r = fields_read(doc, "", top_fields, ARRAY_LEN(top_fields), s->arena, s, e);
	if (r == 0)
		r = read_version(doc, s, e);
	if (r == 0)
		r = read_root(doc, bundle_dir, s, e);
	if (r == 0)
		r = json_get_object(doc, "", "process", &process, e);
	if (r == 0 && process)
		r = spec_process_read(process, s->arena, &s->process, e);
	if (r == 0)
		r = spec_mounts_read(doc, bundle_dir, s, e);
	if (r == 0)
		r = json_get_object(doc, "", "linux", &lin, e);
	if (r == 0 && lin)
		r = spec_linux_read(lin, s, e);
	if (r == 0)
		r = fields_read_map(doc, "", "annotations", s->arena, &s->annotations, e);
	if (r == 0)
		r = json_get_object(doc, "", "berth", &berth, e);
	if (r == 0 && berth)
		r = fields_read(berth, "berth", berth_fields, ARRAY_LEN(berth_fields), s->arena, s, e);
	return r;
}

int spec_parse(const char *text, size_t len, const char *bundle_dir, struct spec **out, struct err *e)
{
	auto_(json) json_t *doc = json_parse_wide(text, len, "config.json", e);
	if (!doc)
		return e && e->code ? -e->code : -EINVAL;
	if (!json_is_object(doc))
		return err_say(e, EINVAL, "config.json: must be an object");
	auto_(spec) struct spec *s = spec_new();
	if (!s)
		return err_set(e, ENOMEM, "config.json");
	int r = read_document(doc, bundle_dir, s, e);
	if (r < 0)
		return r;
	*out = take_ptr(&s);
	return 0;
}

static int write_part(json_t *doc, const char *key, const void *from, const struct field *f, size_t n)
{
	json_t *obj = json_object();
	int r = fields_write(from, f, n, obj);
	if (r < 0) {
		json_decref(obj);
		return r;
	}
	return spec_put(doc, key, obj);
}

static int write_document(const struct spec *s, json_t *doc)
{
	auto_(json) json_t *process = json_object(), *lin = json_object();
	int r = fields_write(s, top_fields, ARRAY_LEN(top_fields), doc);
	if (r == 0)
		r = write_part(doc, "root", s, root_fields, ARRAY_LEN(root_fields));
	if (r == 0)
		r = spec_process_write(&s->process, process);
	if (r == 0)
		r = spec_put(doc, "process", json_incref(process));
	if (r == 0)
		r = spec_mounts_write(s, doc);
	if (r == 0)
		r = spec_linux_write(s, lin);
	if (r == 0)
		r = spec_put(doc, "linux", json_incref(lin));
	if (r == 0 && s->annotations)
		r = spec_put(doc, "annotations", fields_map_json(s->annotations));
	if (r == 0)
		r = write_part(doc, "berth", s, berth_fields, ARRAY_LEN(berth_fields));
	return r;
}

int spec_write(const struct spec *s, struct buf *out, struct err *e)
{
	auto_(json) json_t *doc = json_object();
	int r = doc ? write_document(s, doc) : -ENOMEM;
	if (r == 0)
		r = json_dump_wide(doc, JSON_COMPACT, out);
	/* What jansson refuses to keep is text that is not UTF-8: a path or variable of the user's. */
	return r < 0 ? err_say(e, EINVAL, "config.json: a string is not UTF-8, or memory is out") : 0;
}

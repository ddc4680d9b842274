/* Create: from a bundle or a spec to a container whose init waits, or back to nothing. */
#include <errno.h>
#include <fcntl.h>
#include <string.h>

#include "base/buf.h"
#include "base/io.h"
#include "base/json.h"
#include "base/own.h"
#include "supervisor/config.h"
#include "supervisor/libcontainerd.h"

#define CONFIG_MAX (4 << 20)

struct creation {
	struct engine *engine;
	struct container *c;
	lc_created_fn done;
	void *cookie;
	struct err why;
};

static void creation_end(struct creation *x, int r)
{
	x->done(x->cookie, r < 0 ? NULL : x->c, r, r < 0 ? &x->why : NULL);
	free(x);
}

/* Its failure is the answer, whatever became of what was made. */
static void undone(void *cookie, int r, const struct err *e)
{
	struct creation *x = cookie;

	if (r < 0)
		log_error("create-not-undone", "err=\"%s\" action=\"left dead\"", e->text);
	creation_end(x, -x->why.code);
}

static void acknowledged(void *cookie, int r, const struct err *e)
{
	struct creation *x = cookie;

	if (r == 0) {
		creation_end(x, 0);
		return;
	}
	x->why = *e;
	container_remove_or_join(x->c, true, undone, x);
}

static void held(void *cookie, int r, const struct err *e)
{
	struct creation *x = cookie;

	if (r < 0)
		acknowledged(x, r, e);
	else
		container_acknowledge(x->c, acknowledged, x);
}

static void refused(void *cookie, int r, const struct err *e)
{
	struct creation *x = cookie;

	x->why = *e;
	creation_end(x, r);
}

static int read_bundle(const char *bundle, struct buf *out, struct err *e)
{
	if (*bundle != '/')
		return err_say(e, EINVAL, "Bundle: must be an absolute path");
	auto_close int dirfd = open(bundle, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	int r = dirfd < 0 ? err_set(e, errno, "Bundle: open %s", bundle)
			  : io_read_file(dirfd, "config.json", CONFIG_MAX, out, e);
	return r < 0 ? err_wrap(e, r, "Bundle %s", bundle) : 0;
}

/* As an object, or as the text of one: its numbers may be larger than JSON's readers take. */
static int read_inline(const json_t *spec, struct buf *out, struct err *e)
{
	auto_free char *text = json_is_object(spec) ? json_dumps(spec, JSON_COMPACT) : NULL;
	const char *from = json_is_string(spec) ? json_string_value(spec) : text;

	if (!json_is_object(spec) && !json_is_string(spec))
		return err_say(e, EINVAL, "Spec: must be an object");
	return from && buf_puts(out, from) == 0 ? 0 : err_set(e, ENOMEM, "Spec");
}

/* What is relative in a bundle is made absolute: the record has to do without it. */
static int read_spec(const json_t *body, struct spec **out, struct err *e)
{
	auto_(buf) struct buf text = { 0 };
	const char *bundle = NULL;
	const json_t *spec = json_object_get(body, "Spec");
	int r = json_get_string(body, "", "Bundle", &bundle, e);

	if (r < 0)
		return r;
	if (!bundle == !spec)
		return err_say(e, EINVAL, "one of Bundle and Spec is needed");
	if ((r = bundle ? read_bundle(bundle, &text, e) : read_inline(spec, &text, e)) < 0)
		return r;
	r = spec_parse(text.data ? text.data : "", text.len, bundle, out, e);
	if (r == 0)
		r = spec_validate(*out, e);
	return r < 0 ? err_wrap(e, r, bundle ? "Bundle" : "Spec") : 0;
}

static json_t *strings(char *const *v)
{
	json_t *list = json_array();

	for (; v && *v; v++)
		(void)json_array_append_new(list, json_string(*v));
	return list;
}

/* Docker's body, which describes what runs to those who list and inspect it. */
static int docker_body(const char *id, const struct spec *spec, const json_t *body, bool use_stdin,
	json_t **out, struct err *e)
{
	const char *bundle = json_string_value(json_object_get(body, "Bundle"));
	auto_(buf) struct buf text = { 0 }, image = { 0 };
	int r = spec_write(spec, &text, e);

	if (r < 0)
		return r;
	if (buf_printf(&image, "%s:%s", bundle ? "oci-bundle" : "dir", bundle ? bundle : spec->root_path) < 0)
		return err_set(e, ENOMEM, "create");
	/* The spec's filter is its own word: without one there is none. */
	json_t *host = spec->seccomp
		? json_pack("{s:s}", "NetworkMode", "none")
		: json_pack("{s:s, s:[s]}", "NetworkMode", "none", "SecurityOpt", "seccomp=unconfined");
	*out = json_pack("{s:s, s:o, s:o, s:O*, s:b, s:b, s:o, s:{s:{s:s, s:s%}}}", "Image", image.data,
		"Cmd", strings(spec->process.args), "Env", strings(spec->process.env), "Labels",
		json_object_get(body, "Labels"), "Tty", spec->process.terminal, "OpenStdin", use_stdin,
		"HostConfig", host, "Berth", "Oci", "Id", id, "Spec", text.data, text.len);
	return *out ? 0 : err_say(e, EINVAL, "Spec: not all of its text is UTF-8");
}

static bool is_engine_id(const char *id)
{
	return strlen(id) == TEXT_ID_LEN && strspn(id, "0123456789abcdef") == TEXT_ID_LEN;
}

static int make(struct creation *x, const char *id, const json_t *body, struct err *e)
{
	auto_(spec) struct spec *spec = NULL;
	auto_(json) json_t *docker = NULL;
	const char *name = NULL;
	bool use_stdin = false;
	json_t *labels;

	if (lc_find(x->engine, id, NULL))
		return err_say(e, EEXIST, "container %s exists already", id);
	int r = json_get_bool(body, "", "Stdin", &use_stdin, e);
	if (r < 0 || (r = json_get_string(body, "", "Name", &name, e)) < 0 ||
		(r = json_get_object(body, "", "Labels", &labels, e)) < 0 ||
		(r = read_spec(body, &spec, e)) < 0)
		return r;
	if ((r = docker_body(id, spec, body, use_stdin, &docker, e)) < 0)
		return r;
	/* Where the id can be a name too, people find it by that. */
	if (!name && !is_engine_id(id) && !container_by_name(x->engine, id))
		name = id;
	return container_make(x->engine, is_engine_id(id) ? id : NULL, name, docker, &x->c, e);
}

void lc_create(struct engine *en, const char *id, const json_t *body, lc_created_fn done, void *cookie)
{
	struct creation *x = calloc(1, sizeof(*x));
	struct err e;

	if (!x)
		abort();
	*x = (struct creation){ .engine = en, .done = done, .cookie = cookie };
	int r = make(x, id, body, &e);
	if (r < 0)
		engine_answer(en, refused, x, r, &e);
	else
		container_hold(x->c, held, x);
}

/* compose_load: the phases in order. */
#include <ctype.h>
#include <errno.h>
#include <string.h>

#include "base/text.h"
#include "supervisor/compose/canonical.h"
#include "supervisor/compose/document.h"
#include "supervisor/compose/keys.h"
#include "supervisor/compose/select.h"
#include "supervisor/compose/service.h"

struct compose_project *compose_new(void)
{
	struct compose_project *p = calloc(1, sizeof(*p));
	if (p && !(p->arena = arena_new())) {
		free(p);
		return NULL;
	}
	return p;
}

void compose_free(struct compose_project *p)
{
	if (!p)
		return;
	for (size_t i = 0; i < p->n_services; i++)
		json_decref(p->services[i].body);
	for (size_t i = 0; i < p->n_volumes; i++)
		json_decref(p->volumes[i].labels);
	json_decref(p->document);
	json_decref(p->scales);
	arena_free(p->arena);
	free(p);
}

/* ---- the project's name ---- */

static bool is_project_name(const char *s)
{
	size_t n = strspn(s, "abcdefghijklmnopqrstuvwxyz0123456789_-");
	return n > 0 && n <= 64 && !s[n] && *s != '_' && *s != '-';
}

/* A directory's name in small letters, without what a project's name cannot have. */
static const char *name_of_directory(struct load *l)
{
	const char *base = strrchr(l->dir, '/');
	char *name = arena_strdup(l->arena, base ? base + 1 : l->dir), *to = name;
	for (const char *p = name; p && *p; p++) {
		char c = (char)tolower((unsigned char)*p);
		if (isalnum((unsigned char)c) || (to != name && (c == '_' || c == '-')))
			*to++ = c;
	}
	if (to)
		*to = '\0';
	return name;
}

/* The last file that has name: says it. */
static int name_of_files(struct load *l, const struct document *docs, size_t n, const char **out)
{
	for (size_t i = n; i-- > 0;) {
		struct node *name = node_get(docs[i].tree, "name");
		if (!name || name->kind != NODE_SCALAR)
			continue;
		size_t mark = load_enter(l, "name");
		int r = load_interpolate(l, name);
		if (r == 0 && l->n_errors == 0 && !is_project_name(name->text))
			r = load_fail(l, name,
				"\"%.80s\" must be of a-z, 0-9, _ and -, a letter or digit first",
				name->text);
		load_leave(l, mark);
		*out = name->text;
		return load_goes_on(r) ? 0 : r;
	}
	return 0;
}

static int choose_name(struct load *l, const struct document *docs, size_t n)
{
	const char *name = l->req->name, *where = "-p";
	if (!name || !*name) {
		name = vars_get(&l->vars, "COMPOSE_PROJECT_NAME");
		where = "COMPOSE_PROJECT_NAME";
	}
	bool given = name && *name;
	if (given && !is_project_name(name))
		return err_say(l->err, EINVAL,
			"%s: \"%.80s\" must be of a-z, 0-9, _ and -, a letter or digit first", where, name);
	const char *said = NULL;
	int r = name_of_files(l, docs, n, &said);
	if (r == 0)
		r = load_result(l);
	if (r < 0)
		return r;
	if (!given)
		name = said ? said : name_of_directory(l);
	if (!name)
		return load_fail_memory(l);
	if (!is_project_name(name))
		return err_say(l->err, EINVAL,
			"the directory's name makes no project name; give one with -p or name:");
	l->project->name = arena_strdup(l->arena, name);
	if (!l->project->name || vars_set(l->arena, &l->vars, "COMPOSE_PROJECT_NAME", name) < 0)
		return load_fail_memory(l);
	return 0;
}

/* ---- the document ---- */

static int read_document(struct load *l, struct node **out)
{
	struct document *docs = arena_calloc(l->arena, COMPOSE_MAX_FILES, sizeof(*docs));
	struct file *files;
	size_t n;

	int r = docs ? files_find(l, &files, &n) : load_fail_memory(l);
	if (r == 0)
		r = files_load_variables(l);
	for (size_t i = 0; r == 0 && i < n; i++) {
		docs[i].file = files[i];
		docs[i].origin = (struct origin){ .dir = l->dir, .vars = &l->vars };
		r = document_read(l, &docs[i]);
	}
	if (r == 0)
		r = choose_name(l, docs, n);
	const struct document_chain chain = { .docs = docs, .n = n };
	if (r == 0)
		r = document_merge(l, &chain, docs, n, out);
	if (r == -E2BIG) /* enough errors */
		r = 0;
	return r == 0 ? load_result(l) : r;
}

static bool is_service_name(const char *s)
{
	for (const char *p = s; *p; p++)
		if (!isalnum((unsigned char)*p) && !strchr("._-", *p))
			return false;
	return isalnum((unsigned char)*s) && strlen(s) <= 63;
}

static int check_services(struct load *l, const struct node *document)
{
	if (!l->services || l->services->n == 0)
		return err_say(l->err, EINVAL, "%s: no services", document->file);
	if (l->services->n > COMPOSE_MAX_SERVICES)
		return err_say(
			l->err, EINVAL, "%s: more than %d services", document->file, COMPOSE_MAX_SERVICES);
	size_t mark = load_enter(l, "services");
	int r = 0;
	for (size_t i = 0; i < l->services->n && load_goes_on(r); i++)
		if (!is_service_name(l->services->entries[i].key))
			r = load_fail_key(l, l->services, &l->services->entries[i],
				"\"%.80s\" is no name for a service: [a-zA-Z0-9][a-zA-Z0-9._-]*, 63 at most",
				l->services->entries[i].key);
	load_leave(l, mark);
	return load_result(l);
}

static void tell_unset(void *cookie, const char *name)
{
	struct load *l = cookie;
	(void)load_warn(l, l->at, "The \"%.80s\" variable is not set. Defaulting to a blank string.",
		name); /* only memory can fail */
}

static int load_project(struct load *l)
{
	struct node *document;
	int r = read_document(l, &document);
	if (r < 0)
		return r;
	l->services = node_get(document, "services");
	l->volumes = node_get(document, "volumes");
	l->configs = node_get(document, "configs");
	l->secrets = node_get(document, "secrets");
	r = check_services(l, document);
	if (r == 0)
		r = volumes_declare(l);
	if (r == 0)
		r = configs_check(l);
	if (r == 0)
		r = images_declare(l, node_get(document, "x-berth-images"));
	if (r == 0)
		r = select_services(l);
	if (r == -E2BIG)
		r = 0;
	if (r == 0)
		r = load_result(l);
	if (r == 0 && l->req->canonical)
		r = canonical_document(l, document, &l->project->document);
	return r < 0 ? r : scale_expand(l);
}

int compose_load(const struct compose_request *req, struct compose_project **out, struct err *e)
{
	auto_(compose) struct compose_project *p = compose_new();
	struct err own; /* the passes need a place for texts even when the caller wants none */
	if (!p)
		return err_set(e, ENOMEM, "load compose files");
	p->warnings = arena_calloc(p->arena, COMPOSE_MAX_WARNINGS + 1, sizeof(char *));
	if (!p->warnings)
		return err_set(e, ENOMEM, "load compose files");

	struct load l = {
		.arena = p->arena, .req = req, .project = p, .err = e ? e : &own, .budget = LOAD_MAX_NODES
	};
	l.in = (struct interpolate){ .arena = p->arena, .vars = &l.vars, .unset = tell_unset, .cookie = &l };
	int r = load_project(&l);
	buf_done(&l.errors);
	if (r == 0)
		*out = take_ptr(&p);
	return r;
}

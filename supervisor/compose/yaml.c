#include "supervisor/compose/yaml.h"

#include <errno.h>
#include <string.h>
#include <yaml.h>

struct anchor {
	const char *name;
	struct node *node; /* NULL while it is still being read: an alias to it would hold itself */
	size_t height;	   /* of the node */
};

struct reader {
	yaml_parser_t parser;
	struct arena *arena;
	struct err *err;
	const char *file;
	size_t budget, depth, n_anchors;
	struct anchor anchors[YAML_MAX_ANCHORS];
};

static void reader_done(struct reader **r)
{
	yaml_parser_delete(&(*r)->parser);
	free(*r);
}

/* The place of a mark, as a node so that node_new() can take it. */
static struct node place(const struct reader *r, yaml_mark_t mark)
{
	return (struct node){ .file = r->file, .line = (int)mark.line + 1, .column = (int)mark.column + 1 };
}

static int fail(struct reader *r, yaml_mark_t mark, const char *text)
{
	return err_say(r->err, EINVAL, "%s:%zu:%zu: %s", r->file, mark.line + 1, mark.column + 1, text);
}

static int fail_memory(struct reader *r)
{
	return err_set(r->err, ENOMEM, "read %s", r->file);
}

/* What libyaml found wrong. Its reader (bad bytes) gives an offset in place of a line. */
static int fail_parse(struct reader *r)
{
	yaml_parser_t *p = &r->parser;
	if (p->error == YAML_MEMORY_ERROR)
		return fail_memory(r);
	const char *problem = p->problem ? p->problem : "not YAML";
	if (p->error == YAML_READER_ERROR)
		return err_say(r->err, EINVAL, "%s:%zu: %s at byte %zu", r->file, p->mark.line + 1, problem,
			p->problem_offset + 1);
	if (p->context)
		return err_say(r->err, EINVAL, "%s:%zu:%zu: %s (%s, line %zu)", r->file,
			p->problem_mark.line + 1, p->problem_mark.column + 1, problem, p->context,
			p->context_mark.line + 1);
	return fail(r, p->problem_mark, problem);
}

static int next(struct reader *r, yaml_event_t *ev)
{
	return yaml_parser_parse(&r->parser, ev) ? 0 : fail_parse(r);
}

static int spend(struct reader *r, yaml_mark_t mark)
{
	if (r->budget == 0)
		return fail(r, mark, "the document is too large once its aliases are expanded");
	r->budget--;
	return 0;
}

/* ---- tags and anchors ---- */

static const char *const core_tags[] = { YAML_NULL_TAG, YAML_BOOL_TAG, YAML_STR_TAG, YAML_INT_TAG,
	YAML_FLOAT_TAG, YAML_SEQ_TAG, YAML_MAP_TAG, "!" };

static int apply_tag(struct reader *r, const char *tag, yaml_mark_t mark, struct node *n)
{
	if (!tag)
		return 0;
	if (strcmp(tag, "!reset") == 0) {
		n->mark = NODE_MARK_RESET;
		return 0;
	}
	if (strcmp(tag, "!override") == 0) {
		n->mark = NODE_MARK_OVERRIDE;
		return 0;
	}
	for (size_t i = 0; i < ARRAY_LEN(core_tags); i++)
		if (strcmp(tag, core_tags[i]) == 0)
			return 0;
	return fail(r, mark, "unknown tag; only !reset, !override and YAML's own may be used");
}

/* Remember the anchor's name before its contents are read, so that an alias inside it is seen to be circular. */
static int anchor_begin(struct reader *r, const char *name, yaml_mark_t mark, struct anchor **out)
{
	*out = NULL;
	if (!name)
		return 0;
	if (r->n_anchors == YAML_MAX_ANCHORS)
		return fail(r, mark, "too many anchors");
	struct anchor *a = &r->anchors[r->n_anchors++];
	*a = (struct anchor){ .name = arena_strdup(r->arena, name) };
	*out = a;
	return a->name ? 0 : fail_memory(r);
}

static size_t height_of(const struct node *n)
{
	size_t most = 0;
	for (size_t i = 0; i < n->n; i++) {
		size_t h = height_of(n->kind == NODE_LIST ? n->items[i] : n->entries[i].value);
		most = h > most ? h : most;
	}
	return most + 1;
}

static int read_alias(struct reader *r, const yaml_event_t *ev, struct node **out)
{
	const char *name = (const char *)ev->data.alias.anchor;
	for (size_t i = r->n_anchors; i-- > 0;) { /* the latest of that name */
		if (strcmp(r->anchors[i].name, name) != 0)
			continue;
		if (!r->anchors[i].node)
			return fail(r, ev->start_mark, "this alias contains itself");
		if (r->depth + r->anchors[i].height > YAML_MAX_DEPTH)
			return fail(r, ev->start_mark, "nested too deeply");
		int rc = node_clone(r->arena, r->anchors[i].node, &r->budget, out);
		if (rc == -ERANGE)
			return fail(
				r, ev->start_mark, "the document is too large once its aliases are expanded");
		return rc < 0 ? fail_memory(r) : 0;
	}
	return fail(r, ev->start_mark, "this alias has no anchor before it");
}

/* ---- values ---- */

static int read_node(struct reader *r, const yaml_event_t *ev, struct node **out);

static bool is_null_word(const char *s)
{
	return !*s || strcmp(s, "~") == 0 || strcmp(s, "null") == 0 || strcmp(s, "Null") == 0 ||
		strcmp(s, "NULL") == 0;
}

static int copy_text(struct reader *r, const yaml_event_t *ev, const char **out)
{
	const char *text = (const char *)ev->data.scalar.value;
	size_t len = ev->data.scalar.length;
	if (memchr(text, '\0', len))
		return fail(r, ev->start_mark, "a NUL character has no place here");
	*out = arena_strndup(r->arena, text, len);
	return *out ? 0 : fail_memory(r);
}

static int read_scalar(struct reader *r, const yaml_event_t *ev, struct node *n)
{
	const char *tag = (const char *)ev->data.scalar.tag;
	int rc = copy_text(r, ev, &n->text);
	if (rc < 0)
		return rc;
	n->plain =
		ev->data.scalar.style == YAML_PLAIN_SCALAR_STYLE && !(tag && strcmp(tag, YAML_STR_TAG) == 0);
	if (n->plain && is_null_word(n->text))
		n->kind = NODE_NULL;
	return 0;
}

static int read_list(struct reader *r, struct node *list)
{
	for (;;) {
		yaml_event_t ev;
		int rc = next(r, &ev);
		if (rc < 0)
			return rc;
		bool end = ev.type == YAML_SEQUENCE_END_EVENT;
		struct node *item = NULL;
		if (!end && list->n == YAML_MAX_KEYS)
			rc = fail(r, ev.start_mark, "too many items in one list");
		else if (!end)
			rc = read_node(r, &ev, &item);
		yaml_event_delete(&ev);
		if (rc < 0 || end)
			return rc;
		if (node_append(r->arena, list, item) < 0)
			return fail_memory(r);
	}
}

/* The keys of one `<<` mapping that are not there yet: that makes explicit and earlier ones win. */
static int merge_one(struct reader *r, struct node *map, const struct node *from)
{
	yaml_mark_t mark = { .line = (size_t)from->line - 1, .column = (size_t)from->column - 1 };
	if (from->kind != NODE_MAP)
		return fail(r, mark, "<< takes a mapping or a list of mappings");
	for (size_t i = 0; i < from->n; i++) {
		if (node_entry(map, from->entries[i].key))
			continue;
		if (map->n == YAML_MAX_KEYS)
			return fail(r, mark, "too many keys in one mapping");
		if (node_add(r->arena, map, from->entries[i].key, from->entries[i].value) < 0)
			return fail_memory(r);
	}
	return 0;
}

static int merge_all(struct reader *r, struct node *map, const struct node *merge)
{
	if (merge->kind != NODE_LIST)
		return merge_one(r, map, merge);
	for (size_t i = 0; i < merge->n; i++) {
		int rc = merge_one(r, map, merge->items[i]);
		if (rc < 0)
			return rc;
	}
	return 0;
}

static int read_key(struct reader *r, const yaml_event_t *ev, const char **key, bool *is_merge)
{
	if (ev->type != YAML_SCALAR_EVENT)
		return fail(r, ev->start_mark, "a key must be a word");
	int rc = copy_text(r, ev, key);
	if (rc < 0)
		return rc;
	*is_merge = strcmp(*key, "<<") == 0 && ev->data.scalar.style == YAML_PLAIN_SCALAR_STYLE;
	if (!**key)
		return fail(r, ev->start_mark, "a key must not be empty");
	return 0;
}

/* One key and its value. */
static int read_entry(struct reader *r, const yaml_event_t *key_ev, struct node *map, struct node **merge)
{
	const char *key;
	bool is_merge = false;
	int rc = read_key(r, key_ev, &key, &is_merge);
	if (rc < 0)
		return rc;
	struct node_entry *old = node_entry(map, key);
	if (old || (is_merge && *merge))
		return err_say(r->err, EINVAL, "%s:%zu:%zu: duplicate key \"%.80s\" (first at line %d)",
			r->file, key_ev->start_mark.line + 1, key_ev->start_mark.column + 1, key,
			old ? old->line : (*merge)->line);
	if (map->n == YAML_MAX_KEYS)
		return fail(r, key_ev->start_mark, "too many keys in one mapping");

	yaml_event_t ev;
	struct node *value = NULL;
	rc = next(r, &ev);
	if (rc < 0)
		return rc;
	rc = read_node(r, &ev, &value);
	yaml_event_delete(&ev);
	if (rc < 0)
		return rc;
	if (is_merge) {
		*merge = value;
		return 0;
	}
	if (node_add(r->arena, map, key, value) < 0)
		return fail_memory(r);
	struct node_entry *entry = &map->entries[map->n - 1];
	entry->line = (int)key_ev->start_mark.line + 1;
	entry->column = (int)key_ev->start_mark.column + 1;
	return 0;
}

static int read_map(struct reader *r, struct node *map)
{
	struct node *merge = NULL;
	for (;;) {
		yaml_event_t ev;
		int rc = next(r, &ev);
		if (rc < 0)
			return rc;
		bool end = ev.type == YAML_MAPPING_END_EVENT;
		if (!end)
			rc = read_entry(r, &ev, map, &merge);
		yaml_event_delete(&ev);
		if (rc < 0)
			return rc;
		if (end)
			return merge ? merge_all(r, map, merge) : 0;
	}
}

static int read_node(struct reader *r, const yaml_event_t *ev, struct node **out)
{
	struct node at = place(r, ev->start_mark);
	const char *tag = NULL, *name = NULL;
	enum node_kind kind;

	switch (ev->type) {
	case YAML_ALIAS_EVENT:
		return read_alias(r, ev, out);
	case YAML_SCALAR_EVENT:
		kind = NODE_SCALAR;
		tag = (const char *)ev->data.scalar.tag;
		name = (const char *)ev->data.scalar.anchor;
		break;
	case YAML_SEQUENCE_START_EVENT:
		kind = NODE_LIST;
		tag = (const char *)ev->data.sequence_start.tag;
		name = (const char *)ev->data.sequence_start.anchor;
		break;
	case YAML_MAPPING_START_EVENT:
		kind = NODE_MAP;
		tag = (const char *)ev->data.mapping_start.tag;
		name = (const char *)ev->data.mapping_start.anchor;
		break;
	default:
		return fail(r, ev->start_mark, "a value is missing here");
	}
	if (r->depth == YAML_MAX_DEPTH)
		return fail(r, ev->start_mark, "nested too deeply");

	struct anchor *anchor = NULL;
	struct node *n = node_new(r->arena, kind, &at);
	if (!n)
		return fail_memory(r);
	int rc = spend(r, ev->start_mark);
	if (rc == 0)
		rc = apply_tag(r, tag, ev->start_mark, n);
	if (rc == 0)
		rc = anchor_begin(r, name, ev->start_mark, &anchor);
	if (rc < 0)
		return rc;
	r->depth++;
	rc = kind == NODE_SCALAR    ? read_scalar(r, ev, n)
		: kind == NODE_LIST ? read_list(r, n)
				    : read_map(r, n);
	r->depth--;
	if (rc < 0)
		return rc;
	if (anchor) {
		anchor->node = n;
		anchor->height = height_of(n);
	}
	*out = n;
	return 0;
}

/* ---- the document ---- */

/* Read events up to the document's first value, the value, and then the proof that nothing follows. */
static int read_document(struct reader *r, struct node **out)
{
	struct node *root = NULL;
	for (;;) {
		yaml_event_t ev;
		int rc = next(r, &ev);
		if (rc < 0)
			return rc;
		yaml_event_type_t type = ev.type;
		if (type == YAML_DOCUMENT_START_EVENT && root)
			rc = fail(r, ev.start_mark, "a second document in one file; use several files");
		else if (type != YAML_STREAM_START_EVENT && type != YAML_STREAM_END_EVENT &&
			type != YAML_DOCUMENT_START_EVENT && type != YAML_DOCUMENT_END_EVENT)
			rc = read_node(r, &ev, &root);
		yaml_event_delete(&ev);
		if (rc < 0)
			return rc;
		if (type == YAML_STREAM_END_EVENT)
			break;
	}
	struct node at = { .file = r->file, .line = 1, .column = 1 };
	*out = root ? root : node_new(r->arena, NODE_NULL, &at);
	return *out ? 0 : fail_memory(r);
}

int yaml_load(
	struct arena *a, const char *name, const char *text, size_t len, struct node **out, struct err *e)
{
	__attribute__((cleanup(reader_done))) struct reader *r = calloc(1, sizeof(*r));
	if (!r)
		return err_set(e, ENOMEM, "read %s", name);
	r->arena = a;
	r->err = e;
	r->file = name;
	r->budget = YAML_MAX_NODES;
	if (!yaml_parser_initialize(&r->parser))
		return fail_memory(r);
	/* Said beforehand, so that a UTF-16 mark cannot choose another decoder. */
	yaml_parser_set_encoding(&r->parser, YAML_UTF8_ENCODING);
	yaml_parser_set_input_string(&r->parser, (const unsigned char *)text, len);
	return read_document(r, out);
}

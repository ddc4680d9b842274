#include "supervisor/events.h"

#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/fault.h"
#include "base/io.h"
#include "base/json.h"
#include "supervisor/config.h"
#include "supervisor/container.h"
#include "supervisor/event_ring.h"

#define NOTE	 "destroy.json"
#define NOTE_MAX (16 << 20)

/* ---------------------------------------------------------------- making one */

json_t *events_to_json(
	const char *type, const char *action, const char *id, const json_t *attributes, int64_t time_ns)
{
	const json_t *image = json_object_get(attributes, "image");

	/* Two forms side by side: clients older than the API's 1.22 know status, id and from. */
	return json_pack("{s:s, s:s, s:O*, s:s, s:s, s:{s:s, s:O}, s:s, s:I, s:I}", "status", action, "id",
		id, "from", image, "Type", type, "Action", action, "Actor", "ID", id, "Attributes",
		attributes, "scope", "local", "time", (json_int_t)(time_ns / NS_PER_S), "timeNano",
		(json_int_t)time_ns);
}

void events_subscribe(struct engine *en, struct engine_subscriber *s)
{
	list_append(&en->subscribers, &s->link);
}

void events_unsubscribe(struct engine_subscriber *s)
{
	list_remove(&s->link);
}

/* What a program put into a label may not be UTF-8 in a config of old. */
static int set_text(json_t *o, const char *key, const char *value)
{
	json_t *text = json_string(value);
	return json_object_set_new(o, key, text ? text : json_string("(text that is not UTF-8)"));
}

/* docker's precedence: the action's own first, so that anything behind may cover it. */
static json_t *container_attributes(const struct container *c, json_t *own)
{
	auto_(json) json_t *o = own;

	for (char *const *l = c->config->labels; o && *l; l += 2)
		if (set_text(o, l[0], l[1]) < 0)
			return NULL;
	return o && set_text(o, "image", c->config->image) == 0 && set_text(o, "name", c->name) == 0
		? take_ptr(&o)
		: NULL;
}

static void log_event(const char *word, const char *id, const char *name, const json_t *own)
{
	auto_(buf) struct buf text = { 0 };
	const char *key;
	json_t *value;

	json_object_foreach ((json_t *)(uintptr_t)own, key, value)
		(void)buf_printf(&text, " %s=%.64s", key, json_string_value(value)); /* or without */
	log_info(word, "container=%.12s name=%s%s", id, name, text.data ? text.data : "");
}

/* Into the ring, then to everybody. word is the ring's: id and word must not look like a container's when they are none's. */
static void tell(struct engine *en, struct engine_event *ev, uint64_t generation, int code,
	const char *ring_id, const char *word, const json_t *doc)
{
	auto_free char *json = doc ? json_dumps(doc, JSON_COMPACT) : NULL;
	struct err e;

	if (!json)
		abort();
	ev->json = json;
	ev->len = strlen(json);
	if (event_ring_add(en->events, generation, code, ring_id, word, ev->json, ev->len, &ev->seq, &e) < 0)
		log_error("event-not-kept", "action=%s %s=%.12s err=\"%s\" action=\"tell it only\"", word,
			ev->type, ring_id, e.text);
	list_each_safe (struct engine_subscriber, s, &en->subscribers, link)
		s->fn(s->cookie, ev);
}

/* attributes and hidden are taken. Out of memory ends the supervisor: its successor makes up for it. */
static void emit(struct engine *en, struct container *c, const char *id, const char *action,
	uint64_t generation, int code, json_t *attributes, json_t *hidden)
{
	auto_(json) json_t *owned = attributes;
	auto_(json) json_t *hidden_owned = hidden;
	struct engine_event ev = { .time_ns = clock_real_ns(),
		.type = "container",
		.action = action,
		.id = id,
		.attributes = attributes,
		.container = c };
	auto_(json) json_t *doc = owned ? events_to_json(ev.type, action, id, attributes, ev.time_ns) : NULL;
	char word[32];

	if (doc && hidden && json_object_set(doc, "Berth", hidden) < 0)
		abort();
	snprintf(word, sizeof(word), "%.*s", (int)strcspn(action, ": "), action);
	tell(en, &ev, generation, code, id, word, doc);
}

void events_emit_object(struct engine *en, const char *type, const char *action, const char *id, ...)
{
	auto_(json) json_t *attributes = json_object();
	const char *key;
	char word[64];
	va_list ap;

	va_start(ap, id);
	while ((key = va_arg(ap, const char *)))
		if (set_text(attributes, key, va_arg(ap, const char *)) < 0)
			abort();
	va_end(ap);
	struct engine_event ev = {
		.time_ns = clock_real_ns(), .type = type, .action = action, .id = id, .attributes = attributes
	};
	auto_(json) json_t *doc = events_to_json(type, action, id, attributes, ev.time_ns);
	log_info(action, "%s=%s", type, id);
	snprintf(word, sizeof(word), "%s.%s", type,
		action); /* what looks for a container's end passes it by */
	tell(en, &ev, 0, 0, *id ? id : "-", word, doc);
}

/* What begins with a dot is no attribute of docker's. */
static json_t *split_hidden(const struct container *c, json_t *own)
{
	json_t *hidden = json_object(), *value;
	const char *key;
	void *next;

	if (set_text(hidden, "container", c->config->oci_id ? c->config->oci_id : c->id) < 0)
		abort();
	json_object_foreach_safe(own, next, key, value)
	{
		if (*key != '.')
			continue;
		if (json_object_set(hidden, key + 1, value) < 0)
			abort();
		(void)json_object_del(own, key);
	}
	return hidden;
}

static void emit_of(struct container *c, const char *action, json_t *own)
{
	char word[32];

	if (c->unannounced) {
		json_decref(own);
		return;
	}

	snprintf(word, sizeof(word), "%.*s", (int)strcspn(action, ": "), action);
	json_t *hidden = split_hidden(c, own);
	log_event(word, c->id, c->name, own);
	emit(c->engine, c, c->id, action, c->actual.generation, c->actual.exit_code,
		container_attributes(c, own), hidden);
}

void events_emit(struct container *c, const char *action, ...)
{
	json_t *own = json_object();
	const char *key;
	va_list ap;

	va_start(ap, action);
	while ((key = va_arg(ap, const char *)))
		if (set_text(own, key, va_arg(ap, const char *)) < 0)
			abort();
	va_end(ap);
	emit_of(c, action, own);
}

/* ---------------------------------------------------------------- exactly once */

static void announce_die(struct container *c)
{
	const struct actual *a = &c->actual;
	int64_t ran_ns = a->started_ns == CLOCK_NEVER ? 0 : a->finished_ns - a->started_ns;
	char code[16], seconds[32], ended[32], pid[16];

	snprintf(code, sizeof(code), "%d", a->exit_code);
	snprintf(seconds, sizeof(seconds), "%lld", ran_ns > 0 ? (long long)(ran_ns / NS_PER_S) : 0LL);
	snprintf(ended, sizeof(ended), "%lld", (long long)a->finished_ns);
	snprintf(pid, sizeof(pid), "%d", (int)a->exited_pid);
	events_emit(c, "die", "execDuration", seconds, "exitCode", code, ".pid", pid, ".ended", ended, ".oom",
		a->oom_killed ? "true" : "false", ".error", a->error, NULL);
}

static void announce_process(struct container *c, const char *action)
{
	char pid[16];

	snprintf(pid, sizeof(pid), "%d", (int)c->actual.pid);
	events_emit(c, action, ".pid", pid, NULL);
}

static const struct {
	int bit;
	const char *action;
} announced[] = {
	{ EVENTS_CREATE, "create" },
	{ EVENTS_START, "start" },
	{ EVENTS_OOM, "oom" },
	{ EVENTS_DIE, "die" },
};

void events_announce(struct container *c)
{
	for (size_t i = 0; !c->unannounced && i < ARRAY_LEN(announced); i++) {
		if (!(c->actual.unsaid & announced[i].bit))
			continue;
		if (announced[i].bit == EVENTS_DIE)
			announce_die(c);
		else
			announce_process(c, announced[i].action);
		c->actual.unsaid &=
			~announced[i].bit; /* not before: the ring may save the record on its way */
		fault_point("supervisor.announced");
	}
}

static int container_dir(const struct engine *en, const char *id)
{
	return openat(en->run_dirfd, id, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
}

int events_will_destroy(struct container *c, struct err *e)
{
	auto_close int dirfd = container_dir(c->engine, c->id);
	auto_(json) json_t *attributes = container_attributes(c, json_object());
	auto_(json) json_t *note = attributes
		? json_pack("{s:O, s:i}", "Attributes", attributes, "ExitCode", c->actual.exit_code)
		: NULL;
	auto_free char *text =
		note && set_text(note, "Error", c->actual.error) == 0 ? json_dumps(note, JSON_COMPACT) : NULL;

	if (!text)
		return err_set(e, ENOMEM, "remove container %s", c->name);
	if (dirfd < 0)
		return err_set(e, errno, "open record of %.12s", c->id);
	return io_replace_file(dirfd, NOTE, text, strlen(text), 0600, false, e);
}

void events_destroyed(struct container *c)
{
	events_emit(c, "destroy", ".error", c->actual.error, NULL);
}

/* Is it in the ring? generation 0: of any. */
static bool was_said(struct engine *en, const char *id, const char *action, uint64_t generation)
{
	auto_(event_reader) struct event_reader *rd = NULL;
	struct event_line line;

	if (event_reader_new(en->events, 0, &rd, NULL) < 0)
		abort();
	while (event_reader_next(rd, &line, NULL) > 0)
		if (strcmp(line.id, id) == 0 && strcmp(line.action, action) == 0 &&
			(generation == 0 || line.generation == generation))
			return true;
	return false;
}

void events_finish_destroy(struct engine *en, const char *id)
{
	auto_close int dirfd = container_dir(en, id);
	auto_(buf) struct buf text = { 0 };
	struct err e;

	if (dirfd < 0 || io_read_file(dirfd, NOTE, NOTE_MAX, &text, &e) < 0)
		return; /* nothing of it was ever announced */
	if (was_said(en, id, "destroy", 0))
		return;
	auto_(json) json_t *note = json_parse(text.data ? text.data : "", text.len, NOTE, &e);
	json_t *attributes = NULL;
	int64_t code = 0;
	int r = note ? json_get_object(note, "", "Attributes", &attributes, &e) : -EINVAL;
	if (r == 0)
		r = json_get_int(note, "", "ExitCode", INT32_MIN, INT32_MAX, &code, &e);
	if (r == 0 && !attributes)
		r = err_say(&e, EINVAL, "Attributes: is missing");
	if (r < 0) {
		log_error("record-damaged", "container=%.12s file=%s err=\"%s\" action=\"no event\"", id,
			NOTE, e.text);
		return;
	}
	const char *name = json_string_value(json_object_get(attributes, "name"));
	log_event("destroy", id, name ? name : "", NULL);
	const char *error = json_string_value(json_object_get(note, "Error"));
	emit(en, NULL, id, "destroy", 0, (int)code, json_incref(attributes),
		json_pack("{s:s, s:s}", "container", id, "error", error ? error : ""));
}

/* The container that ref may stand for: id, its beginning of 12 or more, or name. */
static bool is_of(const struct event_line *line, const char *ref)
{
	size_t len = strlen(ref);

	if (strcmp(line->id, ref) == 0 || (len >= 12 && strncmp(line->id, ref, len) == 0))
		return true;
	auto_(json) json_t *doc = json_loadb(line->json, line->len, 0, NULL);
	const json_t *attributes = json_object_get(json_object_get(doc, "Actor"), "Attributes");
	const char *name = json_string_value(json_object_get(attributes, "name"));
	return name && strcmp(name, ref + (*ref == '/')) == 0;
}

static void take_end(const struct event_line *line, const json_t *doc, struct events_end *out)
{
	const char *error = json_string_value(json_object_get(json_object_get(doc, "Berth"), "error"));

	out->code = line->code;
	snprintf(out->error, sizeof(out->error), "%s", error ? error : "");
}

bool events_find_end(struct engine *en, const char *ref, bool removal, uint64_t after, int64_t since_ns,
	struct events_end *out)
{
	auto_(event_reader) struct event_reader *rd = NULL;
	struct event_line line;
	bool found = false;

	if (event_reader_new(en->events, after + 1, &rd, NULL) < 0)
		abort();
	while ((!found || since_ns != CLOCK_NEVER) && event_reader_next(rd, &line, NULL) > 0) {
		bool destroy = strcmp(line.action, "destroy") == 0;
		if ((!destroy && (removal || strcmp(line.action, "die") != 0)) || !is_of(&line, ref))
			continue;
		auto_(json) json_t *doc = json_loadb(line.json, line.len, 0, NULL);
		if (since_ns != CLOCK_NEVER &&
			json_integer_value(json_object_get(doc, "timeNano")) < since_ns)
			continue;
		take_end(&line, doc, out);
		found = true;
	}
	return found;
}

/* One walk over the ring for all of them. */
void events_recover(struct engine *en)
{
	auto_(event_reader) struct event_reader *rd = NULL;
	struct event_line line;

	if (event_reader_new(en->events, 0, &rd, NULL) < 0)
		abort();
	while (event_reader_next(rd, &line, NULL) > 0) {
		for (size_t i = 0; i < ARRAY_LEN(announced); i++) {
			if (strcmp(line.action, announced[i].action) != 0)
				continue;
			struct container *c = container_by_id(en, line.id);
			if (c && c->actual.generation == line.generation)
				c->actual.unsaid &= ~announced[i].bit;
		}
	}
	list_each (struct container, c, &en->containers, link) {
		if (c->actual.unsaid)
			log_info("announce-late", "container=%.12s name=%s", c->id, c->name);
		events_announce(c);
	}
}

/* ---------------------------------------------------------------- open and close */

/* What the records still call unsaid must be found in the ring; what is about to go from there is made known to them first. */
static void refresh_records(void *cookie)
{
	struct engine *en = cookie;

	list_each (struct container, c, &en->containers, link)
		container_save_state(c);
}

int events_open(struct engine *en, struct err *e)
{
	int fd = open(en->options.run_root, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (fd < 0)
		return err_set(e, errno, "open %s", en->options.run_root);
	en->events_dirfd = fd;
	return event_ring_open(fd, refresh_records, en, &en->events, e);
}

void events_close(struct engine *en)
{
	event_ring_free(take_ptr(&en->events));
	own_close(&en->events_dirfd);
}

void events_remove(struct engine *en)
{
	if (en->events)
		event_ring_remove(en->events);
}

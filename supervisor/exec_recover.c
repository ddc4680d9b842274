/*
 * What of a dead supervisor's execs was told to have begun and not to have ended: it has, by the kill of its group if not before. Nobody
 * knows its code, so it is docker's for an exec that is unknown, 127.
 */
#include <string.h>

#include "base/json.h"
#include "base/own.h"
#include "supervisor/container.h"
#include "supervisor/event_ring.h"
#include "supervisor/events.h"
#include "supervisor/exec_session.h"

#define CODE "127"

static const char *text_of(const json_t *o, const char *key)
{
	const char *text = json_string_value(json_object_get(o, key));
	return text ? text : "";
}

/* Exec ids, and what the ring says of their starts. */
static void note(json_t *open, const struct event_line *line)
{
	bool start = strcmp(line->action, "exec_start") == 0;

	if (!start && strcmp(line->action, "exec_die") != 0)
		return;
	auto_(json) json_t *doc = json_loadb(line->json, line->len, 0, NULL);
	const char *id = text_of(json_object_get(json_object_get(doc, "Actor"), "Attributes"), "execID");

	if (start && *id && json_object_set(open, id, doc) < 0)
		abort();
	if (!start)
		(void)json_object_del(open, id);
}

void exec_session_recover(struct engine *en)
{
	auto_(event_reader) struct event_reader *rd = NULL;
	auto_(json) json_t *open = json_object();
	struct event_line line;
	const char *id;
	json_t *doc;

	if (!open || event_reader_new(en->events, 0, &rd, NULL) < 0)
		abort();
	while (event_reader_next(rd, &line, NULL) > 0)
		note(open, &line);
	json_object_foreach (open, id, doc) {
		struct container *c = container_by_id(en, text_of(json_object_get(doc, "Actor"), "ID"));
		const json_t *own = json_object_get(doc, "Berth");
		if (c)
			events_emit(c, "exec_die", "execID", id, "exitCode", CODE, ".process",
				text_of(own, "process"), ".pid", text_of(own, "pid"), NULL);
	}
}

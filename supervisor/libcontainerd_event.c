#include "supervisor/libcontainerd_event.h"

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/json.h"
#include "base/own.h"
#include "supervisor/event_ring.h"

static const char *const names[LC_EVENT_COUNT] = {
	[LC_EVENT_UNKNOWN] = "unknown",
	[LC_EVENT_EXIT] = "exit",
	[LC_EVENT_OOM] = "oom",
	[LC_EVENT_CREATE] = "create",
	[LC_EVENT_START] = "start",
	[LC_EVENT_EXEC_ADDED] = "exec-added",
	[LC_EVENT_EXEC_STARTED] = "exec-started",
	[LC_EVENT_PAUSED] = "paused",
	[LC_EVENT_RESUMED] = "resumed",
};

static const struct {
	const char *action; /* docker's */
	enum lc_event type;
	bool exec;
} table[] = {
	{ "die", LC_EVENT_EXIT, false },
	{ "exec_die", LC_EVENT_EXIT, true },
	{ "oom", LC_EVENT_OOM, false },
	{ "create", LC_EVENT_CREATE, false },
	{ "start", LC_EVENT_START, false },
	{ "exec_create", LC_EVENT_EXEC_ADDED, true },
	{ "exec_start", LC_EVENT_EXEC_STARTED, true },
	{ "pause", LC_EVENT_PAUSED, false },
	{ "unpause", LC_EVENT_RESUMED, false },
};

const char *lc_event_name(enum lc_event t)
{
	return names[t];
}

static json_t *time_of(int64_t real_ns)
{
	char text[CLOCK_TEXT_MAX];
	return json_string(clock_format_rfc3339(real_ns, text));
}

static const char *text_of(const json_t *o, const char *key)
{
	const char *text = json_string_value(json_object_get(o, key));
	return text ? text : "";
}

static int add_exit(json_t *out, const json_t *attributes, const json_t *own, int64_t time_ns, bool exec)
{
	const char *ended = text_of(own, "ended");
	int64_t ended_ns = *ended ? strtoll(ended, NULL, 10) : time_ns;
	json_t *more = json_pack("{s:I, s:o}", "ExitCode",
		(json_int_t)strtoll(text_of(attributes, "exitCode"), NULL, 10), "ExitedAt",
		time_of(ended_ns));
	int r = more ? json_object_update(out, more) : -1;

	json_decref(more);
	if (r == 0 && !exec)
		r = json_object_set_new(
			    out, "OOMKilled", json_boolean(strcmp(text_of(own, "oom"), "true") == 0)) |
			json_object_set_new(out, "Error", json_string(text_of(own, "error")));
	return r;
}

json_t *lc_event_of(const struct event_line *line)
{
	size_t i = 0;
	while (i < ARRAY_LEN(table) && strcmp(table[i].action, line->action) != 0)
		i++;
	if (i == ARRAY_LEN(table))
		return NULL;
	auto_(json) json_t *doc = json_loadb(line->json, line->len, 0, NULL);
	const json_t *own = json_object_get(doc, "Berth");
	const json_t *attributes = json_object_get(json_object_get(doc, "Actor"), "Attributes");
	int64_t time_ns = json_integer_value(json_object_get(doc, "timeNano"));
	const char *id = text_of(own, "container"), *process = text_of(own, "process");
	bool exec = table[i].exec;

	if (!own)
		return NULL;
	auto_(json) json_t *out = json_pack("{s:s, s:I, s:o, s:s, s:s, s:I}", "Type", names[table[i].type],
		"Seq", (json_int_t)line->seq, "Time", time_of(time_ns), "ContainerID", id, "ProcessID",
		exec ? process : id, "Pid", (json_int_t)strtoll(text_of(own, "pid"), NULL, 10));
	if (out && table[i].type == LC_EVENT_EXIT && add_exit(out, attributes, own, time_ns, exec) != 0)
		return NULL;
	return take_ptr(&out);
}

json_t *lc_event_lost(uint64_t next_seq, uint64_t lost)
{
	return json_pack("{s:s, s:I, s:o, s:s, s:s, s:i, s:I}", "Type", names[LC_EVENT_UNKNOWN], "Seq",
		(json_int_t)(next_seq - 1), "Time", time_of(clock_real_ns()), "ContainerID", "", "ProcessID",
		"", "Pid", 0, "Lost", (json_int_t)lost);
}

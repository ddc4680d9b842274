/*
 * event_filter - which events a client of GET /events asked for.
 *
 * Source:  docker's daemon/events: values of one key are alternatives, keys must all match. "event" is the action, or its first
 *          word alone ("exec_create", "health_status"); container, image, network, volume, ... match the id or the name of an
 *          actor of that type, container, daemon, network, plugin and volume by a prefix of them too; "label" is key or
 *          key=value among the attributes, and all of its values must hold.
 * Context: pure.
 */
#ifndef SUPERVISOR_API_EVENT_FILTER_H
#define SUPERVISOR_API_EVENT_FILTER_H

#include <jansson.h>
#include <stdbool.h>

#include "base/err.h"
#include "supervisor/api/filters.h"

/* As filters_parse(), with the keys that this call knows. */
int event_filter_parse(const char *text, struct filters *out, struct err *e);
bool event_filter_match(const struct filters *f, const char *type, const char *action, const char *id,
	const json_t *attributes);

#endif

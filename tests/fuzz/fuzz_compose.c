/* Compose files from memory: whatever loads must survive the way to JSON and back; env files in both forms. */
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "supervisor/compose/compose.h"
#include "supervisor/compose/envfile.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static int drop(void *cookie, const char *key, const char *value)
{
	(void)cookie;
	if (!*key || strlen(key) + (value ? strlen(value) : 0) > 64 * 1024 * 1024)
		abort();
	return 0;
}

static void fuzz_envfile(const char *text, size_t len, bool raw)
{
	auto_(arena) struct arena *a = arena_new();
	struct vars vars = { 0 };
	struct err e;
	struct interpolate in = { .arena = a, .vars = &vars };
	if (!a || vars_set(a, &vars, "A", "value") < 0)
		return;
	(void)envfile_parse(
		&(struct envfile){ .name = "f", .raw = raw, .in = &in, .add = drop }, text, len, &e);
}

static void fuzz_project(const char *text, size_t len)
{
	/* A directory that is never there: files that the document names are not read. */
	static const char *const files[] = { "-", NULL },
				 *const env[] = { "HOME=/proc/none", "A=value", NULL };
	const struct compose_request req = { .files = files,
		.stdin_text = text,
		.stdin_len = len,
		.project_directory = "/proc/none",
		.name = "fuzz",
		.env = env };
	struct compose_project *p = NULL, *again = NULL;
	struct err e = { 0 };
	int r = compose_load(&req, &p, &e);
	if (r < 0) {
		if (r != -e.code || !*e.text || p)
			abort();
		return;
	}
	json_t *json = compose_to_json(p);
	if (!json || compose_from_json(json, &again, &e) < 0)
		abort();
	json_t *json_again = compose_to_json(again);
	if (!json_equal(json, json_again))
		abort();
	json_decref(json);
	json_decref(json_again);
	compose_free(p);
	compose_free(again);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const char *text = (const char *)data;
	fuzz_project(text, size);
	fuzz_envfile(text, size, false);
	fuzz_envfile(text, size, true);
	return 0;
}

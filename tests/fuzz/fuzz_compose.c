/* Compose files from memory: whatever loads must survive the way to JSON and back; env files in both forms. */
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/json.h"
#include "cli/yaml.h"
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

static int load(const char *text, size_t len, const char *second, struct compose_project **out, struct err *e)
{
	/* A directory that is never there: files that the document names are not read, but for the second one. */
	const char *const files[] = { "-", second, NULL };
	static const char *const env[] = { "HOME=/proc/none", "A=value", NULL };
	const struct compose_request req = { .files = files,
		.stdin_text = text,
		.stdin_len = len,
		.project_directory = "/proc/none",
		.name = "fuzz",
		.env = env,
		.canonical = true };
	*out = NULL;
	return compose_load(&req, out, e);
}

/* The canonical document is a compose file again, and means the same. */
static void check_canonical(const struct compose_project *p)
{
	struct compose_project *again;
	struct err e = { 0 };
	auto_(buf) struct buf yaml = { 0 };
	if (yaml_write(p->document, &yaml) < 0)
		abort();
	const char *text = yaml.data;
	bool big = yaml.len > COMPOSE_MAX_BYTES;
	if (!big && p->n_services > 0 && load(text, strlen(text), NULL, &again, &e) == 0) {
		if (!json_equal(again->document, p->document))
			abort();
		for (size_t i = 0; i < p->n_services; i++)
			if (strcmp(p->services[i].config_hash, again->services[i].config_hash) != 0)
				abort();
		compose_free(again);
	} else if (!big && p->n_services > 0 && e.code != ERANGE && !strstr(e.text, "too ")) {
		(void)fprintf(stderr, "%s\n%s\n", text, e.text);
		abort();
	}
}

static void fuzz_project(const char *text, size_t len, const char *second)
{
	struct compose_project *p, *again = NULL;
	struct err e = { 0 };
	int r = load(text, len, second, &p, &e);
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
	check_canonical(p);
	json_decref(json);
	json_decref(json_again);
	compose_free(p);
	compose_free(again);
}

/* What stands behind a line "%%" is a second file, laid over the first; extends and include may name it too. */
#define SECOND_FD   100
#define SECOND_PATH "/proc/self/fd/100"

static void fuzz_two(const char *text, size_t len)
{
	static const char line[] = "\n%%\n";
	const char *end = memmem(text, len, line, sizeof(line) - 1);
	if (!end) {
		fuzz_project(text, len, NULL);
		return;
	}
	const char *second = end + sizeof(line) - 1;
	int fd = memfd_create("second", MFD_CLOEXEC);
	if (fd < 0 || dup2(fd, SECOND_FD) < 0 ||
		write(fd, second, (size_t)(text + len - second)) != text + len - second)
		abort();
	(void)close(fd);
	fuzz_project(text, (size_t)(end + 1 - text), SECOND_PATH);
	fuzz_project(text, (size_t)(end + 1 - text), NULL); /* it names the other itself */
	(void)close(SECOND_FD);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const char *text = (const char *)data;
	fuzz_two(text, size);
	fuzz_envfile(text, size, false);
	fuzz_envfile(text, size, true);
	return 0;
}

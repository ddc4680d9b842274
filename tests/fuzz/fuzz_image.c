/*
 * fuzz_image - what an image brings and how it is called: its configuration when the text begins with '{', else a name. What is
 * read reads as the same again, and gives the same id; what is refused is refused with a sentence.
 */
#include <assert.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/own.h"
#include "image/config.h"
#include "image/reference.h"
#include "supervisor/config.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void read_name(const char *text)
{
	struct reference ref, again;
	char name[REFERENCE_MAX + 1], same[REFERENCE_MAX + 1];
	struct err e = { 0 };

	if (reference_parse(text, &ref, &e) < 0) {
		assert(e.text[0]);
		return;
	}
	assert(*ref.name && *ref.tag);
	assert(reference_parse(reference_format(&ref, name), &again, &e) == 0);
	assert(strcmp(reference_format(&again, same), name) == 0);
}

static void read_config(const char *text, size_t len)
{
	auto_(json) json_t *first = NULL, *second = NULL, *back = NULL;
	auto_(arena) struct arena *a = arena_new();
	char id[IMAGE_ID_LEN + 1], same[IMAGE_ID_LEN + 1];
	struct config_image image;
	struct err e = { 0 };

	if (image_config_parse(text, len, "image", &first, &e) < 0) {
		assert(!first && e.text[0]);
		return;
	}
	auto_free char *canonical = json_dumps(first, JSON_COMPACT);
	assert(a && canonical);
	assert(image_config_parse(canonical, strlen(canonical), "image", &second, &e) == 0);
	assert(json_equal(first, second));
	assert(image_config_id("dir:/", first, id) == 0 && image_config_id("dir:/", second, same) == 0);
	assert(strcmp(id, same) == 0 && strlen(id) == IMAGE_ID_LEN);
	/* All of it but the shell, which only builds ask for, is what config_complete() gets. */
	assert(config_image_from_json(first, a, &image, &e) == 0);
	back = config_image_to_json(&image);
	(void)json_object_del(first, "Shell");
	assert(json_equal(first, back));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	auto_free char *text = strndup((const char *)data, size);

	assert(text);
	if (*text == '{')
		read_config((const char *)data, size);
	else
		read_name(text);
	return 0;
}

/* fuzz_spec - any bytes as config.json: an error, or a spec whose written form reads back as itself. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/spec.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	auto_(spec) struct spec *s = NULL, *again = NULL;
	auto_(buf) struct buf first = { 0 }, second = { 0 };
	struct err e = { 0 };
	int r = spec_parse((const char *)data, size, "/bundle", &s, &e);
	if (r < 0) {
		if (s || r != -e.code || !e.text[0])
			abort();
		return 0;
	}
	(void)spec_validate(s, &e);
	if (spec_write(s, &first, &e) < 0 || spec_parse(first.data, first.len, NULL, &again, &e) < 0 ||
		spec_write(again, &second, &e) < 0 || strcmp(first.data, second.data) != 0)
		abort();
	return 0;
}

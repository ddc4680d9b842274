/* fuzz_config - any bytes as a create body: an error, or a config whose stored form reads back as itself. */
#include <stdint.h>
#include <stdlib.h>

#include "base/json.h"
#include "supervisor/config.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct err e = { 0 };
	auto_(json) json_t *body = json_parse((const char *)data, size, "body", &e), *shown = NULL,
			   *host = NULL;
	auto_(config) struct config *c = NULL, *again = NULL;
	if (!body)
		return 0;
	int r = config_parse(body, &c, &e);
	if (r < 0) {
		if (c || r != -e.code || !e.text[0])
			abort();
		return 0;
	}
	if (config_to_json(c, &shown, &host, &e) < 0)
		abort();
	if (config_complete(c, "0123456789abcdef", NULL, &e) < 0)
		return 0;
	if (config_parse(config_body(c), &again, &e) < 0 || !json_equal(config_body(c), config_body(again)))
		abort();
	return 0;
}

/* fuzz_tar - any bytes as an archive: entries within bounds or a sentence, and never a read past its end. */
#include <assert.h>
#include <stdint.h>
#include <string.h>

#include "base/tar.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct source {
	const uint8_t *data;
	size_t len, at;
};

static ssize_t read_source(void *cookie, void *data, size_t len)
{
	struct source *s = cookie;
	if (len > s->len - s->at)
		len = s->len - s->at;
	memcpy(data, s->data + s->at, len);
	s->at += len;
	return (ssize_t)len;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct source s = { data, size, 0 };
	struct tar_reader r = { .read = read_source, .cookie = &s };
	char block[100];
	struct err e = { 0 };

	for (;;) {
		auto_(tar_entry) struct tar_entry t = { 0 };
		auto_(buf) struct buf again = { 0 };
		int x = tar_next(&r, &t, &e);
		if (x <= 0) {
			assert(x == 0 || (x == -e.code && e.text[0]));
			return 0;
		}
		assert(t.name && *t.name && strlen(t.name) <= TAR_NAME_MAX && t.size >= 0 && t.mode <= 07777);
		assert((t.type == TAR_LINK || t.type == TAR_SYMLINK) == (t.link != NULL));
		assert(tar_put_header(&again, &t) == 0); /* what was read can be written */
		if (tar_read(&r, block, sizeof(block), &e) < 0)
			return 0;
	}
}

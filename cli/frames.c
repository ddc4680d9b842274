#include "cli/frames.h"

#include <errno.h>

int frames_feed(struct frames *f, const char *data, size_t len, frames_fn fn, void *cookie)
{
	while (len > 0 && !f->broken) {
		if (f->left > 0) {
			size_t n = len < f->left ? len : f->left;
			f->left -= (uint32_t)n;
			fn((enum frame_stream)f->header[0], data, n, cookie);
			data += n;
			len -= n;
			continue;
		}
		f->header[f->have++] = (unsigned char)*data++;
		len--;
		if (f->have < sizeof(f->header))
			continue;
		f->have = 0;
		f->left = (uint32_t)f->header[4] << 24 | (uint32_t)f->header[5] << 16 |
			(uint32_t)f->header[6] << 8 | f->header[7];
		if (f->header[0] > FRAME_POSITION || f->header[1] || f->header[2] || f->header[3])
			f->broken = 1;
	}
	return f->broken ? -EPROTO : 0;
}

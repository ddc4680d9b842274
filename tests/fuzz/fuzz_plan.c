/* fuzz_plan - any bytes as a plan: plan_check() refuses them, or everything it vouches for can be read. */
#include <linux/filter.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/stage/plan.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static volatile size_t sink;

static void touch(const struct plan *p, struct plan_strings s)
{
	for (uint32_t i = 0; i < s.count; i++)
		sink += strlen(plan_string_at(p, s, i));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	/* An exact, aligned copy; the magic and size are given away, or nothing would get past them. */
	void *bytes = malloc(size ? size : 1);
	if (!bytes)
		abort();
	if (size)
		memcpy(bytes, data, size);
	struct plan *p = bytes;
	if (size >= sizeof(*p)) {
		p->magic = PLAN_MAGIC;
		p->size = (uint32_t)size;
	}
	if (plan_check(bytes, size) == 0) {
		touch(p, p->args);
		touch(p, p->env);
		touch(p, p->group_add);
		sink += strlen(plan_string(p, p->cwd_off));
		if (p->flags & PLAN_LOOKUP_USER)
			sink += strlen(plan_string(p, p->user_off));
		const struct sock_filter *f = (const void *)((const char *)p + p->seccomp_off);
		for (uint32_t i = 0; i < p->seccomp_count; i++)
			sink += f[i].k;
	}
	free(bytes);
	return 0;
}

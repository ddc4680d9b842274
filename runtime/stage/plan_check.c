#include "runtime/stage/plan.h"

#include <errno.h>
#include <linux/filter.h>
#include <string.h>

/* A string that starts at off and ends inside. */
static bool string_ok(const char *bytes, size_t size, uint32_t off)
{
	return off >= sizeof(struct plan) && off < size && memchr(bytes + off, '\0', size - off);
}

static bool strings_ok(const char *bytes, size_t size, struct plan_strings s)
{
	if (s.count == 0)
		return true;
	if (s.off < sizeof(struct plan) || s.off % sizeof(uint32_t) || s.off > size ||
		s.count > (size - s.off) / sizeof(uint32_t))
		return false;
	const uint32_t *offs = (const void *)(bytes + s.off);
	for (uint32_t i = 0; i < s.count; i++)
		if (!string_ok(bytes, size, offs[i]))
			return false;
	return true;
}

static bool numbers_ok(const struct plan *p)
{
	if (p->flags & ~(uint32_t)PLAN_FLAGS || p->umask > 0777 || p->stdio_given > 7 || p->n_tasks > 64)
		return false;
	if (p->uid > PLAN_ID_MAX || p->gid > PLAN_ID_MAX || p->n_groups > PLAN_GROUPS ||
		p->n_rlimits > PLAN_RLIMITS)
		return false;
	for (uint32_t i = 0; i < p->n_groups; i++)
		if (p->groups[i] > PLAN_ID_MAX)
			return false;
	return true;
}

int plan_check(const void *bytes, size_t size)
{
	const struct plan *p = bytes;

	if (size < sizeof(*p) || size > PLAN_MAX || (uintptr_t)bytes % _Alignof(struct plan))
		return -EBADMSG;
	if (p->magic != PLAN_MAGIC || p->size != size || !numbers_ok(p))
		return -EBADMSG;
	if (p->args.count == 0 || !strings_ok(bytes, size, p->args) || !strings_ok(bytes, size, p->env) ||
		!strings_ok(bytes, size, p->group_add))
		return -EBADMSG;
	if (!string_ok(bytes, size, p->cwd_off) || plan_string(p, p->cwd_off)[0] != '/')
		return -EBADMSG;
	if (p->flags & PLAN_LOOKUP_USER ? !string_ok(bytes, size, p->user_off) : p->user_off != 0)
		return -EBADMSG;
	if (p->seccomp_count == 0)
		return p->seccomp_off == 0 ? 0 : -EBADMSG;
	if (p->seccomp_count > BPF_MAXINSNS || p->seccomp_off < sizeof(*p) || p->seccomp_off % 8 ||
		p->seccomp_off > size ||
		p->seccomp_count > (size - p->seccomp_off) / sizeof(struct sock_filter))
		return -EBADMSG;
	return 0;
}

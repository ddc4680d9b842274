#include "runtime/seccomp.h"

/* From the object that the Makefile makes of configs/seccomp.json. */
extern const char seccomp_default_json[], seccomp_default_json_end[];

const char *seccomp_default_profile(size_t *out_len)
{
	*out_len = (size_t)((uintptr_t)seccomp_default_json_end - (uintptr_t)seccomp_default_json);
	return seccomp_default_json;
}

/* fuzz_seccomp_profile - any bytes as a profile: an error, or a program that answers every call within its own bounds. */
#include <seccomp.h>
#include <stdint.h>
#include <stdlib.h>

#include "runtime/seccomp.h"
#include "tests/support/bpf_eval.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const int calls[] = { -1, 0, 16, 56, 57, 101, 165, 435, 600, 0x40000000, 0x7fffffff };
	auto_(arena) struct arena *a = arena_new();
	auto_(seccomp_prog) struct seccomp_prog p = { 0 };
	struct spec_seccomp *s = NULL;
	struct err e = { 0 };
	int r = a ? seccomp_parse_profile((const char *)data, size, UINT64_C(0xa80425fb), a, &s, &e) : -1;
	if (r < 0) {
		if (s || (a && (r != -e.code || !e.text[0])))
			abort();
		return 0;
	}
	if (seccomp_compile(s, &p, &e) < 0) {
		if (!e.text[0])
			abort();
		return 0;
	}
	for (size_t i = 0; i < ARRAY_LEN(calls); i++) {
		struct seccomp_data d = {
			.nr = calls[i], .arch = seccomp_arch_native(), .args = { 1, UINT64_MAX, 38 }
		};
		if (bpf_eval(p.insns, p.n, &d) == UINT32_MAX)
			abort();
	}
	return 0;
}

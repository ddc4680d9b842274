#include "runtime/seccomp_names.h"

#include <linux/seccomp.h>
#include <seccomp.h>
#include <string.h>

#include "base/own.h"

#ifndef SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV
#define SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV (1UL << 5)
#endif
#define NUMBER_MASK 0xffffU

struct name {
	const char *name;
	uint32_t value;
};

static const struct name actions[] = {
	{ "SCMP_ACT_KILL", SCMP_ACT_KILL_THREAD },
	{ "SCMP_ACT_KILL_THREAD", SCMP_ACT_KILL_THREAD },
	{ "SCMP_ACT_KILL_PROCESS", SCMP_ACT_KILL_PROCESS },
	{ "SCMP_ACT_TRAP", SCMP_ACT_TRAP },
	{ "SCMP_ACT_ERRNO", SCMP_ACT_ERRNO(0) },
	{ "SCMP_ACT_TRACE", SCMP_ACT_TRACE(0) },
	{ "SCMP_ACT_ALLOW", SCMP_ACT_ALLOW },
	{ "SCMP_ACT_LOG", SCMP_ACT_LOG },
};
static const struct name ops[] = {
	{ "SCMP_CMP_NE", SCMP_CMP_NE },
	{ "SCMP_CMP_LT", SCMP_CMP_LT },
	{ "SCMP_CMP_LE", SCMP_CMP_LE },
	{ "SCMP_CMP_EQ", SCMP_CMP_EQ },
	{ "SCMP_CMP_GE", SCMP_CMP_GE },
	{ "SCMP_CMP_GT", SCMP_CMP_GT },
	{ "SCMP_CMP_MASKED_EQ", SCMP_CMP_MASKED_EQ },
};
static const struct name arches[] = {
	{ "SCMP_ARCH_X86", SCMP_ARCH_X86 },
	{ "SCMP_ARCH_X86_64", SCMP_ARCH_X86_64 },
	{ "SCMP_ARCH_X32", SCMP_ARCH_X32 },
	{ "SCMP_ARCH_ARM", SCMP_ARCH_ARM },
	{ "SCMP_ARCH_AARCH64", SCMP_ARCH_AARCH64 },
	{ "SCMP_ARCH_MIPS", SCMP_ARCH_MIPS },
	{ "SCMP_ARCH_MIPS64", SCMP_ARCH_MIPS64 },
	{ "SCMP_ARCH_MIPS64N32", SCMP_ARCH_MIPS64N32 },
	{ "SCMP_ARCH_MIPSEL", SCMP_ARCH_MIPSEL },
	{ "SCMP_ARCH_MIPSEL64", SCMP_ARCH_MIPSEL64 },
	{ "SCMP_ARCH_MIPSEL64N32", SCMP_ARCH_MIPSEL64N32 },
	{ "SCMP_ARCH_PPC", SCMP_ARCH_PPC },
	{ "SCMP_ARCH_PPC64", SCMP_ARCH_PPC64 },
	{ "SCMP_ARCH_PPC64LE", SCMP_ARCH_PPC64LE },
	{ "SCMP_ARCH_S390", SCMP_ARCH_S390 },
	{ "SCMP_ARCH_S390X", SCMP_ARCH_S390X },
	{ "SCMP_ARCH_PARISC", SCMP_ARCH_PARISC },
	{ "SCMP_ARCH_PARISC64", SCMP_ARCH_PARISC64 },
	{ "SCMP_ARCH_RISCV64", SCMP_ARCH_RISCV64 },
#ifdef SCMP_ARCH_LOONGARCH64 /* libseccomp 2.6 */
	{ "SCMP_ARCH_LOONGARCH64", SCMP_ARCH_LOONGARCH64 },
#endif
};
static const struct name flags[] = {
	{ "SECCOMP_FILTER_FLAG_TSYNC", SECCOMP_FILTER_FLAG_TSYNC },
	{ "SECCOMP_FILTER_FLAG_LOG", SECCOMP_FILTER_FLAG_LOG },
	{ "SECCOMP_FILTER_FLAG_SPEC_ALLOW", SECCOMP_FILTER_FLAG_SPEC_ALLOW },
};
static const struct {
	uint32_t arch;
	const char *docker;
} natives[] = {
	{ SCMP_ARCH_X86_64, "amd64" },
	{ SCMP_ARCH_X86, "x86" },
	{ SCMP_ARCH_AARCH64, "arm64" },
	{ SCMP_ARCH_ARM, "arm" },
	{ SCMP_ARCH_MIPS64, "mips64" },
	{ SCMP_ARCH_MIPSEL64, "mipsel64" },
	{ SCMP_ARCH_MIPS, "mips" },
	{ SCMP_ARCH_MIPSEL, "mipsel" },
	{ SCMP_ARCH_PPC64LE, "ppc64le" },
	{ SCMP_ARCH_S390X, "s390x" },
	{ SCMP_ARCH_RISCV64, "riscv64" },
};

static bool from_name(const struct name *t, size_t n, const char *name, uint32_t *out)
{
	for (size_t i = 0; i < n; i++)
		if (strcmp(t[i].name, name) == 0) {
			*out = t[i].value;
			return true;
		}
	return false;
}

static const char *to_name(const struct name *t, size_t n, uint32_t value)
{
	for (size_t i = 0; i < n; i++)
		if (t[i].value == value)
			return t[i].name;
	return NULL;
}

bool seccomp_action_from_name(const char *name, uint32_t *out)
{
	return from_name(actions, ARRAY_LEN(actions), name, out);
}

bool seccomp_action_has_number(uint32_t action)
{
	action &= ~NUMBER_MASK;
	return action == SCMP_ACT_ERRNO(0) || action == SCMP_ACT_TRACE(0);
}

const char *seccomp_action_name(uint32_t action)
{
	if (seccomp_action_has_number(action))
		action &= ~NUMBER_MASK;
	return to_name(actions, ARRAY_LEN(actions), action);
}

bool seccomp_op_from_name(const char *name, int *out)
{
	uint32_t v;
	if (!from_name(ops, ARRAY_LEN(ops), name, &v))
		return false;
	*out = (int)v;
	return true;
}

const char *seccomp_op_name(int op)
{
	return to_name(ops, ARRAY_LEN(ops), (uint32_t)op);
}

bool seccomp_arch_from_name(const char *name, uint32_t *out)
{
	return from_name(arches, ARRAY_LEN(arches), name, out);
}

const char *seccomp_arch_name(uint32_t arch)
{
	return to_name(arches, ARRAY_LEN(arches), arch);
}

bool seccomp_flag_from_name(const char *name, uint32_t *out)
{
	return from_name(flags, ARRAY_LEN(flags), name, out);
}

const char *seccomp_flag_name(uint32_t flag)
{
	return to_name(flags, ARRAY_LEN(flags), flag);
}

const char *seccomp_native_docker_name(void)
{
	uint32_t native = seccomp_arch_native();
	for (size_t i = 0; i < ARRAY_LEN(natives); i++)
		if (natives[i].arch == native)
			return natives[i].docker;
	return "";
}

const char *seccomp_native_name(void)
{
	const char *name = seccomp_arch_name(seccomp_arch_native());
	return name ? name : "";
}

#include <errno.h>
#include <linux/seccomp.h>
#include <seccomp.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include "base/io.h"
#include "runtime/seccomp.h"

#define OPTIMIZE_BINARY_TREE 2 /* SCMP_FLTATR_CTL_OPTIMIZE */
/* From here on system calls have one number on all architectures; and up to here, past which 32-bit ARM keeps its own. */
#define UNIFIED_FIRST 424
#define UNIFIED_END   0xf0000U

static void own_ctx(scmp_filter_ctx *ctx)
{
	if (*ctx)
		seccomp_release(*ctx);
}

void seccomp_prog_done(struct seccomp_prog *p)
{
	free(p->insns);
	*p = (struct seccomp_prog){ 0 };
}

static int add_arches(scmp_filter_ctx ctx, const struct spec_seccomp *s, struct err *e)
{
	for (size_t i = 0; i < s->n_architectures; i++) {
		int r = seccomp_arch_add(ctx, s->architectures[i]);
		if (r < 0 && r != -EEXIST) /* the native one is there from the start */
			return err_set(e, -r, "seccomp: architectures[%zu]", i);
	}
	return 0;
}

/* Comparisons of one rule all have to hold. libseccomp takes each argument once per rule; where one is named twice
 * every runtime makes each comparison a rule of its own, so that is what such a profile means. */
static bool names_an_argument_twice(const struct spec_seccomp_rule *rule)
{
	unsigned seen = 0;
	for (size_t i = 0; i < rule->n_args; i++) {
		if (seen & 1U << rule->args[i].index)
			return true;
		seen |= 1U << rule->args[i].index;
	}
	return false;
}

static int add_rule(scmp_filter_ctx ctx, uint32_t action, const char *name,
	const struct spec_seccomp_arg *args, size_t n, struct err *e)
{
	struct scmp_arg_cmp cmp[6];
	int nr = seccomp_syscall_resolve_name(name);
	if (nr == __NR_SCMP_ERROR)
		return 0;
	for (size_t i = 0; i < n; i++)
		cmp[i] = (struct scmp_arg_cmp){ .arg = args[i].index,
			.op = (enum scmp_compare)args[i].op,
			.datum_a = args[i].value,
			.datum_b = args[i].value_two };
	int r = seccomp_rule_add_array(ctx, action, nr, (unsigned)n, cmp);
	/* -EEXIST: said before. */
	return r < 0 && r != -EEXIST ? err_set(e, -r, "seccomp: rule for %s", name) : 0;
}

static int add_rules(scmp_filter_ctx ctx, const struct spec_seccomp *s, struct err *e)
{
	int r = 0;
	for (size_t i = 0; i < s->n_rules; i++) {
		const struct spec_seccomp_rule *rule = &s->rules[i];
		if (rule->action == s->default_action)
			continue; /* libseccomp refuses what changes nothing */
		bool apart = names_an_argument_twice(rule);
		for (char **name = rule->names; r == 0 && *name; name++) {
			if (!apart)
				r = add_rule(ctx, rule->action, *name, rule->args, rule->n_args, e);
			for (size_t j = 0; apart && r == 0 && j < rule->n_args; j++)
				r = add_rule(ctx, rule->action, *name, &rule->args[j], 1, e);
		}
		if (r < 0)
			return r;
	}
	return 0;
}

/* The last system call this libseccomp has a name for; 0 where numbers are not the unified ones. */
static uint32_t last_known(void)
{
	uint32_t native = seccomp_arch_native(), last = 0;
	if (native != SCMP_ARCH_X86_64 && native != SCMP_ARCH_X86 && native != SCMP_ARCH_AARCH64 &&
		native != SCMP_ARCH_ARM && native != SCMP_ARCH_PPC64LE && native != SCMP_ARCH_S390X &&
		native != SCMP_ARCH_RISCV64)
		return 0;
	for (int nr = UNIFIED_FIRST; nr < UNIFIED_FIRST + 200; nr++) {
		auto_free char *name = seccomp_syscall_resolve_num_arch(native, nr);
		if (name)
			last = (uint32_t)nr;
	}
	return last;
}

/*
 * What was added to the kernel after this libseccomp cannot be allowed by name, and a libc that tries a new call first
 * falls back on ENOSYS only (fchmodat2 answered with EPERM broke chmod in newer images). So where the profile's default is an
 * error, unknown new calls answer ENOSYS, before the profile is asked. runc does the same.
 */
static size_t put_enosys_prologue(struct sock_filter *to, uint32_t last)
{
	const struct sock_filter prologue[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JGE | BPF_K, UNIFIED_END, 2, 0),
		BPF_JUMP(BPF_JMP | BPF_JGT | BPF_K, last, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | ENOSYS),
	};
	memcpy(to, prologue, sizeof(prologue));
	return ARRAY_LEN(prologue);
}

/* libseccomp before 2.6 exports to a descriptor only. */
static int export(scmp_filter_ctx ctx, bool prologue, struct seccomp_prog *out, struct err *e)
{
	auto_close int fd = memfd_create("seccomp", MFD_CLOEXEC);
	if (fd < 0)
		return err_set(e, errno, "seccomp: memfd_create");
	int r = seccomp_export_bpf(ctx, fd);
	if (r < 0)
		return err_set(e, -r, "seccomp: build the program");
	struct stat st;
	if (fstat(fd, &st) < 0 || lseek(fd, 0, SEEK_SET) < 0)
		return err_set(e, errno, "seccomp: read the program");
	size_t n = (size_t)st.st_size / sizeof(struct sock_filter), used = 0;
	auto_free struct sock_filter *insns = calloc(n + 4, sizeof(*insns));
	if (!insns)
		return err_set(e, ENOMEM, "seccomp: read the program");
	uint32_t last = prologue ? last_known() : 0;
	if (last)
		used = put_enosys_prologue(insns, last);
	r = io_read_full(fd, insns + used, n * sizeof(*insns));
	if (r < 0)
		return err_set(e, -r, "seccomp: read the program");
	if (n + used > BPF_MAXINSNS)
		return err_say(e, E2BIG, "seccomp: the program has %zu instructions, the kernel takes %d",
			n + used, BPF_MAXINSNS);
	out->insns = take_ptr(&insns);
	out->n = n + used;
	return 0;
}

int seccomp_compile(const struct spec_seccomp *s, struct seccomp_prog *out, struct err *e)
{
	__attribute__((cleanup(own_ctx))) scmp_filter_ctx ctx = seccomp_init(s->default_action);
	if (!ctx)
		return err_say(e, EINVAL, "seccomp: defaultAction cannot be used here");
	/* Without it: a linear list, 1 µs per system call at its end. Older than 2.5: the attribute is unknown, and so be it. */
	(void)seccomp_attr_set(ctx, SCMP_FLTATR_CTL_OPTIMIZE, OPTIMIZE_BINARY_TREE);
	int r = seccomp_attr_set(ctx, SCMP_FLTATR_CTL_NNP, 0);
	if (r < 0)
		return err_set(e, -r, "seccomp: no_new_privs off");
	r = add_arches(ctx, s, e);
	if (r == 0)
		r = add_rules(ctx, s, e);
	if (r < 0)
		return r;
	struct seccomp_prog prog = { .flags = s->flags };
	bool errors = (s->default_action & 0xffff0000U) == SCMP_ACT_ERRNO(0);
	r = export(ctx, errors, &prog, e);
	if (r < 0)
		return r;
	*out = prog;
	return 0;
}

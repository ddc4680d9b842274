#include "supervisor/crash.h"

#include <errno.h>
#include <execinfo.h>
#include <fcntl.h>
#include <link.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>
#include <ucontext.h>
#include <unistd.h>

#include "base/log.h"
#include "base/own.h"

#define REPORT	    "crash.report"
#define OBJECTS	    32
#define FRAMES	    32
#define STACK_BYTES (64 << 10)

static const int fatal[] = { SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGABRT, SIGSYS, SIGTRAP };

/* All that the handler uses is here, made while nothing was wrong. */
static struct {
	int fd;
	pid_t pid;
	char build_id[64];
	struct object {
		char name[48];
		uintptr_t base, from, to;
	} objects[OBJECTS];
	size_t n_objects;
	void *stack;
} armed = { .fd = -1 };

/* ---------------------------------------------------------------- in the handler: signal-safe calls only */

static void put(const char *s)
{
	size_t len = strlen(s);
	while (len) {
		ssize_t n = write(armed.fd, s, len);
		if (n <= 0)
			return;
		s += n;
		len -= (size_t)n;
	}
}

static void put_number(uint64_t n, unsigned base)
{
	char text[24], *p = text + sizeof(text) - 1;
	*p = '\0';
	do
		*--p = "0123456789abcdef"[n % base];
	while (n /= base);
	put(p);
}

static void put_field(const char *name, uint64_t n)
{
	put(name);
	put_number(n, 10);
}

static void put_address(uintptr_t at)
{
	const struct object *o = NULL;
	for (size_t i = 0; i < armed.n_objects && !o; i++)
		if (at >= armed.objects[i].from && at < armed.objects[i].to)
			o = &armed.objects[i];
	put(" ");
	put(o ? o->name : "?");
	put("+0x");
	put_number(o ? at - o->base : at, 16);
}

static uintptr_t program_counter(const ucontext_t *uc)
{
#if defined(__x86_64__)
	return (uintptr_t)uc->uc_mcontext.gregs[REG_RIP];
#elif defined(__i386__)
	return (uintptr_t)uc->uc_mcontext.gregs[REG_EIP];
#elif defined(__aarch64__)
	return (uintptr_t)uc->uc_mcontext.pc;
#elif defined(__arm__)
	return (uintptr_t)uc->uc_mcontext.arm_pc;
#else
	(void)uc;
	return 0;
#endif
}

static void write_report(int sig, const siginfo_t *info, const ucontext_t *uc)
{
	const char *name = sigabbrev_np(sig);
	void *frames[FRAMES];
	struct timespec now = { 0, 0 };

	(void)clock_gettime(CLOCK_REALTIME, &now);
	(void)ftruncate(
		armed.fd, 0); /* it is empty already; a second handler would have died of its own signal */
	put("version " BERTH_VERSION "\nbuild ");
	put(armed.build_id);
	put_field("\npid ", (uint64_t)armed.pid);
	put_field("\ntime ", (uint64_t)now.tv_sec);
	put_field("\nsignal ", (uint64_t)sig);
	put("\nname SIG");
	put(name ? name : "?");
	if (info->si_code <= 0) { /* somebody sent it */
		put_field("\nsender ", (uint64_t)info->si_pid);
	} else {
		put_field("\ncode ", (uint64_t)info->si_code);
		put("\naddress 0x");
		put_number((uintptr_t)info->si_addr, 16);
	}
	put("\nlast ");
	put(log_last());
	put("\nat");
	put_address(program_counter(uc));
	put("\ntrace");
	/* Last, for it reads what may be broken: should it fail, the rest is written. */
	int n = backtrace(frames, FRAMES);
	bool inside = false;
	for (int i = 0; i < n; i++) {
		/* Not our own frames: what follows the place where it happened. */
		inside = inside || (uintptr_t)frames[i] == program_counter(uc);
		if (inside)
			put_address((uintptr_t)frames[i]);
	}
	put("\n");
}

/* A handler of SA_RESETHAND and SA_NODEFER: whatever goes wrong in here has its default action at once. */
static void on_fatal(int sig, siginfo_t *info, void *context)
{
	if (armed.fd >= 0 && getpid() == armed.pid)
		write_report(sig, info, context);
	(void)raise(sig);
}

/* ---------------------------------------------------------------- before */

static void take_build_id(const struct dl_phdr_info *info, const ElfW(Phdr) * ph)
{
	const char *p = (const char *)(info->dlpi_addr + ph->p_vaddr), *end = p + ph->p_memsz;

	while (p + sizeof(ElfW(Nhdr)) <= end) {
		const ElfW(Nhdr) *note = (const ElfW(Nhdr) *)(const void *)p;
		const unsigned char *desc =
			(const unsigned char *)p + sizeof(*note) + ((note->n_namesz + 3U) & ~3U);
		if (note->n_type == NT_GNU_BUILD_ID && note->n_namesz == 4 &&
			memcmp(p + sizeof(*note), "GNU", 4) == 0) {
			for (unsigned i = 0; i < note->n_descsz && 2 * i + 2 < sizeof(armed.build_id); i++)
				(void)snprintf(armed.build_id + (size_t)2 * i, 3, "%02x", desc[i]);
			return;
		}
		p = (const char *)desc + ((note->n_descsz + 3U) & ~3U);
	}
}

static int take_object(struct dl_phdr_info *info, size_t size, void *cookie)
{
	struct object *o = &armed.objects[armed.n_objects];
	const char *slash = strrchr(info->dlpi_name, '/');
	bool program = armed.n_objects == 0; /* the first is the program, and has no name */
	(void)size;
	(void)cookie;

	if (armed.n_objects == OBJECTS)
		return 1;
	*o = (struct object){ .base = info->dlpi_addr, .from = UINTPTR_MAX };
	(void)snprintf(o->name, sizeof(o->name), "%s",
		program		? "berth"
			: slash ? slash + 1
				: info->dlpi_name);
	for (size_t i = 0; i < info->dlpi_phnum; i++) {
		const ElfW(Phdr) *ph = &info->dlpi_phdr[i];
		uintptr_t from = info->dlpi_addr + ph->p_vaddr;
		if (ph->p_type == PT_NOTE && program && !*armed.build_id)
			take_build_id(info, ph);
		if (ph->p_type != PT_LOAD)
			continue;
		o->from = from < o->from ? from : o->from;
		o->to = from + ph->p_memsz > o->to ? from + ph->p_memsz : o->to;
	}
	armed.n_objects++;
	return 0;
}

static void set_handlers(const struct sigaction *sa)
{
	for (size_t i = 0; i < ARRAY_LEN(fatal); i++)
		(void)sigaction(fatal[i], sa, NULL); /* cannot fail for these */
}

int crash_arm(const char *run_root, struct err *e)
{
	struct sigaction sa = { .sa_sigaction = on_fatal,
		.sa_flags = SA_SIGINFO | SA_ONSTACK | SA_RESETHAND | SA_NODEFER };
	auto_close int dirfd = open(run_root, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	void *frames[2];

	auto_close int fd = dirfd < 0
		? -1
		: openat(dirfd, REPORT, O_WRONLY | O_CREAT | O_TRUNC | O_APPEND | O_NOFOLLOW | O_CLOEXEC,
			  0600);
	if (fd < 0)
		return err_set(e, errno, "open %s/%s", run_root, REPORT);
	if (!armed.stack) {
		void *stack = mmap(NULL, STACK_BYTES, PROT_READ | PROT_WRITE,
			MAP_PRIVATE | MAP_ANONYMOUS | MAP_STACK, -1, 0);
		if (stack == MAP_FAILED)
			return err_set(e, errno, "map a stack for fatal signals");
		armed.stack = stack;
	}
	stack_t alt = { .ss_sp = armed.stack, .ss_size = STACK_BYTES };
	if (sigaltstack(&alt, NULL) < 0)
		return err_set(e, errno, "set a stack for fatal signals");
	(void)backtrace(frames, 2); /* the first call loads a library, which a handler may not */
	armed.n_objects = 0;
	(void)dl_iterate_phdr(take_object, NULL);
	armed.pid = getpid();
	armed.fd = take_fd(&fd);
	set_handlers(&sa);
	return 0;
}

void crash_disarm(void)
{
	struct sigaction dfl = { .sa_handler = SIG_DFL };
	if (armed.fd < 0)
		return;
	set_handlers(&dfl);
	own_close(&armed.fd);
}

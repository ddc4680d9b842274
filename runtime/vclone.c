#include "runtime/vclone.h"

#include <errno.h>
#include <sched.h>

#define VCLONE_STACK (32U << 10)

#if defined(__x86_64__)
#define HAVE_TRAMPOLINE 1
/* long vclone_raw(struct clone_args *, size_t, int (*fn)(void *), void *cookie); the child never comes back through the
 * caller's frames, so it has none: fn, then exit. */
__asm__(".text\n"
	".type vclone_raw, @function\n"
	"vclone_raw:\n"
	"	mov %rdx, %r8\n"
	"	mov %rcx, %r9\n"
	"	mov $435, %eax\n" /* clone3 */
	"	syscall\n"
	"	test %rax, %rax\n"
	"	jz 1f\n"
	"	ret\n"
	"1:	xor %ebp, %ebp\n"
	"	mov %r9, %rdi\n"
	"	call *%r8\n"
	"	mov %eax, %edi\n"
	"	mov $231, %eax\n" /* exit_group */
	"	syscall\n"
	"	hlt\n"
	".size vclone_raw, . - vclone_raw\n");
#elif defined(__aarch64__)
#define HAVE_TRAMPOLINE 1
__asm__(".text\n"
	".type vclone_raw, %function\n"
	"vclone_raw:\n"
	"	mov x8, #435\n" /* clone3; x2 and x3 survive it */
	"	svc #0\n"
	"	cbz x0, 1f\n"
	"	ret\n"
	"1:	mov x29, #0\n"
	"	mov x0, x3\n"
	"	blr x2\n"
	"	mov x8, #94\n" /* exit_group */
	"	svc #0\n"
	".size vclone_raw, . - vclone_raw\n");
#endif

#if defined(__x86_64__)
pid_t vclone_heir(struct clone_args *args)
{
	long r = SYS_clone3;

	args->flags |= CLONE_VM;
	__asm__ volatile("syscall\n"
			 "test %%rax, %%rax\n"
			 "jle 1f\n"
			 "xor %%edi, %%edi\n"
			 "mov $231, %%eax\n" /* exit_group */
			 "syscall\n"
			 "1:\n"
			 : "+a"(r)
			 : "D"(args), "S"(sizeof(*args))
			 : "rcx", "r11", "memory");
	return (pid_t)r;
}
#elif defined(__aarch64__)
pid_t vclone_heir(struct clone_args *args)
{
	register long nr __asm__("x8") = SYS_clone3;
	register long r __asm__("x0") = (long)args;
	register long size __asm__("x1") = sizeof(*args);

	args->flags |= CLONE_VM;
	__asm__ volatile("svc #0\n"
			 "cmp x0, #0\n"
			 "b.le 1f\n"
			 "mov x0, #0\n"
			 "mov x8, #94\n" /* exit_group */
			 "svc #0\n"
			 "1:\n"
			 : "+r"(r), "+r"(nr)
			 : "r"(size)
			 : "cc", "memory");
	return (pid_t)r;
}
#else
pid_t vclone_heir(struct clone_args *args)
{
	pid_t pid = sys_clone3(args);
	if (pid > 0)
		_exit(0);
	return pid < 0 ? -errno : 0;
}
#endif

#ifdef HAVE_TRAMPOLINE
extern long vclone_raw(struct clone_args *args, size_t size, int (*fn)(void *), void *cookie);

pid_t vclone(struct clone_args *args, int (*fn)(void *), void *cookie)
{
	static char stack[VCLONE_STACK] __attribute__((aligned(64)));

	args->flags |= CLONE_VM | CLONE_VFORK;
	args->stack = (uint64_t)(uintptr_t)stack;
	args->stack_size = sizeof(stack);
	return (pid_t)vclone_raw(args, sizeof(*args), fn, cookie);
}
#else
pid_t vclone(struct clone_args *args, int (*fn)(void *), void *cookie)
{
	pid_t pid = sys_clone3(args);
	if (pid == 0)
		_exit(fn(cookie));
	return pid < 0 ? -errno : pid;
}
#endif

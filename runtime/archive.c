/* archive - the host's side of the process that works in a container, and its way from the program's start to the work. */
#include "runtime/archive.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "base/buf.h"
#include "base/io.h"
#include "base/own.h"
#include "base/sys.h"
#include "base/text.h"
#include "runtime/archive_int.h"

#ifdef __SANITIZE_ADDRESS__
#define LAST_STDIO 2 /* what a sanitizer has to say must be seen */
#else
#define LAST_STDIO 3
#endif

/* ---------------------------------------------------------------- the caller's side */

static int write_plan(const struct archive_args *a, int answer_fd, struct err *e)
{
	auto_(buf) struct buf b = { 0 };
	struct archive_record rec = {
		.magic = ARCHIVE_MAGIC,
		.op = (int32_t)a->op,
		.data_fd = a->data_fd,
		.keep_fd = a->keep_fd,
		.answer_fd = answer_fd,
		.init_pidfd = a->init_pidfd,
		.mntns_fd = a->mntns_fd,
		.root_fd = a->root_fd,
		.parent = getpid(),
		.n_mounts = (uint32_t)a->n_mounts,
		.n_uids = (uint32_t)a->ids.n_uids,
		.n_gids = (uint32_t)a->ids.n_gids,
		.read_only_root = a->read_only_root,
		.no_overwrite_dir_non_dir = a->no_overwrite_dir_non_dir,
		.has_user = a->user != NULL,
	};
	const char *user = a->user ? a->user : "";
	int r = buf_add(&b, &rec, sizeof(rec));
	for (size_t i = 0; r == 0 && i < a->n_mounts; i++)
		r = buf_add(&b, &a->mounts[i].fd, sizeof(int));
	if (r == 0 && a->ids.n_uids)
		r = buf_add(&b, a->ids.uids, a->ids.n_uids * sizeof(*a->ids.uids));
	if (r == 0 && a->ids.n_gids)
		r = buf_add(&b, a->ids.gids, a->ids.n_gids * sizeof(*a->ids.gids));
	if (r == 0)
		r = buf_add(&b, a->path, strlen(a->path) + 1);
	if (r == 0)
		r = buf_add(&b, user, strlen(user) + 1);
	for (size_t i = 0; r == 0 && i < a->n_mounts; i++)
		r = buf_add(&b, a->mounts[i].target, strlen(a->mounts[i].target) + 1);
	if (r < 0)
		return err_set(e, -r, "archive: plan");
	return io_memfd_sealed("berth-archive", b.data, b.len, false, e);
}

static int pass(int fd)
{
	return fd < 0 ? 0 : io_set_cloexec(fd, false);
}

/* In the child of the fork. */
__attribute__((noreturn)) static void become(const struct archive_args *a, int plan_fd, int answer_fd)
{
	const int fds[] = { plan_fd, answer_fd, a->data_fd, a->keep_fd, a->init_pidfd, a->mntns_fd,
		a->root_fd };
	char number[16];
	char *argv[] = { (char[]){ "berth" }, (char[]){ ARCHIVE_VERB }, number, NULL };
	char *envp[] = { NULL };
	struct err e;
	int r = 0, null_fd = open("/dev/null", O_RDWR | O_CLOEXEC);

	for (int fd = 0; r == 0 && fd < LAST_STDIO; fd++)
		if (dup2(null_fd, fd) < 0)
			r = -errno;
	(void)prctl(PR_SET_PDEATHSIG, SIGKILL); /* fails for a bad signal only */
	for (size_t i = 0; r == 0 && i < ARRAY_LEN(fds); i++)
		r = pass(fds[i]);
	for (size_t i = 0; r == 0 && i < a->n_mounts; i++)
		r = pass(a->mounts[i].fd);
	(void)snprintf(number, sizeof(number), "%d", plan_fd);
	/* What runs is what we are: the sealed copy when we were started from one. */
	auto_close int self = open("/proc/self/exe", O_PATH | O_CLOEXEC);
	if (r == 0 && self >= 0)
		(void)syscall(SYS_execveat, self, "", argv, envp, AT_EMPTY_PATH);
	(void)err_set(&e, r < 0 ? -r : errno, "archive: execute /proc/self/exe");
	(void)io_write_full(answer_fd, &e, sizeof(e)); /* else the reader sees the end */
	_exit(1);
}

static int read_answer(int fd, pid_t pid, struct err *e)
{
	struct err said = { 0 };
	int status = 0, r = io_read_full(fd, &said, sizeof(said));

	while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
	said.text[sizeof(said.text) - 1] = '\0';
	if (r == 0)
		return said.code > 0 && said.code < 4096 ? err_say(e, said.code, "%s", said.text) : 0;
	if (WIFSIGNALED(status))
		return err_say(e, ECHILD, "archive: the process died: signal %d", WTERMSIG(status));
	return err_say(e, ECHILD, "archive: the process died: exit status %d without an answer",
		WEXITSTATUS(status));
}

int archive_run(const struct archive_args *a, struct err *e)
{
	int pair[2];

	if (pipe2(pair, O_CLOEXEC) < 0)
		return err_set(e, errno, "archive: pipe");
	auto_close int answer_fd = pair[0], theirs = pair[1];
	auto_close int plan_fd = write_plan(a, theirs, e);
	if (plan_fd < 0)
		return plan_fd;
	pid_t pid = fork();
	if (pid < 0)
		return err_set(e, errno, "archive: fork");
	if (pid == 0)
		become(a, plan_fd, theirs);
	own_close(&theirs);
	return read_answer(answer_fd, pid, e);
}

/* ---------------------------------------------------------------- the process */

struct plan {
	struct archive_args args;
	struct archive_mount *mounts;
	int answer_fd;
	pid_t parent;
};

/* One NUL-terminated string off the rest. */
static const char *next_string(const char **at, const char *end)
{
	const char *s = *at, *nul = s < end ? memchr(s, '\0', (size_t)(end - s)) : NULL;
	if (!nul)
		return NULL;
	*at = nul + 1;
	return s;
}

static int take_strings(struct plan *p, const struct archive_record *rec, const char *at, const char *end)
{
	const char *user;

	p->args.path = next_string(&at, end);
	user = next_string(&at, end);
	p->args.user = rec->has_user ? user : NULL;
	for (size_t i = 0; i < rec->n_mounts; i++)
		p->mounts[i].target = next_string(&at, end);
	return p->args.path && user && (!rec->n_mounts || p->mounts[rec->n_mounts - 1].target) ? 0 : -EBADMSG;
}

/* What it points to stays mapped. */
static int read_plan(int fd, struct plan *p)
{
	struct stat st;
	const struct archive_record *rec;

	if (fstat(fd, &st) < 0 || st.st_size < (off_t)sizeof(*rec))
		return -EBADMSG;
	const char *base = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
	(void)close(fd);
	if (base == MAP_FAILED)
		return -ENOMEM;
	rec = (const void *)base;
	const char *at = base + sizeof(*rec), *end = base + st.st_size;
	size_t fixed =
		rec->n_mounts * sizeof(int) + ((size_t)rec->n_uids + rec->n_gids) * sizeof(struct tar_ids);
	if (rec->magic != ARCHIVE_MAGIC || fixed > (size_t)(end - at) || rec->op < 0 ||
		rec->op >= ARCHIVE_OP_COUNT)
		return -EBADMSG;
	const int *fds = (const void *)at;
	const struct tar_ids *ids = (const void *)(at + rec->n_mounts * sizeof(int));
	if (!(p->mounts = calloc(rec->n_mounts + 1, sizeof(*p->mounts))))
		return -ENOMEM;
	for (size_t i = 0; i < rec->n_mounts; i++)
		p->mounts[i].fd = fds[i];
	p->args = (struct archive_args){
		.op = (enum archive_op)rec->op,
		.data_fd = rec->data_fd,
		.keep_fd = rec->keep_fd,
		.init_pidfd = rec->init_pidfd,
		.mntns_fd = rec->mntns_fd,
		.root_fd = rec->root_fd,
		.mounts = p->mounts,
		.n_mounts = rec->n_mounts,
		.ids = { ids, ids + rec->n_uids, rec->n_uids, rec->n_gids },
		.read_only_root = rec->read_only_root,
		.no_overwrite_dir_non_dir = rec->no_overwrite_dir_non_dir,
	};
	p->answer_fd = rec->answer_fd;
	p->parent = rec->parent;
	return take_strings(p, rec, at + fixed, end);
}

int archive_main(int argc, char **argv)
{
	struct plan p = { 0 };
	struct err e = { 0 };
	int64_t fd;

	(void)prctl(PR_SET_DUMPABLE, 0); /* exec made us dumpable again */
	if (argc != 2 || text_parse_int(argv[1], 3, 1 << 20, &fd) < 0 || read_plan((int)fd, &p) < 0)
		return 2;
	if (getppid() != p.parent)
		return 1; /* it died before we could die with it */
	int root = archive_enter(&p.args, &e), r = root;
	if (r >= 0)
		r = archive_confine(&p.args, p.parent, &e);
	if (r >= 0)
		r = archive_work(&p.args, root, &e);
	if (r >= 0)
		e = (struct err){ 0 };
	free(p.mounts);
	return io_write_full(p.answer_fd, &e, sizeof(e)) < 0;
}

#include "runtime/plan.h"

#include <errno.h>
#include <linux/filter.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

/* The plan under construction; its header is addressed anew after each append, since the buffer moves. */
struct builder {
	struct buf *out;
	struct err *e;
};

static struct plan *header(struct builder *b)
{
	return (struct plan *)(void *)b->out->data;
}

static int append(struct builder *b, const void *data, size_t len)
{
	if (len > PLAN_MAX - b->out->len)
		return err_say(
			b->e, E2BIG, "process: arguments and environment are larger than %u bytes", PLAN_MAX);
	int r = buf_add(b->out, data, len);
	return r < 0 ? err_set(b->e, -r, "build the plan of a process") : 0;
}

static int align(struct builder *b, size_t to)
{
	static const char zeros[8];
	return append(b, zeros, (to - b->out->len % to) % to);
}

/* Offset of a copy of s, which is never 0: the header comes first. */
static int add_string(struct builder *b, const char *s, uint32_t *out_off)
{
	uint32_t off = (uint32_t)b->out->len;
	int r = append(b, s, strlen(s) + 1);
	if (r < 0)
		return r;
	*out_off = off;
	return 0;
}

/* The offsets are appended as zeros first and filled in as the strings follow. */
static int add_strings(struct builder *b, char *const *v, struct plan_strings *out)
{
	uint32_t count = 0, off;
	while (v && v[count])
		count++;
	int r = align(b, sizeof(uint32_t));
	off = (uint32_t)b->out->len;
	for (uint32_t i = 0; r == 0 && i < count; i++)
		r = append(b, &(uint32_t){ 0 }, sizeof(uint32_t));
	for (uint32_t i = 0; r == 0 && i < count; i++) {
		uint32_t at = 0;
		r = add_string(b, v[i], &at);
		if (r == 0)
			memcpy(b->out->data + off + i * sizeof(at), &at, sizeof(at));
	}
	if (r == 0)
		*out = (struct plan_strings){ off, count };
	return r;
}

static int set_user(struct plan *p, const struct spec_process *s, struct err *e)
{
	if (!s->user && (s->uid > PLAN_ID_MAX || s->gid > PLAN_ID_MAX))
		return err_say(
			e, EINVAL, "process.user: %u is not an id", s->uid > PLAN_ID_MAX ? s->uid : s->gid);
	if (s->n_additional_gids > PLAN_GROUPS)
		return err_say(e, EINVAL, "process.user.additionalGids: more than %d groups", PLAN_GROUPS);
	p->uid = s->user ? 0 : s->uid;
	p->gid = s->user ? 0 : s->gid;
	p->n_groups = (uint32_t)s->n_additional_gids;
	for (size_t i = 0; i < s->n_additional_gids; i++) {
		p->groups[i] = s->additional_gids[i];
		if (p->groups[i] > PLAN_ID_MAX)
			return err_say(
				e, EINVAL, "process.user.additionalGids: %u is not an id", p->groups[i]);
	}
	return 0;
}

static int set_limits(struct plan *p, const struct spec_process *s, struct err *e)
{
	if (s->n_rlimits > PLAN_RLIMITS)
		return err_say(e, EINVAL, "process.rlimits: more than %d limits", PLAN_RLIMITS);
	p->n_rlimits = (uint32_t)s->n_rlimits;
	for (size_t i = 0; i < s->n_rlimits; i++) {
		const struct spec_rlimit *l = &s->rlimits[i];
		if (l->resource < 0 || l->resource >= RLIMIT_NLIMITS)
			return err_say(e, EINVAL, "process.rlimits: %d is not a limit", l->resource);
		p->rlimits[i] = (struct plan_rlimit){
			.resource = (uint32_t)l->resource, .soft = l->soft, .hard = l->hard
		};
	}
	if (s->oom_score_adj == SPEC_UNSET)
		return 0;
	if (s->oom_score_adj < -1000 || s->oom_score_adj > 1000)
		return err_say(e, EINVAL, "process.oomScoreAdj: must be between -1000 and 1000");
	p->flags |= PLAN_OOM_SCORE;
	p->oom_score_adj = (int32_t)s->oom_score_adj;
	return 0;
}

/* An empty HOME counts for none, as it does for the peers. */
static bool has_home(char *const *env)
{
	bool has = false;
	for (size_t i = 0; env && env[i]; i++)
		if (strncmp(env[i], "HOME=", 5) == 0)
			has = env[i][5] != '\0'; /* the last one wins */
	return has;
}

static int set_numbers(
	struct plan *p, const struct spec_process *s, const struct plan_extra *x, struct err *e)
{
	p->magic = PLAN_MAGIC;
	p->flags = (s->terminal ? PLAN_TERMINAL : 0) | (s->no_new_privileges ? PLAN_NO_NEW_PRIVS : 0) |
		(s->user ? PLAN_LOOKUP_USER : 0) | (x->reaper ? PLAN_REAPER : 0) |
		(x->chown_pipes ? PLAN_CHOWN_PIPES : 0) |
		(x->no_home || has_home(s->env) ? 0 : PLAN_SET_HOME);
	p->umask = s->umask == SPEC_UNSET ? 022 : (uint32_t)s->umask;
	if (p->umask > 0777)
		return err_say(e, EINVAL, "process.user.umask: must be between 0 and 0777");
	p->cap_bounding = s->caps.bounding;
	p->cap_effective = s->caps.effective;
	p->cap_inheritable = s->caps.inheritable;
	p->cap_permitted = s->caps.permitted;
	/* The kernel raises none that is not permitted and inheritable too; what `runc spec` and `crun spec` write asks for
	 * some that are not, and those runtimes pass over them. */
	p->cap_ambient = s->caps.ambient & s->caps.permitted & s->caps.inheritable;
	p->console_width = s->console_width;
	p->console_height = s->console_height;
	p->join_ns = x->join_ns;
	p->n_tasks = x->n_tasks;
	p->stdio_given = x->stdio_given;
	int r = set_user(p, s, e);
	return r < 0 ? r : set_limits(p, s, e);
}

static int add_seccomp(struct builder *b, const struct seccomp_prog *prog)
{
	if (prog->n == 0 || prog->n > BPF_MAXINSNS)
		return err_say(b->e, EINVAL, "linux.seccomp: %zu instructions, the kernel takes 1 to %d",
			prog->n, BPF_MAXINSNS);
	int r = align(b, 8);
	uint32_t off = (uint32_t)b->out->len;
	if (r == 0)
		r = append(b, prog->insns, prog->n * sizeof(*prog->insns));
	if (r < 0)
		return r;
	header(b)->seccomp_off = off;
	header(b)->seccomp_count = (uint32_t)prog->n;
	header(b)->seccomp_flags = prog->flags;
	return 0;
}

int plan_build(const struct spec_process *process, const struct seccomp_prog *seccomp,
	const struct plan_extra *extra, struct buf *out, struct err *e)
{
	static const struct plan_extra nothing;
	struct builder b = { out, e };
	struct plan head = { 0 };
	uint32_t cwd = 0, user = 0;
	struct plan_strings args = { 0 }, env = { 0 }, group_add = { 0 };

	if (!process->args || !process->args[0])
		return err_say(e, EINVAL, "process.args: must name a program");
	if (!process->cwd || process->cwd[0] != '/')
		return err_say(e, EINVAL, "process.cwd: must be an absolute path");
	int r = set_numbers(&head, process, extra ? extra : &nothing, e);
	if (r == 0)
		r = append(&b, &head, sizeof(head));
	if (r == 0)
		r = add_strings(&b, process->args, &args);
	if (r == 0)
		r = add_strings(&b, process->env, &env);
	if (r == 0)
		r = add_strings(&b, process->group_add, &group_add);
	if (r == 0)
		r = add_string(&b, process->cwd, &cwd);
	if (r == 0 && process->user)
		r = add_string(&b, process->user, &user);
	if (r == 0 && seccomp)
		r = add_seccomp(&b, seccomp);
	if (r == 0)
		r = align(&b, 8);
	if (r < 0)
		return r;
	struct plan *p = header(&b);
	p->args = args;
	p->env = env;
	p->group_add = group_add;
	p->cwd_off = cwd;
	p->user_off = user;
	p->size = (uint32_t)out->len;
	r = plan_check(out->data, out->len);
	return r < 0 ? err_say(e, -r, "process: cannot be expressed as a plan") : 0;
}

void plan_clean_text(char *text)
{
	for (; *text; text++)
		if ((unsigned char)*text < ' ' || *text == 0x7f)
			*text = '?';
}

bool plan_is_console(int fd)
{
	struct stat st;
	return fstat(fd, &st) == 0 && S_ISCHR(st.st_mode) && st.st_rdev == makedev(5, 2);
}

int plan_error(const struct stage_msg *m, int *exit_code, struct err *e)
{
	char text[STAGE_TEXT_MAX], step[sizeof(m->step)];
	int code = m->err > 0 && m->err < 4096 ? m->err : EPROTO;

	memcpy(text, m->text, sizeof(text));
	memcpy(step, m->step, sizeof(step));
	text[sizeof(text) - 1] = step[sizeof(step) - 1] = '\0';
	plan_clean_text(text);
	for (char *c = step; *c; c++)
		if ((unsigned char)*c <= ' ' || *c == 0x7f)
			*c = '?';
	*exit_code = m->exit_code == 126 || m->exit_code == 127 ? m->exit_code : 128;
	if (m->whole && text[0])
		return err_say(e, code, "%s", text);
	return text[0] ? err_set(e, code, "%s: %s", step, text) : err_set(e, code, "%s", step);
}

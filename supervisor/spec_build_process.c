#include <errno.h>
#include <string.h>
#include <strings.h>

#include "base/own.h"
#include "base/text.h"
#include "runtime/caps.h"
#include "supervisor/spec_build_parts.h"

#define DEFAULT_PATH "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

static size_t count(char *const *v)
{
	size_t n = 0;
	while (v && v[n])
		n++;
	return n;
}

/* Set, replace in place or, for a bare "K", take away. v has room. */
static void put_env(char **v, const char *entry, struct arena *a)
{
	size_t n = strcspn(entry, "="), i = 0;
	while (v[i] && !(strncmp(v[i], entry, n) == 0 && v[i][n] == '='))
		i++;
	if (entry[n] == '=')
		v[i] = arena_strdup(a, entry);
	else
		for (; v[i]; i++)
			v[i] = v[i + 1];
}

static char **merge_env(struct arena *a, char *const *first, char *const *second)
{
	char **v = arena_calloc(a, count(first) + count(second) + 1, sizeof(*v));
	for (; v && first && *first; first++)
		put_env(v, *first, a);
	for (; v && second && *second; second++)
		put_env(v, *second, a);
	return v;
}

/* PATH, HOSTNAME, TERM, then what was declared; HOME is the stage's, which can read the container's passwd. */
static char **build_env(const struct spec_build_ctx *x)
{
	char *base[4] = { DEFAULT_PATH }, **v = base + 1;
	if (x->s->hostname)
		*v++ = arena_printf(x->a, "HOSTNAME=%s", x->s->hostname);
	if (x->c->tty)
		*v++ = "TERM=xterm";
	return merge_env(x->a, base, x->c->env);
}

static int build_user(const struct spec_build_ctx *x)
{
	struct spec_process *p = &x->s->process;
	if (*x->c->user)
		p->user = arena_strdup(x->a, x->c->user);
	else if (!x->env->bundle)
		p->user = "0"; /* looked up, for root's groups and home */
	if (x->c->group_add[0])
		p->group_add = arena_strv(x->a, (const char *const *)x->c->group_add, -1);
	return arena_failed(x->a) ? -ENOMEM : 0;
}

/* A capability that we lack ourselves cannot be given: dropped from sets, an error where it was named. */
static int build_caps(const struct spec_build_ctx *x, struct err *e)
{
	const struct config *c = x->c;
	struct spec_caps *caps = &x->s->process.caps;
	bool tweaked = c->privileged || c->cap_add[0] || c->cap_drop[0];
	uint64_t own = caps_own(), set;
	if (x->env->bundle && !tweaked)
		return 0;
	uint64_t base = c->privileged ? caps_all() : x->env->bundle ? caps->bounding : caps_docker_default();
	int r = caps_tweak(base, (const char *const *)c->cap_add, (const char *const *)c->cap_drop, &set, e);
	if (r < 0)
		return r;
	for (char **name = c->cap_add; *name; name++) {
		int cap = caps_from_name(*name);
		if (cap >= 0 && !(own & UINT64_C(1) << cap))
			return err_say(e, EINVAL,
				"HostConfig.CapAdd: %s: berth does not have this capability itself", *name);
	}
	set &= own;
	*caps = (struct spec_caps){ .bounding = set, .effective = set, .permitted = set };
	return 0;
}

static int build_rlimits(const struct spec_build_ctx *x)
{
	struct spec_process *p = &x->s->process;
	struct spec_rlimit *all = arena_calloc(x->a, p->n_rlimits + x->c->n_rlimits + 1, sizeof(*all));
	if (!all)
		return -ENOMEM;
	size_t n = p->n_rlimits;
	if (n)
		memcpy(all, p->rlimits, n * sizeof(*all));
	for (size_t i = 0; i < x->c->n_rlimits; i++) {
		size_t at = 0;
		while (at < n && all[at].resource != x->c->rlimits[i].resource)
			at++;
		all[at] = x->c->rlimits[i];
		n += at == n;
	}
	p->rlimits = all;
	p->n_rlimits = n;
	return 0;
}

int spec_build_process(const struct spec_build_ctx *x, struct err *e)
{
	const struct config *c = x->c;
	struct spec_process *p = &x->s->process;
	char **command = config_command(c);
	if (!command || !command[0] || !*command[0])
		return err_say(e, EINVAL, "no command specified");
	p->args = arena_strv(x->a, (const char *const *)command, -1);
	p->env = build_env(x);
	p->cwd = arena_strdup(x->a, *c->working_dir ? c->working_dir : "/");
	p->terminal = c->tty;
	p->console_width = c->console_width;
	p->console_height = c->console_height;
	p->no_new_privileges = p->no_new_privileges || c->no_new_privileges;
	if (c->oom_score_adj != SPEC_UNSET)
		p->oom_score_adj = c->oom_score_adj;
	/* In a pid namespace with others the reaper would not be pid 1 and reap nothing. */
	x->s->init = c->init && x->s->ns[SPEC_NS_PID].mode == SPEC_NS_NEW;
	if (build_user(x) < 0 || build_rlimits(x) < 0 || arena_failed(x->a))
		return spec_build_no_memory(e);
	return build_caps(x, e);
}

int spec_build_exec(const struct spec *s, const struct spec_build_exec *x, struct arena *a,
	struct spec_process *out, struct err *e)
{
	static char term[] = "TERM=xterm", *terminal[] = { term, NULL };
	struct spec_process p = s->process;
	char **without_term = NULL;
	if (!x->cmd || !x->cmd[0] || !*x->cmd[0])
		return err_say(e, EINVAL, "No exec command specified");
	for (size_t i = 0; x->env && x->env[i]; i++)
		if (!*x->env[i] || *x->env[i] == '=')
			return err_say(e, EINVAL, "invalid environment variable: %s", x->env[i]);
	if (x->cwd && *x->cwd && *x->cwd != '/')
		return err_say(e, EINVAL, "WorkingDir: \"%s\" is not an absolute path", x->cwd);
	p.args = x->cmd;
	p.terminal = x->tty;
	p.console_width = x->width;
	p.console_height = x->height;
	if (x->cwd && *x->cwd)
		p.cwd = x->cwd;
	if (x->user && *x->user) { /* another user: the container's further groups are not its own */
		p.user = x->user;
		p.additional_gids = NULL;
		p.n_additional_gids = 0;
	}
	/* A terminal's TERM is a default: the container's own and the caller's win. */
	without_term = x->tty ? merge_env(a, terminal, s->process.env) : s->process.env;
	p.env = merge_env(a, without_term, x->env);
	if (x->privileged) {
		uint64_t all = caps_all() & caps_own();
		p.caps = (struct spec_caps){ .bounding = all, .effective = all, .permitted = all };
	}
	if (!p.env || arena_failed(a))
		return spec_build_no_memory(e);
	*out = p;
	return 0;
}

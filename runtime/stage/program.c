/* Finding and executing the program, with the words and exit codes of the field. */
#include "runtime/stage/stage.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#define DEFAULT_PATH "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
#define VECTOR_SMALL 512

/* Off the stack: a clone's may be small. */
static char candidate[4096];
static char home_entry[sizeof("HOME=") + sizeof(((struct stage_ctx *)0)->home)];
static char *small_vector[VECTOR_SMALL];

/* The last one wins, as it would with setenv. */
static const char *env_value(const struct plan *p, const char *key)
{
	size_t len = strlen(key);
	for (uint32_t i = p->env.count; i-- > 0;) {
		const char *s = plan_string_at(p, p->env, i);
		if (strncmp(s, key, len) == 0 && s[len] == '=')
			return s + len + 1;
	}
	return NULL;
}

static int exec_failed(
	struct stage_ctx *c, int err, int exit_code, const char *name, const char *what, const char *path)
{
	const char *words = stage_errno_words(err);
	char number[24];
	if (words)
		return stage_tell(c, err, exit_code, "exec: \"", name, "\": ", what, path, *path ? ": " : "",
			words, NULL);
	return stage_tell(c, err, exit_code, "exec: \"", name, "\": ", what, path,
		*path ? ": errno " : "errno ", stage_number(err, number), NULL);
}

static int not_in_path(struct stage_ctx *c, const char *name)
{
	return stage_tell(c, ENOENT, 127, "exec: \"", name, "\": executable file not found in $PATH", NULL);
}

/* Next "dir/name" of a colon-separated list into candidate: false at the end. An empty part is the working directory. */
static bool next_candidate(const char **list, const char *name)
{
	for (;;) {
		if (!*list)
			return false;
		const char *dir = *list, *end = strchr(dir, ':');
		size_t len = end ? (size_t)(end - dir) : strlen(dir), name_len = strlen(name);
		*list = end ? end + 1 : NULL;
		if (len == 0) {
			dir = ".";
			len = 1;
		}
		if (len + 1 + name_len >= sizeof(candidate))
			continue; /* no such path can exist */
		memcpy(candidate, dir, len);
		candidate[len] = '/';
		memcpy(candidate + len + 1, name, name_len + 1);
		return true;
	}
}

static int is_runnable(const char *path)
{
	struct stat st;
	if (stat(path, &st) < 0)
		return -errno;
	if (S_ISDIR(st.st_mode))
		return -EISDIR;
	return st.st_mode & 0111 ? 0 : -EACCES;
}

/* Asked early, so that a missing program is an error of the start and not of the release; who may run it is seen then. */
int stage_find_program(struct stage_ctx *c)
{
	const struct plan *p = c->plan;
	const char *name = plan_string_at(p, p->args, 0);

	if (*name == '\0')
		return stage_tell(c, ENOENT, 127, "exec: \"\": executable file not found in $PATH", NULL);
	if (strchr(name, '/')) {
		int r = is_runnable(name);
		if (r == -EISDIR || r == -EACCES)
			return exec_failed(c, -r, 126, name, "", "");
		return r < 0 ? exec_failed(c, -r, r == -ENOENT ? 127 : 126, name, "stat ", name) : 0;
	}
	const char *list = env_value(p, "PATH");
	if (!list)
		list = DEFAULT_PATH;
	while (next_candidate(&list, name))
		if (is_runnable(candidate) == 0)
			return 0;
	return not_in_path(c, name);
}

/* Room for n pointers: the small one, or pages of our own. */
static char **vector_new(size_t n)
{
	if (n <= VECTOR_SMALL)
		return small_vector;
	void *v = mmap(NULL, n * sizeof(char *), PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	return v == MAP_FAILED ? NULL : v;
}

/* Arguments, NULL, environment, NULL in one vector; returns where the environment starts. */
static char **make_vector(const struct stage_ctx *c, char ***out_args)
{
	const struct plan *p = c->plan;
	const char *home = env_value(p, "HOME");
	bool set_home = p->flags & PLAN_SET_HOME && (!home || !*home);
	char **v = vector_new((size_t)p->args.count + p->env.count + 3), **at = v;

	if (!v)
		return NULL;
	*out_args = v;
	for (uint32_t i = 0; i < p->args.count; i++)
		*at++ = (char *)plan_string_at(p, p->args, i);
	*at++ = NULL;
	char **env = at;
	for (uint32_t i = 0; i < p->env.count; i++) {
		const char *s = plan_string_at(p, p->env, i);
		if (!set_home || strncmp(s, "HOME=", 5) != 0)
			*at++ = (char *)s;
	}
	if (set_home) {
		memcpy(home_entry, "HOME=", 5);
		strcpy(home_entry + 5, c->home[0] ? c->home : "/");
		*at++ = home_entry;
	}
	*at = NULL;
	return env;
}

static int exec_by_path(struct stage_ctx *c, const char *name, char **args, char **env)
{
	const char *list = env_value(c->plan, "PATH");
	int denied = 0;

	if (!list)
		list = DEFAULT_PATH;
	while (next_candidate(&list, name)) {
		(void)execve(candidate, args, env);
		int err = errno;
		if (err == EACCES) { /* also a directory; go on as execvp does, but remember */
			denied = err;
			continue;
		}
		if (err == ENOENT && is_runnable(candidate) == 0) /* its interpreter is missing */
			return exec_failed(c, err, 127, name, "exec ", candidate);
		if (err != ENOENT && err != ENOTDIR)
			return exec_failed(c, err, 126, name, "exec ", candidate);
	}
	return denied ? exec_failed(c, denied, 126, name, "", "") : not_in_path(c, name);
}

int stage_exec_program(struct stage_ctx *c)
{
	char **args = NULL, **env = make_vector(c, &args);
	sigset_t none;

	if (!env)
		return stage_say(c, errno, "make room for arguments and environment", NULL);
	if (c->plan->flags & PLAN_REAPER) {
		int r = stage_become_reaper(c); /* returns in the child */
		if (r < 0)
			return r;
	}
	sigemptyset(&none);
	if (sigprocmask(SIG_SETMASK, &none, NULL) < 0)
		return stage_say(c, errno, "unblock signals", NULL);
	if (!strchr(args[0], '/'))
		return exec_by_path(c, args[0], args, env);
	(void)execve(args[0], args, env);
	int err = errno, r = is_runnable(args[0]);
	if (r == -EISDIR)
		return exec_failed(c, EISDIR, 126, args[0], "", "");
	if (err == EACCES)
		return exec_failed(c, err, 126, args[0], "", "");
	return exec_failed(c, err, err == ENOENT ? 127 : 126, args[0], "exec ", args[0]);
}

#include "supervisor/engine.h"

#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include "base/clock.h"
#include "base/own.h"
#include "base/path.h"
#include "runtime/launch.h"
#include "supervisor/container.h"
#include "supervisor/debt.h"
#include "supervisor/events.h"
#include "supervisor/exec_session.h"
#include "supervisor/images.h"
#include "supervisor/keeper.h"
#include "supervisor/logbatch.h"
#include "supervisor/seccomp_cache.h"
#include "supervisor/store.h"
#include "supervisor/volumes.h"
#include "supervisor/waiter.h"
#include "supervisor/worker.h"

/* root[/sub], made when missing. Returns a descriptor of it. */
static int open_dir(const char *root, mode_t root_mode, const char *sub, struct err *e)
{
	char path[4096];

	int r = path_mkdirs(root, root_mode, e);
	if (r < 0)
		return r;
	if (snprintf(path, sizeof(path), "%s%s%s", root, *sub ? "/" : "", sub) >= (int)sizeof(path))
		return err_say(e, ENAMETOOLONG, "path is too long: %s", root);
	if (*sub && (r = path_mkdirs(path, 0700, e)) < 0)
		return r;
	int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return fd < 0 ? err_set(e, errno, "open %s", path) : fd;
}

static int open_dirs(struct engine *en, struct err *e)
{
	const struct engine_options *o = &en->options;

	/* The run root holds the socket, which a group may reach; nothing else below it is for others. */
	if ((en->run_dirfd = open_dir(o->run_root, 0711, "containers", e)) < 0)
		return en->run_dirfd;
	if ((en->data_dirfd = open_dir(o->data_root, 0711, "containers", e)) < 0)
		return en->data_dirfd;
	if ((en->trash_dirfd = open_dir(o->data_root, 0711, "trash", e)) < 0)
		return en->trash_dirfd;
	if ((en->log_dirfd = open_dir(o->log_root, 0700, "", e)) < 0)
		return en->log_dirfd;
	return 0;
}

/* libevent's coarse clock would turn a millisecond into four: a start would feel it, and a back-off would come early. */
static struct event_base *new_base(void)
{
	struct event_config *config = event_config_new();
	if (!config)
		return NULL;
	struct event_base *base = event_config_set_flag(config, EVENT_BASE_FLAG_PRECISE_TIMER) < 0
		? NULL
		: event_base_new_with_config(config);
	event_config_free(config);
	return base;
}

int engine_open(const struct engine_options *options, struct engine **out, struct err *e)
{
	auto_(engine) struct engine *en = calloc(1, sizeof(*en));

	if (!en)
		return err_set(e, ENOMEM, "make engine");
	en->options = *options;
	en->run_dirfd = en->data_dirfd = en->trash_dirfd = en->log_dirfd = -1;
	en->leftovers_fd = en->events_dirfd = en->freeze_fd = -1;
	en->launch_group.dirfd = -1;
	list_init(&en->containers);
	list_init(&en->creating);
	list_init(&en->execs);
	list_init(&en->tombs);
	list_init(&en->subscribers);
	list_init(&en->debts);
	int r = proc_boot_id(en->boot_id);
	if (r < 0)
		return err_set(e, -r, "read boot id");
	if ((r = open_dirs(en, e)) < 0 || (r = events_open(en, e)) < 0)
		return r;
	en->block = malloc(ENGINE_BLOCK);
	en->base = new_base();
	if (!en->block || !en->base)
		return err_set(e, ENOMEM, "make event loop");
	if ((r = store_open(en, e)) < 0 || (r = images_open(en, e)) < 0)
		return r;
	pause_open(en);
	*out = take_ptr(&en);
	return 0;
}

void engine_free(struct engine *en)
{
	if (!en)
		return;
	exec_session_free_all(en);
	pause_close(en);
	list_each_safe (struct container, c, &en->containers, link)
		container_free(c);
	list_each_safe (struct container, c, &en->creating, link)
		container_free(c);
	store_close(en);
	volumes_close(en);
	images_close(en);
	waiter_forget_all(en);
	debt_forget_all(en);
	if (en->workers)
		worker_pool_free(en->workers);
	if (en->keeper)
		keeper_free(en->keeper);
	seccomp_cache_free(en->seccomp);
	launch_env_free(en->launch_env);
	if (en->launch_group.dirfd >= 0 || en->launch_group.n_v1)
		cgroup_close(&en->launch_group);
	cgroup_root_free(en->cgroups);
	events_close(en);
	own_close(&en->leftovers_fd);
	own_close(&en->run_dirfd);
	own_close(&en->data_dirfd);
	own_close(&en->trash_dirfd);
	own_close(&en->log_dirfd);
	logbatch_free(en->log_batch);
	buf_done(&en->log_records);
	free(en->block);
	if (en->base)
		event_base_free(en->base);
	free(en);
}

struct later {
	void (*fn)(void *cookie);
	void *cookie;
};

static void run_later(evutil_socket_t fd, short what, void *cookie)
{
	struct later l = *(struct later *)cookie;
	(void)fd;
	(void)what;

	free(cookie);
	l.fn(l.cookie);
}

void engine_later(struct engine *en, void (*fn)(void *cookie), void *cookie)
{
	struct later *l = malloc(sizeof(*l));
	static const struct timeval now = { 0, 0 };

	if (!l)
		abort();
	*l = (struct later){ fn, cookie };
	if (event_base_once(en->base, -1, EV_TIMEOUT, run_later, l, &now) < 0)
		abort();
}

struct answer {
	done_fn done;
	void *cookie;
	int r;
	struct err e;
};

static void give_answer(void *cookie)
{
	struct answer *a = cookie;

	a->done(a->cookie, a->r, a->r < 0 ? &a->e : NULL);
	free(a);
}

void engine_answer(struct engine *en, done_fn done, void *cookie, int r, const struct err *e)
{
	if (!done)
		return;
	struct answer *a = calloc(1, sizeof(*a));
	if (!a)
		abort();
	*a = (struct answer){ .done = done, .cookie = cookie, .r = r };
	if (r < 0 && e)
		a->e = *e;
	else if (r < 0)
		(void)err_set(&a->e, -r, "request");
	engine_later(en, give_answer, a);
}

void engine_event_free(struct event **ev)
{
	if (*ev)
		event_free(*ev);
	*ev = NULL;
}

void engine_timer_arm(struct event *timer, int64_t delay_ns)
{
	struct timeval tv;

	delay_ns = delay_ns < 0 ? 0 : delay_ns + 999; /* never early */
	tv.tv_sec = (time_t)(delay_ns / NS_PER_S);
	tv.tv_usec = (suseconds_t)(delay_ns % NS_PER_S / NS_PER_US);
	if (event_add(timer, &tv) < 0)
		abort();
}

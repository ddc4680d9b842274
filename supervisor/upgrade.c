#include "supervisor/upgrade.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/io.h"
#include "base/json.h"
#include "base/text.h"
#include "init/protocol.h"
#include "supervisor/keeper.h"
#include "supervisor/upgrade_check.h"
#include "supervisor/worker.h"

#define RECORD	    "upgrade.json"
#define RECORD_MAX  65536
#define CHECK_MS    30000
#define LEAVE_NS    (100 * NS_PER_MS)
#define TRIAL_NS    (KEEPER_TRIAL_S * NS_PER_S + NS_PER_S / 2) /* the keeper's own end of it comes first */
#define NOT_STARTED "under-way"

struct upgrade {
	struct engine *engine;
	json_t *record; /* {State, From, To, Path, RolledBack, Reason}; NULL: none */
	struct event *timer;
	/* while a worker looks at the file */
	char path[PATH_MAX];
	int sock, workers_sock;
	upgrade_done_fn done;
	void *cookie;
};

static struct upgrade *of(struct engine *en)
{
	if (!en->upgrade) {
		en->upgrade = calloc(1, sizeof(*en->upgrade));
		if (!en->upgrade)
			abort(); /* a start without memory: the next one has some, or fails alike */
		en->upgrade->engine = en;
		en->upgrade->sock = en->upgrade->workers_sock = -1;
	}
	return en->upgrade;
}

static const char *field(const struct upgrade *u, const char *key)
{
	const char *s = json_string_value(json_object_get(u->record, key));
	return s ? s : "";
}

static bool is_in(const struct upgrade *u, const char *state)
{
	return strcmp(field(u, "State"), state) == 0;
}

/* ---------------------------------------------------------------- the record */

static int run_root(const struct engine *en)
{
	return open(en->options.run_root, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
}

static int save(const struct upgrade *u, struct err *e)
{
	auto_close int dirfd = run_root(u->engine);
	auto_free char *text = json_dumps(u->record, JSON_COMPACT);
	if (dirfd < 0)
		return err_set(e, errno, "open %s", u->engine->options.run_root);
	if (!text)
		return err_set(e, ENOMEM, "write %s", RECORD);
	return io_replace_file(dirfd, RECORD, text, strlen(text), 0600, false, e);
}

static void set_state(struct upgrade *u, const char *state)
{
	struct err e;
	(void)json_object_set_new(u->record, "State", json_string(state));
	if (save(u, &e) < 0)
		log_warn("upgrade-record", "err=\"%s\"", e.text);
}

static json_t *load(const struct engine *en)
{
	auto_(buf) struct buf text = { 0 };
	auto_close int dirfd = run_root(en);
	struct err e;
	int r = dirfd < 0 ? -errno : io_read_file(dirfd, RECORD, RECORD_MAX, &text, &e);
	json_t *o = r < 0 ? NULL : json_parse(text.data, text.len, RECORD, &e);
	if (!o && r != -ENOENT)
		log_warn("upgrade-record", "err=\"%s\" action=\"go on without\"", e.text);
	return o;
}

static void forget(struct upgrade *u)
{
	auto_close int dirfd = run_root(u->engine);
	json_decref(u->record);
	u->record = NULL;
	if (dirfd >= 0)
		(void)unlinkat(dirfd, RECORD, 0); /* there may be none */
}

void upgrade_forget(struct engine *en)
{
	forget(of(en));
}

void upgrade_done(struct engine *en)
{
	struct upgrade *u = en ? en->upgrade : NULL;
	if (!u)
		return;
	engine_event_free(&u->timer);
	own_close(&u->sock);
	own_close(&u->workers_sock);
	json_decref(u->record);
	free(u);
	en->upgrade = NULL;
}

json_t *upgrade_status(const struct engine *en)
{
	const struct upgrade *u = en->upgrade;
	json_t *o = json_pack("{s:s, s:s, s:i}", "State", u && u->record ? field(u, "State") : "none",
		"Version", BERTH_VERSION, "Pid", (int)getpid());
	static const char *const more[] = { "From", "To", "Path", "Reason" };
	for (size_t i = 0; o && u && u->record && i < ARRAY_LEN(more); i++)
		if (json_object_get(u->record, more[i]))
			(void)json_object_set_new(o, more[i], json_string(field(u, more[i])));
	return o;
}

/* ---------------------------------------------------------------- by who comes after */

static void describe_end(const struct keeper_limits *l, char *out, size_t room)
{
	const char *name = sigabbrev_np(l->last_value);
	if (l->last_late)
		(void)snprintf(out, room, "it was not ready within %d s", KEEPER_TRIAL_S);
	else if (l->last_code == CLD_EXITED)
		(void)snprintf(out, room, "it exited with status %d after %u.%03u s", l->last_value,
			l->last_lived_ms / 1000, l->last_lived_ms % 1000);
	else
		(void)snprintf(out, room, "it was killed by signal %d (SIG%s) after %u.%03u s", l->last_value,
			name ? name : "?", l->last_lived_ms / 1000, l->last_lived_ms % 1000);
}

static void trial_over(evutil_socket_t fd, short what, void *cookie)
{
	struct upgrade *u = cookie;
	(void)fd;
	(void)what;
	set_state(u, "kept");
	log_info("upgrade-kept", "version=%s", BERTH_VERSION);
}

static void begin_trial(struct upgrade *u)
{
	log_info("upgraded", "from=%s to=%s path=\"%s\"", field(u, "From"), BERTH_VERSION, field(u, "Path"));
	(void)json_object_set_new(u->record, "To", json_string(BERTH_VERSION));
	set_state(u, "trial");
	u->timer = evtimer_new(u->engine->base, trial_over, u);
	if (!u->timer)
		abort();
	engine_timer_arm(u->timer, TRIAL_NS);
}

void upgrade_recover(struct engine *en)
{
	struct upgrade *u = of(en);
	const struct keeper_limits *l = keeper_limits(en->keeper);
	char why[160];

	u->record = load(en);
	if (!u->record)
		return;
	if (l->starts == 1) { /* of another keeper */
		forget(u);
		return;
	}
	if (!is_in(u, NOT_STARTED) && !is_in(u, "trial"))
		return;
	if (l->rolled_back > (unsigned)json_integer_value(json_object_get(u->record, "RolledBack"))) {
		describe_end(l, why, sizeof(why));
		log_error("rolled-back", "from=%s to=%s err=\"%s\"", field(u, "To"), BERTH_VERSION, why);
		(void)json_object_set_new(u->record, "Reason", json_string(why));
		set_state(u, "rolled-back");
	} else if (l->trial) {
		begin_trial(u);
	} else if (is_in(u, NOT_STARTED)) {
		/* A keeper that knows of no trial after the start, or the one that was asked died of something else before. */
		log_info("upgraded", "from=%s to=%s path=\"%s\"", field(u, "From"), BERTH_VERSION,
			field(u, "Path"));
		set_state(u, "kept");
	} else {
		set_state(u, "kept"); /* died after its trial, before it could say so */
	}
}

/* ---------------------------------------------------------------- the new program */

static int check_job(void *cookie, int out_fd, struct err *e)
{
	const struct upgrade *u = cookie;
	char version[UPGRADE_VERSION_MAX];
	int fd = -1;
	int r = upgrade_check(u->path, &fd, version, e);

	if (r == 0 && (r = io_send(u->workers_sock, version, strlen(version), &fd, 1)) < 0)
		r = err_set(e, -r, "hand over the copy of %s", u->path);
	(void)out_fd;
	return r;
}

static int hand_over(struct upgrade *u, const char *version, int image_fd, struct err *e)
{
	struct engine *en = u->engine;

	json_decref(u->record);
	u->record = json_pack("{s:s, s:s, s:s, s:s, s:I}", "State", NOT_STARTED, "From", BERTH_VERSION, "To",
		version, "Path", u->path, "RolledBack", (json_int_t)keeper_limits(en->keeper)->rolled_back);
	if (!u->record)
		return err_set(e, ENOMEM, "upgrade");
	engine_event_free(&u->timer); /* of our own trial: who names a successor has passed */
	int r = save(u, e);
	if (r == 0)
		r = keeper_replace(en->keeper, image_fd, e);
	if (r < 0)
		forget(u);
	else
		log_info("upgrading", "from=%s to=%s path=\"%s\"", BERTH_VERSION, version, u->path);
	return r;
}

static void checked(void *cookie, int r, const struct err *why, const char *out, size_t out_len)
{
	struct upgrade *u = cookie;
	struct err e = { 0 };
	char version[UPGRADE_VERSION_MAX] = "";
	auto_close int image_fd = -1, sock = take_fd(&u->sock);
	size_t n = 1;
	(void)out;
	(void)out_len;

	own_close(&u->workers_sock);
	if (r < 0) {
		e = *why;
	} else {
		ssize_t len = io_recv(sock, version, sizeof(version) - 1, &image_fd, &n, MSG_DONTWAIT);
		r = len <= 0 || n != 1 ? err_say(&e, EPROTO, "upgrade: the worker gave nothing")
				       : hand_over(u, version, image_fd, &e);
	}
	if (r < 0)
		log_warn("upgrade-refused", "path=\"%s\" err=\"%s\"", u->path, e.text);
	upgrade_done_fn done = u->done;
	u->done = NULL;
	done(u->cookie, r, r < 0 ? &e : NULL);
}

int upgrade_start(struct engine *en, const char *path, upgrade_done_fn done, void *cookie, struct err *e)
{
	struct upgrade *u = of(en);
	int pair[2];

	if (*path != '/' || strlen(path) >= sizeof(u->path))
		return err_say(e, EINVAL, "Path: must be the absolute path of a program");
	if (en->stopping)
		return err_say(e, EBUSY, "the daemon is stopping");
	if (u->done || is_in(u, NOT_STARTED))
		return err_say(e, EBUSY, "an upgrade is under way");
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
		return err_set(e, errno, "upgrade: make a socket pair");
	u->sock = pair[0];
	u->workers_sock = pair[1];
	memcpy(u->path, path, strlen(path) + 1);
	struct worker_args args = { .what = "check of the new program",
		.job = check_job,
		.done = checked,
		.cookie = u,
		.deadline_ms = CHECK_MS,
		.keep_fds = &u->workers_sock,
		.n_keep_fds = 1 };
	int r = worker_start(en->workers, &args, NULL, e);
	if (r < 0) {
		own_close(&u->sock);
		own_close(&u->workers_sock);
		return r;
	}
	u->done = done;
	u->cookie = cookie;
	return 0;
}

/* Crash-only: the successor finds everything as it would after a SIGKILL, so that this path is one that works. */
static void leave(evutil_socket_t fd, short what, void *cookie)
{
	(void)fd;
	(void)what;
	(void)cookie;
	_exit(0);
}

void upgrade_leave(struct engine *en)
{
	struct upgrade *u = of(en);
	u->timer = evtimer_new(en->base, leave, u);
	if (!u->timer)
		_exit(0);
	engine_timer_arm(u->timer, LEAVE_NS);
}

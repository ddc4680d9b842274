#include "cli/project_act.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "cli/api.h"
#include "cli/project_find.h"
#include "cli/reconnect.h"

struct item {
	struct project_act *run;
	const char *id, *name, *service, *depends_on; /* the row's */
	struct remote remote;
	struct reconnect reconnect;
	struct event *retry;
	bool begun, over, second;
};

struct project_act {
	const struct cli *cli;
	struct event_base *base;
	struct act act;
	json_t *rows;
	struct progress *progress;
	void (*done)(void *cookie);
	void *cookie;
	struct item *items;
	size_t count, left;
	struct event *turn; /* what may begin now is begun from here */
	struct err first;
};

/* ---------------------------------------------------------------- order */

/* The label "db:service_started:true,cache:service_healthy:false": is this service in it? */
static bool depends_on(const struct item *item, const char *service)
{
	size_t len = strlen(service);
	for (const char *p = item->depends_on; *p;) {
		size_t entry = strcspn(p, ","), word = strcspn(p, ":,");
		if (word == len && strncmp(p, service, len) == 0)
			return true;
		p += entry;
		p += *p == ',';
	}
	return false;
}

static bool must_wait(const struct project_act *run, const struct item *item)
{
	for (size_t i = 0; i < run->count && run->act.order != ACT_ANY; i++) {
		const struct item *other = &run->items[i];
		if (other == item || other->over)
			continue;
		if (run->act.order == ACT_REVERSE ? depends_on(other, item->service)
						  : depends_on(item, other->service))
			return true;
	}
	return false;
}

/* ---------------------------------------------------------------- one container */

static void item_over(struct item *item, struct err *why)
{
	struct project_act *run = item->run;
	item->over = true;
	if (!why) {
		progress_say(run->progress, "Container", item->name, run->act.done);
	} else {
		progress_say(run->progress, "Container", item->name, "Error");
		if (!run->first.code)
			run->first = *why;
	}
	run->left--;
	event_active(run->turn, EV_TIMEOUT, 0);
}

/* A supervisor that dies in the middle has done it, or not. */
static void item_broken(struct item *item, struct err *e)
{
	int r = api_connection_error(item->run->cli, e);
	if (reconnect_is_broken(r) && (item->second || r != -ECONNREFUSED)) {
		if (!item->run->act.again) {
			(void)err_say(e, -r,
				"the berth daemon was interrupted: whether this was done to %s is not known, see 'berth ps -a'",
				item->name);
			item_over(item, e);
			return;
		}
		item->reconnect.was_made = item->second = true;
		int ms = reconnect_delay(&item->reconnect, r, e);
		struct timeval tv = { ms / 1000, ms % 1000 * 1000 };
		if (ms >= 0 && event_add(item->retry, &tv) == 0)
			return;
	}
	item_over(item, e);
}

static void item_changed(struct remote *remote)
{
	struct item *item = remote->cookie;
	struct err e;
	if (!remote->ended || item->over)
		return;
	if (remote->err.code) {
		e = remote->err;
		item_broken(item, &e);
	} else if (remote->status < 400) {
		item_over(item, NULL);
	} else {
		int r = api_error(remote->status, remote->body.data, remote->body.len, &e);
		const char *verb = item->run->act.verb;
		/* Our first word was heard; or it has ended by itself meanwhile. */
		bool is_so = (r == -ENOENT && item->second && !verb) ||
			(r == -EEXIST && verb && strcmp(verb, "kill") == 0 &&
				strstr(e.text, "is not running"));
		item_over(item, is_so ? NULL : &e);
	}
}

static int ask(struct item *item, struct err *e)
{
	const struct act *act = &item->run->act;
	auto_(buf) struct buf target = { 0 };
	int r = api_target(&target, "/containers/%s", item->id);
	if (r == 0 && act->verb)
		r = buf_printf(&target, "/%s", act->verb);
	if (r == 0)
		r = buf_puts(&target, act->query);
	if (r == 0 && item->second && act->verb && strcmp(act->verb, "stop") == 0)
		r = api_query(&target, "berth_again", "1"); /* a stop that goes on is waited for */
	if (r < 0)
		return err_set(e, -r, "%s", item->name);
	remote_done(&item->remote);
	item->remote = (struct remote){ .changed = item_changed, .cookie = item };
	return remote_start(
		&item->remote, item->run->cli, item->run->base, act->method, target.data, NULL, false, e);
}

static void ask_again(evutil_socket_t fd, short what, void *arg)
{
	struct item *item = arg;
	struct err e;
	(void)fd;
	(void)what;
	if (ask(item, &e) < 0)
		item_broken(item, &e);
}

/* ---------------------------------------------------------------- all of them */

static void begin(struct item *item)
{
	struct err e;
	item->begun = true;
	progress_say(item->run->progress, "Container", item->name, item->run->act.doing);
	if (ask(item, &e) < 0)
		item_over(item, &e);
}

static void on_turn(evutil_socket_t fd, short what, void *arg)
{
	struct project_act *run = arg;
	bool any = false;
	(void)fd;
	(void)what;
	if (run->left == 0) {
		run->done(run->cookie);
		return;
	}
	/* Those that wait for each other in a ring (labels lie) are begun all the same. */
	for (int forced = 0; forced < 2 && !any; forced++) {
		for (size_t i = 0; i < run->count; i++) {
			struct item *item = &run->items[i];
			any = any || (item->begun && !item->over);
			if (item->begun || (!forced && must_wait(run, item)))
				continue;
			any = true;
			begin(item);
		}
	}
}

int project_act_start(const struct cli *cli, struct event_base *base, const struct act *act,
	const json_t *rows, struct progress *progress, void (*done)(void *cookie), void *cookie,
	struct project_act **out, struct err *e)
{
	auto_(project_act) struct project_act *run = calloc(1, sizeof(*run));
	size_t i;
	json_t *row;
	if (!run)
		return err_set(e, ENOMEM, "%s", act->doing);
	*run = (struct project_act){ .cli = cli,
		.base = base,
		.act = *act,
		.rows = json_incref((json_t *)(uintptr_t)rows),
		.progress = progress,
		.done = done,
		.cookie = cookie };
	run->items = calloc(json_array_size(rows) + 1, sizeof(*run->items));
	run->turn = evtimer_new(base, on_turn, run);
	if (!run->items || !run->turn)
		return err_set(e, ENOMEM, "%s", act->doing);
	json_array_foreach (rows, i, row) {
		struct item *item = &run->items[run->count++];
		*item = (struct item){ .run = run,
			.id = row_text(row, "Id"),
			.name = row_name(row),
			.service = row_label(row, LABEL_SERVICE),
			.depends_on = row_label(row, LABEL_DEPENDS_ON),
			.reconnect.cli = cli,
			.retry = evtimer_new(base, ask_again, item) };
		if (!item->retry)
			return err_set(e, ENOMEM, "%s", act->doing);
	}
	run->left = run->count;
	event_active(run->turn, EV_TIMEOUT, 0);
	*out = take_ptr(&run);
	return 0;
}

int project_act_result(const struct project_act *run, struct err *e)
{
	if (!run->first.code)
		return 0;
	*e = run->first;
	return -e->code;
}

void project_act_free(struct project_act *run)
{
	if (!run)
		return;
	for (size_t i = 0; i < run->count; i++) {
		remote_done(&run->items[i].remote);
		if (run->items[i].retry)
			event_free(run->items[i].retry);
	}
	if (run->turn)
		event_free(run->turn);
	json_decref(run->rows);
	free(run->items);
	free(run);
}

static void set_true(void *cookie)
{
	*(bool *)cookie = true;
}

int project_act(const struct cli *cli, struct event_base *base, const struct act *act, const json_t *rows,
	struct progress *progress, struct err *e)
{
	auto_(project_act) struct project_act *run = NULL;
	bool over = false;
	int r = project_act_start(cli, base, act, rows, progress, set_true, &over, &run, e);
	while (r == 0 && !over)
		if (event_base_loop(base, EVLOOP_ONCE) != 0)
			r = err_set(e, EIO, "run the event loop");
	return r < 0 ? r : project_act_result(run, e);
}

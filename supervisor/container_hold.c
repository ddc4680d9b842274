#include "supervisor/container_hold.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/fault.h"
#include "base/own.h"
#include "runtime/launch_gate.h"
#include "supervisor/keeper.h"
#include "supervisor/store.h"

#define NAME_ROOM (TEXT_ID_LEN + sizeof("start."))

static const char *gate_name(const struct container *c, char out[NAME_ROOM])
{
	(void)snprintf(out, NAME_ROOM, "%s/start", c->id);
	return out;
}

static const char *kept_name(const struct container *c, char out[NAME_ROOM])
{
	(void)snprintf(out, NAME_ROOM, "start.%s", c->id);
	return out;
}

int hold_make_gate(struct container *c, struct err *e)
{
	char name[NAME_ROOM];
	int fd = launch_gate_make(c->engine->run_dirfd, gate_name(c, name), e);

	if (fd >= 0)
		c->has_gate = true;
	return fd;
}

int hold_begin(struct container *c, struct launch *l, struct err *e)
{
	char name[NAME_ROOM];
	int r = keeper_put_fd(c->engine->keeper, kept_name(c, name), l->sock, e);

	if (r < 0)
		return r;
	struct launch *held = malloc(sizeof(*held));
	if (!held)
		return err_set(e, ENOMEM, "hold container");
	fault_point("hold.kept");
	(void)state_set_held(&c->actual); /* it is starting: nothing refuses that */
	if ((r = store_save_state(c, e)) < 0) {
		free(held);
		return r;
	}
	fault_point("hold.held");
	*held = *l;
	*l = (struct launch){ .sock = -1, .launcher_pidfd = -1 };
	own_close(&held->launcher_pidfd); /* it has ended, or is about to */
	c->held = held;
	return 0;
}

int hold_end(struct container *c, struct launch *out, struct err *e)
{
	char name[NAME_ROOM];
	struct err gone;

	*out = *c->held;
	free(take_ptr(&c->held));
	if (!c->actual.starting) /* else a predecessor has begun with it */
		(void)state_set_starting(&c->actual);
	int r = store_save_state(c, e);
	if (r < 0)
		return r;
	fault_point("hold.letting-go");
	r = launch_gate_open(c->engine->run_dirfd, gate_name(c, name), &gone);
	fault_point("hold.let-go");
	if (r < 0 && r != -ESRCH) { /* let go already by a predecessor, or dead: the socket tells */
		if (e)
			*e = gone;
		return r;
	}
	launch_gone_through(out);
	return 0;
}

void hold_drop(struct container *c)
{
	char name[NAME_ROOM];

	if (c->held)
		launch_done(c->held);
	free(take_ptr(&c->held));
	if (!c->has_gate)
		return;
	c->has_gate = false;
	launch_gate_remove(c->engine->run_dirfd, gate_name(c, name));
	(void)keeper_drop_fd(c->engine->keeper, kept_name(c, name), NULL); /* it may not have come that far */
}

int hold_take_up(struct container *c, struct err *e)
{
	char name[NAME_ROOM];
	int sock = keeper_get_fd(c->engine->keeper, kept_name(c, name), e);

	c->has_gate = true;
	if (sock < 0)
		return err_wrap(e, sock, "take up held container");
	if (!(c->held = malloc(sizeof(*c->held)))) {
		own_close(&sock);
		return err_set(e, ENOMEM, "take up held container");
	}
	launch_take_up(sock, c->held);
	return 0;
}

void hold_drop_stale(struct container *c)
{
	char name[NAME_ROOM];

	c->has_gate = faccessat(c->engine->run_dirfd, gate_name(c, name), F_OK, AT_SYMLINK_NOFOLLOW) == 0;
	hold_drop(c);
}

#include "supervisor/debt.h"

#include <string.h>

#include "base/clock.h"

#define PAY_EVERY_NS NS_PER_S

struct debt {
	struct list link;
	char path[sizeof(((struct cgroup *)0)->path)];
};

unsigned debt_pay(struct engine *en)
{
	unsigned left = 0;

	list_each_safe (struct debt, d, &en->debts, link) {
		struct err e;
		if (cgroup_remove(en->cgroups, d->path, 0, &e) == 0) {
			log_info("group-removed", "group=%s late=1", d->path);
			list_remove(&d->link);
			free(d);
		} else {
			left++;
		}
	}
	return left;
}

static void pay_again(evutil_socket_t fd, short what, void *cookie)
{
	struct engine *en = cookie;
	(void)fd;
	(void)what;

	if (debt_pay(en) > 0)
		engine_timer_arm(en->debt_timer, PAY_EVERY_NS);
}

void debt_add_group(struct engine *en, const char *path)
{
	list_each (struct debt, old, &en->debts, link)
		if (strcmp(old->path, path) == 0)
			return;
	struct debt *d = calloc(1, sizeof(*d));
	if (!d || (!en->debt_timer && !(en->debt_timer = evtimer_new(en->base, pay_again, en))))
		abort();
	snprintf(d->path, sizeof(d->path), "%s", path);
	list_append(&en->debts, &d->link);
	log_warn("group-busy", "group=%s action=retry", path);
	engine_timer_arm(en->debt_timer, PAY_EVERY_NS);
}

void debt_forget_group(struct engine *en, const char *path)
{
	list_each_safe (struct debt, d, &en->debts, link) {
		if (strcmp(d->path, path) != 0)
			continue;
		list_remove(&d->link);
		free(d);
	}
}

void debt_forget_all(struct engine *en)
{
	list_each_safe (struct debt, d, &en->debts, link) {
		list_remove(&d->link);
		free(d);
	}
	if (en->debt_timer)
		event_free(en->debt_timer);
	en->debt_timer = NULL;
}

/* scale and deploy.replicas: a service that is wanted several times becomes as many, told apart by name and number. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "supervisor/compose/service.h"

static int set_scale(struct load *l, const struct node *v, int64_t n)
{
	struct compose_service *out = l->svc->out;
	if (l->svc->scaled && out->scale != (unsigned)n)
		return load_fail(l, v, "can't set distinct values on 'scale' and 'deploy.replicas'");
	if (n > 1 && node_get(l->svc->node, "container_name"))
		return load_fail(l, v, "can't set container_name and %s as container name must be unique",
			node_get(l->svc->node, "scale") ? "scale" : "deploy.replicas");
	l->svc->scaled = true;
	out->scale = (unsigned)n;
	return 0;
}

int scale_apply(struct load *l, const struct key *k, const struct node *v)
{
	int64_t n;

	(void)k;
	int r = value_int(l, v, 0, COMPOSE_MAX_SERVICES, &n);
	return r < 0 ? r : set_scale(l, v, n);
}

/* One on each machine of a cluster is one. */
int scale_apply_mode(struct load *l, const struct key *k, const struct node *v)
{
	const struct node *replicas = node_get(node_get(l->svc->node, "deploy"), "replicas");
	int r = value_word(l, v, k->words);
	if (r < 0 || *v->text != 'g')
		return r;
	return replicas ? load_fail(l, replicas, "replicas can only be used with replicated mode")
			: set_scale(l, v, 1);
}

static int one_more(struct load *l, const struct compose_service *s, unsigned number)
{
	struct compose_project *p = l->project;
	struct compose_service *to = &p->services[p->n_services];
	char text[16];
	*to = *s;
	to->body = json_deep_copy(s->body);
	if (!to->body)
		return load_fail_memory(l);
	p->n_services++; /* and its body the project's to free */
	if (number > 1)
		to->container_name = arena_printf(l->arena, "%s-%s-%u", p->name, s->name, number);
	(void)snprintf(text, sizeof(text), "%u", number);
	json_t *labels = json_object_get(to->body, "Labels");
	if (!to->container_name ||
		json_object_set_new(labels, "com.docker.compose.container-number", json_string(text)) < 0)
		return load_fail_memory(l);
	return 0;
}

/* Of one that is named app-web-2 by its container_name, for one. */
static int check_names(struct load *l)
{
	const struct compose_project *p = l->project;
	for (size_t i = 0; i < p->n_services; i++)
		for (size_t k = 0; k < i; k++)
			if (strcmp(p->services[i].container_name, p->services[k].container_name) == 0)
				return err_say(l->err, EINVAL, "services %s and %s: both have a container %s",
					p->services[k].name, p->services[i].name,
					p->services[i].container_name);
	return 0;
}

int scale_expand(struct load *l)
{
	struct compose_project *p = l->project;
	struct compose_service *single = p->services;
	size_t n = p->n_services, total = 0;
	int r = 0;
	for (size_t i = 0; i < n; i++)
		total += single[i].scale;
	if (total > COMPOSE_MAX_SERVICES)
		return err_say(l->err, EINVAL, "more than %d containers", COMPOSE_MAX_SERVICES);
	struct compose_service *all = arena_calloc(l->arena, total + 1, sizeof(*all));
	p->scales = json_object();
	if (!all || !p->scales)
		return load_fail_memory(l);
	p->services = all;
	p->n_services = 0;
	for (size_t i = 0; i < n; i++) {
		for (unsigned k = 1; r == 0 && k <= single[i].scale; k++)
			r = one_more(l, &single[i], k);
		if (r == 0 &&
			json_object_set_new(p->scales, single[i].name, json_integer(single[i].scale)) < 0)
			r = load_fail_memory(l);
		json_decref(single[i].body);
	}
	return r < 0 ? r : check_names(l);
}

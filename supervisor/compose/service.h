/*
 * service - one service of the document as a create body.
 *
 * Handlers (called by schema_apply() for each key of the tables in keys.c) write into load.svc; a member that two
 * keys set must get the same value from both. They stand by theme: process.c, isolation.c, resources.c, mounts.c,
 * configs.c.
 *
 * Owns:    values given to service_put() are taken over, even on failure.
 * Errors:  as load_fail().
 */
#ifndef COMPOSE_SERVICE_H
#define COMPOSE_SERVICE_H

#include "supervisor/compose/schema.h"
#include "supervisor/compose/value.h"

struct service {
	const char *name;
	const struct node *node;
	struct compose_service *out;
	size_t depends_room;
	bool scaled;		    /* out->scale was said */
	const struct node **places; /* where each of out->depends_on was asked for */
};

/* Build the body of l->svc. */
int service_build(struct load *l);
/* Add the labels by which compose's tools know its containers. Behind the hash, which must not change when a file is
 * moved, and when it is known which dependencies remain. */
int service_label(struct load *l);

int service_put(struct load *l, const struct node *at, const char *member, json_t *value);
/* Borrowed; NULL when not set. */
json_t *service_get(const struct load *l, const char *member);
int service_put_text(struct load *l, const struct node *at, const char *member, const char *text);
/* Asking twice keeps the stronger condition, and required and restart win over not. */
int service_add_dependency(struct load *l, const struct node *at, const struct compose_dependency *d);
/* The container's name of a service of the document; NULL when there is no such service. */
const char *service_container_name(struct load *l, const char *service);

typedef int service_handler(struct load *l, const struct key *k, const struct node *v);

/* The common kinds: the value goes to .member. */
service_handler service_apply_text, service_apply_bool, service_apply_int, service_apply_bytes,
	service_apply_word, service_apply_list, service_apply_pairs;

/* process.c: what runs, as whom, and when it stops. */
service_handler process_command, process_working_dir, process_user, process_container_name, process_hostname,
	process_restart, process_stop_signal, process_stop_grace_period, process_platform,
	process_pull_policy, process_attach, process_expose, process_log_driver;
/* A command as a list of its words. */
int process_words(struct load *l, const struct node *v, json_t **out);
int process_check_user(struct load *l, const struct node *v);
int process_normalise_env_file(struct load *l, struct node **v);
/* env_file, then environment over it. */
int process_environment(struct load *l);

/* labels.c: label_file, then labels over it. */
int labels_build(struct load *l);

/* isolation.c: namespaces, privileges, names, dependencies. */
service_handler isolation_namespace, isolation_security_opt, isolation_capabilities, isolation_device_rules,
	isolation_ulimits, isolation_extra_hosts, isolation_dns, isolation_depends_on;
int isolation_normalise_depends_on(struct load *l, struct node **v);
int isolation_normalise_extra_hosts(struct load *l, struct node **v);

/* images.c: image:, and top-level x-berth-images into the project. */
service_handler images_service;
int images_declare(struct load *l, const struct node *images);

/* resources.c: limits. */
service_handler resources_cpus, resources_cpuset, resources_memswap, resources_pids, resources_weight_devices,
	resources_rate_bytes, resources_rate_count;
/* What only holds between several keys. */
int resources_check(struct load *l);

/* scale.c: how many there are of a service. */
service_handler scale_apply, scale_apply_mode;
/* A service for each container; the last phase. */
int scale_expand(struct load *l);

/* hooks.c: post_start and pre_stop. */
service_handler hooks_apply;

/* configs.c: configs and secrets. */
int configs_normalise(struct load *l, struct node **v);
int configs_complete_config(struct load *l, struct node *item);
int configs_complete_secret(struct load *l, struct node *item);
/* What the document declares. */
int configs_check(struct load *l);
/* What the service asks for, behind its other mounts. */
int configs_build(struct load *l);

/* mounts.c: volumes, binds, tmpfs, devices. */
service_handler mounts_volumes, mounts_tmpfs, mounts_devices;
int mounts_normalise_volume(struct load *l, struct node **v);
int mounts_normalise_device(struct load *l, struct node **v);

/* volumes.c: top-level volumes, into the project; those of other containers. */
service_handler volumes_apply_from;
int volumes_declare(struct load *l);
/* The real name of a declared volume; NULL when key is not declared. */
const char *volumes_name(struct load *l, const char *key);
/* Nothing that each container has for itself where there are several. */
int volumes_check_scale(struct load *l);
/* 1 when it has options of its driver: mount is then what they say. */
int volumes_fill(struct load *l, const struct node *m, const struct node *source, json_t *mount);

#endif

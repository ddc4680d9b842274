/*
 * config_parts - the parts of a create body, each with its own file (private to supervisor/config*.c).
 *
 * A reader takes the object that holds its keys, fills the config from the config's arena and answers -EINVAL (Docker's
 * text or the key's path) or -EOPNOTSUPP. Readers run in the order that config.c gives them: a later one may rely on what
 * an earlier one has read.
 */
#ifndef SUPERVISOR_CONFIG_PARTS_H
#define SUPERVISOR_CONFIG_PARTS_H

#include <errno.h>

#include "base/fields.h"
#include "base/json.h"
#include "supervisor/config.h"

#define HOST "HostConfig"

/* config_host.c: namespaces, restart policy, security, sysctls, limits of processes, what is refused */
int config_read_host(const json_t *host, struct config *c, struct err *e);
/* config_log.c: LogConfig; Berth.Logs was read before */
int config_read_log(const json_t *host, struct config *c, struct err *e);
/* config_resources.c: the Resources members */
int config_read_resources(const json_t *host, struct config *c, struct err *e);
/* What depends on the host a container is made on: the cpus it has. */
int config_check_resources(const struct config *c, struct err *e);
/* config_mounts.c: Binds, Mounts, Tmpfs, Volumes, VolumeDriver */
int config_read_mounts(const json_t *body, const json_t *host, struct config *c, struct err *e);
/* config_files.c: Berth.Files; mounts were read before */
int config_read_files(const json_t *body, struct config *c, struct err *e);
/* config_devices.c: Devices, DeviceCgroupRules */
int config_read_devices(const json_t *host, struct config *c, struct err *e);
/* config_berth.c: our extras */
int config_read_berth(const json_t *body, struct config *c, struct err *e);

static inline int config_no_memory(struct err *e)
{
	return err_say(e, ENOMEM, "create body: out of memory");
}

#endif

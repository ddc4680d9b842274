/*
 * volumes - between the API's files about volumes.
 *
 * Source:  Docker Engine API, Volume.
 * Owns:    new references; NULL when memory is out.
 */
#ifndef SUPERVISOR_API_VOLUMES_H
#define SUPERVISOR_API_VOLUMES_H

#include "supervisor/api/api.h"
#include "supervisor/api/filters.h"

struct volume;

json_t *api_volume_json(const struct engine *en, const struct volume *v);
/* By the filters name, driver, dangling (as its callers have checked it), label and label!. */
bool api_volume_fits(const struct engine *en, const struct filters *f, const struct volume *v);

#endif

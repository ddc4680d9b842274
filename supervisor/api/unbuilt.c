#include "supervisor/api/unbuilt.h"

#include <fnmatch.h>
#include <stddef.h>
#include <stdbool.h>
#include <string.h>

#include "base/own.h"

/* A '*' takes slashes too: names of images have them. A call moves out of this table when it is built. */
static const struct {
	const char *methods, *path, *what;
} table[] = {
	{ "POST", "/auth", "registries" },
	{ "POST", "/session", "image builds" },
	{ "GET", "/containers/*/attach/ws", "attach by WebSocket" },
	{ "POST", "/commit", "commits" },
	{ "POST", "/build", "image builds" },
	{ "POST", "/build/*", "image builds" },
	{ "GET", "/images/search", "registries" },
	{ "POST", "/images/load", "loading images" },
	{ "GET", "/images/get", "saving images" },
	{ "POST", "/images/prune", "prune" },
	{ "GET", "/images/*/get", "saving images" },
	{ "GET", "/images/*/history", "layers of images" },
	{ "POST", "/images/*/push", "registries" },
	{ "GET", "/distribution/*/json", "registries" },
	{ "PUT", "/volumes/*", "volumes of a swarm" },
	{ "GET", "/networks", "networks" },
	{ "GET POST DELETE", "/networks/*", "networks" },
	{ "GET", "/plugins", "plugins" },
	{ "GET POST DELETE", "/plugins/*", "plugins" },
	{ "GET", "/swarm", "swarm mode" },
	{ "GET POST", "/swarm/*", "swarm mode" },
	{ "GET", "/nodes", "swarm mode" },
	{ "GET POST DELETE", "/nodes/*", "swarm mode" },
	{ "GET", "/services", "swarm mode" },
	{ "GET POST DELETE", "/services/*", "swarm mode" },
	{ "GET", "/tasks", "swarm mode" },
	{ "GET", "/tasks/*", "swarm mode" },
	{ "GET", "/secrets", "swarm mode" },
	{ "GET POST DELETE", "/secrets/*", "swarm mode" },
	{ "GET", "/configs", "swarm mode" },
	{ "GET POST DELETE", "/configs/*", "swarm mode" },
};

/* Is method one of the words? */
static bool has_word(const char *words, const char *method)
{
	size_t len = strlen(method);
	for (const char *p = words; *p;) {
		size_t n = strcspn(p, " ");
		if (n == len && strncmp(p, method, n) == 0)
			return true;
		p += n;
		p += *p == ' ';
	}
	return false;
}

const char *api_unbuilt(const char *method, const char *path)
{
	for (size_t i = 0; i < ARRAY_LEN(table); i++)
		if (has_word(table[i].methods, method) && fnmatch(table[i].path, path, 0) == 0)
			return table[i].what;
	return NULL;
}

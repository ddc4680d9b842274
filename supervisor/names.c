#include "supervisor/names.h"

#include <stdint.h>
#include <stdio.h>
#include <sys/random.h>

#include "base/own.h"

static const char *const adjectives[] = { "able", "agile", "amber", "ample", "brave", "bright", "brisk",
	"calm", "candid", "clear", "clever", "cosy", "crisp", "deft", "eager", "early", "fair", "fond",
	"frank", "fresh", "gentle", "glad", "golden", "grand", "hardy", "honest", "jolly", "keen", "kind",
	"lively", "loyal", "lucid", "merry", "mild", "modest", "neat", "nimble", "noble", "patient", "plain",
	"polite", "prompt", "proud", "quick", "quiet", "ready", "robust", "round", "serene", "sharp",
	"silent", "smart", "steady", "stout", "sunny", "swift", "tidy", "vivid", "warm", "wise" };

/* People of the sea, of clocks and of machines. */
static const char *const surnames[] = { "amundsen", "anson", "bering", "beaufort", "bligh", "bowditch",
	"brunel", "cabot", "cabral", "clark", "cook", "coronelli", "cousteau", "dampier", "davis", "dias",
	"drake", "earhart", "earle", "elcano", "erikson", "franklin", "frobisher", "gama", "gilbert",
	"halley", "hanno", "harrison", "hopper", "hudson", "humboldt", "ibnbattuta", "jansson", "johnson",
	"kerguelen", "krusenstern", "lovelace", "magellan", "maury", "mercator", "nansen", "nobile", "parry",
	"perouse", "polo", "pytheas", "ross", "scoresby", "shackleton", "slocum", "tasman", "tharp", "torres",
	"turing", "vancouver", "vespucci", "wallis", "weddell", "willis", "zhenghe" };

bool names_random(bool (*taken)(void *cookie, const char *name), void *cookie, char *out, size_t room)
{
	for (int attempt = 0; attempt < 6; attempt++) {
		uint32_t r[3];
		char name[64];
		if (getrandom(r, sizeof(r), 0) != sizeof(r))
			return false;
		const char *adjective = adjectives[r[0] % ARRAY_LEN(adjectives)];
		const char *surname = surnames[r[1] % ARRAY_LEN(surnames)];
		if (attempt == 0)
			snprintf(name, sizeof(name), "%s_%s", adjective, surname);
		else
			snprintf(name, sizeof(name), "%s_%s%u", adjective, surname, r[2] % 10);
		if (!taken(cookie, name)) {
			snprintf(out, room, "%s", name);
			return true;
		}
	}
	return false;
}

/*
 * value - the words of a compose file as what they mean: booleans, numbers, sizes, durations.
 *
 * Source:  the Compose specification's scalars. Quoted or not makes no difference: after variables are replaced all
 *          are text first.
 * Errors:  as load_fail(): the place is the value's.
 */
#ifndef COMPOSE_VALUE_H
#define COMPOSE_VALUE_H

#include <stdint.h>

#include "supervisor/compose/load.h"

int value_bool(struct load *l, const struct node *v, bool *out);
int value_int(struct load *l, const struct node *v, int64_t min, int64_t max, int64_t *out);
/* "1777", "01777" and "0o1777" are the same. */
int value_mode(struct load *l, const struct node *v, int64_t *out);
int value_bytes(struct load *l, const struct node *v, int64_t *out);
int value_duration(struct load *l, const struct node *v, int64_t *out_ns);
/* A decimal number in billionths: "0.5" is 500000000. */
int value_nano(struct load *l, const struct node *v, int64_t *out);
/* Is the word one of a blank-separated list? The error names them. */
int value_word(struct load *l, const struct node *v, const char *allowed);
/* A new JSON string; text that is no UTF-8 (from an environment) is an error. */
int value_json(struct load *l, const struct node *at, const char *text, json_t **out);

/* The members of a mapping or list that the schema has brought into form. */
int value_json_list(struct load *l, const struct node *list, json_t **out);
/* null_ok: a key without value is "". */
int value_json_pairs(struct load *l, const struct node *map, bool null_ok, json_t **out);

#endif

/*
 * Reading JSON: a thin view of the parser library, whose memory comes from base/mem.h. Every
 * accessor checks the type and answers "absent" for a NULL value, so that lookups chain without
 * a test at each step. Nesting is limited by the parser, object keys are unique.
 */
#ifndef AM_BASE_JSON_H
#define AM_BASE_JSON_H

#include "base/status.h"

typedef struct am_json am_json;

/*
 * Parses text[0 … n-1]; `source` names it in messages. Errors: `bad` for text that is not JSON,
 * E_MEMORY. The values reached from *json are borrowed until am__json_free(json).
 */
AM_CHECK_RESULT am_status am__json_parse(const char *text, size_t n, const char *source,
                                         am_status bad, am_json **json, am_error *error);
void am__json_free(am_json **json);

bool am__json_is_object(am_json *json);
bool am__json_is_array(am_json *json);

am_json *am__json_get(am_json *object, const char *key);     /* NULL = absent */
size_t am__json_size(am_json *array_or_object);              /* 0 for anything else */
am_json *am__json_at(am_json *array, size_t index);          /* NULL = absent */

/* Steps through an object: *cursor NULL at first; false at the end. */
bool am__json_next(am_json *object, void **cursor, const char **key, am_json **value);

/* True and *out when the value is an integer in [min, max]. */
bool am__json_integer(am_json *json, int64_t min, int64_t max, int64_t *out);

/* UTF-8, zero-terminated, without zero bytes inside; NULL when the value is not a string. */
const char *am__json_string(am_json *json, size_t *n_bytes);

#endif

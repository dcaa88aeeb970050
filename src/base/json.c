/* The only user of jansson: see json.h. An am_json is a json_t. */
#include "base/json.h"

#include <jansson.h>
#include <pthread.h>

#include "base/mem.h"

/* Set when memory ran out: the parser reports most failed allocations as bad syntax. */
static _Thread_local bool out_of_memory;

static void *allocate(size_t n_bytes) {
    unsigned char *block = NULL;
    if (AM_NEW_RAW(&block, n_bytes, NULL) != AM_OK) out_of_memory = true;
    return block;
}

static pthread_once_t allocator_once = PTHREAD_ONCE_INIT;

static void route_memory(void) {
    json_set_alloc_funcs(allocate, am__free);
}

static json_t *node(am_json *json) {
    return (json_t *)(void *)json;
}

static am_json *view(json_t *json) {
    return (am_json *)(void *)json;
}

am_status am__json_parse(const char *text, size_t n, const char *source, am_status bad,
                         am_json **json, am_error *error) {
    pthread_once(&allocator_once, route_memory);
    json_error_t problem;
    out_of_memory = false;
    json_t *root = json_loadb(text, n, JSON_REJECT_DUPLICATES, &problem);
    if (root == NULL) {
        if (out_of_memory) {
            AM_FAIL(error, AM_E_MEMORY, "%s: no memory for its JSON", source);
        }
        AM_FAIL(error, bad, "%s: line %d, column %d: %s", source, problem.line, problem.column,
                problem.text);
    }
    *json = view(root);
    return AM_OK;
}

void am__json_free(am_json **json) {
    if (json == NULL || *json == NULL) return;
    json_decref(node(*json));
    *json = NULL;
}

bool am__json_is_object(am_json *json) {
    return json_is_object(node(json));
}

bool am__json_is_array(am_json *json) {
    return json_is_array(node(json));
}

am_json *am__json_get(am_json *object, const char *key) {
    return view(json_object_get(node(object), key));
}

size_t am__json_size(am_json *array_or_object) {
    if (json_is_object(node(array_or_object))) return json_object_size(node(array_or_object));
    return json_array_size(node(array_or_object));
}

am_json *am__json_at(am_json *array, size_t index) {
    return view(json_array_get(node(array), index));
}

bool am__json_next(am_json *object, void **cursor, const char **key, am_json **value) {
    json_t *json = node(object);
    void *next = *cursor == NULL ? json_object_iter(json) : json_object_iter_next(json, *cursor);
    if (next == NULL) return false;
    *cursor = next;
    *key = json_object_iter_key(next);
    *value = view(json_object_iter_value(next));
    return true;
}

bool am__json_integer(am_json *json, int64_t min, int64_t max, int64_t *out) {
    if (!json_is_integer(node(json))) return false;
    const json_int_t value = json_integer_value(node(json));
    if (value < min || value > max) return false;
    *out = (int64_t)value;
    return true;
}

const char *am__json_string(am_json *json, size_t *n_bytes) {
    if (!json_is_string(node(json))) return NULL;
    if (n_bytes != NULL) *n_bytes = json_string_length(node(json));
    return json_string_value(node(json));
}

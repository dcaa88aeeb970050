/* The result of a transcription, built once and then only read: see result.h. */
#include "segments/result.h"

#include <string.h>

#include "base/arena.h"
#include "base/utf8.h"

#define N_BYTES_MAX ((size_t)512 << 20)
#define N_SEGMENTS_MAX ((size_t)1 << 20)

struct am_result {
    am_arena arena; /* owns every string, token, probability and word */
    am_segment *segments;
    size_t n_segments, capacity;
    const char *text;
    const char *language;
    double language_probability;
    double duration;
    am_task task;
};

am_status am__result_new(am_task task, am_result **result, am_error *error) {
    am_result *fresh = NULL;
    AM_TRY(AM_NEW(&fresh, 1, error));
    am__arena_init(&fresh->arena, N_BYTES_MAX);
    fresh->task = task;
    fresh->text = "";
    fresh->language = "";
    *result = fresh;
    return AM_OK;
}

void am_result_free(am_result **result) {
    if (result == NULL || *result == NULL) return;
    am__arena_free(&(*result)->arena);
    am__free((*result)->segments);
    am__free(*result);
    *result = NULL;
}

/* ---- Copies ------------------------------------------------------------------------------ */

static bool is_utf8(const char *text, size_t n) {
    for (size_t at = 0; at < n;) {
        uint32_t code;
        bool truncated;
        const size_t length = am__utf8_decode(text + at, n - at, &code, &truncated);
        if (length == 0) return false;
        at += length;
    }
    return true;
}

/* NULL stays NULL. */
static am_status copy_text(am_arena *arena, const char *text, const char **copy, am_error *error) {
    *copy = NULL;
    if (text == NULL) return AM_OK;
    const size_t n = strlen(text);
    if (is_utf8(text, n)) return am__arena_strndup(arena, text, n, copy, error);

    size_t n_bytes;
    if (!am__mul(n, 3, &n_bytes) || !am__add(n_bytes, 1, &n_bytes)) {
        AM_FAIL(error, AM_E_MEMORY, "string of %zu bytes", n);
    }
    char *repaired = NULL;
    AM_TRY(AM_ARENA_NEW(arena, &repaired, n_bytes, error));
    am__utf8_repair(text, n, repaired);
    *copy = repaired;
    return AM_OK;
}

static am_status copy_words(am_arena *arena, const am_word *words, size_t n, const am_word **copy,
                            am_error *error) {
    am_word *fresh = NULL;
    AM_TRY(AM_ARENA_NEW(arena, &fresh, n, error));
    for (size_t i = 0; i < n; i++) {
        fresh[i] = words[i];
        AM_TRY(copy_text(arena, words[i].text, &fresh[i].text, error));
        AM_TRY(copy_text(arena, words[i].speaker, &fresh[i].speaker, error));
    }
    *copy = fresh;
    return AM_OK;
}

static am_status copy_tokens(am_arena *arena, const int32_t *tokens, size_t n, const int32_t **copy,
                             am_error *error) {
    int32_t *fresh = NULL;
    AM_TRY(AM_ARENA_NEW(arena, &fresh, n, error));
    if (n > 0) memcpy(fresh, tokens, n * sizeof *fresh);
    *copy = fresh;
    return AM_OK;
}

/* NULL stays NULL: of tokens that nobody knows the probabilities of. */
static am_status copy_logprobs(am_arena *arena, const float *logprobs, size_t n,
                               const float **copy, am_error *error) {
    float *fresh = NULL;
    *copy = NULL;
    if (logprobs == NULL) return AM_OK;
    AM_TRY(AM_ARENA_NEW(arena, &fresh, n, error));
    if (n > 0) memcpy(fresh, logprobs, n * sizeof *fresh);
    *copy = fresh;
    return AM_OK;
}

/* ---- Building ---------------------------------------------------------------------------- */

am_status am__result_set_language(am_result *result, const char *code, double probability,
                                  am_error *error) {
    const char *copy;
    AM_TRY(copy_text(&result->arena, code, &copy, error));
    result->language = copy;
    result->language_probability = probability;
    return AM_OK;
}

void am__result_set_duration(am_result *result, double seconds) {
    result->duration = seconds;
}

static am_status reserve_segment(am_result *result, am_error *error) {
    if (result->n_segments < result->capacity) return AM_OK;
    if (result->n_segments == N_SEGMENTS_MAX) {
        AM_FAIL(error, AM_E_LIMIT, "result of more than %zu segments", N_SEGMENTS_MAX);
    }
    const size_t capacity = result->capacity > 0 ? result->capacity * 2 : 64;
    am_segment *fresh = NULL;
    AM_TRY(AM_NEW_RAW(&fresh, capacity, error));
    if (result->n_segments > 0) {
        memcpy(fresh, result->segments, result->n_segments * sizeof *fresh);
    }
    am__free(result->segments);
    result->segments = fresh;
    result->capacity = capacity;
    return AM_OK;
}

am_status am__result_add_segment(am_result *result, const am_segment *segment, am_error *error) {
    am_arena *arena = &result->arena;
    am_segment copy = *segment;
    AM_TRY(reserve_segment(result, error));
    AM_TRY(copy_text(arena, segment->text != NULL ? segment->text : "", &copy.text, error));
    AM_TRY(copy_text(arena, segment->speaker, &copy.speaker, error));
    AM_TRY(copy_tokens(arena, segment->tokens, segment->n_tokens, &copy.tokens, error));
    AM_TRY(copy_words(arena, segment->words, segment->n_words, &copy.words, error));
    AM_TRY(copy_logprobs(arena, segment->token_logprobs, segment->n_tokens, &copy.token_logprobs,
                         error));
    copy.id = (int)result->n_segments;
    result->segments[result->n_segments++] = copy;
    return AM_OK;
}

am_status am__result_finish(am_result *result, am_error *error) {
    size_t n_bytes = 1; /* the arena's limit keeps the sum from overflowing */
    for (size_t i = 0; i < result->n_segments; i++) n_bytes += strlen(result->segments[i].text);
    char *text = NULL;
    AM_TRY(AM_ARENA_NEW(&result->arena, &text, n_bytes, error));
    size_t at = 0;
    for (size_t i = 0; i < result->n_segments; i++) {
        const size_t n = strlen(result->segments[i].text);
        memcpy(text + at, result->segments[i].text, n);
        at += n;
    }
    result->text = text;
    return AM_OK;
}

am_status am_result_from_segments(const am_segment *segments, size_t n_segments,
                                  const am_result_info *info, am_result **result,
                                  am_error *error) {
    am_result *fresh = NULL;
    AM_TRY(am__result_new(info->task, &fresh, error));
    fresh->duration = info->duration;
    am_status status = am__result_set_language(fresh, info->language, info->language_probability,
                                               error);
    for (size_t i = 0; i < n_segments && status == AM_OK; i++) {
        status = am__result_add_segment(fresh, &segments[i], error);
    }
    if (status == AM_OK) status = am__result_finish(fresh, error);
    if (status != AM_OK) {
        am_result_free(&fresh);
        return status;
    }
    *result = fresh;
    return AM_OK;
}

/* ---- Reading ----------------------------------------------------------------------------- */

const char *am_result_text(const am_result *result) {
    return result->text;
}

const char *am_result_language(const am_result *result) {
    return result->language;
}

double am_result_language_probability(const am_result *result) {
    return result->language_probability;
}

double am_result_duration(const am_result *result) {
    return result->duration;
}

am_task am_result_task(const am_result *result) {
    return result->task;
}

const am_segment *am_result_segments(const am_result *result, size_t *n_segments) {
    *n_segments = result->n_segments;
    return result->segments;
}

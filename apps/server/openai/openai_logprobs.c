/* Log-probabilities of tokens: see openai_logprobs.h. */
#include "server/openai/openai_logprobs.h"

#include <math.h>

#include "server/base/text_buffer.h"

#define NEVER (-9999.0) /* OpenAI's number for what is next to impossible: JSON has no infinity */

/* What people read of a token, which may be a part of a character. */
static json_t *readable(const char *bytes, size_t n) {
    text mended;
    text_init(&mended, 3 * n + 1);
    text_add_mended(&mended, bytes, n);
    json_t *json = mended.failed ? NULL : json_stringn(n > 0 ? mended.bytes : "", mended.n);
    text_free(&mended);
    return json;
}

static json_t *token_json(const char *bytes, size_t n, float logprob) {
    json_t *list = json_array();
    for (size_t i = 0; i < n; i++) {
        (void)json_array_append_new(list, json_integer((unsigned char)bytes[i]));
    }
    return json_pack("{s:o, s:f, s:o}", "token", readable(bytes, n), "logprob",
                     isfinite(logprob) ? (double)logprob : NEVER, "bytes", list);
}

bool openai_logprobs_add(json_t *list, const am_engine *engine, const am_segment *segment) {
    const int32_t n_text_tokens = am_engine_get_info(engine).n_text_tokens;
    for (size_t i = 0; i < segment->n_tokens; i++) {
        const int32_t token = segment->tokens[i];
        size_t n = 0;
        if (token >= n_text_tokens) continue;
        if (am_engine_token_text(engine, token, NULL, 0, &n, NULL) != AM_OK) return false;
        char *bytes = heap_new(n + 1);
        if (bytes == NULL) return false;
        const bool read = am_engine_token_text(engine, token, bytes, n, &n, NULL) == AM_OK;
        json_t *json = read ? token_json(bytes, n, segment->token_logprobs[i]) : NULL;
        heap_free(bytes);
        if (json_array_append_new(list, json) != 0) return false;
    }
    return true;
}

/* Answers in OpenAI's shapes: what they are for the published schema, what is in them is ours. */
#ifndef AM_SERVER_ANSWERS_OPENAI_BODY_H
#define AM_SERVER_ANSWERS_OPENAI_BODY_H

#include <jansson.h>

#include "server/base/text_buffer.h"

/* Without the blanks before the first word. */
const char *openai_text(const am_result *result);
/* response_format json. */
json_t *openai_json(const am_result *result);
/* response_format verbose_json; `words` needs word times. */
json_t *openai_verbose(const am_result *result, bool words, bool segments);
/* What a recording has cost: an audio token is 20 ms, a position of the encoder. */
json_t *openai_usage_duration(const am_result *result);
json_t *openai_usage_tokens(const am_result *result);

#endif

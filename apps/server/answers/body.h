/* Results as bodies of answers: in every format, from an am_result and what is known beside it. */
#ifndef AM_SERVER_ANSWERS_BODY_H
#define AM_SERVER_ANSWERS_BODY_H

#include "server/engine/call.h"
#include "server/engine/service.h"
#include "server/base/text_buffer.h"

#define BODY_BYTES_MAX ((size_t)1 << 30)

/* The native JSON of docs/api.md; NULL without memory. */
json_t *body_json(const am_result *result, const work *w);
json_t *body_segment(const am_segment *segment);

/* Appends the result in the call's format. */
AM_CHECK_RESULT am_status body_write(const am_result *result, const work *w, const call *c,
                                     text *out, am_error *error);

/* Appends the JSON and releases it. */
void body_dump(json_t *json, text *out);

#endif

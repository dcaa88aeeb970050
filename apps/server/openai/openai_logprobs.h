/* Log-probabilities of the tokens of a text (include[]=logprobs) in OpenAI's shape. */
#ifndef AM_SERVER_OPENAI_OPENAI_LOGPROBS_H
#define AM_SERVER_OPENAI_OPENAI_LOGPROBS_H

#include <jansson.h>

#include "common/heap.h"

/* Appends {token, logprob, bytes} for each token of a segment that is text: timestamps are none.
 * False without memory; the list may have some of them then. */
bool openai_logprobs_add(json_t *list, const am_engine *engine, const am_segment *segment);

#endif

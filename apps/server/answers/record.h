/*
 * Results as the store keeps them: everything a result says, as JSON, and back again, so that
 * every format can be written at any time later. Edited transcripts take the same way.
 */
#ifndef AM_SERVER_ANSWERS_RECORD_H
#define AM_SERVER_ANSWERS_RECORD_H

#include <jansson.h>

#include "server/engine/service.h"

/* *json: of heap.h. Of `w` the model and the time of processing are kept. */
AM_CHECK_RESULT am_status record_write(const am_result *result, const work *w, char **json,
                                       am_error *error);

/* *result is the caller's; the model and the time of processing go to `w`. E_IO: no record. */
AM_CHECK_RESULT am_status record_read(const char *json, am_result **result, work *w,
                                      am_error *error);

/*
 * A transcript as a client sends it ({"segments": [{"start", "end", "text", "speaker",
 * "words"}]}), as a record with all else of `original`. E_ARG says which segment is wrong.
 * Words follow the text: those that are still in it at its beginning and end keep their times,
 * what was changed between them shares the time of what stood there. Without "words" they are
 * the original's of that time; an empty list is none.
 */
AM_CHECK_RESULT am_status record_edit(const json_t *transcript, const char *original, char **json,
                                      am_error *error);

#endif

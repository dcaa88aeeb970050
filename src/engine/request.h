/*
 * One call of am_transcribe or am_pool_transcribe, from parameters to result: what is checked
 * before, what batched mode needs for one recording, and what is handed out at the end.
 */
#ifndef AM_ENGINE_REQUEST_H
#define AM_ENGINE_REQUEST_H

#include "engine/engine.h"
#include "segments/recording.h"

typedef struct am_request {
    const am_engine *engine;
    am_audio *audio;
    const am_params *params;       /* not NULL */
    const am_callbacks *callbacks; /* may be NULL */
    const char *language;          /* code; NULL = to be detected */
    am_result *result;
    am_feed *feed;                 /* of batched mode, while it is open */
    am_recording recording;
} am_request;

/* Sequences that a window may need at once. */
size_t am__request_beams(const am_params *params);

/* Checks the parameters, chooses the language and makes the result. Nothing is left on failure. */
AM_CHECK_RESULT am_status am__request_begin(am_request *request, am_error *error);
/* Hands the result out where `status` says there is one, else frees it; returns the status. */
AM_CHECK_RESULT am_status am__request_end(am_request *request, am_status status,
                                          am_result **result, am_error *error);

/* Starts the feed and makes the recording for a batch; `changed` as in am_feed_input. Then
 * am__request_close in any case. */
AM_CHECK_RESULT am_status am__request_open(am_request *request, const am_pipeline *pipeline,
                                           void (*changed)(void *user), void *user,
                                           am_error *error);
/* How the recording ended. */
AM_CHECK_RESULT am_status am__request_status(const am_request *request, am_error *error);
/* Lets the recording and the feed go; the feed's times are added to the trace, unless NULL. */
void am__request_close(am_request *request, am_trace *trace);

#endif

/* The session's inside, for the pool, whose workspaces are one session. */
#ifndef AM_ENGINE_SESSION_H
#define AM_ENGINE_SESSION_H

#include "engine/engine.h"
#include "segments/batched.h"

struct am_session {
    const am_engine *engine;
    am_exec exec;
    am_encoder_space *encoder_space;
    am_cross *crosses[AM_MAX_BATCH]; /* by slot, the first always there */
    am_search *search;
    size_t n_slots, n_beams; /* that `search` has room for */
    am_aligner *aligner;  /* made when word times are first asked for */
    am_trace trace;
};

/* Makes room for a search of n_slots windows of n_beams sequences. */
AM_CHECK_RESULT am_status am__session_need_search(am_session *session, size_t n_slots,
                                                  size_t n_beams, am_error *error);
AM_CHECK_RESULT am_status am__session_need_aligner(am_session *session, am_error *error);

/* What a transcription works with, of what was made so far. */
am_pipeline am__session_pipeline(am_session *session, bool word_timestamps);

#endif

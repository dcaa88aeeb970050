/*
 * A session: the workspaces of one transcription at a time, made at first use and kept. Wires the
 * stages together and owns no algorithm.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "engine/request.h"
#include "engine/session.h"
#include "segments/sequential.h"

am_status am_session_new(am_engine *engine, am_session **session, am_error *error) {
    am_session *fresh = NULL;
    AM_TRY(AM_NEW(&fresh, 1, error));
    fresh->engine = engine;
    fresh->exec.kernels = engine->kernels;
    am_status status = AM_OK;
    AM_TRY_DONE(am__team_new(engine->n_threads, &fresh->exec.team, error));
    const size_t n_encoder = am__encoder_workspace(engine->encoder, &fresh->exec);
    const size_t n_decoder = am__decoder_workspace(engine->decoder, &fresh->exec);
    AM_TRY_DONE(am__alloc(n_encoder > n_decoder ? n_encoder : n_decoder, 1,
                          &fresh->exec.workspace, error));
    AM_TRY_DONE(am__encoder_space_new(engine->encoder, &fresh->exec, &fresh->encoder_space, error));
    AM_TRY_DONE(am__cross_new(engine->decoder, &fresh->crosses[0], error));
    *session = fresh;
    return AM_OK;
done:
    am_session_free(&fresh);
    return status;
}

void am_session_free(am_session **session) {
    if (session == NULL || *session == NULL) return;
    am_session *old = *session;
    am__aligner_free(&old->aligner);
    am__search_free(&old->search);
    for (size_t i = 0; i < AM_MAX_BATCH; i++) am__cross_free(&old->crosses[i]);
    am__encoder_space_free(&old->encoder_space);
    am__team_free(&old->exec.team);
    am__free(old->exec.workspace);
    am__free(old);
    *session = NULL;
}

am_status am__session_need_search(am_session *session, size_t n_slots, size_t n_beams,
                                  am_error *error) {
    if (session->search != NULL && session->n_slots >= n_slots && session->n_beams >= n_beams) {
        return AM_OK;
    }
    if (session->search != NULL) {
        const am_work work = am__search_work(session->search);
        am__work_add(&session->trace.work[AM_STAGE_DECODER], &work);
    }
    am__search_free(&session->search);
    AM_TRY(am__search_new(session->engine->decoder, n_slots, n_beams, &session->search, error));
    session->n_slots = n_slots;
    session->n_beams = n_beams;
    return AM_OK;
}

am_status am__session_need_aligner(am_session *session, am_error *error) {
    if (session->aligner != NULL) return AM_OK;
    return am__aligner_new(&session->engine->dims, session->engine->heads,
                           session->engine->n_heads, &session->aligner, error);
}

am_pipeline am__session_pipeline(am_session *session, bool word_timestamps) {
    return (am_pipeline){
        .exec = &session->exec,
        .dims = &session->engine->dims,
        .tokenizer = session->engine->tokenizer,
        .encoder = session->engine->encoder,
        .decoder = session->engine->decoder,
        .encoder_space = session->encoder_space,
        .cross = session->crosses[0],
        .search = session->search,
        .aligner = word_timestamps ? session->aligner : NULL,
        .trace = &session->trace,
    };
}

/* ---- Language ---------------------------------------------------------------------------- */

/* Probabilities [n_languages] of the first 30 s, in the vocabulary's order. */
static am_status language_probs(am_session *session, am_frames *frames, float *probs,
                                am_error *error) {
    const am_engine *engine = session->engine;
    const am_special_tokens *specials = am__tokenizer_specials(engine->tokenizer);
    const size_t n_ctx = (size_t)engine->dims.n_audio_ctx;
    size_t n_frames = 0;
    AM_TRY(am__frames_seek(frames, 0, &n_frames, error));
    AM_TRY(am__session_need_search(session, 1, 1, error));
    const am_pipeline pipeline = am__session_pipeline(session, false);
    am__frames_copy(frames, 0, 2 * n_ctx,
                    am__encoder_input(session->encoder_space, engine->encoder));
    am__pipeline_encode(&pipeline, n_ctx);
    const double start = am__now();
    AM_TRY(am__search_first_probs(session->search, &session->exec, session->crosses[0],
                                  specials->sot, specials->first_language,
                                  (size_t)specials->n_languages, probs, error));
    am__trace_add(&session->trace, AM_STAGE_LANGUAGE, start);
    return AM_OK;
}

static int by_probability(const void *a, const void *b) {
    const am_language_prob *x = a;
    const am_language_prob *y = b;
    return (x->probability < y->probability) - (x->probability > y->probability);
}

#define LANGUAGES_MAX 128

static am_status rank_languages(am_session *session, am_frames *frames,
                                am_language_prob ranked[LANGUAGES_MAX], size_t *n,
                                am_error *error) {
    const am_special_tokens *specials = am__tokenizer_specials(session->engine->tokenizer);
    float probs[LANGUAGES_MAX];
    *n = (size_t)specials->n_languages;
    if (*n == 0 || *n > LANGUAGES_MAX) {
        AM_FAIL(error, AM_E_UNSUPPORTED, "the model \"%s\" is English-only: no language to detect",
                session->engine->name);
    }
    AM_TRY(language_probs(session, frames, probs, error));
    for (size_t i = 0; i < *n; i++) {
        ranked[i] = (am_language_prob){am__language_code_at(i), probs[i]};
    }
    qsort(ranked, *n, sizeof *ranked, by_probability);
    return AM_OK;
}

am_status am_detect_language(am_session *session, am_audio *audio, am_language_prob *languages,
                             size_t capacity, size_t *n_languages, am_error *error) {
    am_frames *frames = NULL;
    am_language_prob ranked[LANGUAGES_MAX];
    size_t n = 0;
    AM_TRY(am__frames_new(audio, session->engine->dims.n_mels, session->engine->kernels, &frames,
                          error));
    am_status status = rank_languages(session, frames, ranked, &n, error);
    if (status == AM_OK && am__frames_samples(frames) == 0) {
        status = am__fail(error, AM_E_NO_AUDIO, "the audio has no samples");
    }
    am__frames_free(&frames);
    AM_TRY(status);
    *n_languages = n < capacity ? n : capacity;
    memcpy(languages, ranked, *n_languages * sizeof *languages);
    return AM_OK;
}

/* ---- Transcription ----------------------------------------------------------------------- */

static am_status decode_frames(am_session *session, const am_request *request, am_frames *frames,
                               am_error *error) {
    const am_engine *engine = session->engine;
    const am_params *params = request->params;
    am_language_prob language = {request->language, 1};
    size_t n_frames = 0;
    AM_TRY(am__frames_seek(frames, 0, &n_frames, error));
    if (am__frames_samples(frames) == 0) {
        AM_FAIL(error, AM_E_NO_AUDIO, "the audio has no samples");
    }
    if (request->language == NULL) {
        am_language_prob ranked[LANGUAGES_MAX];
        size_t n = 0;
        AM_TRY(rank_languages(session, frames, ranked, &n, error));
        language = ranked[0];
    }
    AM_TRY(am__result_set_language(request->result, language.code, (double)language.probability,
                                   error));
    am_plan plan;
    am_status status =
        am__plan_init(&plan, params, engine->tokenizer, &engine->dims, language.code, error);
    if (status == AM_OK) {
        status = am__session_need_search(session, 1, am__request_beams(params), error);
    }
    if (status == AM_OK) {
        const am_pipeline pipeline = am__session_pipeline(session, params->word_timestamps);
        const am_transcription transcription = {
            &pipeline, &plan, frames, am_audio_duration(request->audio), request->callbacks,
            request->result};
        status = am__transcribe_sequential(&transcription, error);
    }
    am__plan_free(&plan);
    return status;
}

static am_status run_sequential(am_session *session, const am_request *request, am_error *error) {
    const am_engine *engine = session->engine;
    am_frames *frames = NULL;
    AM_TRY(am__frames_new(request->audio, engine->dims.n_mels, engine->kernels, &frames, error));
    const am_status status = decode_frames(session, request, frames, error);
    am__result_set_duration(request->result, (double)am__frames_samples(frames) / AM_SAMPLE_RATE);
    am__frames_free(&frames);
    return status;
}

/* A batch of its own for the one recording. */
static am_status run_batch(am_session *session, am_request *request, size_t n_slots,
                           am_error *error) {
    const am_pipeline pipeline =
        am__session_pipeline(session, request->params->word_timestamps);
    const am_batch_input input = {
        .pipeline = &pipeline, .crosses = session->crosses, .n_slots = n_slots,
        .n_begin_max = n_slots};
    am_batch *batch = NULL;
    AM_TRY(am__request_open(request, &pipeline, NULL, NULL, error));
    AM_TRY(am__batch_new(&input, &batch, error));
    am__batch_run(batch, &request->recording);
    am__batch_free(&batch);
    return am__request_status(request, error);
}

static am_status run_batched(am_session *session, am_request *request, am_error *error) {
    const size_t n_beams = am__request_beams(request->params);
    const size_t n_most = (size_t)session->engine->dims.n_text_ctx / n_beams;
    size_t n_slots = (size_t)request->params->batch_size;
    if (n_slots > n_most) n_slots = n_most;
    AM_TRY(am__session_need_search(session, n_slots, n_beams, error));
    const am_status status = run_batch(session, request, n_slots, error);
    am__request_close(request, &session->trace);
    return status;
}

static am_status run(am_session *session, am_request *request, am_error *error) {
    if (request->params->word_timestamps) AM_TRY(am__session_need_aligner(session, error));
    return request->params->mode == AM_MODE_SEQUENTIAL ? run_sequential(session, request, error)
                                                       : run_batched(session, request, error);
}

am_status am_transcribe(am_session *session, am_audio *audio, const am_params *params,
                        const am_callbacks *callbacks, am_result **result, am_error *error) {
    am_params defaults;
    am_params_init(&defaults);
    am_request request = {.engine = session->engine,
                          .audio = audio,
                          .params = params != NULL ? params : &defaults,
                          .callbacks = callbacks};
    AM_TRY(am__request_begin(&request, error));
    return am__request_end(&request, run(session, &request, error), result, error);
}

size_t am_session_stages(const am_session *session, am_stage_time *stages, size_t capacity) {
    static const char *const names[] = {
#define STAGE_NAME(stage, name) name,
        AM_STAGES(STAGE_NAME)
#undef STAGE_NAME
    };
    const size_t n = capacity < AM_N_STAGES ? capacity : AM_N_STAGES;
    for (size_t i = 0; i < n; i++) {
        am_work work = session->trace.work[i];
        if (i == AM_STAGE_DECODER && session->search != NULL) {
            const am_work so_far = am__search_work(session->search);
            am__work_add(&work, &so_far);
        }
        stages[i] = (am_stage_time){
            .name = names[i],
            .seconds = session->trace.seconds[i],
            .n_calls = session->trace.n_calls[i],
            .beside = am__stage_is_beside((am_stage)i),
            .n_operations = work.operations,
            .n_bytes = work.bytes,
            .n_steps = work.steps,
            .n_rows = work.rows,
        };
    }
    return n;
}

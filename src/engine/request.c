/* One transcription's beginning and end: see request.h. */
#include "engine/request.h"

#include <string.h>

#include "segments/clips.h"
#include "segments/result.h"

/* ---- Parameters -------------------------------------------------------------------------- */

/* The language to transcribe in as far as no audio is needed to know it: as given, or English for
 * an English-only model; NULL = to be detected. */
static am_status chosen_language(const am_engine *engine, const am_params *params,
                                 const char **language, am_error *error) {
    const bool multilingual = am__tokenizer_specials(engine->tokenizer)->n_languages > 0;
    const char *wanted = params->language;
    *language = multilingual ? NULL : "en";
    if (wanted == NULL || strcmp(wanted, "auto") == 0 || *wanted == '\0') return AM_OK;
    const char *code = am_language_code(wanted);
    if (code == NULL) AM_FAIL(error, AM_E_ARG, "language: \"%s\" is unknown", wanted);
    if (!multilingual && strcmp(code, "en") != 0) {
        AM_FAIL(error, AM_E_UNSUPPORTED, "language: the model \"%s\" knows only English",
                engine->name);
    }
    *language = code;
    return AM_OK;
}

static am_status check_vad(const am_engine *engine, const am_params *params, am_error *error) {
    am_regions regions;
    if (params->mode != AM_MODE_BATCHED || !params->vad_filter) return AM_OK;
    if (engine->vad == NULL) {
        AM_FAIL(error, AM_E_NOT_FOUND,
                "the speech detector \"silero-vad\" is not installed (get it with: amanuensis "
                "pull silero-vad; or do without: --vad_filter False)");
    }
    return am__regions_init(&regions, &params->vad, error);
}

am_status am_engine_check(const am_engine *engine, const am_params *params, am_error *error) {
    am_params defaults;
    am_params_init(&defaults);
    if (params == NULL) params = &defaults;
    const char *language = NULL;
    am_plan plan;
    am_clips clips;
    AM_TRY(am__params_check(params, error));
    AM_TRY(chosen_language(engine, params, &language, error));
    AM_TRY(check_vad(engine, params, error));
    AM_TRY(am__clips_parse(params->clip_timestamps, &clips, error));
    am__clips_free(&clips);
    const am_status status = am__plan_init(&plan, params, engine->tokenizer, &engine->dims,
                                           language != NULL ? language : "en", error);
    am__plan_free(&plan);
    return status;
}

size_t am__request_beams(const am_params *params) {
    return (size_t)(params->beam_size > params->best_of ? params->beam_size : params->best_of);
}

/* ---- Beginning and end --------------------------------------------------------------------- */

am_status am__request_begin(am_request *request, am_error *error) {
    AM_TRY(am_engine_check(request->engine, request->params, error));
    AM_TRY(chosen_language(request->engine, request->params, &request->language, error));
    return am__result_new(request->params->task, &request->result, error);
}

am_status am__request_end(am_request *request, am_status status, am_result **result,
                          am_error *error) {
    if (status == AM_OK || status == AM_E_CANCELLED) {
        const am_status finished = am__result_finish(request->result, error);
        if (finished != AM_OK) status = finished;
    }
    if (status == AM_OK || status == AM_E_CANCELLED) {
        *result = request->result;
    } else {
        am_result_free(&request->result);
    }
    return status;
}

/* ---- Batched mode -------------------------------------------------------------------------- */

am_status am__request_open(am_request *request, const am_pipeline *pipeline,
                           void (*changed)(void *user), void *user, am_error *error) {
    const am_params *params = request->params;
    const am_feed_input feed = {
        .audio = request->audio,
        .vad = params->vad_filter ? request->engine->vad : NULL,
        .vad_options = &params->vad,
        .clip_timestamps = params->clip_timestamps,
        .changed = changed,
        .user = user,
    };
    am_recording_input input = {
        .pipeline = pipeline,
        .params = params,
        .language = request->language,
        .duration_s = am_audio_duration(request->audio),
        .callbacks = request->callbacks,
        .result = request->result,
    };
    AM_TRY(am__feed_open(&feed, &request->feed, error));
    input.feed = request->feed;
    return am__recording_init(&request->recording, &input, error);
}

am_status am__request_status(const am_request *request, am_error *error) {
    const am_recording *recording = &request->recording;
    if (recording->status != AM_OK) {
        if (error != NULL) *error = recording->error;
        return recording->status;
    }
    if (am__feed_samples(request->feed) == 0) {
        AM_FAIL(error, AM_E_NO_AUDIO, "the audio has no samples");
    }
    return AM_OK;
}

void am__request_close(am_request *request, am_trace *trace) {
    double decoding = 0, speech = 0;
    if (request->feed == NULL) return;
    am__feed_times(request->feed, &decoding, &speech);
    if (trace != NULL) {
        trace->seconds[AM_STAGE_DECODING] += decoding;
        trace->seconds[AM_STAGE_SPEECH] += speech;
    }
    am__result_set_duration(request->result,
                            (double)am__feed_samples(request->feed) / AM_SAMPLE_RATE);
    am__recording_free(&request->recording);
    am__feed_close(&request->feed);
}

/* A window on its way: see lane.h. */
#include "segments/lane.h"

#include <string.h>

#include "base/log.h"

#define CTX_STEP 16        /* positions the encoder's length is rounded up to */
#define TAILS_MAX 64       /* more parts of one window than anybody speaks */
#define TAIL_SPEECH_MIN 1600 /* samples of speech worth a window: .1 s */

am_status am__lane_init(am_lane *lane, size_t n_mels, size_t slot, am_cross *cross,
                        am_error *error) {
    *lane = (am_lane){.cross = cross};
    AM_TRY(AM_NEW_RAW(&lane->rows, AM_LANE_ROWS * n_mels, error));
    return am__attempt_init(&lane->attempt, slot, error);
}

void am__lane_free(am_lane *lane) {
    am__free(lane->rows);
    am__attempt_free(&lane->attempt);
    *lane = (am_lane){0};
}

static size_t full_ctx(const am_lane *lane) {
    return (size_t)lane->shared->pipeline->dims->n_audio_ctx;
}

/* Positions of the encoder for what is left of the window. */
static size_t choose_ctx(const am_lane *lane) {
    const am_params *params = lane->shared->params;
    const size_t n_own = (lane->n_frames + 1) / 2;
    size_t n_ctx = full_ctx(lane);
    if (params->audio_ctx == AM_AUDIO_CTX_AUTO) n_ctx = n_own + (size_t)params->audio_ctx_margin;
    if (params->audio_ctx > 0) n_ctx = (size_t)params->audio_ctx;
    if (n_ctx < n_own) n_ctx = n_own;
    n_ctx = (n_ctx + CTX_STEP - 1) / CTX_STEP * CTX_STEP;
    return n_ctx < full_ctx(lane) ? n_ctx : full_ctx(lane);
}

static void encode(am_lane *lane, size_t n_ctx) {
    am_pipeline pipeline = *lane->shared->pipeline;
    const size_t n_mels = (size_t)pipeline.dims->n_mels;
    const size_t n = lane->n_frames < 2 * n_ctx ? lane->n_frames : 2 * n_ctx;
    float *input = am__encoder_input(pipeline.encoder_space, pipeline.encoder);
    /* Silence behind the window, as in training. Zeros, which the original's transcribe() puts
     * there, are as loud as speech, and cost words (docs/accuracy.md). */
    am__mel_window(lane->rows, n * n_mels, lane->maximum, 2 * n_ctx * n_mels, input);
    pipeline.cross = lane->cross;
    am__pipeline_encode(&pipeline, n_ctx);
    lane->n_ctx = n_ctx;
}

void am__lane_load(am_lane *lane, const am_lane_shared *shared, const am_window *window,
                   const float *samples, size_t number) {
    const size_t n_mels = (size_t)shared->pipeline->dims->n_mels;
    const double start = am__now();
    size_t n_rows = 0, n_new = 0;
    for (size_t at = 0; at < window->n_samples; at += AM_MEL_PUSH_MAX) {
        const size_t n_left = (size_t)window->n_samples - at;
        am__mel_stream_push(shared->mel, samples + at,
                            n_left < AM_MEL_PUSH_MAX ? n_left : AM_MEL_PUSH_MAX,
                            lane->rows + n_rows * n_mels, &n_new);
        n_rows += n_new;
    }
    am__mel_stream_finish(shared->mel, lane->rows + n_rows * n_mels, &n_new);
    lane->shared = shared;
    lane->window = *window;
    lane->n_frames = (size_t)window->n_samples / AM_HOP;
    lane->number = number;
    lane->n_tails = 0;
    lane->last_start = 0;
    lane->busy = true;
    lane->maximum = AM_MEL_RAW_SILENCE;
    for (size_t i = 0; i < lane->n_frames * n_mels; i++) {
        if (lane->rows[i] > lane->maximum) lane->maximum = lane->rows[i];
    }
    am__trace_add(shared->pipeline->trace, AM_STAGE_AUDIO, start);
    encode(lane, choose_ctx(lane));
}

am_status am__lane_begin(am_lane *lane, const am_plan *plan, am_error *error) {
    /* The seed follows from where the window lies, not from when its turn comes. */
    const uint64_t frame = lane->window.pieces[0].first / AM_HOP;
    const am_window_input input = {
        .history = plan->initial_prompt.ids,
        .n_history = plan->initial_prompt.n,
        .first = lane->number == 0 && lane->n_tails == 0,
        .seed = plan->params->seed + frame * AM_MAX_TEMPERATURES,
        .stop_loops = lane->n_ctx < full_ctx(lane), /* there is another way, below */
        .cross = lane->cross,
    };
    return am__attempt_begin(&lane->attempt, lane->shared->pipeline->search, plan, &input, error);
}

/* A text that repeats itself, or goes on to the limit if that is not the caller's. */
static bool ran_away(const am_plan *plan, const am_decoded *decoded) {
    const am_params *params = plan->params;
    return decoded->loops ||
           decoded->compression_ratio > params->compression_ratio_threshold ||
           (params->max_new_tokens == 0 && decoded->tokens.n >= plan->n_new_max);
}

am_status am__lane_take(am_lane *lane, const am_plan *plan, bool *finished, am_error *error) {
    const am_decoded *decoded = &lane->attempt.decoded;
    bool again = false;
    AM_TRY(am__attempt_take(&lane->attempt, lane->shared->pipeline->search, plan, &again, error));
    *finished = !again;
    if (ran_away(plan, decoded) && lane->n_ctx < full_ctx(lane)) {
        encode(lane, full_ctx(lane));
        *finished = false;
        return am__lane_begin(lane, plan, error);
    }
    return AM_OK;
}

bool am__lane_tail(am_lane *lane, size_t from) {
    const size_t n_mels = (size_t)lane->shared->pipeline->dims->n_mels;
    am_window tail;
    if (from == 0 || from >= lane->n_frames) return false;
    if (!am__window_tail(&lane->window, (uint64_t)from * AM_HOP, &tail)) return false;
    if (tail.n_speech < TAIL_SPEECH_MIN) return false;
    if (++lane->n_tails > TAILS_MAX) {
        am__log(AM_LOG_WARN, "batched: window given up at=%.2f tails=%d",
                (double)tail.pieces[0].first / AM_SAMPLE_RATE, TAILS_MAX);
        return false;
    }
    lane->window = tail;
    lane->n_frames -= from;
    memmove(lane->rows, lane->rows + from * n_mels, lane->n_frames * n_mels * sizeof *lane->rows);
    encode(lane, choose_ctx(lane));
    return true;
}

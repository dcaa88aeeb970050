/* The seek loop: see sequential.h. */
#include "segments/sequential.h"

#include <string.h>

#include "segments/clips.h"
#include "segments/finish.h"

#define HISTORY_MAX 4096 /* tokens kept as prompt material; a prompt takes at most 223 */

/* State that travels from window to window. */
typedef struct seek_loop {
    const am_transcription *t;
    am_clips clips;
    am_finisher finisher;
    am_attempt attempt;
    am_tokens history;    /* the initial prompt, then what was said */
    am_tokens carried;    /* the initial prompt and the end of the history, when it is carried */
    size_t n_initial;     /* tokens of the initial prompt in the history */
    size_t history_start; /* what lies before is not to be shown to the model again */
    bool first_window;
    size_t seek;          /* frame where the next window begins */
    double last_speech;
    int n_segments;
} seek_loop;

static am_status check_cancel(const am_transcription *t, am_error *error) {
    const am_callbacks *callbacks = t->callbacks;
    if (callbacks != NULL && callbacks->cancel != NULL && callbacks->cancel(callbacks->user)) {
        AM_FAIL(error, AM_E_CANCELLED, "stopped by the caller");
    }
    return AM_OK;
}

static am_status loop_init(seek_loop *loop, const am_transcription *t, am_error *error) {
    const am_tokens *prompt = &t->plan->initial_prompt;
    *loop = (seek_loop){.t = t, .n_initial = prompt->n, .first_window = true};
    AM_TRY(am__attempt_init(&loop->attempt, 0, error));
    AM_TRY(am__clips_parse(t->plan->params->clip_timestamps, &loop->clips, error));
    AM_TRY(am__finisher_init(&loop->finisher, t->pipeline, t->plan, error));
    return am__tokens_append(&loop->history, prompt->ids, prompt->n, error);
}

static void loop_free(seek_loop *loop) {
    am__clips_free(&loop->clips);
    am__finisher_free(&loop->finisher);
    am__attempt_free(&loop->attempt);
    am__tokens_free(&loop->history);
    am__tokens_free(&loop->carried);
}

static void encode_window(seek_loop *loop, size_t n_frames) {
    const am_pipeline *pipeline = loop->t->pipeline;
    const size_t n_mels = (size_t)pipeline->dims->n_mels;
    const size_t n_ctx = (size_t)pipeline->dims->n_audio_ctx;
    const size_t n = n_frames < 2 * n_ctx ? n_frames : 2 * n_ctx;
    float *input = am__encoder_input(pipeline->encoder_space, pipeline->encoder);
    am__frames_copy(loop->t->frames, loop->seek, n, input);
    /* Zeros, not silence: the original pads the normalised spectrogram of a window. */
    memset(input + n * n_mels, 0, (2 * n_ctx - n) * n_mels * sizeof *input);
    am__pipeline_encode(pipeline, n_ctx);
}

/* With carry_initial_prompt the initial prompt stands before every window, and as much of the
 * newest history behind it as fits. */
static am_status carry_prompt(seek_loop *loop, am_error *error) {
    const size_t n_max = loop->t->plan->n_text_ctx / 2 - 1;
    const size_t n_initial = loop->n_initial < n_max ? loop->n_initial : n_max;
    const size_t start =
        loop->history_start > loop->n_initial ? loop->history_start : loop->n_initial;
    size_t n_rest = loop->history.n - start;
    if (n_rest > n_max - n_initial) n_rest = n_max - n_initial;
    loop->carried.n = 0;
    AM_TRY(am__tokens_append(&loop->carried, loop->history.ids, n_initial, error));
    return am__tokens_append(&loop->carried, loop->history.ids + loop->history.n - n_rest, n_rest,
                             error);
}

static am_status decode_window(seek_loop *loop, am_error *error) {
    const am_transcription *t = loop->t;
    const am_plan *plan = t->plan;
    am_window_input input = {
        .history = loop->history.ids + loop->history_start,
        .n_history = loop->history.n - loop->history_start,
        .first = loop->first_window,
        .seed = plan->params->seed + (uint64_t)loop->seek * AM_MAX_TEMPERATURES,
        .cross = t->pipeline->cross,
    };
    if (plan->params->carry_initial_prompt && loop->n_initial > 0) {
        AM_TRY(carry_prompt(loop, error));
        input.history = loop->carried.ids;
        input.n_history = loop->carried.n;
    }
    am_search *search = t->pipeline->search;
    AM_TRY(am__attempt_begin(&loop->attempt, search, plan, &input, error));
    for (bool again = true; again;) {
        while (!am__search_done(search, loop->attempt.slot)) {
            AM_TRY(check_cancel(t, error));
            AM_TRY(am__search_step(search, t->pipeline->exec, error));
        }
        AM_TRY(am__attempt_take(&loop->attempt, search, plan, &again, error));
    }
    loop->first_window = false;
    return AM_OK;
}

/* The segments of the finished window into the result, to the caller and into the history. */
static am_status emit(seek_loop *loop, const am_finished *finished, am_error *error) {
    const am_transcription *t = loop->t;
    for (size_t i = 0; i < loop->finisher.window.n_drafts; i++) {
        am_segment segment;
        bool is_empty = false;
        AM_TRY(am__finish_segment(&loop->finisher, finished, i, loop->n_segments, &segment,
                                  &is_empty, error));
        if (is_empty) continue;
        AM_TRY(am__result_add_segment(t->result, &segment, error));
        loop->n_segments++;
        if (t->callbacks != NULL && t->callbacks->segment != NULL) {
            t->callbacks->segment(t->callbacks->user, &segment);
        }
        AM_TRY(am__tokens_append(&loop->history, segment.tokens, segment.n_tokens, error));
    }
    return AM_OK;
}

/* Forgets what no prompt can reach any more, but never the initial prompt. */
static void trim_history(seek_loop *loop) {
    am_tokens *history = &loop->history;
    if (history->n - loop->n_initial <= HISTORY_MAX) return;
    const size_t n_dropped = history->n - loop->n_initial - HISTORY_MAX / 2;
    memmove(history->ids + loop->n_initial, history->ids + loop->n_initial + n_dropped,
            (history->n - loop->n_initial - n_dropped) * sizeof *history->ids);
    history->n -= n_dropped;
    if (loop->history_start > loop->n_initial) {
        const size_t past = loop->history_start - loop->n_initial;
        loop->history_start = loop->n_initial + (past > n_dropped ? past - n_dropped : 0);
    }
}

/* Transcribes the n_frames at loop->seek; *seek_next is where the next window begins. */
static am_status transcribe_window(seek_loop *loop, size_t n_frames, size_t *seek_next,
                                   am_error *error) {
    const am_transcription *t = loop->t;
    const am_finished finished = {
        .seek = loop->seek,
        .n_frames = n_frames,
        .decoded = &loop->attempt.decoded,
        .cross = t->pipeline->cross,
        .n_ctx = (size_t)t->pipeline->dims->n_audio_ctx,
        .last_speech = loop->last_speech,
        .total_frames = am__frames_total(t->frames),
    };
    encode_window(loop, n_frames);
    const double start = am__now();
    const am_status status = decode_window(loop, error);
    am__trace_add(t->pipeline->trace, AM_STAGE_DECODER, start);
    AM_TRY(status);
    am_finish_result result;
    AM_TRY(am__finish_window(&loop->finisher, &finished, &result, error));
    *seek_next = result.seek_next;
    loop->last_speech = result.last_speech;
    if (result.silent || result.repeat) return AM_OK;
    AM_TRY(emit(loop, &finished, error));
    if (!t->plan->params->condition_on_previous_text || finished.decoded->temperature > 0.5) {
        loop->history_start = loop->history.n;
    }
    trim_history(loop);
    return AM_OK;
}

static void report_progress(const am_transcription *t, size_t seek) {
    if (t->callbacks == NULL || t->callbacks->progress == NULL) return;
    const size_t total = am__frames_total(t->frames);
    double done = (double)seek / AM_FRAMES_PER_SECOND;
    double total_s = t->duration_s;
    if (total != SIZE_MAX) total_s = (double)total / AM_FRAMES_PER_SECOND;
    if (total_s >= 0 && done > total_s) done = total_s;
    t->callbacks->progress(t->callbacks->user, done, total_s);
}

static am_status run_clip(seek_loop *loop, const am_clip *clip, am_error *error) {
    const am_transcription *t = loop->t;
    if (loop->seek < clip->first) loop->seek = clip->first;
    while (loop->seek < clip->end) {
        size_t n_frames = 0;
        const double start = am__now();
        AM_TRY(am__frames_seek(t->frames, loop->seek, &n_frames, error));
        am__trace_add(t->pipeline->trace, AM_STAGE_AUDIO, start);
        if (n_frames == 0) break;
        if (n_frames > clip->end - loop->seek) n_frames = clip->end - loop->seek;
        AM_TRY(check_cancel(t, error));
        size_t next = loop->seek;
        AM_TRY(transcribe_window(loop, n_frames, &next, error));
        /* A window that ends where it began would be decoded for ever. */
        loop->seek = next > loop->seek ? next : loop->seek + n_frames;
        report_progress(t, loop->seek);
    }
    return AM_OK;
}

am_status am__transcribe_sequential(const am_transcription *transcription, am_error *error) {
    seek_loop loop;
    am_status status = loop_init(&loop, transcription, error);
    for (size_t i = 0; status == AM_OK && i < loop.clips.n; i++) {
        status = run_clip(&loop, &loop.clips.clips[i], error);
    }
    am__search_drop(transcription->pipeline->search, 0); /* of what was cut short */
    loop_free(&loop);
    return status;
}

/* One recording of a batch: see recording.h. */
#include "segments/recording.h"

#include <math.h>

#include "segments/result.h"
#include "segments/retime.h"
#include "text/languages.h"

#define LANGUAGES_MAX 128
#define ECHO_SECONDS 0.5       /* before the end of speech: timestamps are no finer */
#define ECHO_TOKENS 6          /* always possible, two timestamps among them */
#define TOKENS_PER_SECOND 12.0 /* more than twice of what fast speech has */

bool am__recording_cancelled(const am_recording *recording) {
    const am_callbacks *callbacks = recording->in.callbacks;
    return callbacks != NULL && callbacks->cancel != NULL && callbacks->cancel(callbacks->user);
}

static void report_progress(am_recording *recording) {
    const am_callbacks *callbacks = recording->in.callbacks;
    if (callbacks == NULL || callbacks->progress == NULL) return;
    const double done = am__ledger_done(&recording->ledger);
    double total = recording->in.duration_s;
    if (recording->feed_ended) {
        total = (double)am__feed_samples(recording->in.feed) / AM_SAMPLE_RATE;
    }
    callbacks->progress(callbacks->user, total >= 0 && done > total ? total : done, total);
}

/* ---- Beginning ----------------------------------------------------------------------------- */

static am_status make_plan(am_recording *recording, const char *language, double probability,
                           am_error *error) {
    const am_pipeline *pipeline = &recording->pipeline;
    recording->planned = true;
    AM_TRY(am__result_set_language(recording->in.result, language, probability, error));
    AM_TRY(am__plan_init(&recording->plan, recording->in.params, pipeline->tokenizer,
                         pipeline->dims, language, error));
    return am__finisher_init(&recording->finisher, pipeline, &recording->plan, error);
}

am_status am__recording_init(am_recording *recording, const am_recording_input *input,
                             am_error *error) {
    *recording = (am_recording){.in = *input, .pipeline = *input->pipeline};
    recording->shared =
        (am_lane_shared){.pipeline = &recording->pipeline, .params = input->params};
    am__ledger_init(&recording->ledger, input->result, input->callbacks);
    if (input->language == NULL) return AM_OK;
    return make_plan(recording, input->language, 1, error);
}

void am__recording_free(am_recording *recording) {
    am__finisher_free(&recording->finisher);
    am__plan_free(&recording->plan);
    am__ledger_free(&recording->ledger);
    *recording = (am_recording){0};
}

bool am__recording_ready(am_recording *recording) {
    am_feed_state state = AM_FEED_EMPTY;
    const am_parcel *parcel = NULL;
    if (recording->feed_ended || !am__ledger_has_room(&recording->ledger)) return false;
    recording->status =
        am__feed_next(recording->in.feed, &state, &parcel, &recording->error);
    recording->feed_ended = state == AM_FEED_ENDED;
    return state == AM_FEED_READY;
}

/* The most probable language of a window that is encoded. */
static am_status detect_language(const am_recording *recording, const am_lane *lane, size_t *best,
                                 double *probability, am_error *error) {
    const am_pipeline *pipeline = &recording->pipeline;
    const am_special_tokens *specials = am__tokenizer_specials(pipeline->tokenizer);
    const size_t n = (size_t)specials->n_languages;
    float probs[LANGUAGES_MAX];
    if (n == 0 || n > LANGUAGES_MAX) AM_FAIL(error, AM_E_INTERNAL, "%zu languages", n);
    const double start = am__now();
    AM_TRY(am__search_first_probs(pipeline->search, pipeline->exec, lane->cross, specials->sot,
                                  specials->first_language, n, probs, error));
    am__trace_add(pipeline->trace, AM_STAGE_LANGUAGE, start);
    *best = 0;
    for (size_t i = 1; i < n; i++) {
        if (probs[i] > probs[*best]) *best = i;
    }
    *probability = (double)probs[*best];
    return AM_OK;
}

am_status am__recording_begin(am_recording *recording, am_lane *lane, am_error *error) {
    am_feed_state state;
    const am_parcel *parcel = NULL;
    AM_TRY(am__feed_next(recording->in.feed, &state, &parcel, error));
    am__lane_load(lane, &recording->shared, &parcel->window, parcel->samples,
                  am__ledger_begin(&recording->ledger));
    am__feed_release(recording->in.feed);
    if (!recording->planned) {
        size_t language = 0;
        double probability = 0;
        AM_TRY(detect_language(recording, lane, &language, &probability, error));
        AM_TRY(make_plan(recording, am__language_code_at(language), probability, error));
    }
    return am__lane_begin(lane, &recording->plan, error);
}

/* ---- Ending -------------------------------------------------------------------------------- */

/*
 * Whether a segment, times of the window, says more than there is time for: it begins where the
 * speech ends and has more tokens than anybody speaks in what is left. A model that has heard all
 * of a short window sometimes says it once more like this.
 */
static bool is_echo(const am_lane *lane, const am_segment *segment) {
    const double speech_s = (double)lane->window.n_speech / AM_SAMPLE_RATE;
    const double left_s = (double)lane->window.n_samples / AM_SAMPLE_RATE - segment->start;
    if (segment->start < speech_s - ECHO_SECONDS) return false;
    return (double)segment->n_tokens > ECHO_TOKENS + TOKENS_PER_SECOND * fmax(left_s, 0);
}

static am_status add_segments(am_recording *recording, am_lane *lane, const am_finished *finished,
                              am_error *error) {
    am_finisher *finisher = &recording->finisher;
    for (size_t i = 0; i < finisher->window.n_drafts; i++) {
        am_segment segment;
        bool is_empty = false;
        AM_TRY(am__finish_segment(finisher, finished, i, 0, &segment, &is_empty, error));
        if (is_empty || (i > 0 && is_echo(lane, &segment))) continue;
        am__retime_segment(&lane->window, lane->last_start, &segment, finisher->words);
        lane->last_start = segment.start;
        AM_TRY(am__ledger_add(&recording->ledger, lane->number, &segment, error));
    }
    return AM_OK;
}

/* The segments of a lane whose text is there; then its tail, or its end. */
static am_status finish_window(am_recording *recording, am_lane *lane, am_error *error) {
    const am_finished finished = {
        .n_frames = lane->n_frames,
        .decoded = &lane->attempt.decoded,
        .cross = lane->cross,
        .n_ctx = lane->n_ctx,
        .total_frames = SIZE_MAX,
    };
    am_finish_result result;
    AM_TRY(am__finish_window(&recording->finisher, &finished, &result, error));
    if (!result.silent && !result.repeat) {
        AM_TRY(add_segments(recording, lane, &finished, error));
    }
    if (am__lane_tail(lane, result.seek_next)) {
        return am__lane_begin(lane, &recording->plan, error);
    }
    const am_piece *last = &lane->window.pieces[lane->window.n_pieces - 1];
    lane->busy = false;
    const double before = am__ledger_done(&recording->ledger);
    AM_TRY(am__ledger_end(&recording->ledger, lane->number,
                          (double)(last->first + last->n) / AM_SAMPLE_RATE, error));
    if (am__ledger_done(&recording->ledger) > before) report_progress(recording);
    return AM_OK;
}

am_status am__recording_take(am_recording *recording, am_lane *lane, am_error *error) {
    bool finished = false;
    AM_TRY(am__lane_take(lane, &recording->plan, &finished, error));
    return finished ? finish_window(recording, lane, error) : AM_OK;
}

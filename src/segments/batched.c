/* Many windows side by side: see batched.h. */
#include "segments/batched.h"

#include <math.h>

#include "segments/finish.h"
#include "segments/lane.h"
#include "segments/ledger.h"
#include "segments/retime.h"
#include "text/languages.h"

#define LANGUAGES_MAX 128
#define ECHO_SECONDS 0.5       /* before the end of speech: timestamps are no finer */
#define ECHO_TOKENS 6          /* always possible, two timestamps among them */
#define TOKENS_PER_SECOND 12.0 /* more than twice of what fast speech has */

typedef struct batch {
    const am_batch_input *in;
    am_lane_shared shared;
    am_lane *lanes;         /* [n_slots], made when first used */
    size_t n_busy;
    am_plan plan;           /* once the language is known */
    bool planned;
    am_finisher finisher;
    am_ledger ledger;
    bool feed_ended;
    am_status feed_status;  /* returned when the windows before the failure are done */
    am_error feed_error;
} batch;

static am_status check_cancel(const batch *b, am_error *error) {
    const am_callbacks *callbacks = b->in->callbacks;
    if (callbacks != NULL && callbacks->cancel != NULL && callbacks->cancel(callbacks->user)) {
        AM_FAIL(error, AM_E_CANCELLED, "stopped by the caller");
    }
    return AM_OK;
}

static void report_progress(batch *b) {
    const am_callbacks *callbacks = b->in->callbacks;
    if (callbacks == NULL || callbacks->progress == NULL) return;
    const double done = am__ledger_done(&b->ledger);
    double total = b->in->duration_s;
    if (b->feed_ended) total = (double)am__feed_samples(b->in->feed) / AM_SAMPLE_RATE;
    callbacks->progress(callbacks->user, total >= 0 && done > total ? total : done, total);
}

/* ---- Beginning ----------------------------------------------------------------------------- */

/* The most probable language of a window that is encoded. */
static am_status detect_language(const batch *b, const am_lane *lane, size_t *best,
                                 double *probability, am_error *error) {
    const am_pipeline *pipeline = b->in->pipeline;
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

static am_status make_plan(batch *b, const char *language, double probability, am_error *error) {
    const am_pipeline *pipeline = b->in->pipeline;
    b->planned = true;
    AM_TRY(am__result_set_language(b->in->result, language, probability, error));
    AM_TRY(am__plan_init(&b->plan, b->in->params, pipeline->tokenizer, pipeline->dims, language,
                         error));
    return am__finisher_init(&b->finisher, pipeline, &b->plan, error);
}

/* A lane without a window; there is one. */
static am_status free_lane(batch *b, am_lane **lane, am_error *error) {
    size_t slot = 0;
    while (b->lanes[slot].busy) slot++;
    *lane = &b->lanes[slot];
    if ((*lane)->shared != NULL) return AM_OK;
    if (b->in->crosses[slot] == NULL) {
        AM_TRY(am__cross_new(b->in->pipeline->decoder, &b->in->crosses[slot], error));
    }
    return am__lane_init(*lane, &b->shared, slot, b->in->crosses[slot], error);
}

static am_status begin_window(batch *b, const am_parcel *parcel, am_error *error) {
    am_lane *lane = NULL;
    AM_TRY(free_lane(b, &lane, error));
    am__lane_load(lane, &parcel->window, parcel->samples, am__ledger_begin(&b->ledger));
    b->n_busy++;
    if (!b->planned) {
        size_t language = 0;
        double probability = 0;
        AM_TRY(detect_language(b, lane, &language, &probability, error));
        AM_TRY(make_plan(b, am__language_code_at(language), probability, error));
    }
    return am__lane_begin(lane, &b->plan, error);
}

/* Fills the free lanes with the windows that are there; waits when there is nothing else to do. */
static am_status fill(batch *b, am_error *error) {
    while (!b->feed_ended && b->n_busy < b->in->n_slots && am__ledger_has_room(&b->ledger)) {
        am_feed_state state;
        const am_parcel *parcel = NULL;
        AM_TRY(check_cancel(b, error));
        const double start = am__now();
        b->feed_status =
            am__feed_next(b->in->feed, b->n_busy == 0, &state, &parcel, &b->feed_error);
        am__trace_add(b->in->pipeline->trace, AM_STAGE_AUDIO, start);
        b->feed_ended = state == AM_FEED_ENDED;
        if (state == AM_FEED_EMPTY && b->n_busy > 0) return AM_OK;
        if (state != AM_FEED_READY) continue;
        const am_status status = begin_window(b, parcel, error);
        am__feed_release(b->in->feed);
        AM_TRY(status);
    }
    return AM_OK;
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

static am_status add_segments(batch *b, am_lane *lane, const am_finished *finished,
                              am_error *error) {
    for (size_t i = 0; i < b->finisher.window.n_drafts; i++) {
        am_segment segment;
        bool is_empty = false;
        AM_TRY(am__finish_segment(&b->finisher, finished, i, 0, &segment, &is_empty, error));
        if (is_empty || (i > 0 && is_echo(lane, &segment))) continue;
        am__retime_segment(&lane->window, lane->last_start, &segment, b->finisher.words);
        lane->last_start = segment.start;
        AM_TRY(am__ledger_add(&b->ledger, lane->number, &segment, error));
    }
    return AM_OK;
}

/* The segments of a lane whose text is there; then its tail, or its end. */
static am_status finish_window(batch *b, am_lane *lane, am_error *error) {
    const am_finished finished = {
        .n_frames = lane->n_frames,
        .decoded = &lane->attempt.decoded,
        .cross = lane->cross,
        .n_ctx = lane->n_ctx,
        .total_frames = SIZE_MAX,
    };
    am_finish_result result;
    AM_TRY(am__finish_window(&b->finisher, &finished, &result, error));
    if (!result.silent && !result.repeat) AM_TRY(add_segments(b, lane, &finished, error));
    if (am__lane_tail(lane, result.seek_next)) return am__lane_begin(lane, &b->plan, error);
    const am_piece *last = &lane->window.pieces[lane->window.n_pieces - 1];
    lane->busy = false;
    b->n_busy--;
    const double before = am__ledger_done(&b->ledger);
    AM_TRY(am__ledger_end(&b->ledger, lane->number,
                          (double)(last->first + last->n) / AM_SAMPLE_RATE, error));
    if (am__ledger_done(&b->ledger) > before) report_progress(b);
    return AM_OK;
}

/* One step of all searches, and what became of those that it ended. */
static am_status step(batch *b, am_error *error) {
    const am_pipeline *pipeline = b->in->pipeline;
    AM_TRY(check_cancel(b, error));
    const double start = am__now();
    AM_TRY(am__search_step(pipeline->search, pipeline->exec, error));
    am__trace_add(pipeline->trace, AM_STAGE_DECODER, start);
    for (size_t slot = 0; slot < b->in->n_slots; slot++) {
        am_lane *lane = &b->lanes[slot];
        bool finished = false;
        if (!lane->busy || !am__search_done(pipeline->search, slot)) continue;
        AM_TRY(am__lane_take(lane, &b->plan, &finished, error));
        if (finished) AM_TRY(finish_window(b, lane, error));
    }
    return AM_OK;
}

static am_status run(batch *b, am_error *error) {
    const am_pipeline *pipeline = b->in->pipeline;
    AM_TRY(am__mel_stream_new(pipeline->dims->n_mels, pipeline->exec->kernels, &b->shared.mel,
                              error));
    AM_TRY(AM_NEW(&b->lanes, b->in->n_slots, error));
    if (b->in->language != NULL) AM_TRY(make_plan(b, b->in->language, 1, error));
    for (;;) {
        AM_TRY(fill(b, error));
        if (b->n_busy == 0) break;
        AM_TRY(step(b, error));
    }
    if (b->feed_status != AM_OK && error != NULL) *error = b->feed_error;
    return b->feed_status;
}

am_status am__transcribe_batched(const am_batch_input *input, am_error *error) {
    batch b = {.in = input, .shared = {.pipeline = input->pipeline, .params = input->params}};
    am__ledger_init(&b.ledger, input->result, input->callbacks);
    const am_status status = run(&b, error);
    am__search_clear(input->pipeline->search); /* of what was cut short */
    for (size_t i = 0; b.lanes != NULL && i < input->n_slots; i++) {
        if (b.lanes[i].shared != NULL) am__lane_free(&b.lanes[i]);
    }
    am__free(b.lanes);
    am__mel_stream_free(&b.shared.mel);
    am__finisher_free(&b.finisher);
    am__plan_free(&b.plan);
    am__ledger_free(&b.ledger);
    return status;
}

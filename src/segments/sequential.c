/* The seek loop: see sequential.h. */
#include "segments/sequential.h"

#include <ctype.h>
#include <math.h>
#include <string.h>

#include "segments/clips.h"
#include "segments/draft.h"

#define HISTORY_MAX 4096 /* tokens kept as prompt material; a prompt takes at most 223 */

/* State that travels from window to window. */
typedef struct seek_loop {
    const am_transcription *t;
    am_clips clips;
    am_decoded decoded;
    am_tokens history;       /* the initial prompt, then what was said */
    size_t n_initial;        /* tokens of the initial prompt in it */
    size_t history_start;    /* what lies before is not to be shown to the model again */
    bool first_window;
    double last_speech;
    int n_segments;
    am_window window;
    double *scratch;         /* [n_text_ctx] */
    am_word *words;          /* [n_text_ctx]: the words of one segment for the result */
    am_buf text, word_text;
} seek_loop;

static bool cancelled(void *user) {
    const am_callbacks *callbacks = user;
    return callbacks != NULL && callbacks->cancel != NULL && callbacks->cancel(callbacks->user);
}

static am_status loop_init(seek_loop *loop, const am_transcription *t, am_error *error) {
    const size_t n = t->plan->n_text_ctx;
    *loop = (seek_loop){.t = t, .first_window = true};
    am__buf_init(&loop->text, (size_t)1 << 20);
    am__buf_init(&loop->word_text, (size_t)1 << 20);
    AM_TRY(am__clips_parse(t->plan->params->clip_timestamps, &loop->clips, error));
    AM_TRY(AM_NEW(&loop->window.drafts, n, error));
    AM_TRY(AM_NEW(&loop->window.words, n, error));
    AM_TRY(AM_NEW(&loop->scratch, n, error));
    AM_TRY(AM_NEW(&loop->words, n, error));
    const am_tokens *prompt = &t->plan->initial_prompt;
    for (size_t i = 0; i < prompt->n; i++) {
        AM_TRY(am__tokens_push(&loop->history, prompt->ids[i], error));
    }
    loop->n_initial = prompt->n;
    return AM_OK;
}

static void loop_free(seek_loop *loop) {
    am__clips_free(&loop->clips);
    am__decoded_free(&loop->decoded);
    am__tokens_free(&loop->history);
    am__free(loop->window.drafts);
    am__free(loop->window.words);
    am__free(loop->scratch);
    am__free(loop->words);
    am__buf_free(&loop->text);
    am__buf_free(&loop->word_text);
}

static void encode_window(seek_loop *loop) {
    const am_pipeline *pipeline = loop->t->pipeline;
    const size_t n_mels = (size_t)pipeline->dims->n_mels;
    const size_t n_ctx = (size_t)pipeline->dims->n_audio_ctx;
    const size_t n = loop->window.n_frames < 2 * n_ctx ? loop->window.n_frames : 2 * n_ctx;
    float *input = am__encoder_input(pipeline->encoder_space, pipeline->encoder);
    am__frames_copy(loop->t->frames, loop->window.seek, n, input);
    /* Zeros, not silence: the original pads the normalised spectrogram of a window. */
    memset(input + n * n_mels, 0, (2 * n_ctx - n) * n_mels * sizeof *input);
    am__pipeline_encode(pipeline, n_ctx);
}

/* With carry_initial_prompt the initial prompt stands before every window, and as much of the
 * newest history behind it as fits. */
static am_status decode_window(seek_loop *loop, am_error *error) {
    const am_transcription *t = loop->t;
    const am_plan *plan = t->plan;
    am_tokens carried = {0};
    am_window_input input = {
        .history = loop->history.ids + loop->history_start,
        .n_history = loop->history.n - loop->history_start,
        .first = loop->first_window,
        .seed = plan->params->seed + (uint64_t)loop->window.seek * AM_MAX_TEMPERATURES,
        .cross = t->pipeline->cross,
        .cancel = cancelled,
        .user = (void *)(uintptr_t)t->callbacks,
    };
    am_status status = AM_OK;
    if (plan->params->carry_initial_prompt && loop->n_initial > 0) {
        const size_t n_max = plan->n_text_ctx / 2 - 1;
        const size_t n_initial = loop->n_initial < n_max ? loop->n_initial : n_max;
        const size_t start =
            loop->history_start > loop->n_initial ? loop->history_start : loop->n_initial;
        size_t n_rest = loop->history.n - start;
        if (n_rest > n_max - n_initial) n_rest = n_max - n_initial;
        for (size_t i = 0; status == AM_OK && i < n_initial; i++) {
            status = am__tokens_push(&carried, loop->history.ids[i], error);
        }
        for (size_t i = loop->history.n - n_rest; status == AM_OK && i < loop->history.n; i++) {
            status = am__tokens_push(&carried, loop->history.ids[i], error);
        }
        input.history = carried.ids;
        input.n_history = carried.n;
    }
    const double start = am__now();
    if (status == AM_OK) {
        status = am__decode_window(t->pipeline->fallback, t->pipeline->search, t->pipeline->exec,
                                   plan, &input, &loop->decoded, error);
    }
    am__trace_add(t->pipeline->trace, AM_STAGE_DECODER, start);
    am__tokens_free(&carried);
    loop->first_window = false;
    return status;
}

/* A threshold that is NaN is off. */
static bool is_silent(const am_params *params, const am_decoded *decoded) {
    return decoded->no_speech_prob > params->no_speech_threshold &&
           !(decoded->avg_logprob > params->logprob_threshold);
}

/* Times the words of the window; may move *seek and ask for the window to be repeated. */
static am_status add_words(seek_loop *loop, size_t *seek, bool *repeat, am_error *error) {
    const am_transcription *t = loop->t;
    const am_params *params = t->plan->params;
    am_window *window = &loop->window;
    am_aligner *aligner = t->pipeline->aligner;
    am_tokens text = {0};
    am_status status = AM_OK;
    for (size_t i = 0; status == AM_OK && i < window->n_tokens; i++) {
        if (window->tokens[i] >= t->plan->specials->eot) continue;
        status = am__tokens_push(&text, window->tokens[i], error);
    }
    am_timed_word *timed = NULL;
    size_t n_timed = 0;
    if (status == AM_OK) {
        const am_align_input input = {text.ids, text.n, window->n_frames, t->pipeline->cross,
                                      (size_t)t->pipeline->dims->n_audio_ctx};
        const double start = am__now();
        status = am__align_words(aligner, t->pipeline->search, t->pipeline->exec, t->plan, &input,
                                 &timed, &n_timed, error);
        am__trace_add(t->pipeline->trace, AM_STAGE_WORDS, start);
    }
    am__tokens_free(&text);
    AM_TRY(status);
    const am_word_durations durations = am__word_durations(timed, n_timed, loop->scratch);
    am__shorten_sentence_edges(aligner, timed, n_timed, &durations);
    am__merge_punctuations(aligner, timed, n_timed, params->prepend_punctuations,
                           params->append_punctuations);
    am__place_words(window, t->plan->specials, timed, n_timed, &durations, loop->last_speech);
    const double speech_end = am__window_speech_end(window);
    if (!window->single_timestamp_ending && speech_end > window->time_offset) {
        *seek = (size_t)rint(speech_end * AM_FRAMES_PER_SECOND);
    }
    if (params->hallucination_silence_threshold >= 0) {
        const am_silence_check check = {aligner, params->hallucination_silence_threshold,
                                        loop->last_speech, *seek, am__frames_total(t->frames)};
        *seek = am__drop_hallucinations(window, &check, repeat);
        if (*repeat) return AM_OK;
    }
    const double kept_end = am__window_speech_end(window);
    if (kept_end >= 0) loop->last_speech = kept_end;
    return AM_OK;
}

static bool is_blank(const char *text) {
    while (isspace((unsigned char)*text)) text++;
    return *text == '\0';
}

/* The words of a draft as the result wants them: zero-terminated texts in word_text. */
static am_status collect_words(seek_loop *loop, const am_draft *draft, am_error *error) {
    const char *source = am__aligner_text(loop->t->pipeline->aligner);
    am__buf_clear(&loop->word_text);
    for (size_t i = 0; i < draft->n_words; i++) {
        const am_timed_word *word = &loop->window.words[draft->first_word + i];
        AM_TRY(am__buf_append(&loop->word_text, source + word->text, word->text_end - word->text,
                              error));
        AM_TRY(am__buf_append(&loop->word_text, "", 1, error));
        loop->words[i] = (am_word){
            .start = word->start, .end = word->end, .probability = word->probability};
    }
    const char *at = am__buf_string(&loop->word_text);
    for (size_t i = 0; i < draft->n_words; i++) {
        loop->words[i].text = at;
        at += strlen(at) + 1;
    }
    return AM_OK;
}

/* One draft into the result, unless it has no text or no length. */
static am_status emit(seek_loop *loop, const am_draft *draft, am_error *error) {
    const am_transcription *t = loop->t;
    const int32_t *tokens = loop->window.tokens + draft->first_token;
    am__buf_clear(&loop->text);
    AM_TRY(am__tokenizer_decode(t->plan->tokenizer, tokens, draft->n_tokens, &loop->text, error));
    if (draft->start == draft->end || is_blank(am__buf_string(&loop->text))) return AM_OK;
    if (t->pipeline->aligner != NULL) AM_TRY(collect_words(loop, draft, error));
    const am_segment segment = {
        .id = loop->n_segments,
        .seek = (int)loop->window.seek,
        .start = draft->start,
        .end = draft->end,
        .text = am__buf_string(&loop->text),
        .tokens = tokens,
        .n_tokens = draft->n_tokens,
        .temperature = loop->decoded.temperature,
        .avg_logprob = loop->decoded.avg_logprob,
        .compression_ratio = loop->decoded.compression_ratio,
        .no_speech_prob = loop->decoded.no_speech_prob,
        .words = draft->n_words > 0 ? loop->words : NULL,
        .n_words = draft->n_words,
    };
    AM_TRY(am__result_add_segment(t->result, &segment, error));
    loop->n_segments++;
    if (t->callbacks != NULL && t->callbacks->segment != NULL) {
        t->callbacks->segment(t->callbacks->user, &segment);
    }
    for (size_t i = 0; i < draft->n_tokens; i++) {
        AM_TRY(am__tokens_push(&loop->history, tokens[i], error));
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

/* Decodes the window at loop->window.seek; *seek_next is where the next one begins. */
static am_status transcribe_window(seek_loop *loop, size_t *seek_next, am_error *error) {
    const am_transcription *t = loop->t;
    const am_params *params = t->plan->params;
    am_window *window = &loop->window;
    window->time_offset = (double)window->seek / AM_FRAMES_PER_SECOND;
    *seek_next = window->seek + window->n_frames;
    encode_window(loop);
    AM_TRY(decode_window(loop, error));
    if (is_silent(params, &loop->decoded)) return AM_OK;
    window->tokens = loop->decoded.tokens.ids;
    window->n_tokens = loop->decoded.tokens.n;
    *seek_next = am__cut_window(window, t->plan->specials);
    if (t->pipeline->aligner != NULL) {
        bool repeat = false;
        AM_TRY(add_words(loop, seek_next, &repeat, error));
        if (repeat) return AM_OK;
    }
    for (size_t i = 0; i < window->n_drafts; i++) AM_TRY(emit(loop, &window->drafts[i], error));
    if (!params->condition_on_previous_text || loop->decoded.temperature > 0.5) {
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
    am_window *window = &loop->window;
    size_t seek = clip->first > window->seek ? clip->first : window->seek;
    while (seek < clip->end) {
        const double start = am__now();
        AM_TRY(am__frames_seek(loop->t->frames, seek, &window->n_frames, error));
        am__trace_add(loop->t->pipeline->trace, AM_STAGE_AUDIO, start);
        if (window->n_frames == 0) break;
        if (window->n_frames > clip->end - seek) window->n_frames = clip->end - seek;
        if (cancelled((void *)(uintptr_t)loop->t->callbacks)) {
            AM_FAIL(error, AM_E_CANCELLED, "stopped by the caller");
        }
        window->seek = seek;
        size_t next = seek;
        AM_TRY(transcribe_window(loop, &next, error));
        /* A window that ends where it began would be decoded for ever. */
        seek = next > seek ? next : seek + window->n_frames;
        report_progress(loop->t, seek);
    }
    window->seek = seek;
    return AM_OK;
}

am_status am__transcribe_sequential(const am_transcription *transcription, am_error *error) {
    seek_loop loop;
    am_status status = loop_init(&loop, transcription, error);
    for (size_t i = 0; status == AM_OK && i < loop.clips.n; i++) {
        status = run_clip(&loop, &loop.clips.clips[i], error);
    }
    loop_free(&loop);
    return status;
}

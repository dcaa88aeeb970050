/* Windows to segments: see finish.h. */
#include "segments/finish.h"

#include <ctype.h>
#include <math.h>
#include <string.h>

#include "features/mel.h"

#define TEXT_BYTES_MAX ((size_t)1 << 20)

am_status am__finisher_init(am_finisher *finisher, const am_pipeline *pipeline,
                            const am_plan *plan, am_error *error) {
    const size_t n = plan->n_text_ctx;
    *finisher = (am_finisher){.pipeline = pipeline, .plan = plan};
    am__buf_init(&finisher->text, TEXT_BYTES_MAX);
    am__buf_init(&finisher->word_text, TEXT_BYTES_MAX);
    AM_TRY(AM_NEW(&finisher->window.drafts, n, error));
    AM_TRY(AM_NEW(&finisher->window.words, n, error));
    AM_TRY(AM_NEW(&finisher->scratch, n, error));
    return AM_NEW(&finisher->words, n, error);
}

void am__finisher_free(am_finisher *finisher) {
    am__free(finisher->window.drafts);
    am__free(finisher->window.words);
    am__free(finisher->scratch);
    am__free(finisher->words);
    am__tokens_free(&finisher->text_tokens);
    am__buf_free(&finisher->text);
    am__buf_free(&finisher->word_text);
}

/* A threshold that is NaN is off. */
static bool is_silent(const am_params *params, const am_decoded *decoded) {
    return decoded->no_speech_prob > params->no_speech_threshold &&
           !(decoded->avg_logprob > params->logprob_threshold);
}

/* Times the words of the window; may move the next window and ask for a repetition. */
static am_status add_words(am_finisher *finisher, const am_finished *finished,
                           am_finish_result *result, am_error *error) {
    const am_pipeline *pipeline = finisher->pipeline;
    const am_params *params = finisher->plan->params;
    am_drafts *window = &finisher->window;
    am_tokens *text = &finisher->text_tokens;
    text->n = 0;
    for (size_t i = 0; i < window->n_tokens; i++) {
        if (window->tokens[i] >= finisher->plan->specials->eot) continue;
        AM_TRY(am__tokens_push(text, window->tokens[i], error));
    }
    const am_align_input input = {text->ids, text->n, window->n_frames, finished->cross,
                                  finished->n_ctx};
    am_timed_word *timed = NULL;
    size_t n_timed = 0;
    const double start = am__now();
    AM_TRY(am__align_words(pipeline->aligner, pipeline->search, pipeline->exec, finisher->plan,
                           &input, &timed, &n_timed, error));
    am__trace_add(pipeline->trace, AM_STAGE_WORDS, start);
    const am_word_durations durations = am__word_durations(timed, n_timed, finisher->scratch);
    am__shorten_sentence_edges(pipeline->aligner, timed, n_timed, &durations);
    am__merge_punctuations(pipeline->aligner, timed, n_timed, params->prepend_punctuations,
                           params->append_punctuations);
    am__place_words(window, finisher->plan->specials, timed, n_timed, &durations,
                    finished->last_speech);
    const double speech_end = am__window_speech_end(window);
    if (!window->single_timestamp_ending && speech_end > window->time_offset) {
        result->seek_next = (size_t)rint(speech_end * AM_FRAMES_PER_SECOND);
    }
    if (params->hallucination_silence_threshold >= 0) {
        const am_silence_check check = {pipeline->aligner,
                                        params->hallucination_silence_threshold,
                                        finished->last_speech, result->seek_next,
                                        finished->total_frames};
        result->seek_next = am__drop_hallucinations(window, &check, &result->repeat);
        if (result->repeat) return AM_OK;
    }
    const double kept_end = am__window_speech_end(window);
    if (kept_end >= 0) result->last_speech = kept_end;
    return AM_OK;
}

am_status am__finish_window(am_finisher *finisher, const am_finished *finished,
                            am_finish_result *result, am_error *error) {
    am_drafts *window = &finisher->window;
    *result = (am_finish_result){.seek_next = finished->seek + finished->n_frames,
                                 .last_speech = finished->last_speech};
    window->seek = finished->seek;
    window->n_frames = finished->n_frames;
    window->time_offset = (double)finished->seek / AM_FRAMES_PER_SECOND;
    window->tokens = finished->decoded->tokens.ids;
    window->n_tokens = finished->decoded->tokens.n;
    window->n_drafts = 0;
    result->silent = is_silent(finisher->plan->params, finished->decoded);
    if (result->silent) return AM_OK;
    result->seek_next = am__cut_window(window, finisher->plan->specials);
    if (finisher->pipeline->aligner == NULL) return AM_OK;
    return add_words(finisher, finished, result, error);
}

static bool is_blank(const char *text) {
    while (isspace((unsigned char)*text)) text++;
    return *text == '\0';
}

/* The words of a draft as the result wants them: zero-terminated texts in word_text. */
static am_status collect_words(am_finisher *finisher, const am_draft *draft, am_error *error) {
    const char *source = am__aligner_text(finisher->pipeline->aligner);
    am__buf_clear(&finisher->word_text);
    for (size_t i = 0; i < draft->n_words; i++) {
        const am_timed_word *word = &finisher->window.words[draft->first_word + i];
        AM_TRY(am__buf_append(&finisher->word_text, source + word->text,
                              word->text_end - word->text, error));
        AM_TRY(am__buf_append(&finisher->word_text, "", 1, error));
        finisher->words[i] = (am_word){
            .start = word->start, .end = word->end, .probability = word->probability};
    }
    const char *at = am__buf_string(&finisher->word_text);
    for (size_t i = 0; i < draft->n_words; i++) {
        finisher->words[i].text = at;
        at += strlen(at) + 1;
    }
    return AM_OK;
}

am_status am__finish_segment(am_finisher *finisher, const am_finished *finished, size_t index,
                             int id, am_segment *segment, bool *is_empty, am_error *error) {
    const am_draft *draft = &finisher->window.drafts[index];
    const am_decoded *decoded = finished->decoded;
    const int32_t *tokens = decoded->tokens.ids + draft->first_token;
    am__buf_clear(&finisher->text);
    AM_TRY(am__tokenizer_decode(finisher->plan->tokenizer, tokens, draft->n_tokens,
                                &finisher->text, error));
    *is_empty = draft->start == draft->end || is_blank(am__buf_string(&finisher->text));
    if (*is_empty) return AM_OK;
    if (finisher->pipeline->aligner != NULL) AM_TRY(collect_words(finisher, draft, error));
    *segment = (am_segment){
        .id = id,
        .seek = (int)finished->seek,
        .start = draft->start,
        .end = draft->end,
        .text = am__buf_string(&finisher->text),
        .tokens = tokens,
        .n_tokens = draft->n_tokens,
        .temperature = decoded->temperature,
        .avg_logprob = decoded->avg_logprob,
        .compression_ratio = decoded->compression_ratio,
        .no_speech_prob = decoded->no_speech_prob,
        .words = draft->n_words > 0 ? finisher->words : NULL,
        .n_words = draft->n_words,
        .token_logprobs = decoded->logprobs + draft->first_token,
    };
    return AM_OK;
}

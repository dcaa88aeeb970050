/* Alignment of words by DTW: see align.h. */
#include "segments/align.h"

#include <math.h>
#include <string.h>

#include "nn/attention.h"

#define MEDIAN_WIDTH 7
#define SECONDS_PER_POSITION 0.02
#define WORD_BYTES_MAX 256

enum { STEP_DIAGONAL, STEP_TOKEN, STEP_FRAME };

struct am_aligner {
    const am_head_id *heads;
    size_t n_heads;
    am_tokens tokens;      /* start sequence, text, end */
    float *scores;         /* [n_heads, n_rows, n_ctx] */
    float *matrix;         /* [n_rows, n_ctx]: mean over heads */
    float *line;           /* [n_ctx + 2 * (MEDIAN_WIDTH / 2)]: a padded row */
    float *cost;           /* [2, n_ctx + 1]: two rows of the warping */
    unsigned char *trace;  /* [n_rows + 1, n_ctx + 1]: the step taken into each cell */
    float *probs;          /* [n_rows] */
    double *jump_times;    /* [n_rows]: when each token begins */
    am_timed_word *words;  /* [n_rows] */
    am_buf text;
};

am_status am__aligner_new(const am_dims *dims, const am_head_id *heads, size_t n_heads,
                          am_aligner **aligner, am_error *error) {
    const size_t n_rows = (size_t)dims->n_text_ctx;
    const size_t n_ctx = (size_t)dims->n_audio_ctx;
    am_aligner *fresh = NULL;
    AM_TRY(AM_NEW(&fresh, 1, error));
    fresh->heads = heads;
    fresh->n_heads = n_heads;
    am__buf_init(&fresh->text, (size_t)1 << 20);
    am_status status = AM_OK;
    AM_TRY_DONE(AM_NEW(&fresh->scores, n_heads * n_rows * n_ctx, error));
    AM_TRY_DONE(AM_NEW(&fresh->matrix, n_rows * n_ctx, error));
    AM_TRY_DONE(AM_NEW(&fresh->line, n_ctx + MEDIAN_WIDTH, error));
    AM_TRY_DONE(AM_NEW(&fresh->cost, 2 * (n_ctx + 1), error));
    AM_TRY_DONE(AM_NEW(&fresh->trace, (n_rows + 1) * (n_ctx + 1), error));
    AM_TRY_DONE(AM_NEW(&fresh->probs, n_rows, error));
    AM_TRY_DONE(AM_NEW(&fresh->jump_times, n_rows + 1, error));
    AM_TRY_DONE(AM_NEW(&fresh->words, n_rows + 1, error));
    *aligner = fresh;
    return AM_OK;
done:
    am__aligner_free(&fresh);
    return status;
}

void am__aligner_free(am_aligner **aligner) {
    am_aligner *old = *aligner;
    if (old == NULL) return;
    am__tokens_free(&old->tokens);
    am__buf_free(&old->text);
    am__free(old->scores);
    am__free(old->matrix);
    am__free(old->line);
    am__free(old->cost);
    am__free(old->trace);
    am__free(old->probs);
    am__free(old->jump_times);
    am__free(old->words);
    am__free(old);
    *aligner = NULL;
}

/* Softmax over the content frames of each row, then each frame's mean and deviation over the
 * tokens are removed: what is left is how much more a token listens to a frame than others do. */
static void standardise(const am_kernels *kernels, float *scores, size_t n_rows, size_t n_ctx,
                        size_t n) {
    for (size_t r = 0; r < n_rows; r++) kernels->softmax_f32(scores + r * n_ctx, n);
    for (size_t t = 0; t < n; t++) {
        double sum = 0;
        double squares = 0;
        for (size_t r = 0; r < n_rows; r++) sum += (double)scores[r * n_ctx + t];
        const double mean = sum / (double)n_rows;
        for (size_t r = 0; r < n_rows; r++) {
            const double off = (double)scores[r * n_ctx + t] - mean;
            squares += off * off;
        }
        const double deviation = sqrt(squares / (double)n_rows);
        const double scale = deviation > 0 ? 1 / deviation : 0;
        for (size_t r = 0; r < n_rows; r++) {
            scores[r * n_ctx + t] = (float)(((double)scores[r * n_ctx + t] - mean) * scale);
        }
    }
}

static inline void sort_pair(float *a, float *b) {
    const float low = *a < *b ? *a : *b;
    *b = *a < *b ? *b : *a;
    *a = low;
}

/* Median of seven by 13 exchanges (Devillard, "Fast median search", 1998): no branches, so the
 * loop over frames vectorises. */
static inline float median7(const float *x) {
    float p[MEDIAN_WIDTH];
    for (int i = 0; i < MEDIAN_WIDTH; i++) p[i] = x[i];
    sort_pair(&p[0], &p[5]), sort_pair(&p[0], &p[3]), sort_pair(&p[1], &p[6]);
    sort_pair(&p[2], &p[4]), sort_pair(&p[0], &p[1]), sort_pair(&p[3], &p[5]);
    sort_pair(&p[2], &p[6]), sort_pair(&p[2], &p[3]), sort_pair(&p[3], &p[6]);
    sort_pair(&p[4], &p[5]), sort_pair(&p[1], &p[4]), sort_pair(&p[1], &p[3]);
    sort_pair(&p[3], &p[4]);
    return p[3];
}

/* Adds the median-filtered row x [n] to sum [n]; the ends are reflected. */
static void add_filtered(float *line, const float *x, size_t n, float *sum) {
    const size_t pad = MEDIAN_WIDTH / 2;
    if (n <= pad) { /* too short to reflect: the original leaves it as it is */
        for (size_t t = 0; t < n; t++) sum[t] += x[t];
        return;
    }
    memcpy(line + pad, x, n * sizeof *x);
    for (size_t i = 1; i <= pad; i++) {
        line[pad - i] = x[i];
        line[pad + n - 1 + i] = x[n - 1 - i];
    }
    for (size_t t = 0; t < n; t++) sum[t] += median7(line + t);
}

/* Warping of rows [n_rows] over frames [n]; x = -matrix. Fills the trace. */
static void warp(am_aligner *aligner, const float *matrix, size_t n_rows, size_t n_ctx, size_t n) {
    float *previous = aligner->cost;
    float *current = aligner->cost + n + 1;
    previous[0] = 0;
    for (size_t j = 1; j <= n; j++) previous[j] = INFINITY;
    for (size_t i = 1; i <= n_rows; i++) {
        const float *x = matrix + (i - 1) * n_ctx;
        unsigned char *trace = aligner->trace + i * (n + 1);
        current[0] = INFINITY;
        for (size_t j = 1; j <= n; j++) {
            const float diagonal = previous[j - 1];
            const float token = previous[j];
            const float frame = current[j - 1];
            float least = frame;
            trace[j] = STEP_FRAME;
            if (diagonal < token && diagonal < frame) {
                least = diagonal;
                trace[j] = STEP_DIAGONAL;
            } else if (token < diagonal && token < frame) {
                least = token;
                trace[j] = STEP_TOKEN;
            }
            current[j] = (float)((double)least - (double)x[j - 1]);
        }
        float *swap = previous;
        previous = current;
        current = swap;
    }
}

/* Walks the cheapest path back; the first frame of each row is when its token begins. */
static void trace_back(am_aligner *aligner, size_t n_rows, size_t n) {
    size_t i = n_rows;
    size_t j = n;
    while (i > 0 || j > 0) {
        if (i > 0) {
            aligner->jump_times[i - 1] = (double)(j > 0 ? j - 1 : 0) * SECONDS_PER_POSITION;
        }
        const unsigned char step = i == 0   ? STEP_FRAME
                                   : j == 0 ? STEP_TOKEN
                                            : aligner->trace[i * (n + 1) + j];
        if (step != STEP_FRAME) i--;
        if (step != STEP_TOKEN) j--;
    }
}

/* Runs the text through the decoder; leaves when each text token begins in jump_times and the
 * tokens' probabilities in probs. */
static am_status time_tokens(am_aligner *aligner, am_search *search, const am_exec *exec,
                             const am_plan *plan, const am_align_input *input, am_error *error) {
    const size_t n_sot = plan->n_sot_plain;
    const size_t n = input->n_frames / 2;
    am_tokens *tokens = &aligner->tokens;
    tokens->n = 0;
    AM_TRY(am__tokens_append(tokens, plan->sot_sequence.ids, n_sot, error));
    AM_TRY(am__tokens_push(tokens, plan->specials->no_timestamps, error));
    AM_TRY(am__tokens_append(tokens, input->tokens, input->n_tokens, error));
    AM_TRY(am__tokens_push(tokens, plan->specials->eot, error));
    const am_score_capture capture = {aligner->heads, aligner->n_heads, input->n_ctx,
                                      aligner->scores};
    const am_forced_input forced = {.tokens = tokens->ids,
                                    .n_tokens = tokens->n,
                                    .first = n_sot,
                                    .n_probs = input->n_tokens,
                                    .end = plan->specials->eot,
                                    .cross = input->cross,
                                    .capture = &capture};
    AM_TRY(am__search_forced(search, exec, &forced, aligner->probs, error));
    const size_t n_rows = input->n_tokens + 1; /* <|notimestamps|> and the text */
    memset(aligner->matrix, 0, n_rows * input->n_ctx * sizeof *aligner->matrix);
    for (size_t h = 0; h < aligner->n_heads; h++) {
        float *scores = aligner->scores + h * tokens->n * input->n_ctx;
        standardise(exec->kernels, scores, tokens->n, input->n_ctx, n);
        for (size_t r = 0; r < n_rows; r++) {
            add_filtered(aligner->line, scores + (n_sot + r) * input->n_ctx, n,
                         aligner->matrix + r * input->n_ctx);
        }
    }
    for (size_t i = 0; i < n_rows * input->n_ctx; i++) {
        aligner->matrix[i] /= (float)aligner->n_heads;
    }
    warp(aligner, aligner->matrix, n_rows, input->n_ctx, n);
    trace_back(aligner, n_rows, n);
    return AM_OK;
}

am_status am__align_words(am_aligner *aligner, am_search *search, const am_exec *exec,
                          const am_plan *plan, const am_align_input *input, am_timed_word **words,
                          size_t *n_words, am_error *error) {
    *words = aligner->words;
    *n_words = 0;
    am__buf_clear(&aligner->text);
    if (input->n_tokens == 0 || input->n_frames < 2) return AM_OK;
    if (plan->n_sot_plain + 2 + input->n_tokens > plan->n_text_ctx) {
        AM_FAIL(error, AM_E_INTERNAL, "%zu tokens are too many to align", input->n_tokens);
    }
    AM_TRY(time_tokens(aligner, search, exec, plan, input, error));
    am_token_words split = {0};
    am_status status = am__tokenizer_split_words(plan->tokenizer, input->tokens, input->n_tokens,
                                                 plan->language, &split, error);
    for (size_t i = 0; status == AM_OK && i < split.n_words; i++) {
        const am_token_word *from = &split.words[i];
        am_timed_word *word = &aligner->words[i];
        double sum = 0;
        for (size_t t = from->first; t < from->first + from->n_tokens; t++) {
            sum += (double)aligner->probs[t];
        }
        word->text = aligner->text.n_bytes;
        status = am__buf_text(&aligner->text, from->text, error);
        word->text_end = aligner->text.n_bytes;
        word->n_tokens = from->n_tokens;
        word->start = aligner->jump_times[from->first];
        word->end = aligner->jump_times[from->first + from->n_tokens];
        word->probability = from->n_tokens > 0 ? sum / (double)from->n_tokens : 0;
    }
    if (status == AM_OK) *n_words = split.n_words;
    am__token_words_free(&split);
    return status;
}

const char *am__aligner_text(const am_aligner *aligner) {
    return am__buf_string(&aligner->text);
}

bool am__word_in(const am_aligner *aligner, const am_timed_word *word, bool strip,
                 const char *set) {
    char text[WORD_BYTES_MAX];
    const char *from = am__aligner_text(aligner) + word->text;
    size_t n = word->text_end - word->text;
    while (strip && n > 0 && *from == ' ') from++, n--;
    while (strip && n > 0 && from[n - 1] == ' ') n--;
    if (n >= sizeof text) return false;
    memcpy(text, from, n);
    text[n] = '\0';
    return strstr(set, text) != NULL;
}

/* Moves the text and tokens of `from` to its neighbour `to`: their texts lie side by side. */
static void absorb(am_timed_word *to, am_timed_word *from) {
    if (from->text < from->text_end) {
        if (to->text == to->text_end) {
            to->text = from->text;
            to->text_end = from->text_end;
        } else if (from->text < to->text) {
            to->text = from->text;
        } else {
            to->text_end = from->text_end;
        }
    }
    to->n_tokens += from->n_tokens;
    from->text = from->text_end;
    from->n_tokens = 0;
}

void am__merge_punctuations(const am_aligner *aligner, am_timed_word *words, size_t n_words,
                            const char *prepended, const char *appended) {
    if (n_words < 2) return;
    const char *text = am__aligner_text(aligner);
    size_t following = n_words - 1;
    for (size_t i = n_words - 1; i-- > 0;) {
        const bool spaced = words[i].text < words[i].text_end && text[words[i].text] == ' ';
        if (spaced && am__word_in(aligner, &words[i], true, prepended)) {
            absorb(&words[following], &words[i]);
        } else {
            following = i;
        }
    }
    size_t previous = 0;
    for (size_t j = 1; j < n_words; j++) {
        const am_timed_word *before = &words[previous];
        const bool open = before->text == before->text_end || text[before->text_end - 1] != ' ';
        if (open && am__word_in(aligner, &words[j], false, appended)) {
            absorb(&words[previous], &words[j]);
        } else {
            previous = j;
        }
    }
}

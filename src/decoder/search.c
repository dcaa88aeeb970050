/* The driver of many windows' searches: see search.h. */
#include "decoder/search.h"

#include <math.h>
#include <string.h>

#include "decoder/job.h"

#define FORCED_ROWS 16 /* rows whose logits a teacher-forced pass asks for at once */

struct am_search {
    const am_decoder *decoder;
    am_decoder_space *space;
    size_t n_slots, n_beams;
    am_job *jobs;         /* [n_slots] */
    am_decoder_row *rows; /* [n_text_ctx] of the next decoder call */
    size_t *logit_rows;   /* [n_logit_rows] of them */
    size_t *first_logit;  /* [n_slots] where a slot's logits begin, or SIZE_MAX */
    am_ranking *rankings; /* [n_logit_rows]: what is asked of the logits, */
    float **ranked;       /* [n_logit_rows]: of which row, */
    float *scratch;       /* [n_logit_rows, n_vocab]: and room for it */
    am_sequence alone;    /* of tokens run outside any slot; owns its cells' list */
    am_work work;
};

am_status am__search_new(const am_decoder *decoder, size_t n_slots, size_t n_beams,
                         am_search **search, am_error *error) {
    const am_dims *dims = am__decoder_dims(decoder);
    const size_t n_ctx = (size_t)dims->n_text_ctx;
    /* A slot holds a prompt of half the context and n_beams continuations of the other half, each
     * one cell longer while beams change over; tokens run alone take one context. */
    const size_t n_cells = n_ctx + n_slots * (n_beams + 1) * (n_ctx / 2 + 2);
    /* After a prompt two rows are asked for: its start token's and its last. */
    size_t n_logit_rows = n_slots * (n_beams > 2 ? n_beams : 2);
    if (n_logit_rows < FORCED_ROWS) n_logit_rows = FORCED_ROWS;
    if (n_slots == 0 || n_beams == 0 || n_slots * n_beams > n_ctx) {
        AM_FAIL(error, AM_E_ARG, "%zu windows of %zu beams do not fit %zu rows", n_slots, n_beams,
                n_ctx);
    }
    am_search *fresh = NULL;
    AM_TRY(AM_NEW(&fresh, 1, error));
    fresh->decoder = decoder;
    fresh->n_slots = n_slots;
    fresh->n_beams = n_beams;
    am_status status = AM_OK;
    AM_TRY_DONE(am__decoder_space_new(decoder, n_cells, n_logit_rows, &fresh->space, error));
    AM_TRY_DONE(AM_NEW(&fresh->jobs, n_slots, error));
    for (size_t i = 0; i < n_slots; i++) {
        AM_TRY_DONE(am__job_init(&fresh->jobs[i], dims, n_beams, error));
    }
    AM_TRY_DONE(AM_NEW(&fresh->rows, n_ctx, error));
    AM_TRY_DONE(AM_NEW(&fresh->logit_rows, n_logit_rows, error));
    AM_TRY_DONE(AM_NEW(&fresh->first_logit, n_slots, error));
    AM_TRY_DONE(AM_NEW(&fresh->rankings, n_logit_rows, error));
    AM_TRY_DONE(AM_NEW(&fresh->ranked, n_logit_rows, error));
    /* Touched where tokens are drawn, which is seldom. */
    AM_TRY_DONE(AM_NEW_RAW(&fresh->scratch, n_logit_rows * (size_t)dims->n_vocab, error));
    AM_TRY_DONE(AM_NEW(&fresh->alone.cells, n_ctx, error));
    *search = fresh;
    return AM_OK;
done:
    am__search_free(&fresh);
    return status;
}

void am__search_free(am_search **search) {
    am_search *old = *search;
    if (old == NULL) return;
    for (size_t i = 0; old->jobs != NULL && i < old->n_slots; i++) am__job_free(&old->jobs[i]);
    am__free(old->jobs);
    am__decoder_space_free(&old->space);
    am__free(old->rows);
    am__free(old->logit_rows);
    am__free(old->first_logit);
    am__free(old->rankings);
    am__free(old->ranked);
    am__free(old->scratch);
    am__free(old->alone.cells);
    am__free(old);
    *search = NULL;
}

void am__search_begin(am_search *search, size_t slot, const am_search_input *input,
                      const am_search_options *options) {
    am__job_begin(&search->jobs[slot], am__decoder_cache(search->space), input, options);
}

void am__search_drop(am_search *search, size_t slot) {
    am__job_release(&search->jobs[slot], am__decoder_cache(search->space));
}

bool am__search_done(const am_search *search, size_t slot) {
    const am_job_phase phase = search->jobs[slot].phase;
    return phase == AM_JOB_DONE || phase == AM_JOB_STUCK;
}

am_status am__search_outcome(const am_search *search, size_t slot, am_error *error) {
    if (search->jobs[slot].phase == AM_JOB_STUCK) {
        AM_FAIL(error, AM_E_INTERNAL, "the rules left no token to say");
    }
    return AM_OK;
}

am_work am__search_work(const am_search *search) {
    return search->work;
}

am_search_result am__search_result(const am_search *search, size_t slot) {
    return am__job_result(&search->jobs[slot]);
}

static float probability(const am_kernels *kernels, const float *logits, size_t n, size_t token) {
    return expf(logits[token] - kernels->logsumexp_f32(logits, n));
}

/* Adds the rows of one slot to the next decoder call, and which of them need logits. A prompt that
 * does not fit any more waits for the call after. */
static void add_rows(am_search *search, size_t slot, size_t *n_rows, size_t *n_logits) {
    am_job *job = &search->jobs[slot];
    const am_cross *cross = job->input.cross;
    search->first_logit[slot] = SIZE_MAX;
    if (job->phase == AM_JOB_PROMPT && *n_rows + job->input.n_prompt <= job->n_ctx) {
        search->first_logit[slot] = *n_logits;
        search->logit_rows[(*n_logits)++] = *n_rows + job->input.sot_index;
        search->logit_rows[(*n_logits)++] = *n_rows + job->input.n_prompt - 1;
        for (size_t i = 0; i < job->input.n_prompt; i++) {
            search->rows[(*n_rows)++] =
                (am_decoder_row){job->input.prompt[i], &job->live[0].sequence, cross};
        }
    } else if (job->phase == AM_JOB_RUNNING) {
        search->first_logit[slot] = *n_logits;
        for (size_t i = 0; i < job->n_live; i++) {
            if (!am__job_waits(job, i)) continue;
            am_hypothesis *h = &job->live[i];
            search->logit_rows[(*n_logits)++] = *n_rows;
            search->rows[(*n_rows)++] =
                (am_decoder_row){h->tokens[h->n_tokens - 1], &h->sequence, cross};
        }
    }
}

typedef struct rank_job {
    am_search *search;
    const am_kernels *kernels;
    size_t n_vocab;
} rank_job;

static void rank_row(void *context, size_t row, size_t n_rows) {
    (void)n_rows;
    const rank_job *job = context;
    const am_search *search = job->search;
    am__rank(&search->rankings[row], job->kernels, search->ranked[row],
             search->scratch + row * job->n_vocab);
}

/* What the logits say, for all rows of all slots at once; then what the slots make of it. */
static void advance(am_search *search, const am_exec *exec, float *logits) {
    const size_t n_vocab = (size_t)am__decoder_dims(search->decoder)->n_vocab;
    rank_job ranks = {search, exec->kernels, n_vocab};
    size_t n_rows = 0;
    for (size_t i = 0; i < search->n_slots; i++) {
        am_job *job = &search->jobs[i];
        if (search->first_logit[i] == SIZE_MAX) continue;
        float *own = logits + search->first_logit[i] * n_vocab;
        if (job->phase == AM_JOB_PROMPT) {
            job->no_speech_prob = probability(exec->kernels, own, n_vocab,
                                              (size_t)job->input.rules->specials->no_speech);
            own += n_vocab;
        }
        const size_t n = am__job_ask(job, search->rankings + n_rows);
        for (size_t r = 0; r < n; r++) search->ranked[n_rows + r] = own + r * n_vocab;
        n_rows += n;
    }
    am__team_run(exec->team, n_rows, rank_row, &ranks);
    const am_ranking *rankings = search->rankings;
    for (size_t i = 0; i < search->n_slots; i++) {
        am_job *job = &search->jobs[i];
        if (search->first_logit[i] == SIZE_MAX) continue;
        size_t n = 0;
        for (size_t h = 0; h < job->n_live; h++) n += !job->live[h].ended;
        am__job_advance(job, am__decoder_cache(search->space), rankings);
        rankings += n;
    }
}

am_status am__search_step(am_search *search, const am_exec *exec, am_error *error) {
    size_t n_rows = 0;
    size_t n_logits = 0;
    /* Slots that are under way first: their rows always fit, prompts take what is left. */
    for (size_t i = 0; i < search->n_slots; i++) {
        if (search->jobs[i].phase != AM_JOB_PROMPT) add_rows(search, i, &n_rows, &n_logits);
    }
    for (size_t i = 0; i < search->n_slots; i++) {
        if (search->jobs[i].phase == AM_JOB_PROMPT) add_rows(search, i, &n_rows, &n_logits);
    }
    if (n_rows == 0) AM_FAIL(error, AM_E_INTERNAL, "no window has a token to run");
    search->work.steps++;
    search->work.rows += n_rows;
    search->work.bytes += am__decoder_step_bytes(search->decoder, search->rows, n_rows);
    AM_TRY(am__decoder_run(search->decoder, exec, search->space, search->rows, n_rows, NULL,
                           error));
    float *logits =
        am__decoder_logits(search->decoder, exec, search->space, search->logit_rows, n_logits);
    advance(search, exec, logits);
    return AM_OK;
}

/* ---- Tokens run outside any slot ---------------------------------------------------------- */

/* Runs tokens as one fresh sequence, whose cells the next such call gives back. */
static am_status run_alone(am_search *search, const am_exec *exec, const int32_t *tokens, size_t n,
                           const am_cross *cross, const am_score_capture *capture,
                           am_error *error) {
    const size_t n_ctx = (size_t)am__decoder_dims(search->decoder)->n_text_ctx;
    if (n == 0 || n > n_ctx) {
        AM_FAIL(error, AM_E_INTERNAL, "%zu tokens do not fit the text context of %zu", n, n_ctx);
    }
    am__kvcache_truncate(am__decoder_cache(search->space), &search->alone, 0);
    for (size_t i = 0; i < n; i++) {
        search->rows[i] = (am_decoder_row){tokens[i], &search->alone, cross};
    }
    return am__decoder_run(search->decoder, exec, search->space, search->rows, n, capture, error);
}

/* Logits of n <= FORCED_ROWS rows from `first` on. */
static float *logits_from(am_search *search, const am_exec *exec, size_t first, size_t n) {
    for (size_t i = 0; i < n; i++) search->logit_rows[i] = first + i;
    return am__decoder_logits(search->decoder, exec, search->space, search->logit_rows, n);
}

am_status am__search_first_probs(am_search *search, const am_exec *exec, const am_cross *cross,
                                 int32_t sot, int32_t first, size_t n, float *probs,
                                 am_error *error) {
    AM_TRY(run_alone(search, exec, &sot, 1, cross, NULL, error));
    memcpy(probs, logits_from(search, exec, 0, 1) + first, n * sizeof *probs);
    exec->kernels->softmax_f32(probs, n);
    return AM_OK;
}

am_status am__search_forced(am_search *search, const am_exec *exec, const am_forced_input *input,
                            float *probs, am_error *error) {
    const size_t n_vocab = (size_t)am__decoder_dims(search->decoder)->n_vocab;
    AM_TRY(run_alone(search, exec, input->tokens, input->n_tokens, input->cross, input->capture,
                     error));
    for (size_t i = 0; i < input->n_probs; i += FORCED_ROWS) {
        const size_t left = input->n_probs - i;
        const size_t n = left < FORCED_ROWS ? left : FORCED_ROWS;
        const float *logits = logits_from(search, exec, input->first + i, n);
        for (size_t r = 0; r < n; r++, logits += n_vocab) {
            const int32_t token = input->tokens[input->first + i + r + 1];
            probs[i + r] = probability(exec->kernels, logits, (size_t)input->end, (size_t)token);
        }
    }
    return AM_OK;
}

am_status am__search_forced_logits(am_search *search, const am_exec *exec, const int32_t *tokens,
                                   size_t n_tokens, const am_cross *cross, float *logits,
                                   am_error *error) {
    const size_t n_vocab = (size_t)am__decoder_dims(search->decoder)->n_vocab;
    AM_TRY(run_alone(search, exec, tokens, n_tokens, cross, NULL, error));
    for (size_t i = 0; i < n_tokens; i++) {
        memcpy(logits + i * n_vocab, logits_from(search, exec, i, 1), n_vocab * sizeof *logits);
    }
    return AM_OK;
}

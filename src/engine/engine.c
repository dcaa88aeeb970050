/*
 * Opening a model: finds the file, packs the weights for this CPU's kernels, keeps the vocabulary,
 * and closes the file again, so that an engine holds each weight once. An .amn file stays open: its
 * weights are used where they lie.
 */
#include "engine/engine.h"

#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "hub/hub.h"
#include "model/model.h"

#define ARENA_BYTES_MAX ((size_t)64 << 20) /* a vocabulary takes under 2 MB */

void am_engine_options_init(am_engine_options *options) {
    *options = (am_engine_options){.compute_type = AM_COMPUTE_INT8};
}

am_status am__choose_threads(int wanted, int *n_threads, am_error *error) {
    if (wanted < 0 || wanted > AM_THREADS_MAX) {
        AM_FAIL(error, AM_E_ARG, "threads: %d is not between 0 (one per core) and %d", wanted,
                AM_THREADS_MAX);
    }
    *n_threads = wanted;
    if (*n_threads == 0) {
        const long n_cores = sysconf(_SC_NPROCESSORS_ONLN);
        *n_threads = n_cores < 1 ? 1 : (n_cores > AM_THREADS_MAX ? AM_THREADS_MAX : (int)n_cores);
    }
    return AM_OK;
}

static am_status copy_vocabulary(am_engine *engine, const am_model *model, am_error *error) {
    size_t n = 0;
    const am_token_text *source = am__model_vocabulary(model, &n);
    am_token_bytes *tokens = NULL;
    if (am__model_in_place(model)) return am__tokenizer_new(source, n, &engine->tokenizer, error);
    AM_TRY(AM_ARENA_NEW(&engine->arena, &tokens, n, error));
    for (size_t i = 0; i < n; i++) {
        AM_TRY(am__arena_strndup(&engine->arena, source[i].bytes, source[i].n_bytes,
                                 &tokens[i].bytes, error));
        tokens[i].n_bytes = source[i].n_bytes;
    }
    return am__tokenizer_new(tokens, n, &engine->tokenizer, error);
}

static am_status copy_heads(am_engine *engine, const am_model *model, am_error *error) {
    const am_head_id *source = am__model_alignment_heads(model, &engine->n_heads);
    am_head_id *heads = NULL;
    AM_TRY(AM_ARENA_NEW(&engine->arena, &heads, engine->n_heads, error));
    if (engine->n_heads > 0) memcpy(heads, source, engine->n_heads * sizeof *heads);
    engine->heads = heads;
    return AM_OK;
}

/* The speech detector is loaded where it is found; a file that was named must be there. */
static am_status load_vad(am_engine *engine, const am_engine_options *options,
                          const char *model_path, am_error *error) {
    char path[AM_PATH_MAX];
    const char *file = options->vad_model;
    if (file == NULL && am__hub_find_vad(options->models_dir, model_path, path, sizeof path)) {
        file = path;
    }
    if (file == NULL) return AM_OK;
    return am__vad_model_open(file, engine->kernels, &engine->vad, error);
}

static am_status choose_compute_type(am_engine *engine, const am_model *model,
                                     am_compute_type wanted, am_error *error) {
    const bool in_place = am__model_in_place(model);
    engine->compute_type = wanted;
    if (in_place && wanted == AM_COMPUTE_F32) {
        AM_FAIL(error, AM_E_UNSUPPORTED, "%s: holds quantized weights alone; for f32 take the "
                "model it was quantized from", engine->name);
    }
    const bool four_bits = am__model_four_bits(model);
    if (in_place && wanted == AM_COMPUTE_INT4 && !four_bits) {
        AM_FAIL(error, AM_E_UNSUPPORTED, "%s: holds 8-bit weights; for int4 take the model it was "
                "quantized from", engine->name);
    }
    if (four_bits) engine->compute_type = AM_COMPUTE_INT4;
    return AM_OK;
}

static am_status load(am_engine *engine, const am_model *model, am_error *error) {
    engine->dims = *am__model_dims(model);
    engine->format = am__model_format(model); /* a string constant */
    if (engine->dims.n_audio_ctx > AM_AUDIO_CTX_MAX ||
        engine->dims.n_text_ctx > AM_AUDIO_CTX_MAX) {
        AM_FAIL(error, AM_E_UNSUPPORTED, "contexts of %d audio and %d text positions, at most %d",
                engine->dims.n_audio_ctx, engine->dims.n_text_ctx, AM_AUDIO_CTX_MAX);
    }
    AM_TRY(copy_vocabulary(engine, model, error));
    AM_TRY(copy_heads(engine, model, error));
    AM_TRY(am__encoder_new(model, engine->compute_type, engine->kernels, &engine->encoder, error));
    return am__decoder_new(model, engine->compute_type, engine->kernels, &engine->decoder, error);
}

am_status am_engine_open(const char *model, const am_engine_options *options, am_engine **engine,
                         am_error *error) {
    const double start = am__now();
    am_engine_options defaults;
    am_engine_options_init(&defaults);
    if (options == NULL) options = &defaults;
    int n_threads = 0;
    AM_TRY(am__choose_threads(options->n_threads, &n_threads, error));
    if (options->compute_type < AM_COMPUTE_F32 || options->compute_type > AM_COMPUTE_INT4) {
        AM_FAIL(error, AM_E_ARG, "compute_type: %d is none", (int)options->compute_type);
    }
    char path[AM_PATH_MAX];
    AM_TRY(am__hub_resolve(model, options->models_dir, path, sizeof path, error));
    am_model *file = NULL;
    AM_TRY(am__model_open(path, &file, error));
    am_engine *fresh = NULL;
    am_status status = AM_NEW(&fresh, 1, error);
    if (status == AM_OK) {
        fresh->kernels = am__kernels();
        fresh->n_threads = n_threads;
        am__arena_init(&fresh->arena, ARENA_BYTES_MAX);
        status = am__arena_strndup(&fresh->arena, model, strlen(model), &fresh->name, error);
    }
    if (status == AM_OK) {
        status = choose_compute_type(fresh, file, options->compute_type, error);
    }
    if (status == AM_OK) status = load(fresh, file, error);
    if (status == AM_OK) status = load_vad(fresh, options, path, error);
    if (status != AM_OK) {
        am_engine_close(&fresh);
        am__model_close(&file);
        return status;
    }
    if (am__model_in_place(file)) {
        fresh->file = file;
    } else {
        am__model_close(&file);
    }
    fresh->load_seconds = am__now() - start;
    *engine = fresh;
    return AM_OK;
}

void am_engine_close(am_engine **engine) {
    if (engine == NULL || *engine == NULL) return;
    am_engine *old = *engine;
    am__encoder_free(&old->encoder);
    am__decoder_free(&old->decoder);
    am__tokenizer_free(&old->tokenizer);
    am__vad_model_close(&old->vad);
    am__model_close(&old->file);
    am__arena_free(&old->arena);
    am__free(old);
    *engine = NULL;
}

am_status am_engine_token_text(const am_engine *engine, int32_t token, char *bytes,
                               size_t capacity, size_t *n, am_error *error) {
    return am__tokenizer_text(engine->tokenizer, token, bytes, capacity, n, error);
}

am_engine_info am_engine_get_info(const am_engine *engine) {
    const am_dims *dims = &engine->dims;
    return (am_engine_info){
        .name = engine->name,
        .format = engine->format,
        .multilingual = am__tokenizer_specials(engine->tokenizer)->n_languages > 0,
        .n_mels = dims->n_mels,
        .n_vocab = dims->n_vocab,
        .d_model = dims->d_model,
        .n_heads = dims->n_heads,
        .n_encoder_layers = dims->n_encoder_layers,
        .n_decoder_layers = dims->n_decoder_layers,
        .n_audio_ctx = dims->n_audio_ctx,
        .n_text_ctx = dims->n_text_ctx,
        .n_weight_bytes = am__encoder_bytes(engine->encoder) + am__decoder_bytes(engine->decoder),
        .n_threads = engine->n_threads,
        .isa = engine->kernels->isa,
        .compute_type = engine->compute_type,
        .load_seconds = engine->load_seconds,
        .n_text_tokens = am__tokenizer_specials(engine->tokenizer)->eot,
    };
}

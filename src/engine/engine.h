/* The engine's inside, for the session: see amanuensis.h for what both are. */
#ifndef AM_ENGINE_ENGINE_H
#define AM_ENGINE_ENGINE_H

#include "base/arena.h"
#include "decoder/decoder.h"
#include "encoder/encoder.h"
#include "speech/vad_model.h"
#include "text/tokenizer.h"

struct am_engine {
    am_dims dims;
    const am_kernels *kernels;
    am_compute_type compute_type;
    int n_threads;
    am_model *file;         /* that weights and vocabulary lie in; NULL when they were copied */
    am_arena arena;         /* name, vocabulary, alignment heads */
    const char *name;
    const char *format;
    am_tokenizer *tokenizer;
    am_encoder *encoder;
    am_decoder *decoder;
    const am_head_id *heads;
    size_t n_heads;
    am_vad_model *vad;      /* NULL: not installed */
    double load_seconds;
};

#define AM_THREADS_MAX 256

/* The number of threads asked for, 0 being one per core; E_ARG out of range. */
AM_CHECK_RESULT am_status am__choose_threads(int wanted, int *n_threads, am_error *error);

#endif

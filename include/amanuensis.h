/**
 * amanuensis: speech to text with Whisper models.
 *
 * In order of use: open an engine (weights, shared by threads), make a session for each
 * transcription that runs at the same time, hand it an audio source and am_params, read the
 * am_result, write it in any format, free it.
 *
 *     am_engine *engine = NULL;
 *     am_session *session = NULL;
 *     am_audio *audio = NULL;
 *     am_result *result = NULL;
 *     am_error error;
 *     am_params params;
 *     am_params_init(&params);
 *     if (am_engine_open("tiny.en", NULL, &engine, &error) == AM_OK &&
 *         am_session_new(engine, &session, &error) == AM_OK &&
 *         am_audio_open_file("talk.mp3", NULL, &audio, &error) == AM_OK &&
 *         am_transcribe(session, audio, &params, NULL, &result, &error) == AM_OK) {
 *         puts(am_result_text(result));
 *     }
 *     am_result_free(&result);
 *     am_audio_close(&audio);
 *     am_session_free(&session);
 *     am_engine_close(&engine);
 *
 * Rules that hold everywhere. Fallible functions return am_status and write their results only
 * on AM_OK; `error` may be NULL. Functions that free take the address of the handle, accept NULL
 * and a NULL handle, and set the handle to NULL. Strings are UTF-8. Times are seconds from the
 * start of the audio. The library never prints, exits or aborts on bad input.
 */
#ifndef AMANUENSIS_H
#define AMANUENSIS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#if defined(__GNUC__)
#define AM_API __attribute__((visibility("default")))
#define AM_CHECK_RESULT __attribute__((warn_unused_result))
#define AM_PRINTF(fmt, args) __attribute__((format(printf, fmt, args)))
#else
#define AM_API
#define AM_CHECK_RESULT
#define AM_PRINTF(fmt, args)
#endif

/* ---- Status ------------------------------------------------------------------------------ */

/**
 * XX(name, number, HTTP status, exit code of the program, retryable, message).
 * Published numbers never change.
 */
#define AM_STATUS_MAP(XX)                                                                          \
    XX(OK, 0, 200, 0, false, "ok")                                                                 \
    XX(E_ARG, 1, 400, 2, false, "invalid argument")                                                \
    XX(E_NOT_FOUND, 2, 404, 3, false, "not found")                                                 \
    XX(E_IO, 3, 500, 4, true, "input/output error")                                                \
    XX(E_AUDIO, 4, 400, 5, false, "audio cannot be decoded")                                       \
    XX(E_NO_AUDIO, 5, 400, 6, false, "no audio in the input")                                      \
    XX(E_MODEL, 6, 500, 7, false, "model file is invalid")                                         \
    XX(E_UNSUPPORTED, 7, 400, 8, false, "not supported")                                           \
    XX(E_MEMORY, 8, 503, 9, true, "out of memory")                                                 \
    XX(E_NETWORK, 9, 502, 10, true, "download failed")                                             \
    XX(E_CHECKSUM, 10, 502, 11, true, "checksum does not match")                                   \
    XX(E_LIMIT, 11, 413, 12, false, "over a limit")                                                \
    XX(E_NO_SPACE, 12, 507, 13, true, "no space left on device")                                   \
    XX(E_SYSTEM, 13, 500, 14, true, "system call failed")                                          \
    XX(E_CANCELLED, 14, 499, 130, false, "cancelled")                                              \
    XX(E_INTERNAL, 15, 500, 70, false, "internal error")

typedef enum am_status {
#define AM_STATUS_ENUM(name, number, http, exit_code, retryable, message) AM_##name = (number),
    AM_STATUS_MAP(AM_STATUS_ENUM)
#undef AM_STATUS_ENUM
} am_status;

/** What went wrong: a code and one line (what, which file or field, expected, found). */
typedef struct am_error {
    am_status status;
    char detail[512];
} am_error;

AM_API const char *am_status_name(am_status status);    /**< "E_AUDIO"; never NULL */
AM_API const char *am_status_message(am_status status); /**< "audio cannot be decoded" */
AM_API int am_status_http(am_status status);            /**< HTTP status a server answers */
AM_API int am_status_exit(am_status status);            /**< exit code the program ends with */
AM_API bool am_status_retryable(am_status status);      /**< the same call may succeed later */

/** "0.1.0". */
AM_API const char *am_version(void);

/* ---- Process-wide settings: call before anything else, from one thread ------------------- */

typedef enum am_log_level { AM_LOG_DEBUG, AM_LOG_INFO, AM_LOG_WARN, AM_LOG_ERROR } am_log_level;

/** Receives one line without newline. May be called from any thread of the library. */
typedef void am_log_fn(void *user, am_log_level level, const char *line);

/** Sets where log lines go; fn NULL (the default) drops them. */
AM_API void am_set_logger(am_log_fn *fn, void *user, am_log_level at_least);

/** Both must be thread-safe; `alignment` is a power of two, `size` at least 1. */
typedef struct am_allocator {
    void *(*allocate)(void *user, size_t size, size_t alignment);
    void (*release)(void *user, void *block);
    void *user;
} am_allocator;

/** Sets the allocator of the whole library; NULL restores the C library's. */
AM_API void am_set_allocator(const am_allocator *allocator);

/** CPU features the kernels may use; what the machine lacks is ignored. */
#define AM_CPU_AVX2 (1u << 0)       /**< AVX2 + FMA + F16C */
#define AM_CPU_AVXVNNI (1u << 1)    /**< AVX-VNNI (256 bit) */
#define AM_CPU_AVX512 (1u << 2)     /**< AVX-512 F, BW, DQ, VL */
#define AM_CPU_AVX512VNNI (1u << 3) /**< AVX-512 VNNI */
#define AM_CPU_NEON (1u << 4)       /**< AArch64 Advanced SIMD */
#define AM_CPU_NEONDOT (1u << 5)    /**< AArch64 FEAT_DotProd (SDOT) */
#define AM_CPU_ALL 0xffffffffu

AM_API uint32_t am_cpu_flags(void); /**< features found and enabled by the system, masked */
/** Masks features off; engines opened later use what is left. For tests and comparisons. */
AM_API void am_cpu_set_mask(uint32_t mask);

/* ---- Audio ------------------------------------------------------------------------------- */

/** A pull-based source of 16 kHz mono f32 samples in [-1, 1]. Used by one thread at a time. */
typedef struct am_audio am_audio;

#define AM_SAMPLE_RATE 16000

typedef enum am_channel {
    AM_CHANNEL_MIX = -1 /**< mean of all; else the channel's number */
} am_channel;

typedef enum am_pcm_format { AM_PCM_NONE, AM_PCM_S16LE, AM_PCM_F32LE } am_pcm_format;

typedef struct am_audio_options {
    int channel;            /**< AM_CHANNEL_MIX or 0-based channel number */
    int stream;             /**< audio stream number in the container, -1 = the default one */
    am_pcm_format raw;      /**< not NONE: the input is headerless PCM */
    int raw_rate;           /**< rate of raw PCM, 1000 … 768000; 0 = 16000 */
    int raw_channels;       /**< channels of raw PCM, 1 … 64; 0 = 1 */
} am_audio_options;

AM_API void am_audio_options_init(am_audio_options *options);

/**
 * Opens a file of any container and codec FFmpeg knows. `path` "-" reads standard input.
 * `options` NULL means the defaults. The file is decoded as it is read, never held whole.
 * Errors: E_NOT_FOUND, E_IO, E_AUDIO (not decodable), E_NO_AUDIO (no audio stream), E_ARG.
 */
AM_API AM_CHECK_RESULT am_status am_audio_open_file(const char *path,
                                                    const am_audio_options *options,
                                                    am_audio **audio, am_error *error);

/** Reads the same formats out of memory; `bytes` is borrowed until am_audio_close. */
AM_API AM_CHECK_RESULT am_status am_audio_open_memory(const void *bytes, size_t n_bytes,
                                                      const am_audio_options *options,
                                                      am_audio **audio, am_error *error);

/** Wraps samples that are 16 kHz mono f32 already; borrowed until am_audio_close. */
AM_API AM_CHECK_RESULT am_status am_audio_open_pcm(const float *samples, size_t n_samples,
                                                   am_audio **audio, am_error *error);

/**
 * Reads up to `capacity` samples, at least one; *n_read 0 means the end. Sample n is n / 16000 s
 * into the file as a player shows it: gaps in the file's time stamps come out as silence. Damaged
 * parts are passed over and logged as a warning; E_AUDIO when nothing at all could be decoded,
 * E_IO when the input could not be read to its end.
 */
AM_API AM_CHECK_RESULT am_status am_audio_read(am_audio *audio, float *samples, size_t capacity,
                                               size_t *n_read, am_error *error);

/** Duration by the container in seconds, or -1 when it does not say. */
AM_API double am_audio_duration(const am_audio *audio);
AM_API void am_audio_close(am_audio **audio);

/* ---- Models ------------------------------------------------------------------------------ */

typedef struct am_model_info {
    const char *name;         /**< "tiny.en" */
    const char *licence;      /**< "MIT" */
    const char *description;
    uint64_t n_bytes;         /**< size of the files, 0 = unknown until pulled */
    bool installed;
    char path[1024];          /**< folder or file when installed, else "" */
} am_model_info;

/** Bytes so far and in all (0 = unknown) of the file being fetched; return false to cancel. */
typedef bool am_pull_progress_fn(void *user, const char *file, uint64_t n_done, uint64_t n_total);

/**
 * Lists the catalogue. *models is an array owned by the caller: am_models_free.
 * `models_dir` NULL: $AMANUENSIS_MODELS is the caller's to read; here NULL means the default
 * folder, $XDG_CACHE_HOME or ~/.cache, then "amanuensis".
 */
AM_API AM_CHECK_RESULT am_status am_models_list(const char *models_dir, am_model_info **models,
                                                size_t *n_models, am_error *error);
AM_API void am_models_free(am_model_info **models);

typedef struct am_pull_options {
    const char *models_dir;         /**< NULL = default folder */
    const char *mirror;             /**< http(s):// or file:// prefix tried first, or NULL */
    const char *hub_token;          /**< bearer token for the publisher's hub, or NULL */
    am_pull_progress_fn *progress;  /**< may be NULL */
    void *user;
} am_pull_options;

/** Fetches a model of the catalogue: resumable, verified, renamed into place when whole. With a
 * Whisper model comes the speech detector, "silero-vad". */
AM_API AM_CHECK_RESULT am_status am_model_pull(const char *name, const am_pull_options *options,
                                               am_error *error);

typedef enum am_compute_type {
    AM_COMPUTE_F32,  /**< weights as in the file, arithmetic in f32 */
    AM_COMPUTE_INT8, /**< 8-bit weights (a scale per output) and activations (a scale per row) */
    AM_COMPUTE_INT4, /**< the same with 4-bit weights in the decoder (a multiplier per 32 inputs) */
} am_compute_type;

/**
 * Writes a model (as am_engine_open takes it, but no .amn file) as an .amn file: weights of
 * `type`, INT8 or INT4, packed for the kernels, vocabulary and all else an engine needs, to be
 * mapped and used in place. Text made with it is that of the source with this type, to the bit.
 * `path` is written under another name and renamed when whole; what was there is replaced. Errors:
 * those of am_engine_open; E_ARG, E_IO, E_NO_SPACE, after which nothing is left of the new file.
 */
AM_API AM_CHECK_RESULT am_status am_model_quantize(const char *model, const char *models_dir,
                                                   am_compute_type type, const char *path,
                                                   am_error *error);

/** Reads an .amn file from end to end and compares all checksums: E_MODEL names what is damaged.
 * am_engine_open compares those of what it copies, and of the file's structure. */
AM_API AM_CHECK_RESULT am_status am_model_verify(const char *path, am_error *error);

/* ---- Engine and session ------------------------------------------------------------------ */

/** Weights and kernels of one model: immutable after open, shared by any number of threads. */
typedef struct am_engine am_engine;
/** Everything mutable of one transcription: one thread at a time. */
typedef struct am_session am_session;

typedef struct am_engine_options {
    const char *models_dir;    /**< where a model's name is looked up; NULL = default folder */
    am_compute_type compute_type; /**< default AM_COMPUTE_INT8; an .amn file of 4-bit weights is
                                   * computed with as AM_COMPUTE_INT4 then */
    int n_threads;             /**< threads of a session, 1 … 256; 0 = one per core */
    const char *vad_model;     /**< file of the Silero VAD weights (ggml); NULL = the installed
                                * "silero-vad", or the file of its name beside the model */
} am_engine_options;

AM_API void am_engine_options_init(am_engine_options *options);

/**
 * Loads a model: a catalogue name that is installed, a CTranslate2 or Hugging Face directory, a
 * ggml file, or an .amn file (am_model_quantize), which stays mapped and must not be written to
 * while the engine is open. `options` NULL means the defaults.
 * Errors: E_NOT_FOUND, E_MODEL (with the tensor or field), E_UNSUPPORTED, E_MEMORY, E_IO.
 * Weights of the speech detector that are in none of their places are no error here: see
 * am_engine_check.
 */
AM_API AM_CHECK_RESULT am_status am_engine_open(const char *model, const am_engine_options *options,
                                                am_engine **engine, am_error *error);
/** Every session of the engine must be freed before. */
AM_API void am_engine_close(am_engine **engine);

typedef struct am_engine_info {
    const char *name;          /**< name or path given to am_engine_open */
    const char *format;        /**< "CTranslate2", "ggml", "safetensors", "amn" */
    bool multilingual;
    int n_mels, n_vocab, d_model, n_heads, n_encoder_layers, n_decoder_layers;
    int n_audio_ctx, n_text_ctx;
    uint64_t n_weight_bytes;   /**< bytes of weights in memory */
    int n_threads;
    const char *isa;           /**< kernels in use: "avx512", "avx2", "ref" */
    am_compute_type compute_type; /**< what is computed with */
    double load_seconds;
    int n_text_tokens;         /**< tokens below are text; from it on they are special tokens,
                                * <|endoftext|> first and timestamps last */
} am_engine_info;
AM_API am_engine_info am_engine_get_info(const am_engine *engine);

/**
 * The bytes of one token, without a terminating zero: of an ordinary token they may begin or end
 * inside a UTF-8 character, special tokens give their names ("<|endoftext|>", "<|en|>", and of a
 * timestamp "<|1.08|>"). *n is how many there are; the first `capacity` of them are written, so 0
 * asks for the length (`bytes` may be NULL then). Any thread. E_ARG: no token of the vocabulary.
 */
AM_API AM_CHECK_RESULT am_status am_engine_token_text(const am_engine *engine, int32_t token,
                                                      char *bytes, size_t capacity, size_t *n,
                                                      am_error *error);

AM_API AM_CHECK_RESULT am_status am_session_new(am_engine *engine, am_session **session,
                                                am_error *error);
AM_API void am_session_free(am_session **session);

/* ---- Parameters of a transcription ------------------------------------------------------- */

typedef enum am_task { AM_TASK_TRANSCRIBE, AM_TASK_TRANSLATE } am_task;

/** How a recording is gone through. */
typedef enum am_mode {
    /** Windows of speech that do not depend on each other, many decoded at once: the fast way. */
    AM_MODE_BATCHED,
    /** openai/whisper's: the next window begins where the text of this one ends. */
    AM_MODE_SEQUENTIAL,
} am_mode;

/** Names and rules are faster-whisper's for batches; so are the defaults, but for the end of speech
 * and the padding, which keep more of what may be speech: there, 0.15 below threshold and 400. */
typedef struct am_vad_options {
    double threshold;              /**< speech starts at this probability; default .5 */
    double neg_threshold;          /**< and ends below this; < 0: threshold / 5 */
    int min_speech_duration_ms;    /**< shorter speech is dropped; default 0 */
    double max_speech_duration_s;  /**< longer speech is cut; at most and by default 30 */
    int min_silence_duration_ms;   /**< shorter silence is part of the speech; default 160 */
    int speech_pad_ms;             /**< kept on both sides of speech; default 800 */
} am_vad_options;

AM_API void am_vad_options_init(am_vad_options *options);

#define AM_MAX_TEMPERATURES 16
#define AM_MAX_BATCH 64

#define AM_AUDIO_CTX_AUTO 0    /**< of am_params.audio_ctx: what a window's speech needs */
#define AM_AUDIO_CTX_FULL (-1) /**< the model's own: 30 s */

/** Names and defaults are openai/whisper's, else faster-whisper's. Strings are borrowed for the
 * call. */
typedef struct am_params {
    am_mode mode;                        /**< default AM_MODE_BATCHED */
    int batch_size;                      /**< windows decoded at once, 1 … 64; default 8. The text
                                          * does not depend on it. Batched mode */
    int audio_ctx;                       /**< positions of 20 ms that the encoder runs over: auto
                                          * (the default), full, or this many unless the window
                                          * needs more. Batched mode; sequential mode is full */
    int audio_ctx_margin;                /**< positions behind the speech in auto; default 200 */
    bool vad_filter;                     /**< leave out what is no speech; default true. Batched
                                          * mode; needs am_engine_options.vad_model */
    am_vad_options vad;
    am_task task;
    const char *language;                /**< code or English name; NULL or "auto" = detect */
    double temperatures[AM_MAX_TEMPERATURES]; /**< tried in turn: 0, .2, .4, .6, .8, 1 */
    int n_temperatures;
    int beam_size;                       /**< at temperature 0; 1 = greedy; 1 … 16; default 5 */
    int best_of;                         /**< samples at temperature > 0; 1 … 16; default 5 */
    double patience;                     /**< beam search patience; default 1 */
    double length_penalty;               /**< < 0: mean log-probability; else the Google alpha */
    double compression_ratio_threshold;  /**< above: failed; default 2.4; NaN = off */
    double logprob_threshold;            /**< below: failed; default -1; NaN = off */
    double no_speech_threshold;          /**< above, and logprob failed: silence; .6; NaN = off */
    bool condition_on_previous_text;     /**< default true; sequential mode only */
    const char *initial_prompt;          /**< text before the first window, in batched mode before
                                          * every one; or NULL */
    bool carry_initial_prompt;           /**< keep it before every window in sequential mode too */
    const char *prefix;                  /**< text the first window begins with, or NULL */
    const char *hotwords;                /**< words hinted before every window, or NULL */
    const char *suppress_tokens;         /**< "-1": non-speech symbols (default), "", ids "1,2" */
    bool suppress_blank;                 /**< default true */
    bool without_timestamps;
    double max_initial_timestamp;        /**< seconds; default 1 */
    int max_new_tokens;                  /**< 0 = half the text context */
    bool word_timestamps;
    const char *prepend_punctuations;    /**< default "\"'“¿([{-" */
    const char *append_punctuations;     /**< default "\"'.。,，!！?？:：”)]}、" */
    const char *clip_timestamps;         /**< "0" or "start,end,start,end…" in seconds */
    double hallucination_silence_threshold; /**< seconds; NaN = off */
    uint64_t seed;                       /**< of sampling at temperature > 0; default 0 */
} am_params;

AM_API void am_params_init(am_params *params);

/**
 * Whether the engine can transcribe with these parameters: every range, the language, and the
 * speech detector's weights (E_NOT_FOUND, with the command that gets them). am_transcribe finds
 * the same; here it costs no audio.
 */
AM_API AM_CHECK_RESULT am_status am_engine_check(const am_engine *engine, const am_params *params,
                                                 am_error *error);

/* ---- Results ----------------------------------------------------------------------------- */

typedef struct am_word {
    double start, end;       /**< seconds */
    double probability;      /**< mean probability of its tokens, 0 … 1 */
    const char *text;        /**< with its leading space, as the model wrote it */
    const char *speaker;     /**< NULL = unknown */
} am_word;

typedef struct am_segment {
    int id;                  /**< 0, 1, … */
    int seek;                /**< window start in frames of 10 ms */
    double start, end;
    const char *text;
    const int32_t *tokens;
    size_t n_tokens;
    double temperature, avg_logprob, compression_ratio, no_speech_prob;
    const am_word *words;    /**< n_words 0 unless word_timestamps */
    size_t n_words;
    const char *speaker;     /**< NULL = unknown */
    const float *token_logprobs; /**< [n_tokens] natural logarithm of each token's probability,
                              * given the tokens before it, among those the rules allowed and at
                              * temperature 1: avg_logprob is the mean of these over the window,
                              * with the end token's. NULL = unknown: the text was edited */
} am_segment;

/** Immutable; every pointer reached through it lives until am_result_free. */
typedef struct am_result am_result;

AM_API const char *am_result_text(const am_result *result);
/** Code: "en"; "" when it was to be detected and nobody spoke. */
AM_API const char *am_result_language(const am_result *result);
AM_API double am_result_language_probability(const am_result *result); /**< 1 when given */
AM_API double am_result_duration(const am_result *result);       /**< seconds of audio read */
AM_API am_task am_result_task(const am_result *result);
AM_API const am_segment *am_result_segments(const am_result *result, size_t *n_segments);

/** What a result tells beside its segments. */
typedef struct am_result_info {
    const char *language;    /**< code, or "" */
    double language_probability;
    double duration;         /**< seconds */
    am_task task;
} am_result_info;

/**
 * Makes a result of segments that were kept or edited, so that am_result_write takes them: all is
 * copied, ids become 0, 1, … and text that is no UTF-8 is repaired. Times are taken as they are.
 * E_LIMIT past 2^20 segments or 512 MiB, E_MEMORY.
 */
AM_API AM_CHECK_RESULT am_status am_result_from_segments(const am_segment *segments,
                                                         size_t n_segments,
                                                         const am_result_info *info,
                                                         am_result **result, am_error *error);
AM_API void am_result_free(am_result **result);

/** English lower-case name of a language code ("en" -> "english"), or NULL. */
AM_API const char *am_language_name(const char *code);
/** Code of a code or English name, any case ("English" -> "en"), or NULL. */
AM_API const char *am_language_code(const char *code_or_name);

/* ---- Transcription ----------------------------------------------------------------------- */

typedef struct am_callbacks {
    /** After each window: seconds done; total is -1 while unknown. May be NULL. */
    void (*progress)(void *user, double done_s, double total_s);
    /** A finished segment, in order; borrowed for the call. May be NULL. */
    void (*segment)(void *user, const am_segment *segment);
    /** Polled at least once per decoded token; true stops with E_CANCELLED. May be NULL. */
    bool (*cancel)(void *user);
    void *user;
} am_callbacks;

/**
 * Transcribes an audio source from where it stands to its end. On AM_OK *result is owned by the
 * caller. On AM_E_CANCELLED *result holds what was done before (the one exception to "results
 * only on AM_OK"), also owned by the caller. Empty or silent audio gives a result without
 * segments; a source with no samples at all is E_NO_AUDIO.
 */
AM_API AM_CHECK_RESULT am_status am_transcribe(am_session *session, am_audio *audio,
                                               const am_params *params,
                                               const am_callbacks *callbacks, am_result **result,
                                               am_error *error);

/* ---- Many transcriptions at once --------------------------------------------------------- */

/**
 * Transcribes any number of recordings at once with one engine: their windows are decoded side by
 * side, so that the weights are read once per step for all of them. Any number of threads.
 */
typedef struct am_pool am_pool;

typedef struct am_pool_options {
    int n_slots;          /**< windows decoded at once, 1 … 64; default 8 */
    int n_beams_max;      /**< largest beam_size and best_of taken, 1 … 16; default 5. Slots times
                           * beams at most the model's text context (448) */
    int n_recordings_max; /**< being transcribed at once, 1 … 1024; default 16. Each has a thread
                           * that decodes its audio, and 25 MB at most. Further calls wait for
                           * their turn, first come, first served */
} am_pool_options;

AM_API void am_pool_options_init(am_pool_options *options);

/**
 * Takes the memory for all slots and starts the thread that runs the model with the engine's number
 * of threads; it sleeps while there is nothing to do. `options` NULL means the defaults. The engine
 * is borrowed until am_pool_free. Errors: E_ARG, E_MEMORY, E_SYSTEM.
 */
AM_API AM_CHECK_RESULT am_status am_pool_new(am_engine *engine, const am_pool_options *options,
                                             am_pool **pool, am_error *error);

/**
 * As am_transcribe in batched mode, with the same text, times and probabilities to the bit whatever
 * else is under way; from any number of threads at the same time. Blocks until it is done. What
 * befalls one recording does not touch the others.
 *
 * `progress` and `segment` are called by the pool's thread, which all recordings wait for: they
 * have to be quick, and must not call the pool. `cancel` is called by the calling thread every
 * 50 ms, also while it waits for its turn. params->batch_size is ignored; sequential mode is
 * E_UNSUPPORTED, more beams than n_beams_max E_LIMIT. Slots go to the recording with the fewest
 * windows in progress, and a quarter of them is kept for recordings with none: a short one does not
 * wait for a long one.
 */
AM_API AM_CHECK_RESULT am_status am_pool_transcribe(am_pool *pool, am_audio *audio,
                                                    const am_params *params,
                                                    const am_callbacks *callbacks,
                                                    am_result **result, am_error *error);

/** Now, and since the pool was made. */
typedef struct am_pool_stats {
    size_t n_slots;
    size_t n_active;            /**< recordings that have their turn */
    size_t n_waiting;           /**< recordings that wait for it */
    size_t n_windows;           /**< in progress, each in a slot */
    uint64_t n_recordings_done; /**< that were given a turn and ended, however they did */
    uint64_t n_windows_done;
    uint64_t n_steps;           /**< of the decoder, each for all windows */
    uint64_t n_rows;            /**< tokens of these steps, prompts included */
    double audio_seconds;       /**< read of the recordings that ended */
    double busy_seconds;        /**< the thread was running the model */
} am_pool_stats;

/** From any thread, at any time. */
AM_API void am_pool_get_stats(am_pool *pool, am_pool_stats *stats);

/** Cancels the calls of am_pool_transcribe that are under way or waiting (E_CANCELLED) and returns
 * when they have returned; none may be made from then on. */
AM_API void am_pool_free(am_pool **pool);

/* ---- Languages and times of a session ---------------------------------------------------- */

typedef struct am_language_prob {
    const char *code;
    float probability;
} am_language_prob;

/**
 * Probabilities of all languages for the first 30 s, most probable first; reads the source.
 * At most `capacity` are written. E_UNSUPPORTED for an English-only model.
 */
AM_API AM_CHECK_RESULT am_status am_detect_language(am_session *session, am_audio *audio,
                                                    am_language_prob *languages, size_t capacity,
                                                    size_t *n_languages, am_error *error);

/** Time spent by the session since its creation, per stage; for `bench`. */
typedef struct am_stage_time {
    const char *name;       /**< "audio", "mel", "encoder", "cross_kv", "decoder", "words", … */
    double seconds;
    uint64_t n_calls;       /**< windows, or steps of the decoder */
    bool beside;            /**< in a thread of its own: its time is not part of the others' sum */
    double n_operations;    /**< of the encoder; a product and its sum are two */
    double n_bytes;         /**< of the decoder: weights, keys and values its steps read */
    uint64_t n_steps;       /**< of the decoder, each for all its rows */
    uint64_t n_rows;        /**< tokens of these steps, prompts included */
} am_stage_time;
AM_API size_t am_session_stages(const am_session *session, am_stage_time *stages, size_t capacity);

/** Rates of a number of threads, in 1e9 per second. */
typedef struct am_peaks {
    double s8_gops;         /**< products and sums of 8-bit integers */
    double f32_gflops;      /**< products and sums in f32 */
    double read_gb_s;       /**< bytes read from memory, from a buffer no cache holds */
} am_peaks;

typedef struct am_roofline {
    const char *isa;        /**< instructions measured, the ones the engine would use */
    int n_threads;
    am_peaks one, all;      /**< of one thread; of n_threads */
} am_roofline;

/**
 * Measures the limits of this machine for some seconds; n_threads 0 = one per core. What else runs
 * on the machine makes them lower. Errors: E_ARG, E_MEMORY, E_SYSTEM.
 */
AM_API AM_CHECK_RESULT am_status am_roofline_measure(int n_threads, am_roofline *roofline,
                                                     am_error *error);

/* ---- Output ------------------------------------------------------------------------------ */

typedef enum am_format {
    AM_FORMAT_TXT,
    AM_FORMAT_SRT,
    AM_FORMAT_VTT,
    AM_FORMAT_TSV,
    AM_FORMAT_JSON,
    AM_FORMAT_LRC,
    AM_FORMAT_CSV,
} am_format;

typedef struct am_write_options {
    int max_line_width;      /**< characters per subtitle line, 0 = no limit; needs words */
    int max_line_count;      /**< lines per subtitle, 0 = no limit; needs words and width */
    int max_words_per_line;  /**< 0 = no limit; needs words */
    bool highlight_words;    /**< srt and vtt: underline each word as it is spoken */
} am_write_options;

/** Takes the bytes; anything but AM_OK stops the writer and is returned by it. */
typedef am_status am_write_fn(void *user, const char *bytes, size_t n_bytes);

AM_API AM_CHECK_RESULT am_status am_result_write(const am_result *result, am_format format,
                                                 const am_write_options *options,
                                                 am_write_fn *write, void *user, am_error *error);
/** "srt" -> AM_FORMAT_SRT; E_ARG for an unknown name. */
AM_API AM_CHECK_RESULT am_status am_format_by_name(const char *name, am_format *format);
AM_API const char *am_format_extension(am_format format); /**< "srt" */

#ifdef __cplusplus
}
#endif

#endif

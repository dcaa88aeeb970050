/* The public audio functions: arguments are checked here, the work is done by the sources. */
#include "amanuensis.h"

#include "audio/ffmpeg.h"
#include "audio/input.h"
#include "audio/source.h"

#define RAW_RATE_MIN 1000
#define RAW_RATE_MAX 768000
#define RAW_CHANNELS_MAX 64

void am_audio_options_init(am_audio_options *options) {
    *options = (am_audio_options){.channel = AM_CHANNEL_MIX, .stream = -1, .raw = AM_PCM_NONE};
}

/* Fills in defaults: what comes out is complete and in range. */
static am_status check_options(const am_audio_options *given, am_audio_options *options,
                               am_error *error) {
    am_audio_options_init(options);
    if (given != NULL) *options = *given;
    if (options->raw_rate == 0) options->raw_rate = AM_SAMPLE_RATE;
    if (options->raw_channels == 0) options->raw_channels = 1;

    if (options->channel < AM_CHANNEL_MIX) {
        AM_FAIL(error, AM_E_ARG, "channel %d: not a channel number", options->channel);
    }
    if (options->stream < -1) {
        AM_FAIL(error, AM_E_ARG, "stream %d: not a stream number", options->stream);
    }
    if (options->raw != AM_PCM_NONE && options->raw != AM_PCM_S16LE &&
        options->raw != AM_PCM_F32LE) {
        AM_FAIL(error, AM_E_ARG, "raw format %d: unknown", (int)options->raw);
    }
    if (options->raw_rate < RAW_RATE_MIN || options->raw_rate > RAW_RATE_MAX) {
        AM_FAIL(error, AM_E_ARG, "raw rate %d: not in %d … %d", options->raw_rate, RAW_RATE_MIN,
                RAW_RATE_MAX);
    }
    if (options->raw_channels < 1 || options->raw_channels > RAW_CHANNELS_MAX) {
        AM_FAIL(error, AM_E_ARG, "%d raw channels: not in 1 … %d", options->raw_channels,
                RAW_CHANNELS_MAX);
    }
    return AM_OK;
}

am_status am_audio_open_file(const char *path, const am_audio_options *options, am_audio **audio,
                             am_error *error) {
    if (path == NULL || audio == NULL) {
        AM_FAIL(error, AM_E_ARG, "am_audio_open_file: NULL argument");
    }
    am_audio_options checked;
    am_input input;
    AM_TRY(check_options(options, &checked, error));
    AM_TRY(am__input_open_file(path, &input, error));
    return am__ffmpeg_open(&input, &checked, audio, error);
}

am_status am_audio_open_memory(const void *bytes, size_t n_bytes, const am_audio_options *options,
                               am_audio **audio, am_error *error) {
    if (audio == NULL || (bytes == NULL && n_bytes > 0)) {
        AM_FAIL(error, AM_E_ARG, "am_audio_open_memory: NULL argument");
    }
    am_audio_options checked;
    am_input input;
    AM_TRY(check_options(options, &checked, error));
    am__input_open_memory(bytes, n_bytes, &input);
    return am__ffmpeg_open(&input, &checked, audio, error);
}

/* Samples out of float files may be anything: the promise is [-1, 1], and a NaN would spread
 * through the whole window it is in. */
static void clamp(float *samples, size_t n) {
    for (size_t i = 0; i < n; i++) {
        const float x = samples[i];
        const float low = x > -1.0f ? x : -1.0f;
        const float clamped = low < 1.0f ? low : 1.0f;
        samples[i] = x == x ? clamped : 0.0f;
    }
}

am_status am_audio_read(am_audio *audio, float *samples, size_t capacity, size_t *n_read,
                        am_error *error) {
    if (audio == NULL || samples == NULL || n_read == NULL || capacity == 0) {
        AM_FAIL(error, AM_E_ARG, "am_audio_read: NULL argument or no room");
    }
    size_t n = 0;
    if (!audio->ended) {
        const am_status status = audio->type->read(audio, samples, capacity, &n, error);
        if (status != AM_OK || n == 0) audio->ended = true;
        AM_TRY(status);
        clamp(samples, n);
    }
    *n_read = n;
    return AM_OK;
}

double am_audio_duration(const am_audio *audio) {
    return audio == NULL ? -1.0 : audio->duration_s;
}

void am_audio_close(am_audio **audio) {
    if (audio == NULL || *audio == NULL) return;
    (*audio)->type->close(*audio);
    *audio = NULL;
}

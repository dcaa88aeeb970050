/* Bytes from outside as an audio file: any ending is right that is not a crash or a hang. */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include "amanuensis.h"
#include "fuzz/fuzz.h"

#define BLOCK 4096

static void decode(const uint8_t *bytes, size_t n_bytes, const am_audio_options *options) {
    am_audio *audio = NULL;
    am_error error;
    if (am_audio_open_memory(bytes, n_bytes, options, &audio, &error) != AM_OK) return;
    float samples[BLOCK];
    size_t n = 1;
    while (n > 0 && am_audio_read(audio, samples, BLOCK, &n, &error) == AM_OK) {
        if (n > BLOCK) abort();
        for (size_t i = 0; i < n; i++) {
            if (!(samples[i] >= -1.0f && samples[i] <= 1.0f)) abort();
        }
    }
    am_audio_close(&audio);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n_bytes) {
    decode(bytes, n_bytes, NULL);
    am_audio_options options;
    am_audio_options_init(&options);
    options.raw = AM_PCM_F32LE;
    options.raw_rate = 48000;
    options.raw_channels = 3;
    options.channel = 2;
    decode(bytes, n_bytes, &options);
    return 0;
}

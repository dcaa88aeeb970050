/* Unit tests of src/audio on WAV files built in memory. */
#include <math.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "amanuensis.h"
#include "base/rng.h"

#define WAV_HEADER 44
#define PI 3.14159265358979323846

typedef struct wav {
    uint8_t *bytes;
    size_t n_bytes;
} wav;

static uint8_t *put(uint8_t *to, uint32_t value, int n) {
    for (int i = 0; i < n; i++) *to++ = (uint8_t)(value >> (8 * i));
    return to;
}

/* A WAV of n_frames frames: `format` 1 = integers, 3 = floats; the samples stay to be filled in. */
static wav make_wav(unsigned format, unsigned bits, unsigned rate, unsigned n_channels,
                    size_t n_frames) {
    const uint32_t align = n_channels * bits / 8;
    const uint32_t n_data = (uint32_t)n_frames * align;
    const wav file = {calloc(1, WAV_HEADER + n_data), WAV_HEADER + n_data};
    assert_non_null(file.bytes);
    memcpy(file.bytes, "RIFF____WAVEfmt ", 16);
    put(file.bytes + 4, WAV_HEADER - 8 + n_data, 4);
    uint8_t *p = put(file.bytes + 16, 16, 4);
    p = put(p, format, 2);
    p = put(p, n_channels, 2);
    p = put(p, rate, 4);
    p = put(p, rate * align, 4);
    p = put(p, align, 2);
    p = put(p, bits, 2);
    memcpy(p, "data", 4);
    put(p + 4, n_data, 4);
    return file;
}

static int16_t *samples_s16(wav file) {
    return (int16_t *)(void *)(file.bytes + WAV_HEADER);
}

/* Reads to the end in blocks of `block`; returns how many samples came. */
static size_t read_all(am_audio *audio, float *samples, size_t room, size_t block) {
    size_t n_all = 0, n = 1;
    while (n > 0) {
        assert_true(n_all < room);
        const size_t left = room - n_all;
        assert_int_equal(
            am_audio_read(audio, samples + n_all, left < block ? left : block, &n, NULL), AM_OK);
        n_all += n;
    }
    assert_int_equal(am_audio_read(audio, samples, room, &n, NULL), AM_OK);
    assert_int_equal(n, 0);
    return n_all;
}

static size_t decode(wav file, const am_audio_options *options, float *samples, size_t room,
                     size_t block) {
    am_audio *audio = NULL;
    am_error error = {0};
    const am_status status =
        am_audio_open_memory(file.bytes, file.n_bytes, options, &audio, &error);
    if (status != AM_OK) fail_msg("%s", error.detail);
    const size_t n = read_all(audio, samples, room, block);
    am_audio_close(&audio);
    assert_null(audio);
    return n;
}

#define ROOM 50000
static float out[ROOM], again[ROOM];

static void mono_16k_is_exact(void **state) {
    (void)state;
    const size_t n = 40000;
    wav file = make_wav(1, 16, 16000, 1, n);
    am_rng rng;
    am__rng_seed(&rng, 1);
    for (size_t i = 0; i < n; i++) samples_s16(file)[i] = (int16_t)am__rng_below(&rng, 65536);
    assert_int_equal(decode(file, NULL, out, ROOM, 777), n);
    for (size_t i = 0; i < n; i++) {
        assert_true(out[i] == (float)samples_s16(file)[i] / 32768.0f);
    }
    free(file.bytes);
}

static void channels(void **state) {
    (void)state;
    const size_t n = 1000;
    for (unsigned n_channels = 2; n_channels <= 9; n_channels++) {
        wav file = make_wav(1, 16, 16000, n_channels, n);
        for (size_t i = 0; i < n * n_channels; i++) samples_s16(file)[i] = (int16_t)(i * 7 % 30011);
        am_audio_options options;
        am_audio_options_init(&options);
        for (int channel = AM_CHANNEL_MIX; channel < (int)n_channels; channel++) {
            options.channel = channel;
            assert_int_equal(decode(file, &options, out, ROOM, 333), n);
            for (size_t i = 0; i < n; i++) {
                const int16_t *frame = samples_s16(file) + i * n_channels;
                double expected = 0;
                for (unsigned c = 0; c < n_channels; c++) expected += frame[c] / 32768.0;
                expected /= n_channels;
                if (channel >= 0) expected = frame[channel] / 32768.0;
                assert_true(fabs(out[i] - expected) < 1e-6);
            }
        }
        options.channel = (int)n_channels;
        am_audio *audio = NULL;
        am_error error = {0};
        assert_int_equal(am_audio_open_memory(file.bytes, file.n_bytes, &options, &audio, &error),
                         AM_E_ARG);
        assert_null(audio);
        assert_non_null(strstr(error.detail, "has"));
        free(file.bytes);
    }
}

/* A sine keeps frequency, phase and length through every rate, whatever the block size. */
static void rates(void **state) {
    (void)state;
    static const unsigned rates[] = {8000, 11025, 22050, 32000, 44100, 48000, 96000, 192000};
    for (size_t r = 0; r < sizeof rates / sizeof rates[0]; r++) {
        const unsigned rate = rates[r];
        const size_t n = rate * 2 + 123;
        wav file = make_wav(3, 32, rate, 1, n);
        float *in = (float *)(void *)(file.bytes + WAV_HEADER);
        for (size_t i = 0; i < n; i++) in[i] = (float)(0.5 * sin(2 * PI * 440 * (double)i / rate));
        const size_t n_out = decode(file, NULL, out, ROOM, ROOM);
        const double expected = (double)n * 16000 / rate;
        assert_true(fabs((double)n_out - expected) <= 1.0);
        for (size_t i = 200; i + 200 < n_out; i++) {
            const double x = 0.5 * sin(2 * PI * 440 * (double)i / 16000);
            assert_true(fabs(out[i] - x) < 2e-3);
        }
        assert_int_equal(decode(file, NULL, again, ROOM, 37), n_out);
        assert_memory_equal(out, again, n_out * sizeof *out);
        free(file.bytes);
    }
}

static void float_files_are_tamed(void **state) {
    (void)state;
    wav file = make_wav(3, 32, 16000, 1, 5);
    const float in[5] = {NAN, INFINITY, -INFINITY, 1.5f, 0.25f};
    const float expected[5] = {0, 1, -1, 1, 0.25f};
    memcpy(file.bytes + WAV_HEADER, in, sizeof in);
    assert_int_equal(decode(file, NULL, out, ROOM, ROOM), 5);
    assert_memory_equal(out, expected, sizeof expected);
    free(file.bytes);
}

static void raw_pcm(void **state) {
    (void)state;
    int16_t in[2 * 500];
    for (int i = 0; i < 1000; i++) in[i] = (int16_t)(i * 31);
    am_audio_options options;
    am_audio_options_init(&options);
    options.raw = AM_PCM_S16LE;
    options.raw_channels = 2;
    options.channel = 1;
    const wav bytes = {(uint8_t *)in, sizeof in};
    am_audio *audio = NULL;
    assert_int_equal(am_audio_open_memory(in, sizeof in, &options, &audio, NULL), AM_OK);
    assert_true(am_audio_duration(audio) == 500 / 16000.0);
    am_audio_close(&audio);
    assert_int_equal(decode(bytes, &options, out, ROOM, 100), 500);
    for (int i = 0; i < 500; i++) assert_true(out[i] == (float)in[2 * i + 1] / 32768.0f);

    const float one[3] = {0.5f, -0.25f, 1.0f};
    am_audio_options_init(&options);
    options.raw = AM_PCM_F32LE;
    const wav floats = {(uint8_t *)(uintptr_t)one, sizeof one};
    assert_int_equal(decode(floats, &options, out, ROOM, 100), 3);
    assert_memory_equal(out, one, sizeof one);
    options.raw = AM_PCM_S16LE;
    options.raw_rate = 8000;
    assert_in_range(decode(bytes, &options, out, ROOM, 100), 1999, 2001);

    options.raw_rate = 768001;
    assert_int_equal(am_audio_open_memory(one, sizeof one, &options, &audio, NULL), AM_E_ARG);
    options.raw_rate = 0;
    options.raw_channels = 65;
    assert_int_equal(am_audio_open_memory(one, sizeof one, &options, &audio, NULL), AM_E_ARG);
}

typedef struct writer {
    int fd;
    wav file;
} writer;

/* Writes a file into a pipe in small pieces of changing size. */
static void *write_pieces(void *context) {
    const writer *w = context;
    size_t piece = 1;
    for (size_t done = 0; done < w->file.n_bytes; piece = piece * 3 % 1009) {
        const size_t left = w->file.n_bytes - done;
        const ssize_t n = write(w->fd, w->file.bytes + done, piece < left ? piece : left);
        if (n <= 0) break;
        done += (size_t)n;
    }
    close(w->fd);
    return NULL;
}

/* A pipe cannot seek and gives what it has: the samples are the same. */
static void pipes(void **state) {
    (void)state;
    const size_t n = 20000;
    writer w = {.file = make_wav(1, 16, 16000, 1, n)};
    for (size_t i = 0; i < n; i++) samples_s16(w.file)[i] = (int16_t)(i * 13);
    for (int raw = 0; raw < 2; raw++) {
        int fds[2];
        pthread_t thread;
        assert_int_equal(pipe(fds), 0);
        w.fd = fds[1];
        assert_int_equal(pthread_create(&thread, NULL, write_pieces, &w), 0);
        char path[64];
        snprintf(path, sizeof path, "/dev/fd/%d", fds[0]);
        am_audio_options options;
        am_audio_options_init(&options);
        options.raw = raw ? AM_PCM_S16LE : AM_PCM_NONE;
        am_audio *audio = NULL;
        assert_int_equal(am_audio_open_file(path, &options, &audio, NULL), AM_OK);
        const size_t n_header = raw ? WAV_HEADER / 2 : 0;
        assert_int_equal(read_all(audio, out, ROOM, 555), n + n_header);
        for (size_t i = 0; i < n; i++) {
            assert_true(out[n_header + i] == (float)samples_s16(w.file)[i] / 32768.0f);
        }
        am_audio_close(&audio);
        pthread_join(thread, NULL);
        close(fds[0]);
    }
    free(w.file.bytes);
}

static int n_until_failure;

static void *allocate_some(void *user, size_t size, size_t alignment) {
    (void)user;
    if (n_until_failure-- <= 0) return NULL;
    return aligned_alloc(alignment, (size + alignment - 1) / alignment * alignment);
}

static void release(void *user, void *block) {
    (void)user;
    free(block);
}

static void every_allocation_may_fail(void **state) {
    (void)state;
    const am_allocator allocator = {.allocate = allocate_some, .release = release};
    wav file = make_wav(1, 16, 16000, 1, 10);
    am_set_allocator(&allocator);
    am_status status = AM_E_MEMORY;
    int n_allowed = 0;
    for (; status == AM_E_MEMORY && n_allowed < 100; n_allowed++) {
        n_until_failure = n_allowed;
        am_audio *audio = NULL;
        status = am_audio_open_memory(file.bytes, file.n_bytes, NULL, &audio, NULL);
        am_audio_close(&audio);
    }
    am_set_allocator(NULL);
    assert_int_equal(status, AM_OK);
    assert_true(n_allowed > 1);
    free(file.bytes);
}

static void borrowed_samples(void **state) {
    (void)state;
    const float in[4] = {0.1f, 2.0f, -0.3f, 0.4f};
    am_audio *audio = NULL;
    assert_int_equal(am_audio_open_pcm(in, 4, &audio, NULL), AM_OK);
    assert_true(am_audio_duration(audio) == 4 / 16000.0);
    assert_int_equal(read_all(audio, out, ROOM, 3), 4);
    assert_true(out[0] == 0.1f && out[1] == 1.0f && out[3] == 0.4f);
    am_audio_close(&audio);
    assert_int_equal(am_audio_open_pcm(NULL, 0, &audio, NULL), AM_OK);
    assert_int_equal(read_all(audio, out, ROOM, 3), 0);
    am_audio_close(&audio);
    am_audio_close(&audio);
    am_audio_close(NULL);
}

static void bad_input(void **state) {
    (void)state;
    am_audio *audio = NULL;
    am_error error = {0};
    assert_int_equal(am_audio_open_file("no/such/file.wav", NULL, &audio, &error), AM_E_NOT_FOUND);
    assert_non_null(strstr(error.detail, "no/such/file.wav"));
    assert_int_equal(am_audio_open_file("/", NULL, &audio, &error), AM_E_AUDIO);
    assert_int_equal(am_audio_open_file(NULL, NULL, &audio, &error), AM_E_ARG);
    /* Address 0 of our own memory: a file whose bytes cannot be read. */
    assert_int_equal(am_audio_open_file("/proc/self/mem", NULL, &audio, &error), AM_E_IO);
    assert_int_equal(am_audio_open_memory("", 0, NULL, &audio, &error), AM_E_AUDIO);
    assert_non_null(strstr(error.detail, "is empty"));
    assert_int_equal(am_audio_open_memory(NULL, 0, NULL, &audio, &error), AM_E_AUDIO);
    assert_int_equal(am_audio_open_file("/dev/null", NULL, &audio, &error), AM_E_AUDIO);
    assert_non_null(strstr(error.detail, "is empty"));
    static const char text[] = "This is text, whatever its name says. There is no sound in it.\n";
    assert_int_equal(am_audio_open_memory(text, sizeof text, NULL, &audio, &error), AM_E_AUDIO);
    assert_null(audio);

    am_audio_options options;
    am_audio_options_init(&options);
    wav file = make_wav(1, 16, 16000, 1, 100);
    options.stream = 1;
    assert_int_equal(am_audio_open_memory(file.bytes, file.n_bytes, &options, &audio, &error),
                     AM_E_ARG);
    assert_non_null(strstr(error.detail, "there are 1"));

    file.n_bytes = WAV_HEADER; /* the header promises samples and none follow */
    assert_int_equal(decode(file, NULL, out, ROOM, 100), 0);
    file.n_bytes = WAV_HEADER + 60;
    assert_int_equal(decode(file, NULL, out, ROOM, 100), 30);
    free(file.bytes);
}

/* A playlist is a list of other files: it must not be followed. */
static void other_files_stay_closed(void **state) {
    (void)state;
    char path[] = "/tmp/amanuensis-audio-XXXXXX";
    const int fd = mkstemp(path);
    assert_true(fd >= 0);
    wav file = make_wav(1, 16, 16000, 1, 16000);
    assert_int_equal(write(fd, file.bytes, file.n_bytes), file.n_bytes);
    close(fd);
    char list[2][256];
    snprintf(list[0], sizeof list[0], "ffconcat version 1.0\nfile %s\n", path + strlen("/tmp/"));
    snprintf(list[1], sizeof list[1],
             "#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1,\n%s\n#EXT-X-ENDLIST\n", path);
    assert_int_equal(chdir("/tmp"), 0);
    for (int i = 0; i < 2; i++) {
        am_audio *audio = NULL;
        assert_int_equal(am_audio_open_memory(list[i], strlen(list[i]), NULL, &audio, NULL),
                         AM_E_AUDIO);
    }
    unlink(path);
    free(file.bytes);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(mono_16k_is_exact),
        cmocka_unit_test(channels),
        cmocka_unit_test(rates),
        cmocka_unit_test(float_files_are_tamed),
        cmocka_unit_test(raw_pcm),
        cmocka_unit_test(pipes),
        cmocka_unit_test(every_allocation_may_fail),
        cmocka_unit_test(borrowed_samples),
        cmocka_unit_test(bad_input),
        cmocka_unit_test(other_files_stay_closed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* The state machine behind regions.h. Reference: faster-whisper 1.2.1 vad.py, silero-vad
 * utils_vad.py (longest silence at the limit). */
#include "speech/regions.h"

#include <assert.h>
#include <string.h>

#define CHUNK 512u
#define SAMPLES_PER_MS 16u
#define CUT_SILENCE (98u * SAMPLES_PER_MS) /* a silence longer than this is a place to cut */
#define DURATION_MAX_MS 3600000
#define END_SHARE 5 /* speech in noise wavers far below the threshold: docs/accuracy.md */

void am_vad_options_init(am_vad_options *options) {
    *options = (am_vad_options){
        .threshold = 0.5, .neg_threshold = -1.0, .max_speech_duration_s = 30,
        .min_silence_duration_ms = 160, .speech_pad_ms = 800,
    };
}

static am_status to_samples(int ms, const char *name, uint64_t *samples, am_error *error) {
    if (ms < 0 || ms > DURATION_MAX_MS) {
        AM_FAIL(error, AM_E_ARG, "%s is %d, expected 0 to %d", name, ms, DURATION_MAX_MS);
    }
    *samples = (uint64_t)ms * SAMPLES_PER_MS;
    return AM_OK;
}

am_status am__regions_init(am_regions *regions, const am_vad_options *options, am_error *error) {
    am_regions fresh = {.threshold = (float)options->threshold};
    if (!(options->threshold > 0.0 && options->threshold < 1.0)) {
        AM_FAIL(error, AM_E_ARG, "threshold is %g, expected more than 0 and less than 1",
                options->threshold);
    }
    fresh.neg_threshold = options->neg_threshold >= 0.0
                              ? (float)options->neg_threshold
                              : (float)options->threshold / END_SHARE;
    if (!(fresh.neg_threshold <= fresh.threshold)) {
        AM_FAIL(error, AM_E_ARG, "neg_threshold is %g, expected at most the threshold, %g",
                options->neg_threshold, options->threshold);
    }
    AM_TRY(to_samples(options->min_speech_duration_ms, "min_speech_duration_ms",
                      &fresh.min_speech, error));
    AM_TRY(to_samples(options->min_silence_duration_ms, "min_silence_duration_ms",
                      &fresh.min_silence, error));
    AM_TRY(to_samples(options->speech_pad_ms, "speech_pad_ms", &fresh.pad, error));
    const double most = options->max_speech_duration_s * 1000 * SAMPLES_PER_MS - CHUNK -
                        2 * (double)fresh.pad;
    if (!(most >= 2 * CHUNK)) {
        AM_FAIL(error, AM_E_ARG, "max_speech_duration_s is %g, too short for speech_pad_ms %d",
                options->max_speech_duration_s, options->speech_pad_ms);
    }
    fresh.max_speech = most < 1e15 ? (uint64_t)most : UINT64_MAX;
    *regions = fresh;
    return AM_OK;
}

static void emit(am_regions *r, const am_region *region) {
    assert(r->n_ready < AM_REGIONS_READY);
    r->ready[r->n_ready++] = *region;
}

/* Speech [start, end) is there to stay: it fixes the end of the region before it. */
static void keep(am_regions *r, uint64_t start, uint64_t end) {
    if (start == end) return; /* a region that began with the silence it is cut at */
    am_region region = {.speech_start = start, .speech_end = end, .end = end};
    if (r->waiting) {
        const uint64_t gap = start - r->last.speech_end;
        const uint64_t share = gap < 2 * r->pad ? gap / 2 : r->pad;
        r->last.end += share;
        region.start = start - share;
        emit(r, &r->last);
    } else {
        /* Nothing before it waits: all that was emitted ends at least two pads before. */
        region.start = start > r->pad ? start - r->pad : 0;
    }
    r->last = region;
    r->waiting = true;
}

static void stop_speaking(am_regions *r) {
    r->speaking = false;
    r->silence = 0;
    r->pause = (am_pause){0};
    r->weakest = 0;
}

/* The region being made ends at `end`, the next one starts at once at `start`. */
static void split(am_regions *r, uint64_t end, uint64_t start) {
    const uint64_t silence = r->silence;
    keep(r, r->start, end);
    stop_speaking(r);
    r->speaking = true;
    r->start = start;
    r->silence = silence;
}

static bool is_late(const am_regions *r, uint64_t at) {
    return at - r->start >= r->max_speech / 2;
}

/* A silence from r->silence to `end` (`end` 0: it goes on, it is `length` long): is it the best? */
static void note_pause(am_regions *r, uint64_t end, uint64_t length) {
    if (length <= CUT_SILENCE) return;
    const am_pause pause = {r->silence, end, is_late(r, r->silence)};
    const uint64_t best = r->pause.end - r->pause.start;
    const bool better = pause.late != r->pause.late ? pause.late : length >= best;
    if (r->pause.start == 0 || better) r->pause = pause;
}

/* The region being made is as long as it may be at `position`. */
static void cut(am_regions *r) {
    if (r->silence != 0) note_pause(r, 0, r->position - r->silence);
    const am_pause pause = r->pause;
    if (pause.start != 0 && pause.end == 0) {
        keep(r, r->start, pause.start);
        stop_speaking(r);
    } else if (pause.start != 0) {
        split(r, pause.start, pause.end);
    } else {
        uint64_t at = r->weakest != 0 ? r->weakest : r->position;
        if (r->silence != 0 && r->silence < at) at = r->silence;
        split(r, at, at);
    }
}

static void hear_silence(am_regions *r) {
    if (r->silence == 0) r->silence = r->position;
    if (r->position - r->silence < r->min_silence) return;
    if (r->silence - r->start > r->min_speech) keep(r, r->start, r->silence);
    stop_speaking(r);
}

static void hear(am_regions *r, float probability) {
    const bool speech = probability >= r->threshold;
    if (speech && r->silence != 0) {
        note_pause(r, r->position, r->position - r->silence);
        r->silence = 0;
    }
    if (speech && !r->speaking) {
        r->speaking = true;
        r->start = r->position;
        return;
    }
    if (r->speaking && r->position - r->start > r->max_speech) cut(r);
    if (!r->speaking) return;
    if (is_late(r, r->position) && (r->weakest == 0 || probability <= r->weakest_value)) {
        r->weakest = r->position;
        r->weakest_value = probability;
    }
    if (probability < r->neg_threshold) hear_silence(r);
}

void am__regions_push(am_regions *regions, float probability) {
    hear(regions, probability);
    /* Whatever comes now lies two pads behind the last region: it need not wait any longer. */
    const uint64_t next = regions->speaking ? regions->start : regions->position;
    if (regions->waiting && next >= regions->last.speech_end + 2 * regions->pad) {
        regions->last.end = regions->last.speech_end + regions->pad;
        emit(regions, &regions->last);
        regions->waiting = false;
    }
    regions->position += CHUNK;
}

void am__regions_finish(am_regions *regions, uint64_t n_samples) {
    if (regions->speaking && n_samples > regions->start &&
        n_samples - regions->start > regions->min_speech) {
        keep(regions, regions->start, n_samples);
    }
    stop_speaking(regions);
    if (regions->waiting) {
        regions->last.end += regions->pad;
        emit(regions, &regions->last);
        regions->waiting = false;
    }
    for (size_t i = 0; i < regions->n_ready; i++) {
        if (regions->ready[i].end > n_samples) regions->ready[i].end = n_samples;
    }
}

bool am__regions_next(am_regions *regions, am_region *region) {
    if (regions->n_ready == 0) return false;
    *region = regions->ready[0];
    regions->n_ready--;
    memmove(regions->ready, regions->ready + 1, regions->n_ready * sizeof *region);
    return true;
}

uint64_t am__regions_floor(const am_regions *regions) {
    if (regions->n_ready > 0) return regions->ready[0].start;
    if (regions->waiting) return regions->last.start;
    const uint64_t next = regions->speaking ? regions->start : regions->position;
    return next > regions->pad ? next - regions->pad : 0;
}

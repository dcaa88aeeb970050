/*
 * Probabilities of speech -> regions of speech, as a stream whose memory does not grow.
 *
 * Options (am_vad_options), defaults and rules are those of faster-whisper's get_speech_timestamps,
 * with two exceptions in how speech longer than max_speech_duration_s is cut, so that nothing is
 * lost and words are spared: at its longest silence (faster-whisper: its last), one of its second
 * half if there is any; and where it never pauses, at the chunk of its second half that is least
 * likely speech, the next region starting there (faster-whisper: at the limit, and the next starts
 * when a later chunk is speech again).
 */
#ifndef AM_SPEECH_REGIONS_H
#define AM_SPEECH_REGIONS_H

#include "base/status.h"

/* Samples of the file, ends exclusive: start <= speech_start < speech_end <= end. */
typedef struct am_region {
    uint64_t start, end;               /* with padding */
    uint64_t speech_start, speech_end; /* without */
} am_region;

/* A silence inside the region being made. */
typedef struct am_pause {
    uint64_t start, end; /* end 0: it goes on */
    bool late;           /* in the second half of what a region may be */
} am_pause;

#define AM_REGIONS_READY 3 /* regions one chunk can finish */

/* The state; fields are private to regions.c. */
typedef struct am_regions {
    float threshold, neg_threshold;
    uint64_t min_speech, max_speech, min_silence, pad; /* samples */
    uint64_t position;      /* of the next chunk */
    bool speaking;          /* a region is being made: */
    uint64_t start;         /* its first sample */
    uint64_t silence;       /* where its present silence began, 0 = none */
    am_pause pause;         /* the best to cut at; start 0 = none yet */
    uint64_t weakest;       /* chunk of its second half least likely speech, 0 = none yet */
    float weakest_value;
    bool waiting;           /* `last` is there, its end not padded yet */
    am_region last;
    am_region ready[AM_REGIONS_READY];
    size_t n_ready;
} am_regions;

/* E_ARG names the option that is out of range. */
AM_CHECK_RESULT am_status am__regions_init(am_regions *regions, const am_vad_options *options,
                                           am_error *error);

/* The next chunk of 512 samples; then take what is ready with am__regions_next. */
void am__regions_push(am_regions *regions, float probability);
/* The end of a file of n_samples, all of whose chunks were pushed. */
void am__regions_finish(am_regions *regions, uint64_t n_samples);
/* Regions in order, none overlapping. */
bool am__regions_next(am_regions *regions, am_region *region);

/* No region still to come starts before this sample. */
uint64_t am__regions_floor(const am_regions *regions);

#endif

/*
 * The producer's thread: see feed.h.
 *
 * DESIGN. Audio arrives in blocks at the end of a sliding store; the speech detector (or, without
 * one, the search for quiet places) follows and names windows; their samples are copied into one of
 * a few parcels, a ring between the two threads. What no window can need any more is dropped. All
 * memory is taken before the thread starts.
 */
#include "segments/feed.h"

#include <pthread.h>
#include <string.h>
#include <time.h>

#include "base/clock.h"
#include "base/mem.h"
#include "features/mel.h"
#include "segments/clips.h"
#include "speech/quiet.h"

#define N_PARCELS 3
#define BLOCK (96 * AM_VAD_CHUNK)      /* samples: what the detector takes at once, 3 s */
#define STORE (240 * 16000)            /* samples; the detector lags by 180 s at most */
#define CUT_FROM (AM_WINDOW_SAMPLES / 3 * 2)
#define WAIT_NANOSECONDS 20000000L

struct am_feed {
    am_audio *audio;
    void (*changed_fn)(void *user); /* may be NULL */
    void *user;
    am_speech *speech;      /* NULL: cut at quiet places */
    am_clips clips;
    size_t clip;            /* the one that `start` is in or before */
    uint64_t start;         /* without detector: where the next window begins */

    float *store;           /* [STORE]: samples [first, first + n_held) of the recording */
    uint64_t first;
    size_t n_held;

    pthread_t thread;
    bool started;
    pthread_mutex_t lock;   /* guards all that follows */
    pthread_cond_t changed;
    am_parcel parcels[N_PARCELS];
    size_t n_put, n_taken;  /* parcels filled and given back so far */
    bool stop, ended;
    am_status status;       /* of the thread, once it ended */
    am_error error;
    uint64_t n_samples;
    double decoding_s, speech_s;
};

/* ---- The thread ---------------------------------------------------------------------------- */

static uint64_t position(const am_feed *feed) {
    return feed->first + feed->n_held;
}

static void tell(const am_feed *feed) {
    if (feed->changed_fn != NULL) feed->changed_fn(feed->user);
}

static bool is_stopped(am_feed *feed) {
    pthread_mutex_lock(&feed->lock);
    const bool stop = feed->stop;
    pthread_mutex_unlock(&feed->lock);
    return stop;
}

static uint64_t clip_start(const am_clip *clip) {
    return (uint64_t)clip->first * AM_HOP;
}

static uint64_t clip_end(const am_clip *clip) {
    return clip->end > SIZE_MAX / AM_HOP ? UINT64_MAX : (uint64_t)clip->end * AM_HOP;
}

/* Nothing behind this sample is wanted. */
static uint64_t last_wanted(const am_feed *feed) {
    return feed->clips.n > 0 ? clip_end(&feed->clips.clips[feed->clips.n - 1]) : 0;
}

/* Moves the store down when that frees more than it moves. */
static void forget(am_feed *feed) {
    uint64_t needed = feed->speech != NULL ? am__speech_needed(feed->speech) : feed->start;
    if (needed > position(feed)) needed = position(feed);
    if (needed <= feed->first) return;
    const size_t n_old = (size_t)(needed - feed->first);
    const size_t n_kept = feed->n_held - n_old;
    if (n_old < n_kept && feed->n_held + BLOCK <= STORE) return;
    memmove(feed->store, feed->store + n_old, n_kept * sizeof *feed->store);
    feed->first = needed;
    feed->n_held = n_kept;
}

/* Reads a block; *n below BLOCK means the end. */
static am_status read_block(am_feed *feed, size_t *n, am_error *error) {
    const uint64_t wanted = last_wanted(feed);
    float *to = feed->store + feed->n_held;
    size_t n_block = BLOCK;
    *n = 0;
    if (wanted <= position(feed)) return AM_OK;
    if (wanted - position(feed) < n_block) n_block = (size_t)(wanted - position(feed));
    if (feed->n_held + BLOCK > STORE) {
        AM_FAIL(error, AM_E_LIMIT, "the speech detector's options need more than %d s at once",
                STORE / AM_SAMPLE_RATE);
    }
    const double start = am__now();
    while (*n < n_block && !is_stopped(feed)) {
        size_t n_read = 0;
        AM_TRY(am_audio_read(feed->audio, to + *n, n_block - *n, &n_read, error));
        if (n_read == 0) break;
        *n += n_read;
    }
    feed->n_held += *n;
    pthread_mutex_lock(&feed->lock);
    feed->n_samples = position(feed);
    feed->decoding_s += am__now() - start;
    pthread_mutex_unlock(&feed->lock);
    return AM_OK;
}

/* What lies outside the clips is silence to the detector. */
static void mute(am_feed *feed, size_t n_new) {
    const uint64_t end = position(feed);
    uint64_t at = end - n_new;
    while (at < end) {
        const am_clip *clip = &feed->clips.clips[feed->clip];
        const bool behind = at >= clip_end(clip);
        if (behind && feed->clip + 1 < feed->clips.n) {
            feed->clip++;
            continue;
        }
        uint64_t until = behind || clip_start(clip) > end ? end : clip_start(clip);
        if (until > at) {
            memset(feed->store + (at - feed->first), 0, (until - at) * sizeof *feed->store);
        } else {
            until = clip_end(clip) < end ? clip_end(clip) : end;
        }
        at = until;
    }
}

/* Hands a window over; waits for a free parcel. */
static void put(am_feed *feed, const am_window *window) {
    pthread_mutex_lock(&feed->lock);
    while (!feed->stop && feed->n_put - feed->n_taken == N_PARCELS) {
        pthread_cond_wait(&feed->changed, &feed->lock);
    }
    const bool stop = feed->stop;
    pthread_mutex_unlock(&feed->lock);
    if (stop) return;
    am_parcel *parcel = &feed->parcels[feed->n_put % N_PARCELS]; /* this thread's until n_put */
    parcel->window = *window;
    for (size_t i = 0; i < window->n_pieces; i++) {
        const am_piece *piece = &window->pieces[i];
        memcpy(parcel->samples + piece->at, feed->store + (piece->first - feed->first),
               piece->n * sizeof *parcel->samples);
    }
    pthread_mutex_lock(&feed->lock);
    feed->n_put++;
    pthread_cond_broadcast(&feed->changed);
    pthread_mutex_unlock(&feed->lock);
    tell(feed);
}

/* Windows of whole clips, cut at quiet places where they are too long. */
static void cut_windows(am_feed *feed, bool ended) {
    while (feed->clip < feed->clips.n) {
        const am_clip *clip = &feed->clips.clips[feed->clip];
        if (feed->start < clip_start(clip)) feed->start = clip_start(clip);
        const bool all_here = ended || position(feed) >= clip_end(clip);
        const uint64_t end = clip_end(clip) < position(feed) ? clip_end(clip) : position(feed);
        if (feed->start >= end) {
            if (!all_here) return;
            feed->clip++;
            continue;
        }
        uint64_t n = end - feed->start;
        if (n > AM_WINDOW_SAMPLES) {
            n = am__quiet_place(feed->store + (feed->start - feed->first), AM_WINDOW_SAMPLES,
                                CUT_FROM);
        } else if (!all_here) {
            return;
        }
        const am_window window = {.pieces = {{feed->start, 0, n}}, .n_pieces = 1, .n_samples = n,
                                  .n_speech = n};
        put(feed, &window);
        feed->start += n;
    }
}

/* Hands over what the detector has cut; returns the seconds spent waiting for room. */
static double put_found(am_feed *feed) {
    am_window window;
    double waited = 0;
    while (am__speech_next(feed->speech, &window)) {
        const double before = am__now();
        put(feed, &window);
        waited += am__now() - before;
    }
    return waited;
}

static void find_windows(am_feed *feed, size_t n_new, bool ended) {
    const double start = am__now();
    double waited = 0;
    if (feed->speech == NULL) {
        cut_windows(feed, ended);
    } else {
        mute(feed, n_new);
        if (n_new > 0) {
            am__speech_push(feed->speech, NULL, feed->store + (feed->n_held - n_new), n_new);
            waited = put_found(feed);
        }
        if (ended) {
            am__speech_finish(feed->speech);
            waited += put_found(feed);
        }
    }
    pthread_mutex_lock(&feed->lock);
    feed->speech_s += am__now() - start - waited;
    pthread_mutex_unlock(&feed->lock);
}

static am_status produce(am_feed *feed, am_error *error) {
    size_t n = BLOCK;
    while (n == BLOCK && !is_stopped(feed)) {
        forget(feed);
        AM_TRY(read_block(feed, &n, error));
        find_windows(feed, n, n < BLOCK);
    }
    return AM_OK;
}

static void *run(void *argument) {
    am_feed *feed = argument;
    am_error error = {.status = AM_OK};
    const am_status status = produce(feed, &error);
    pthread_mutex_lock(&feed->lock);
    feed->status = status;
    feed->error = error;
    feed->ended = true;
    pthread_cond_broadcast(&feed->changed);
    pthread_mutex_unlock(&feed->lock);
    tell(feed);
    return NULL;
}

/* ---- The other side ------------------------------------------------------------------------ */

static am_status allocate(am_feed *feed, const am_feed_input *input, am_error *error) {
    AM_TRY(am__clips_parse(input->clip_timestamps, &feed->clips, error));
    if (input->vad != NULL) {
        AM_TRY(am__speech_new(input->vad, input->vad_options, &feed->speech, error));
    }
    for (size_t i = 0; i < N_PARCELS; i++) {
        AM_TRY(AM_NEW_RAW(&feed->parcels[i].samples, AM_WINDOW_SAMPLES, error));
    }
    return AM_NEW_RAW(&feed->store, STORE, error);
}

am_status am__feed_open(const am_feed_input *input, am_feed **feed, am_error *error) {
    am_feed *fresh = NULL;
    pthread_condattr_t attributes;
    AM_TRY(AM_NEW(&fresh, 1, error));
    fresh->audio = input->audio;
    fresh->changed_fn = input->changed;
    fresh->user = input->user;
    pthread_mutex_init(&fresh->lock, NULL);
    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    pthread_cond_init(&fresh->changed, &attributes);
    pthread_condattr_destroy(&attributes);
    am_status status = allocate(fresh, input, error);
    if (status == AM_OK) {
        const int code = pthread_create(&fresh->thread, NULL, run, fresh);
        fresh->started = code == 0;
        if (code != 0) status = am__fail_errno(error, code, "cannot start the thread of the audio");
    }
    if (status != AM_OK) {
        am__feed_close(&fresh);
        return status;
    }
    *feed = fresh;
    return AM_OK;
}

void am__feed_close(am_feed **feed) {
    am_feed *old = *feed;
    if (old == NULL) return;
    pthread_mutex_lock(&old->lock);
    old->stop = true;
    pthread_cond_broadcast(&old->changed);
    pthread_mutex_unlock(&old->lock);
    if (old->started) pthread_join(old->thread, NULL);
    pthread_cond_destroy(&old->changed);
    pthread_mutex_destroy(&old->lock);
    am__speech_free(&old->speech);
    am__clips_free(&old->clips);
    for (size_t i = 0; i < N_PARCELS; i++) am__free(old->parcels[i].samples);
    am__free(old->store);
    am__free(old);
    *feed = NULL;
}

static void wait_a_little(am_feed *feed) {
    struct timespec until;
    clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_nsec += WAIT_NANOSECONDS;
    if (until.tv_nsec >= 1000000000L) {
        until.tv_nsec -= 1000000000L;
        until.tv_sec++;
    }
    pthread_cond_timedwait(&feed->changed, &feed->lock, &until);
}

void am__feed_wait(am_feed *feed) {
    pthread_mutex_lock(&feed->lock);
    if (feed->n_put == feed->n_taken && !feed->ended) wait_a_little(feed);
    pthread_mutex_unlock(&feed->lock);
}

am_status am__feed_next(am_feed *feed, am_feed_state *state, const am_parcel **parcel,
                        am_error *error) {
    am_status status = AM_OK;
    pthread_mutex_lock(&feed->lock);
    if (feed->n_put > feed->n_taken) {
        *parcel = &feed->parcels[feed->n_taken % N_PARCELS];
        *state = AM_FEED_READY;
    } else if (!feed->ended) {
        *state = AM_FEED_EMPTY;
    } else {
        *state = AM_FEED_ENDED;
        status = feed->status;
        if (status != AM_OK && error != NULL) *error = feed->error;
    }
    pthread_mutex_unlock(&feed->lock);
    return status;
}

void am__feed_release(am_feed *feed) {
    pthread_mutex_lock(&feed->lock);
    feed->n_taken++;
    pthread_cond_broadcast(&feed->changed);
    pthread_mutex_unlock(&feed->lock);
}

uint64_t am__feed_samples(am_feed *feed) {
    pthread_mutex_lock(&feed->lock);
    const uint64_t n = feed->n_samples;
    pthread_mutex_unlock(&feed->lock);
    return n;
}

void am__feed_times(am_feed *feed, double *decoding, double *speech) {
    pthread_mutex_lock(&feed->lock);
    *decoding = feed->decoding_s;
    *speech = feed->speech_s;
    pthread_mutex_unlock(&feed->lock);
}

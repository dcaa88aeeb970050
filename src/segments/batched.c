/* Many windows side by side: see batched.h. */
#include "segments/batched.h"

struct am_batch {
    am_batch_input in;
    am_mel_stream *mel;
    am_lane *lanes;        /* [n_slots], initialised when first used */
    am_recording **owners; /* [n_slots] of the lanes' windows */
    am_recording *running; /* list in order of arrival */
    am_recording *ended;   /* list of those to be taken */
    size_t n_busy;
    uint64_t n_begun, n_done; /* windows */
};

am_status am__batch_new(const am_batch_input *input, am_batch **batch, am_error *error) {
    const am_pipeline *pipeline = input->pipeline;
    am_batch *fresh = NULL;
    am_status status = AM_OK;
    AM_TRY(AM_NEW(&fresh, 1, error));
    fresh->in = *input;
    AM_TRY_DONE(am__mel_stream_new(pipeline->dims->n_mels, pipeline->exec->kernels, &fresh->mel,
                                   error));
    AM_TRY_DONE(AM_NEW(&fresh->lanes, input->n_slots, error));
    AM_TRY_DONE(AM_NEW(&fresh->owners, input->n_slots, error));
    *batch = fresh;
    return AM_OK;
done:
    am__batch_free(&fresh);
    return status;
}

void am__batch_free(am_batch **batch) {
    am_batch *old = *batch;
    if (old == NULL) return;
    for (size_t slot = 0; old->lanes != NULL && slot < old->in.n_slots; slot++) {
        if (old->lanes[slot].cross == NULL) continue;
        am__search_drop(old->in.pipeline->search, slot);
        am__lane_free(&old->lanes[slot]);
    }
    am__free(old->lanes);
    am__free(old->owners);
    am__mel_stream_free(&old->mel);
    am__free(old);
    *batch = NULL;
}

static am_status need_lane(am_batch *batch, size_t slot, am_error *error) {
    const am_pipeline *pipeline = batch->in.pipeline;
    am_lane *lane = &batch->lanes[slot];
    am_cross **cross = &batch->in.crosses[slot];
    if (lane->cross != NULL) return AM_OK;
    if (*cross == NULL) AM_TRY(am__cross_new(pipeline->decoder, cross, error));
    const am_status status =
        am__lane_init(lane, (size_t)pipeline->dims->n_mels, slot, *cross, error);
    if (status != AM_OK) am__lane_free(lane);
    return status;
}

am_status am__batch_reserve(am_batch *batch, am_error *error) {
    for (size_t slot = 0; slot < batch->in.n_slots; slot++) AM_TRY(need_lane(batch, slot, error));
    return AM_OK;
}

/* ---- Recordings ---------------------------------------------------------------------------- */

static void append(am_recording **list, am_recording *recording) {
    while (*list != NULL) list = &(*list)->next;
    recording->next = NULL;
    *list = recording;
}

void am__batch_add(am_batch *batch, am_recording *recording) {
    recording->shared.mel = batch->mel;
    /* As if served now: those that came before and wait for their next window go first, or under a
     * steady stream of newcomers they would never be done. */
    recording->served = batch->n_begun;
    append(&batch->running, recording);
}

am_recording *am__batch_take_ended(am_batch *batch) {
    am_recording *recording = batch->ended;
    if (recording != NULL) batch->ended = recording->next;
    return recording;
}

bool am__batch_has_ended(const am_batch *batch) {
    return batch->ended != NULL;
}

size_t am__batch_busy(const am_batch *batch) {
    return batch->n_busy;
}

uint64_t am__batch_done(const am_batch *batch) {
    return batch->n_done;
}

static void end_with(am_recording *recording, am_status status) {
    recording->status = status;
    recording->ended = true;
}

/* True when the recording goes on. */
static bool check_cancel(am_recording *recording) {
    if (recording->ended) return false;
    if (!am__recording_cancelled(recording)) return true;
    end_with(recording, am__fail(&recording->error, AM_E_CANCELLED, "stopped by the caller"));
    return false;
}

static void leave_lane(am_batch *batch, size_t slot) {
    am__search_drop(batch->in.pipeline->search, slot);
    batch->lanes[slot].busy = false;
    batch->owners[slot]->n_busy--;
    batch->owners[slot] = NULL;
    batch->n_busy--;
}

/* Those that ended or have nothing more to come leave the batch. */
static void sweep(am_batch *batch) {
    am_recording **link = &batch->running;
    while (*link != NULL) {
        am_recording *recording = *link;
        if (recording->feed_ended && recording->n_busy == 0) recording->ended = true;
        if (!recording->ended) {
            link = &recording->next;
            continue;
        }
        for (size_t slot = 0; slot < batch->in.n_slots; slot++) {
            if (batch->owners[slot] == recording) leave_lane(batch, slot);
        }
        *link = recording->next;
        append(&batch->ended, recording);
    }
}

/* ---- Windows ------------------------------------------------------------------------------- */

/* Whose window is next, or NULL. */
static am_recording *choose(am_batch *batch) {
    am_recording *best = NULL;
    for (am_recording *r = batch->running; r != NULL; r = r->next) {
        if (!check_cancel(r) || !am__recording_ready(r)) continue;
        if (best == NULL || r->n_busy < best->n_busy ||
            (r->n_busy == best->n_busy && r->served < best->served)) {
            best = r;
        }
    }
    const size_t n_free = batch->in.n_slots - batch->n_busy;
    return best != NULL && best->n_busy > 0 && n_free <= batch->in.n_reserved ? NULL : best;
}

static am_status begin_window(am_batch *batch, am_recording *recording, am_error *error) {
    size_t slot = 0;
    while (batch->owners[slot] != NULL) slot++;
    recording->served = ++batch->n_begun;
    AM_TRY(need_lane(batch, slot, error));
    recording->n_busy++;
    batch->owners[slot] = recording;
    batch->n_busy++;
    return am__recording_begin(recording, &batch->lanes[slot], error);
}

/* Fills the free slots with the windows that are there; false when there was none. */
static bool fill(am_batch *batch) {
    const uint64_t n_before = batch->n_begun;
    for (size_t i = 0; i < batch->in.n_begin_max && batch->n_busy < batch->in.n_slots; i++) {
        am_recording *recording = choose(batch);
        if (recording == NULL) break;
        const am_status status = begin_window(batch, recording, &recording->error);
        if (status != AM_OK) end_with(recording, status);
    }
    return batch->n_begun > n_before;
}

/* A failure of the step itself is everybody's who had a window in it. */
static void fail_all(am_batch *batch, am_status status, const am_error *error) {
    for (size_t slot = 0; slot < batch->in.n_slots; slot++) {
        am_recording *recording = batch->owners[slot];
        if (recording == NULL) continue;
        recording->error = *error;
        end_with(recording, status);
    }
}

/* One step of all searches, and what became of those that it ended. */
static void step(am_batch *batch) {
    const am_pipeline *pipeline = batch->in.pipeline;
    am_error error;
    const double start = am__now();
    const am_status stepped = am__search_step(pipeline->search, pipeline->exec, &error);
    am__trace_add(pipeline->trace, AM_STAGE_DECODER, start);
    if (stepped != AM_OK) {
        fail_all(batch, stepped, &error);
        return;
    }
    for (size_t slot = 0; slot < batch->in.n_slots; slot++) {
        am_recording *recording = batch->owners[slot];
        if (recording == NULL || recording->ended) continue;
        if (!am__search_done(pipeline->search, slot)) continue;
        const am_status status =
            am__recording_take(recording, &batch->lanes[slot], &recording->error);
        if (status != AM_OK) end_with(recording, status);
        if (batch->lanes[slot].busy) continue;
        leave_lane(batch, slot);
        batch->n_done++;
    }
}

bool am__batch_turn(am_batch *batch) {
    for (am_recording *r = batch->running; r != NULL; r = r->next) check_cancel(r);
    const bool begun = fill(batch);
    sweep(batch);
    if (batch->n_busy == 0) return begun; /* what was begun has failed: others may be ready */
    step(batch);
    sweep(batch);
    return true;
}

void am__batch_run(am_batch *batch, am_recording *recording) {
    am__batch_add(batch, recording);
    while (am__batch_take_ended(batch) == NULL) {
        if (am__batch_turn(batch) || recording->ended) continue;
        const double start = am__now();
        am__feed_wait(recording->in.feed);
        am__trace_add(batch->in.pipeline->trace, AM_STAGE_AUDIO, start);
    }
}

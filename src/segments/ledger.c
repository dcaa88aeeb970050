/* Order of segments: see ledger.h. */
#include "segments/ledger.h"

#include "segments/result.h"

void am__ledger_init(am_ledger *ledger, am_result *result, const am_callbacks *callbacks) {
    *ledger = (am_ledger){.result = result, .callbacks = callbacks};
}

void am__ledger_free(am_ledger *ledger) {
    for (size_t i = 0; i < AM_LEDGER_WINDOWS; i++) am_result_free(&ledger->entries[i].waiting);
}

static am_ledger_entry *entry_of(am_ledger *ledger, size_t window) {
    return &ledger->entries[window % AM_LEDGER_WINDOWS];
}

bool am__ledger_has_room(const am_ledger *ledger) {
    return ledger->next - ledger->first < AM_LEDGER_WINDOWS;
}

size_t am__ledger_begin(am_ledger *ledger) {
    return ledger->next++;
}

/* Into the result, which numbers it, and to the caller as it stands there. */
static am_status emit(am_ledger *ledger, const am_segment *segment, am_error *error) {
    const am_callbacks *callbacks = ledger->callbacks;
    size_t n = 0;
    AM_TRY(am__result_add_segment(ledger->result, segment, error));
    if (callbacks != NULL && callbacks->segment != NULL) {
        const am_segment *segments = am_result_segments(ledger->result, &n);
        callbacks->segment(callbacks->user, &segments[n - 1]);
    }
    return AM_OK;
}

static am_status emit_waiting(am_ledger *ledger, am_ledger_entry *entry, am_error *error) {
    size_t n = 0;
    am_status status = AM_OK;
    if (entry->waiting == NULL) return AM_OK;
    const am_segment *segments = am_result_segments(entry->waiting, &n);
    for (size_t i = 0; i < n && status == AM_OK; i++) status = emit(ledger, &segments[i], error);
    am_result_free(&entry->waiting);
    return status;
}

am_status am__ledger_add(am_ledger *ledger, size_t window, const am_segment *segment,
                         am_error *error) {
    am_ledger_entry *entry = entry_of(ledger, window);
    if (window == ledger->first) return emit(ledger, segment, error);
    if (entry->waiting == NULL) {
        AM_TRY(am__result_new(am_result_task(ledger->result), &entry->waiting, error));
    }
    return am__result_add_segment(entry->waiting, segment, error);
}

am_status am__ledger_end(am_ledger *ledger, size_t window, double end_s, am_error *error) {
    am_ledger_entry *ended = entry_of(ledger, window);
    ended->done = true;
    ended->end_s = end_s;
    while (ledger->first < ledger->next && entry_of(ledger, ledger->first)->done) {
        am_ledger_entry *entry = entry_of(ledger, ledger->first);
        ledger->done_s = entry->end_s;
        *entry = (am_ledger_entry){0};
        ledger->first++;
        /* The next one's turn: what it has already leaves at once. */
        if (ledger->first == ledger->next) break;
        AM_TRY(emit_waiting(ledger, entry_of(ledger, ledger->first), error));
    }
    return AM_OK;
}

double am__ledger_done(const am_ledger *ledger) {
    return ledger->done_s;
}

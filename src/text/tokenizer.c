/*
 * Byte-level BPE: see tokenizer.h.
 *
 * A piece of the split becomes one token when the vocabulary has it; else its bytes are merged
 * pair by pair, the pair with the lowest id first and the leftmost of equals. The pairs wait in a
 * binary heap and the parts are a doubly linked list over the bytes, so that a piece of n bytes
 * costs O(n log n) whatever it holds. Reference: tiktoken src/lib.rs, byte_pair_merge.
 */
#include "text/tokenizer.h"

#include <string.h>

#include "text/pretokenize.h"
#include "text/tokenizer_state.h"

#define N_TEXT_BYTES_MAX ((size_t)64 << 20)

/* ---- A list of tokens -------------------------------------------------------------------- */

void am__tokens_free(am_tokens *tokens) {
    am__free(tokens->ids);
    *tokens = (am_tokens){0};
}

am_status am__tokens_push(am_tokens *tokens, int32_t id, am_error *error) {
    if (tokens->n == tokens->capacity) {
        const size_t capacity = tokens->capacity < 32 ? 32 : tokens->capacity * 2;
        int32_t *fresh = NULL;
        AM_TRY(AM_NEW_RAW(&fresh, capacity, error));
        if (tokens->n > 0) memcpy(fresh, tokens->ids, tokens->n * sizeof *fresh);
        am__free(tokens->ids);
        tokens->ids = fresh;
        tokens->capacity = capacity;
    }
    tokens->ids[tokens->n++] = id;
    return AM_OK;
}

am_status am__tokens_append(am_tokens *tokens, const int32_t *ids, size_t n, am_error *error) {
    for (size_t i = 0; i < n; i++) AM_TRY(am__tokens_push(tokens, ids[i], error));
    return AM_OK;
}

/* ---- The vocabulary by bytes ------------------------------------------------------------- */

/* FNV-1a, 64 bits (Fowler, Noll and Vo). */
static uint64_t hash_bytes(const char *bytes, size_t n) {
    uint64_t hash = UINT64_C(0xcbf29ce484222325);
    for (size_t i = 0; i < n; i++) {
        hash = (hash ^ (unsigned char)bytes[i]) * UINT64_C(0x100000001b3);
    }
    return hash ^ hash >> 32;
}

/* The slot that holds these bytes, or the free one where they belong. */
static size_t find_slot(const am_tokenizer *tokenizer, const char *bytes, size_t n) {
    const size_t mask = tokenizer->n_slots - 1;
    size_t slot = (size_t)hash_bytes(bytes, n) & mask;
    while (tokenizer->slots[slot] >= 0) {
        const am_token_bytes *token = &tokenizer->tokens[tokenizer->slots[slot]];
        if (token->n_bytes == n && memcmp(token->bytes, bytes, n) == 0) break;
        slot = (slot + 1) & mask;
    }
    return slot;
}

/* Id of a token by its bytes, or -1. */
static int32_t find_token(const am_tokenizer *tokenizer, const char *bytes, size_t n) {
    if (n > tokenizer->n_bytes_longest) return -1;
    return tokenizer->slots[find_slot(tokenizer, bytes, n)];
}

static am_status index_tokens(am_tokenizer *tokenizer, am_error *error) {
    const size_t n_ordinary = (size_t)tokenizer->specials.eot;
    size_t n_slots = 1;
    while (n_slots < 2 * n_ordinary) n_slots *= 2;
    AM_TRY(AM_NEW_RAW(&tokenizer->slots, n_slots, error));
    memset(tokenizer->slots, 0xff, n_slots * sizeof *tokenizer->slots);
    tokenizer->n_slots = n_slots;

    for (size_t id = 0; id < n_ordinary; id++) {
        const am_token_bytes *token = &tokenizer->tokens[id];
        if (token->n_bytes == 0) continue; /* multilingual id 50256 is empty */
        const size_t slot = find_slot(tokenizer, token->bytes, token->n_bytes);
        if (tokenizer->slots[slot] < 0) tokenizer->slots[slot] = (int32_t)id;
        if (token->n_bytes > tokenizer->n_bytes_longest) {
            tokenizer->n_bytes_longest = token->n_bytes;
        }
    }
    for (int value = 0; value < 256; value++) {
        const char byte = (char)value;
        if (find_token(tokenizer, &byte, 1) < 0) {
            AM_FAIL(error, AM_E_MODEL, "vocabulary has no token for byte 0x%02x", (unsigned)value);
        }
    }
    return AM_OK;
}

am_status am__tokenizer_new(const am_token_bytes *tokens, size_t n_tokens, am_tokenizer **tokenizer,
                            am_error *error) {
    am_status status = AM_OK;
    am_tokenizer *fresh = NULL;
    AM_TRY(AM_NEW(&fresh, 1, error));
    fresh->tokens = tokens;
    fresh->n_tokens = n_tokens;
    AM_TRY_DONE(am__specials_of(n_tokens, &fresh->specials, error));
    AM_TRY_DONE(index_tokens(fresh, error));
    AM_TRY_DONE(am__find_suppressed(fresh, error));
    *tokenizer = fresh;
    fresh = NULL;
done:
    am__tokenizer_free(&fresh);
    return status;
}

void am__tokenizer_free(am_tokenizer **tokenizer) {
    if (tokenizer == NULL || *tokenizer == NULL) return;
    am__free((*tokenizer)->slots);
    am__free(*tokenizer);
    *tokenizer = NULL;
}

size_t am__tokenizer_size(const am_tokenizer *tokenizer) {
    return tokenizer->n_tokens;
}

/* ---- Merging ----------------------------------------------------------------------------- */

/* Two neighbouring parts that together are a token: bytes [start, end) of the piece. */
typedef struct merge_pair {
    int32_t id;
    uint32_t start, end;
} merge_pair;

/* Room for pieces of up to `capacity` bytes; kept from piece to piece of one text. */
typedef struct merger {
    const am_tokenizer *tokenizer;
    size_t capacity;
    uint32_t *next; /* by a part's start: the next part's; 0 = no part starts here any more */
    uint32_t *prev; /* by a part's start: the start of the part before it */
    merge_pair *heap;
    size_t n_heap;
} merger;

static void merger_free(merger *m) {
    am__free(m->next);
    am__free(m->prev);
    am__free(m->heap);
}

static am_status merger_reserve(merger *m, size_t n, am_error *error) {
    if (n <= m->capacity) return AM_OK;
    const am_tokenizer *tokenizer = m->tokenizer;
    merger_free(m);
    *m = (merger){.tokenizer = tokenizer};
    const size_t capacity = n < 256 ? 256 : n;
    AM_TRY(AM_NEW_RAW(&m->next, capacity + 1, error));
    AM_TRY(AM_NEW_RAW(&m->prev, capacity + 1, error));
    /* n - 1 pairs at first, and at most two new ones for each of n - 1 merges. */
    AM_TRY(AM_NEW_RAW(&m->heap, 3 * capacity, error));
    m->capacity = capacity;
    return AM_OK;
}

static bool goes_before(const merge_pair *a, const merge_pair *b) {
    return a->id != b->id ? a->id < b->id : a->start < b->start;
}

static void heap_push(merger *m, merge_pair pair) {
    size_t at = m->n_heap++;
    while (at > 0) {
        const size_t parent = (at - 1) / 2;
        if (!goes_before(&pair, &m->heap[parent])) break;
        m->heap[at] = m->heap[parent];
        at = parent;
    }
    m->heap[at] = pair;
}

static merge_pair heap_pop(merger *m) {
    const merge_pair top = m->heap[0];
    const merge_pair last = m->heap[--m->n_heap];
    size_t at = 0;
    for (;;) {
        size_t child = 2 * at + 1;
        if (child >= m->n_heap) break;
        if (child + 1 < m->n_heap && goes_before(&m->heap[child + 1], &m->heap[child])) child++;
        if (!goes_before(&m->heap[child], &last)) break;
        m->heap[at] = m->heap[child];
        at = child;
    }
    m->heap[at] = last;
    return top;
}

/* Queues the parts that start at `start` and behind it, when they make a token. */
static void push_pair(merger *m, const char *piece, size_t n, uint32_t start) {
    const uint32_t middle = m->next[start];
    if (middle >= n) return;
    const uint32_t end = m->next[middle];
    const int32_t id = find_token(m->tokenizer, piece + start, end - start);
    if (id >= 0) heap_push(m, (merge_pair){id, start, end});
}

/* A queued pair is stale when one of its parts was merged with another neighbour since. */
static bool is_current(const merger *m, size_t n, const merge_pair *pair) {
    const uint32_t middle = m->next[pair->start];
    return middle != 0 && middle < n && m->next[middle] == pair->end;
}

static am_status merge_piece(merger *m, const char *piece, size_t n, am_tokens *tokens,
                             am_error *error) {
    AM_TRY(merger_reserve(m, n, error));
    m->n_heap = 0;
    for (uint32_t i = 0; i <= n; i++) {
        m->next[i] = i + 1;
        m->prev[i] = i > 0 ? i - 1 : 0;
    }
    for (uint32_t i = 0; i + 1 < n; i++) push_pair(m, piece, n, i);

    while (m->n_heap > 0) {
        const merge_pair pair = heap_pop(m);
        if (!is_current(m, n, &pair)) continue;
        m->next[m->next[pair.start]] = 0;
        m->next[pair.start] = pair.end;
        m->prev[pair.end] = pair.start;
        push_pair(m, piece, n, pair.start);
        if (pair.start > 0) push_pair(m, piece, n, m->prev[pair.start]);
    }
    for (uint32_t start = 0; start < n; start = m->next[start]) {
        const int32_t id = find_token(m->tokenizer, piece + start, m->next[start] - start);
        AM_TRY(am__tokens_push(tokens, id, error));
    }
    return AM_OK;
}

/* ---- Both ways --------------------------------------------------------------------------- */

am_status am__tokenizer_encode(const am_tokenizer *tokenizer, const char *text, size_t n_bytes,
                               am_tokens *tokens, am_error *error) {
    if (n_bytes > N_TEXT_BYTES_MAX) {
        AM_FAIL(error, AM_E_LIMIT, "text of %zu bytes: at most %zu can be tokenized", n_bytes,
                N_TEXT_BYTES_MAX);
    }
    am_status status = AM_OK;
    merger m = {.tokenizer = tokenizer};
    const size_t n_before = tokens->n;
    for (size_t at = 0; at < n_bytes;) {
        const size_t n = am__pretokenize(text + at, n_bytes - at);
        const int32_t whole = find_token(tokenizer, text + at, n);
        if (whole >= 0) {
            AM_TRY_DONE(am__tokens_push(tokens, whole, error));
        } else {
            AM_TRY_DONE(merge_piece(&m, text + at, n, tokens, error));
        }
        at += n;
    }
done:
    if (status != AM_OK) tokens->n = n_before;
    merger_free(&m);
    return status;
}

static am_status check_id(const am_tokenizer *tokenizer, int32_t id, am_error *error) {
    if (id < 0 || (size_t)id >= tokenizer->n_tokens) {
        AM_FAIL(error, AM_E_ARG, "token %d is not in the vocabulary of %zu", (int)id,
                tokenizer->n_tokens);
    }
    return AM_OK;
}

am_status am__tokenizer_decode(const am_tokenizer *tokenizer, const int32_t *ids, size_t n,
                               am_buf *text, am_error *error) {
    for (size_t i = 0; i < n; i++) {
        AM_TRY(check_id(tokenizer, ids[i], error));
        if (ids[i] >= tokenizer->specials.eot) continue;
        const am_token_bytes *token = &tokenizer->tokens[ids[i]];
        AM_TRY(am__buf_append(text, token->bytes, token->n_bytes, error));
    }
    return AM_OK;
}

am_status am__tokenizer_text(const am_tokenizer *tokenizer, int32_t id, char *bytes,
                             size_t capacity, size_t *n, am_error *error) {
    char special[AM_SPECIAL_TEXT_MAX];
    am_token_bytes token = {.bytes = special};
    AM_TRY(check_id(tokenizer, id, error));
    if (id < tokenizer->specials.eot) {
        token = tokenizer->tokens[id];
    } else {
        token.n_bytes = (uint32_t)am__special_text(&tokenizer->specials, id, special);
    }
    *n = token.n_bytes;
    const size_t n_written = *n < capacity ? *n : capacity;
    if (n_written > 0) memcpy(bytes, token.bytes, n_written);
    return AM_OK;
}

/*
 * Server-sent events: see openai_stream.h.
 *
 * A thread transcribes and writes events into a buffer; the connection's thread sends what is
 * there. Both end before the request does: the thread is asked to stop, and waited for, when the
 * request is released. Headers wait a while for the first event, so that what is wrong with a
 * recording is an HTTP status like everywhere else, and not an event behind a 200.
 */
#include "server/openai/openai_stream.h"

#include <pthread.h>
#include <string.h>

#include "common/heap.h"
#include "server/answers/openai_body.h"
#include "server/openai/openai_logprobs.h"
#include "server/base/wall_clock.h"

#define FIRST_EVENT_S 10
#define KEEP_ALIVE_S 15
#define WAIT_NANOSECONDS 500000000L

typedef struct stream {
    const app *app;
    http_request *request;
    call call;
    work work;
    am_callbacks callbacks;
    pthread_t thread;
    bool has_thread;
    pthread_mutex_t lock; /* of all below */
    pthread_cond_t changed;
    text events;
    size_t n_sent;       /* bytes of events */
    json_t *logprobs;    /* of all tokens so far; NULL = nobody asked */
    bool begun;          /* a word was sent: blanks belong to the text from now on */
    bool streaming;      /* the headers are out: errors are events */
    bool stop, ended, busy;
    am_error error;
    double last_sent;
    int n_owners; /* the request and the reply */
} stream;

/* ---- The side that transcribes ------------------------------------------------------------- */

/* The lock is held. */
static void add_event(stream *s, json_t *json) {
    char *line = json != NULL ? json_dumps(json, JSON_COMPACT | JSON_REAL_PRECISION(9)) : NULL;
    if (line != NULL) {
        text_print(&s->events, "data: %s\n\n", line);
    } else {
        s->events.failed = true;
    }
    heap_free(line);
    if (json != NULL) json_decref(json);
    pthread_cond_broadcast(&s->changed);
}

/* Those of a segment, for the event of its text; they are kept for the last event too. The lock is
 * held. */
static void add_logprobs(stream *s, const am_segment *segment, json_t *event) {
    json_t *own = json_array();
    if (!openai_logprobs_add(own, s->work.engine, segment) ||
        json_array_extend(s->logprobs, own) != 0) {
        s->events.failed = true;
    }
    (void)json_object_set_new(event, "logprobs", own);
}

static void on_segment(void *user, const am_segment *segment) {
    stream *s = user;
    pthread_mutex_lock(&s->lock);
    const char *delta = segment->text + (s->begun ? 0 : strspn(segment->text, " "));
    if (delta[0] != '\0') {
        json_t *event = json_pack("{s:s, s:s}", "type", "transcript.text.delta", "delta", delta);
        s->begun = true;
        if (s->logprobs != NULL) add_logprobs(s, segment, event);
        add_event(s, event);
    }
    pthread_mutex_unlock(&s->lock);
}

static bool on_cancel(void *user) {
    stream *s = user;
    pthread_mutex_lock(&s->lock);
    const bool stop = s->stop;
    pthread_mutex_unlock(&s->lock);
    return stop || http_gone(s->request);
}

static json_t *done_event(const stream *s, const am_result *result) {
    return json_pack("{s:s, s:s, s:o, s:O*}", "type", "transcript.text.done", "text",
                     openai_text(result), "usage", openai_usage_tokens(result), "logprobs",
                     s->logprobs);
}

static json_t *error_event(const stream *s) {
    const am_error *error = &s->error;
    return json_pack("{s:{s:s++, s:s, s:n, s:n}}", "error", "message",
                     am_status_message(error->status), error->detail[0] != '\0' ? ": " : "",
                     error->detail, "type", http_error_type(am_status_http(error->status)),
                     "param", "code");
}

static void *transcribe(void *context) {
    stream *s = context;
    am_result *result = NULL;
    am_error error = {0};
    bool busy = false;
    const am_status status = service_run(s->app->service, &s->work, &result, &busy, &error);
    pthread_mutex_lock(&s->lock);
    s->error = error;
    s->error.status = status;
    s->busy = busy;
    if (status == AM_OK) {
        add_event(s, done_event(s, result));
    } else if (s->begun || s->streaming) {
        add_event(s, error_event(s));
    }
    s->ended = true;
    pthread_cond_broadcast(&s->changed);
    pthread_mutex_unlock(&s->lock);
    am_result_free(&result);
    return NULL;
}

/* ---- The side that sends ------------------------------------------------------------------- */

/* At most so many nanoseconds, for something to change. The lock is held. */
static void wait_a_little(stream *s) {
    const struct timespec until = clock_after(WAIT_NANOSECONDS);
    (void)pthread_cond_timedwait(&s->changed, &s->lock, &until);
}

static size_t send_events(void *context, char *bytes, size_t capacity) {
    static const char keep_alive[] = ": keep-alive\n\n";
    stream *s = context;
    pthread_mutex_lock(&s->lock);
    if (s->n_sent == s->events.n && !s->ended) wait_a_little(s);
    size_t n = s->events.n - s->n_sent;
    if (n > capacity) n = capacity;
    if (n > 0) {
        memcpy(bytes, s->events.bytes + s->n_sent, n);
        s->n_sent += n;
        if (s->n_sent == s->events.n) s->n_sent = s->events.n = 0;
    } else if (s->ended || s->events.failed) {
        n = HTTP_STREAM_END;
    } else if (clock_now() - s->last_sent > KEEP_ALIVE_S && capacity >= sizeof keep_alive) {
        n = sizeof keep_alive - 1;
        memcpy(bytes, keep_alive, n);
    }
    if (n > 0) s->last_sent = clock_now();
    pthread_mutex_unlock(&s->lock);
    return n;
}

/* ---- Its life ------------------------------------------------------------------------------ */

static void release(void *context) {
    stream *s = context;
    pthread_mutex_lock(&s->lock);
    const bool last = --s->n_owners == 0;
    pthread_mutex_unlock(&s->lock);
    if (!last) return;
    text_free(&s->events);
    if (s->logprobs != NULL) json_decref(s->logprobs);
    call_free(&s->call);
    pthread_cond_destroy(&s->changed);
    pthread_mutex_destroy(&s->lock);
    heap_free(s);
}

/* The request goes: its thread first. */
static void release_request(void *context) {
    stream *s = context;
    pthread_mutex_lock(&s->lock);
    s->stop = true;
    pthread_mutex_unlock(&s->lock);
    if (s->has_thread) pthread_join(s->thread, NULL);
    release(s);
}

static stream *new_stream(const app *a, http_request *request, call *c, const openai_form *form,
                          const http_file *file) {
    stream *s = heap_new(sizeof *s);
    if (s == NULL) return NULL;
    s->app = a;
    s->request = request;
    s->call = *c;
    *c = (call){0};
    s->callbacks = (am_callbacks){.segment = on_segment, .cancel = on_cancel, .user = s};
    s->work = (work){.opts = &s->call.opts, .model = s->call.model, .path = file->path,
                     .callbacks = &s->callbacks};
    pthread_mutex_init(&s->lock, NULL);
    pthread_cond_init(&s->changed, NULL);
    text_init(&s->events, BODY_BYTES_MAX);
    if (form->logprobs) s->logprobs = json_array();
    s->n_owners = 1;
    return s;
}

/* Until something is to be sent; false when it ended before there was. */
static bool wait_for_first(stream *s) {
    pthread_mutex_lock(&s->lock);
    const double until = clock_now() + FIRST_EVENT_S;
    while (!s->ended && s->events.n == 0 && clock_now() < until) wait_a_little(s);
    s->streaming = !s->ended || s->events.n > 0;
    s->last_sent = clock_now();
    if (s->streaming) s->n_owners++;
    pthread_mutex_unlock(&s->lock);
    return s->streaming;
}

void openai_stream(const app *a, http_request *request, call *c, const openai_form *form,
                   const http_file *file) {
    stream *s = new_stream(a, request, c, form, file);
    if (s == NULL) {
        http_fail(request, 503, NULL, NULL, "out of memory");
        return;
    }
    http_attach(request, s, release_request);
    s->has_thread = pthread_create(&s->thread, NULL, transcribe, s) == 0;
    if (!s->has_thread) {
        http_fail(request, 503, NULL, NULL, "no thread for the stream");
    } else if (wait_for_first(s)) {
        http_reply_stream(request, 200, "text/event-stream", send_events, s, release);
    } else {
        transcribe_fail(request, &s->error, s->busy);
    }
}

/* Models by name, least recently used out first: see model_cache.h. */
#include "server/engine/model_cache.h"

#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "common/heap.h"
#include "common/report.h"
#include "server/base/wall_clock.h"

#define BEAMS_MAX 16 /* what a request may ask for */
#define ROWS_MAX 448 /* of a batch: Whisper's text context */

struct model {
    char id[128];
    char source[1024]; /* what am_engine_open takes */
    am_engine *engine; /* NULL while loading */
    am_pool *pool;     /* the batch all its recordings share */
    int n_users;
    double last_used;
    model *next;
};

struct models {
    const options *opts;
    pthread_mutex_t lock;
    pthread_cond_t changed;
    model *loaded; /* and loading */
};

/* Names under which OpenAI's clients ask; each is the default model. */
static const char *const aliases[] = {
    "whisper-1", "gpt-4o-transcribe", "gpt-4o-mini-transcribe", "gpt-4o-transcribe-diarize",
    "gpt-transcribe", "gpt-4o-mini-transcribe-2025-12-15", "default"};

am_status models_new(const options *opts, models **list, am_error *error) {
    models *fresh = heap_new(sizeof *fresh);
    if (fresh == NULL) return report_fail(error, AM_E_MEMORY, "models");
    fresh->opts = opts;
    pthread_mutex_init(&fresh->lock, NULL);
    pthread_cond_init(&fresh->changed, NULL);
    *list = fresh;
    return AM_OK;
}

static void free_model(model *old) {
    am_pool_free(&old->pool);
    am_engine_close(&old->engine);
    heap_free(old);
}

void models_free(models **list) {
    models *old = *list;
    if (old == NULL) return;
    while (old->loaded != NULL) {
        model *first = old->loaded;
        old->loaded = first->next;
        free_model(first);
    }
    pthread_cond_destroy(&old->changed);
    pthread_mutex_destroy(&old->lock);
    heap_free(old);
    *list = NULL;
}

/* ---- Names --------------------------------------------------------------------------------- */

/* The id of what the operator named: a name as it is, of a path the last part. */
static void id_of_source(const char *source, char *id, size_t size) {
    size_t n = strlen(source);
    while (n > 1 && source[n - 1] == '/') n--;
    size_t first = n;
    while (first > 0 && source[first - 1] != '/') first--;
    snprintf(id, size, "%.*s", (int)(n - first), source + first);
}

/* Calls `visit` with each source the operator named; true from it ends the walk. */
static bool each_source(const options *opts, bool (*visit)(void *, const char *), void *context) {
    if (visit(context, opts->model)) return true;
    for (const char *at = opts->preload; at != NULL && *at != '\0';) {
        char source[1024];
        const size_t n = strcspn(at, ",");
        snprintf(source, sizeof source, "%.*s", (int)n, at);
        if (n > 0 && visit(context, source)) return true;
        at += n + (at[n] == ',' ? 1 : 0);
    }
    return false;
}

/* The catalogue's name within a publisher's: "Systran/faster-whisper-base" -> "base". */
static const char *without_publisher(const char *name) {
    static const char *const heads[] = {"faster-whisper-", "whisper-", "ggml-", "distil-whisper-"};
    const char *slash = strrchr(name, '/');
    if (slash != NULL) name = slash + 1;
    for (size_t i = 0; i < sizeof heads / sizeof heads[0]; i++) {
        const size_t n = strlen(heads[i]);
        if (strncmp(name, heads[i], n) == 0 && name[n] != '\0') return name + n;
    }
    return name;
}

typedef struct search {
    const char *id;
    char *source;
    size_t size;
} search;

static bool is_wanted(void *context, const char *source) {
    const search *wanted = context;
    char id[128];
    id_of_source(source, id, sizeof id);
    if (strcmp(id, wanted->id) != 0 && strcmp(without_publisher(id), wanted->id) != 0) return false;
    snprintf(wanted->source, wanted->size, "%s", source);
    return true;
}

static bool is_installed(const options *opts, const char *name) {
    am_model_info *all = NULL;
    size_t n = 0;
    am_error error;
    if (am_models_list(opts->engine.models_dir, &all, &n, &error) != AM_OK) return false;
    bool found = false;
    for (size_t i = 0; i < n; i++) {
        const bool is_speech = strcmp(all[i].name, "silero-vad") != 0;
        if (all[i].installed && is_speech && strcmp(all[i].name, name) == 0) found = true;
    }
    am_models_free(&all);
    return found;
}

/* Id and source of a client's name; false when there is no such model here. */
static bool find_source(const models *list, const char *name, char id[128], char source[1024]) {
    char chosen[128] = "";
    bool is_default = name == NULL || name[0] == '\0';
    for (size_t i = 0; !is_default && i < sizeof aliases / sizeof aliases[0]; i++) {
        is_default = strcmp(aliases[i], name) == 0;
    }
    if (is_default) {
        id_of_source(list->opts->model, id, 128);
        snprintf(source, 1024, "%s", list->opts->model);
        return true;
    }
    if (strstr(name, "..") != NULL) return false; /* no publisher's name, whatever is behind it */
    const char *const tries[] = {name, without_publisher(name)};
    for (size_t i = 0; i < 2; i++) {
        snprintf(chosen, sizeof chosen, "%s", tries[i]);
        search wanted = {chosen, source, 1024};
        const bool named = each_source(list->opts, is_wanted, &wanted);
        if (!named && (strchr(chosen, '/') != NULL || !is_installed(list->opts, chosen))) continue;
        if (!named) snprintf(source, 1024, "%s", chosen);
        id_of_source(source, id, 128);
        return true;
    }
    return false;
}

void models_resolve(models *list, const char *name, char *id, size_t size) {
    char found[128] = "";
    char source[1024];
    if (!find_source(list, name, found, source)) found[0] = '\0';
    snprintf(id, size, "%s", found);
}

/* ---- Loading ------------------------------------------------------------------------------- */

static model *find_loaded(models *list, const char *id) {
    model *at = list->loaded;
    while (at != NULL && strcmp(at->id, id) != 0) at = at->next;
    return at;
}

static void unlink_model(models *list, const model *old) {
    for (model **at = &list->loaded; *at != NULL; at = &(*at)->next) {
        if (*at != old) continue;
        *at = old->next;
        return;
    }
}

static uint64_t bytes_of(const model *loaded) {
    return loaded->engine != NULL ? am_engine_get_info(loaded->engine).n_weight_bytes : 0;
}

/* Takes the idle models out of the list that have to go; the lock is held. */
static model *take_surplus(models *list) {
    model *taken = NULL;
    for (;;) {
        uint64_t n_bytes = 0;
        model *oldest = NULL;
        for (model *at = list->loaded; at != NULL; at = at->next) {
            n_bytes += bytes_of(at);
            const bool idle = at->engine != NULL && at->n_users == 0;
            if (idle && (oldest == NULL || at->last_used < oldest->last_used)) oldest = at;
        }
        if (oldest == NULL || (double)n_bytes <= list->opts->models_max_mb * 1e6) return taken;
        unlink_model(list, oldest);
        oldest->next = taken;
        taken = oldest;
    }
}

static void free_taken(model *taken) {
    while (taken != NULL) {
        model *next = taken->next;
        free_model(taken);
        taken = next;
    }
}

/* Opens what is in the list with one user; the lock is held, and given up meanwhile. */
static am_status load(models *list, model *fresh, am_error *error) {
    am_engine *engine = NULL;
    am_pool *pool = NULL;
    am_pool_options sizes;
    pthread_mutex_unlock(&list->lock);
    am_pool_options_init(&sizes);
    sizes.n_slots = list->opts->params.batch_size;
    sizes.n_beams_max = BEAMS_MAX;
    if (sizes.n_beams_max * sizes.n_slots > ROWS_MAX) {
        sizes.n_beams_max = ROWS_MAX / sizes.n_slots;
    }
    sizes.n_recordings_max = list->opts->max_active;
    am_status status = am_engine_open(fresh->source, &list->opts->engine, &engine, error);
    if (status == AM_OK) status = am_pool_new(engine, &sizes, &pool, error);
    if (status != AM_OK) am_engine_close(&engine);
    pthread_mutex_lock(&list->lock);
    pthread_cond_broadcast(&list->changed);
    if (status != AM_OK) {
        unlink_model(list, fresh);
        heap_free(fresh);
        return status;
    }
    fresh->pool = pool;
    fresh->engine = engine;
    return AM_OK;
}

am_status models_acquire(models *list, const char *name, model **chosen, am_error *error) {
    char id[128];
    char source[1024];
    if (!find_source(list, name, id, source)) {
        return report_fail(error, AM_E_NOT_FOUND, "there is no model \"%.100s\" here", name);
    }
    pthread_mutex_lock(&list->lock);
    model *found = find_loaded(list, id);
    while (found != NULL && found->engine == NULL) {
        pthread_cond_wait(&list->changed, &list->lock);
        found = find_loaded(list, id);
    }
    am_status status = AM_OK;
    if (found == NULL) {
        found = heap_new(sizeof *found);
        if (found != NULL) {
            snprintf(found->id, sizeof found->id, "%s", id);
            snprintf(found->source, sizeof found->source, "%s", source);
            found->next = list->loaded;
            list->loaded = found;
            status = load(list, found, error);
        } else {
            status = report_fail(error, AM_E_MEMORY, "a model");
        }
    }
    if (status == AM_OK) {
        found->n_users++;
        found->last_used = clock_now();
        *chosen = found;
    }
    model *surplus = take_surplus(list);
    pthread_mutex_unlock(&list->lock);
    free_taken(surplus);
    return status;
}

void models_release(models *list, model *chosen) {
    if (chosen == NULL) return;
    pthread_mutex_lock(&list->lock);
    chosen->n_users--;
    chosen->last_used = clock_now();
    pthread_mutex_unlock(&list->lock);
}

void models_expire(models *list) {
    model *taken = NULL;
    if (list->opts->model_ttl_s <= 0) return;
    pthread_mutex_lock(&list->lock);
    for (model *at = list->loaded; at != NULL;) {
        model *next = at->next;
        const bool old = clock_now() - at->last_used > list->opts->model_ttl_s;
        if (old && at->n_users == 0 && at->engine != NULL) {
            unlink_model(list, at);
            at->next = taken;
            taken = at;
        }
        at = next;
    }
    pthread_mutex_unlock(&list->lock);
    free_taken(taken);
}

/* ---- What there is ------------------------------------------------------------------------- */

am_engine *model_engine(model *chosen) {
    return chosen->engine;
}

am_pool *model_pool(model *chosen) {
    return chosen->pool;
}

const char *model_id(const model *chosen) {
    return chosen->id;
}

am_status model_check_task(model *chosen, am_task task, am_error *error) {
    const am_engine_info info = am_engine_get_info(chosen->engine);
    if (task != AM_TASK_TRANSLATE) return AM_OK;
    if (!info.multilingual) {
        return report_fail(error, AM_E_UNSUPPORTED,
                           "model: \"%s\" is English-only and does not translate", chosen->id);
    }
    /* Decoders cut down from large ones, turbo and distil, saw no translation since then. */
    if (info.n_encoder_layers >= 24 && info.n_decoder_layers <= 4) {
        return report_fail(error, AM_E_UNSUPPORTED,
                           "model: \"%s\" was not trained to translate, only to transcribe",
                           chosen->id);
    }
    return AM_OK;
}

/* When a file or folder was written. */
static int64_t time_of(const char *path) {
    struct stat found;
    return path[0] != '\0' && stat(path, &found) == 0 ? (int64_t)found.st_mtime : 0;
}

typedef struct listing {
    model_state *states;
    size_t n, capacity;
} listing;

static bool add_state(void *context, const char *source) {
    listing *out = context;
    char id[128];
    id_of_source(source, id, sizeof id);
    for (size_t i = 0; i < out->n; i++) {
        if (strcmp(out->states[i].id, id) == 0) return false;
    }
    if (out->n == out->capacity) return true;
    model_state *state = &out->states[out->n++];
    *state = (model_state){.is_default = out->n == 1, .installed = true};
    snprintf(state->id, sizeof state->id, "%s", id);
    state->created = time_of(source);
    return false;
}

static void describe_loaded(models *list, model_state *state) {
    pthread_mutex_lock(&list->lock);
    const model *loaded = find_loaded(list, state->id);
    if (loaded != NULL && loaded->engine != NULL) {
        const am_engine_info info = am_engine_get_info(loaded->engine);
        state->loaded = true;
        state->multilingual = info.multilingual;
        state->n_bytes = info.n_weight_bytes;
        state->load_seconds = info.load_seconds;
        state->n_users = loaded->n_users;
        am_pool_get_stats(loaded->pool, &state->pool);
    }
    pthread_mutex_unlock(&list->lock);
}

am_status models_states(models *list, model_state **states, size_t *n_states, am_error *error) {
    am_model_info *all = NULL;
    size_t n_all = 0;
    REPORT_TRY(am_models_list(list->opts->engine.models_dir, &all, &n_all, error));
    listing out = {.capacity = n_all + 64};
    out.states = heap_new(out.capacity * sizeof *out.states);
    if (out.states == NULL) {
        am_models_free(&all);
        return report_fail(error, AM_E_MEMORY, "the list of models");
    }
    (void)each_source(list->opts, add_state, &out);
    for (size_t i = 0; i < n_all; i++) {
        if (!all[i].installed || strcmp(all[i].name, "silero-vad") == 0) continue;
        const size_t before = out.n;
        (void)add_state(&out, all[i].name);
        if (out.n == before) continue;
        out.states[before].n_bytes = all[i].n_bytes;
        out.states[before].created = time_of(all[i].path);
    }
    am_models_free(&all);
    for (size_t i = 0; i < out.n; i++) describe_loaded(list, &out.states[i]);
    *states = out.states;
    *n_states = out.n;
    return AM_OK;
}

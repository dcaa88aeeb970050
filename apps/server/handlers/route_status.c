/* How the server is: see route_status.h. All of it is asked of the machine at that moment. */
#include "server/handlers/route_status.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "server/handlers/app.h"
#include "server/handlers/reply.h"
#include "server/base/wall_clock.h"

void handle_health(void *context, http_request *request) {
    const app *a = context;
    const service_stats stats = service_get_stats(a->service);
    const char *word = atomic_load(&a->load_failed) ? "failed"
                       : atomic_load(&a->loading)   ? "loading model"
                       : stats.closing              ? "draining"
                                                    : "ok";
    reply_json(request, strcmp(word, "ok") == 0 ? 200 : 503, json_pack("{s:s}", "status", word));
}

/* The batch all recordings of a model share. */
static json_t *batch_json(const am_pool_stats *pool) {
    return json_pack("{s:I, s:I, s:I, s:I, s:I, s:I, s:f}", "slots", (json_int_t)pool->n_slots,
                     "windows", (json_int_t)pool->n_windows, "recordings",
                     (json_int_t)pool->n_active, "windows_done", (json_int_t)pool->n_windows_done,
                     "steps", (json_int_t)pool->n_steps, "rows", (json_int_t)pool->n_rows,
                     "busy_seconds", pool->busy_seconds);
}

static json_t *model_json(const model_state *state) {
    json_t *json = json_pack("{s:s, s:b, s:b, s:b, s:I, s:i}", "id", state->id, "loaded",
                             state->loaded, "installed", state->installed, "default",
                             state->is_default, "bytes", (json_int_t)state->n_bytes, "in_use",
                             state->n_users);
    if (state->loaded) {
        json_object_set_new(json, "multilingual", json_boolean(state->multilingual));
        json_object_set_new(json, "load_seconds", json_real(state->load_seconds));
        json_object_set_new(json, "batch", batch_json(&state->pool));
    }
    return json;
}

static json_t *models_json(const app *a, bool loaded_only) {
    am_error error;
    model_state *states = NULL;
    size_t n = 0;
    json_t *list = json_array();
    if (models_states(service_models(a->service), &states, &n, &error) != AM_OK) return list;
    for (size_t i = 0; i < n; i++) {
        if (!loaded_only || states[i].loaded) json_array_append_new(list, model_json(&states[i]));
    }
    heap_free(states);
    return list;
}

void handle_models(void *context, http_request *request) {
    const app *a = context;
    reply_json(request, 200, json_pack("{s:o}", "models", models_json(a, false)));
}

/* The value of the first line of a file under /proc that begins with `key`. */
static void proc_value(const char *path, const char *key, char *value, size_t size) {
    char line[512];
    value[0] = '\0';
    FILE *in = fopen(path, "r");
    while (in != NULL && value[0] == '\0' && fgets(line, sizeof line, in) != NULL) {
        if (strncmp(line, key, strlen(key)) != 0) continue;
        const char *at = strchr(line, ':');
        if (at == NULL) continue;
        at += 1 + strspn(at + 1, " \t");
        snprintf(value, size, "%.*s", (int)strcspn(at, "\n"), at);
    }
    if (in != NULL) fclose(in);
}

static json_int_t proc_kilobytes(const char *path, const char *key) {
    char value[64];
    long long n = 0;
    proc_value(path, key, value, sizeof value);
    return sscanf(value, "%lld", &n) == 1 ? n * 1024 : 0;
}

static json_t *hardware_json(void) {
    char name[256];
    json_t *features = json_array();
    const uint32_t flags = am_cpu_flags();
    const struct {
        uint32_t flag;
        const char *name;
    } known[] = {{AM_CPU_AVX2, "avx2"}, {AM_CPU_AVXVNNI, "avxvnni"}, {AM_CPU_AVX512, "avx512"},
                 {AM_CPU_AVX512VNNI, "avx512vnni"}, {AM_CPU_NEON, "neon"},
                 {AM_CPU_NEONDOT, "neondot"}};
    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++) {
        if ((flags & known[i].flag) == 0) continue;
        json_array_append_new(features, json_string(known[i].name));
    }
    proc_value("/proc/cpuinfo", "model name", name, sizeof name);
    return json_pack("{s:s, s:I, s:o, s:I, s:I}", "cpu", name, "cores",
                     (json_int_t)sysconf(_SC_NPROCESSORS_ONLN), "features", features,
                     "memory_bytes", proc_kilobytes("/proc/meminfo", "MemTotal"),
                     "memory_available_bytes", proc_kilobytes("/proc/meminfo", "MemAvailable"));
}

void handle_status(void *context, http_request *request) {
    const app *a = context;
    const service_stats stats = service_get_stats(a->service);
    json_t *queue = json_pack(
        "{s:i, s:i, s:i, s:i, s:I, s:I, s:I, s:I}", "active", stats.n_active, "waiting",
        stats.n_waiting, "max_active", a->opts->max_active, "max_queue", a->opts->max_queue, "done",
        (json_int_t)stats.n_done, "failed", (json_int_t)stats.n_failed, "cancelled",
        (json_int_t)stats.n_cancelled, "refused", (json_int_t)stats.n_refused);
    reply_json(request, 200,
               json_pack("{s:s, s:f, s:o, s:[{s:s, s:b}], s:o, s:o, s:i, s:I, s:f, s:f}", "version",
                         am_version(), "uptime_seconds", clock_now() - a->started, "hardware",
                         hardware_json(), "devices", "id", "cpu", "in_use", 1, "models",
                         models_json(a, true), "queue", queue, "connections",
                         http_n_connections(a->http), "resident_bytes",
                         proc_kilobytes("/proc/self/status", "VmRSS"), "audio_seconds",
                         stats.audio_s, "processing_seconds", stats.processing_s));
}

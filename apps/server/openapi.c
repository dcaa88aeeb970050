/* The document of the interface: see openapi.h. */
#include "server/openapi.h"

#include <stdio.h>
#include <string.h>

#include "server/handlers/app.h"
#include "server/handlers/reply.h"

#define DOCX "application/vnd.openxmlformats-officedocument.wordprocessingml.document"
#define PATH_BYTES 256

/* Replies that are no JSON. */
static const struct {
    const char *schema, *type;
} plain_types[] = {
    {"Audio", "*/*"},
    {"Events", "text/event-stream"},
};

/* Types of a reply beside JSON, with commas. */
static const struct {
    const char *schema, *types;
} other_types[] = {
    {"Inference", "text/plain,text/vtt,application/x-subrip"},
    {"OpenAITranscription", "text/plain,text/vtt,application/x-subrip,text/event-stream"},
    {"OpenAITranslation", "text/plain,text/vtt,application/x-subrip"},
    {"Transcription", "text/plain,text/vtt,application/x-subrip,text/tab-separated-values,text/csv,"
                      "text/html," DOCX},
    {"WhisperResult", "text/plain"},
};

/* What a route takes in its query. */
static const struct {
    const char *method, *path, *members;
} queries[] = {
    {"GET", "/jobs", "status? queued|running|done|failed|cancelled, q? string, limit? integer, "
                     "offset? integer"},
    {"GET", "/jobs/{id}/result", "format? string, download? boolean, max_line_width? integer, "
                               "max_line_count? integer, max_words_per_line? integer, "
                               "highlight_words? boolean"},
    {"GET", "/jobs/{id}/peaks", "n? integer"},
};

/* Routes whose success is not 200. */
static const struct {
    const char *method, *path, *status;
} statuses[] = {
    {"POST", "/jobs", "202"},
    {"POST", "/jobs/{id}/retry", "202"},
    {"DELETE", "/jobs/{id}", "2XX"},
};

/* "/v1/models/{*}" is "/v1/models/{id}" there. */
static void document_path(const char *pattern, char path[PATH_BYTES]) {
    size_t n = 0;
    for (; *pattern != '\0' && n + 5 < PATH_BYTES; pattern++) {
        if (*pattern != '{') {
            path[n++] = *pattern;
            continue;
        }
        pattern += strcspn(pattern, "}");
        n += (size_t)snprintf(path + n, PATH_BYTES - n, "{id}");
    }
    path[n] = '\0';
}

static json_t *reference(const char *schema) {
    return json_pack("{s:{s:s+}}", "schema", "$ref", "#/components/schemas/", schema);
}

/* Events are lines, for which version 3.1 has no schema. */
static json_t *plain_content(const char *type) {
    if (strcmp(type, "text/event-stream") == 0) return json_object();
    return json_pack("{s:{s:s}}", "schema", "type", "string");
}

static json_t *reply_content(const char *schema) {
    for (size_t i = 0; i < sizeof plain_types / sizeof plain_types[0]; i++) {
        if (strcmp(plain_types[i].schema, schema) != 0) continue;
        return json_pack("{s:o}", plain_types[i].type, plain_content(plain_types[i].type));
    }
    json_t *content = json_pack("{s:o}", "application/json", reference(schema));
    for (size_t i = 0; i < sizeof other_types / sizeof other_types[0]; i++) {
        if (strcmp(other_types[i].schema, schema) != 0) continue;
        for (const char *at = other_types[i].types; *at != '\0';) {
            char type[128];
            const size_t n = strcspn(at, ",");
            snprintf(type, sizeof type, "%.*s", (int)n, at);
            (void)json_object_set_new(content, type, plain_content(type));
            at += n + (at[n] == ',' ? 1 : 0);
        }
    }
    return content;
}

static json_t *responses(const http_route *route) {
    const char *status = "200";
    for (size_t i = 0; i < sizeof statuses / sizeof statuses[0]; i++) {
        const bool same = strcmp(statuses[i].path, route->path) == 0;
        if (same && strcmp(statuses[i].method, route->method) == 0) status = statuses[i].status;
    }
    json_t *good = json_pack("{s:s}", "description", "done");
    if (route->reply_schema != NULL) {
        (void)json_object_set_new(good, "content", reply_content(route->reply_schema));
    }
    json_t *all = json_pack("{s:o, s:{s:s}}", status, good, "default", "$ref",
                            "#/components/responses/Error");
    if (strcmp(route->path, "/health") == 0) {
        json_t *down = json_pack("{s:s, s:o}", "description", "loading, or shutting down",
                                 "content", reply_content("Health"));
        (void)json_object_set_new(all, "503", down);
    }
    return all;
}

static json_t *request_body(const http_route *route) {
    json_t *content = json_object();
    const char *schema = route->request_schema;
    if ((route->flags & HTTP_FORM) != 0) {
        (void)json_object_set_new(content, "multipart/form-data", reference(schema));
    }
    if ((route->flags & HTTP_JSON) != 0) {
        char name[64];
        snprintf(name, sizeof name, "%s%s", schema, (route->flags & HTTP_FORM) != 0 ? "Json" : "");
        (void)json_object_set_new(content, "application/json", reference(name));
    }
    return json_pack("{s:b, s:o}", "required", 1, "content", content);
}

static json_t *parameters(const http_route *route) {
    json_t *list = NULL;
    for (size_t i = 0; i < sizeof queries / sizeof queries[0] && list == NULL; i++) {
        const bool same = strcmp(queries[i].path, route->path) == 0;
        if (same && strcmp(queries[i].method, route->method) == 0) {
            list = openapi_parameters(queries[i].members);
        }
    }
    if (list == NULL) list = json_array();
    if (strchr(route->path, '{') != NULL) {
        (void)json_array_append_new(list, json_pack("{s:s, s:s, s:b, s:{s:s}}", "name", "id", "in",
                                                    "path", "required", 1, "schema", "type",
                                                    "string"));
    }
    return list;
}

/* "post_v1_audio_transcriptions" */
static void operation_id(const http_route *route, const char *path, char id[PATH_BYTES]) {
    snprintf(id, PATH_BYTES, "%s%s", route->method, path);
    for (char *at = id; *at != '\0'; at++) {
        const bool upper = *at >= 'A' && *at <= 'Z';
        const bool plain = (*at >= 'a' && *at <= 'z') || (*at >= '0' && *at <= '9');
        if (upper) *at = (char)(*at - 'A' + 'a');
        if (!upper && !plain) *at = '_';
    }
}

static json_t *operation(const http_route *route, const char *path) {
    char id[PATH_BYTES];
    operation_id(route, path, id);
    json_t *json = json_pack("{s:s, s:s, s:o, s:o}", "operationId", id, "summary",
                             route->summary != NULL ? route->summary : "", "parameters",
                             parameters(route), "responses", responses(route));
    if (route->request_schema != NULL) {
        (void)json_object_set_new(json, "requestBody", request_body(route));
    }
    /* Without keys in the store none is asked for. */
    json_t *security = (route->flags & HTTP_OPEN) != 0 ? json_array()
                                                       : json_pack("[{}, {s:[]}]", "bearer");
    (void)json_object_set_new(json, "security", security);
    return json;
}

static json_t *paths(void) {
    json_t *all = json_object();
    for (size_t i = 0; i < n_routes; i++) {
        const http_route *route = &routes[i];
        char path[PATH_BYTES];
        char method[16];
        document_path(route->path, path);
        snprintf(method, sizeof method, "%s", route->method);
        for (char *at = method; *at != '\0'; at++) *at = (char)(*at - 'A' + 'a');
        json_t *item = json_object_get(all, path);
        if (item == NULL) {
            item = json_object();
            (void)json_object_set_new(all, path, item);
        }
        (void)json_object_set_new(item, method, operation(route, path));
    }
    return all;
}

void handle_openapi(void *context, http_request *request) {
    (void)context;
    json_t *components =
        json_pack("{s:o, s:{s:{s:s, s:{s:o}}}, s:{s:{s:s, s:s}}}", "schemas", openapi_schemas(),
                  "responses", "Error", "description", "what is wrong", "content",
                  "application/json", reference("Error"), "securitySchemes", "bearer", "type",
                  "http", "scheme", "bearer");
    reply_json(request, 200,
               json_pack("{s:s, s:{s:s, s:s, s:s}, s:o, s:o}", "openapi", "3.1.0", "info", "title",
                         "amanuensis", "version", am_version(), "summary",
                         "speech to text with Whisper models", "paths", paths(), "components",
                         components));
}

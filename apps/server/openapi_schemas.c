/*
 * Schemas of bodies: see openapi.h.
 *
 * Written as "name type, name type": a name that ends in ? may be absent, a type that ends in ?
 * may be null, [] is a list of it, a|b stands for one of these words, and a type with a capital is
 * another schema. Forms take the options of the option table too, with their bounds.
 */
#include "server/openapi.h"

#include <string.h>

#include "common/options.h"

#define FORMATS "json|verbose_json|text|srt|vtt|tsv|csv|lrc|html|docx"
#define OPENAI_MEMBERS                                                                             \
    "model? string, prompt? string, response_format? json|text|srt|verbose_json|vtt"
#define MEMBER_BYTES 160

static const struct {
    const char *name, *members;
} replies[] = {
    {"Error", "error ErrorBody"},
    {"ErrorBody", "message string, type string, param string?, code string?"},
    {"Health", "status string"},
    {"Models", "models Model[]"},
    {"Model", "id string, loaded boolean, installed boolean, default boolean, bytes integer, "
              "in_use integer, multilingual? boolean, load_seconds? number"},
    {"Status", "version string, uptime_seconds number, hardware Hardware, devices Device[], "
               "models Model[], queue Queue, connections integer, resident_bytes integer, "
               "audio_seconds number, processing_seconds number"},
    {"Hardware", "cpu string, cores integer, features string[], memory_bytes integer, "
                 "memory_available_bytes integer"},
    {"Device", "id string, in_use boolean"},
    {"Queue", "active integer, waiting integer, max_active integer, max_queue integer, "
              "done integer, failed integer, cancelled integer, refused integer"},
    {"Transcription", "text string, language string, language_probability number, "
                      "duration number, processing_time number, real_time_factor number, "
                      "model string, device string, segments Segment[]"},
    {"Segment", "id integer, start number, end number, text string, speaker string?, "
                "avg_logprob number, no_speech_prob number, temperature number, "
                "compression_ratio number, words Word[]"},
    {"Word", "word string, start number, end number, probability number, speaker string?"},
    {"Job", "id string, status queued|running|done|failed|cancelled, name string, model string, "
            "language string?, task string, created_at number, started_at number?, "
            "finished_at number?, duration number?, progress number, done_s number, "
            "eta_s number?, position integer?, bytes integer, error ErrorBody?, edited boolean, "
            "options object, snippet? string"},
    {"Jobs", "jobs Job[], total integer"},
    {"NewJobs", "id string, jobs Job[]"},
    {"Peaks", "duration number, peaks number[]"},
    {"EditedTranscript", "segments EditedSegment[]"},
    {"EditedSegment", "start number, end number, text string, speaker? string?, words? Word[]"},
    {"OpenAITranscription", "text string, task? string, language? string, duration? number, "
                            "words? OpenAIWord[], segments? OpenAISegment[], "
                            "languages? OpenAILanguage[], usage? OpenAIUsage, "
                            "logprobs? OpenAILogprob[]"},
    {"OpenAITranslation", "text string, task? string, language? string, duration? number, "
                          "segments? OpenAISegment[], usage? OpenAIUsage"},
    {"OpenAIWord", "word string, start number, end number"},
    {"OpenAISegment", "id integer, seek integer, start number, end number, text string, "
                      "tokens integer[], temperature number, avg_logprob number, "
                      "compression_ratio number, no_speech_prob number, words? Word[]"},
    {"OpenAILanguage", "code string"},
    {"OpenAILogprob", "token string, logprob number, bytes integer[]"},
    {"OpenAIUsage", "type duration|tokens, seconds? number, input_tokens? integer, "
                    "output_tokens? integer, total_tokens? integer"},
    {"OpenAIModels", "object list, data OpenAIModel[]"},
    {"OpenAIModel", "id string, object model, created integer, owned_by string"},
    {"WhisperResult", "text string, segments WhisperSegment[], language string"},
    {"WhisperSegment", "id integer, seek integer, start number, end number, text string, "
                       "tokens integer[], temperature number, avg_logprob number, "
                       "compression_ratio number, no_speech_prob number, words? WhisperWord[]"},
    {"WhisperWord", "word string, start number, end number, probability number"},
    {"DetectedLanguage", "detected_language string, language_code string, confidence number"},
    {"Inference", "text string, task? string, language? string, duration? number, "
                  "segments? OpenAISegment[], usage? OpenAIUsage, detected_language? string, "
                  "detected_language_probability? number"},
};

/* Requests; those with a file are forms with the options in them. */
static const struct {
    const char *name, *file, *members;
} requests[] = {
    {"TranscribeRequest", "file", "model? string, response_format? " FORMATS},
    {"JobRequest", "file", "model? string, webhook_url? string"},
    {"OpenAITranscriptionRequest", "file",
     OPENAI_MEMBERS ", stream? boolean, timestamp_granularities[]? word|segment[], "
                    "include[]? string[], chunking_strategy? string, languages[]? string[], "
                    "keywords[]? string[]"},
    {"OpenAITranslationRequest", "file", OPENAI_MEMBERS},
    {"AsrRequest", "audio_file", "output? txt|vtt|srt|tsv|json, encode? boolean"},
    {"DetectLanguageRequest", "audio_file", "encode? boolean"},
    {"InferenceRequest", "file",
     "response_format? json|text|srt|verbose_json|vtt, translate? boolean, "
     "no_timestamps? boolean, offset_t? integer, duration? integer"},
};

/* ---- The notation -------------------------------------------------------------------------- */

static json_t *words_schema(const char *type) {
    json_t *words = json_array();
    while (*type != '\0') {
        const size_t n = strcspn(type, "|");
        (void)json_array_append_new(words, json_stringn(type, n));
        type += n + (type[n] == '|' ? 1 : 0);
    }
    return json_pack("{s:s, s:o}", "type", "string", "enum", words);
}

/* A type without its ? and []. */
static json_t *plain_schema(const char *type) {
    static const char *const known[] = {"string", "number", "integer", "boolean", "object"};
    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++) {
        if (strcmp(known[i], type) == 0) return json_pack("{s:s}", "type", type);
    }
    if (type[0] >= 'A' && type[0] <= 'Z') {
        return json_pack("{s:s+}", "$ref", "#/components/schemas/", type);
    }
    return words_schema(type);
}

static json_t *type_schema(char *type) {
    size_t n = strlen(type);
    const bool nullable = n > 0 && type[n - 1] == '?';
    if (nullable) type[--n] = '\0';
    const bool is_list = n > 2 && strcmp(type + n - 2, "[]") == 0;
    if (is_list) type[n - 2] = '\0';
    json_t *schema = plain_schema(type);
    if (is_list) schema = json_pack("{s:s, s:o}", "type", "array", "items", schema);
    if (nullable) schema = json_pack("{s:[o, {s:s}]}", "anyOf", schema, "type", "null");
    return schema;
}

/* Takes the next member off a list of them; false at its end. */
static bool next_member(const char **members, char name[MEMBER_BYTES], char type[MEMBER_BYTES],
                        bool *optional) {
    const char *at = *members + strspn(*members, ", ");
    const size_t n_name = strcspn(at, " ");
    const size_t n_type = at[n_name] != '\0' ? strcspn(at + n_name + 1, ",") : 0;
    if (n_type == 0 || n_name == 0 || n_name >= MEMBER_BYTES || n_type >= MEMBER_BYTES) {
        return false;
    }
    *optional = at[n_name - 1] == '?';
    memcpy(name, at, n_name);
    name[n_name - (*optional ? 1 : 0)] = '\0';
    memcpy(type, at + n_name + 1, n_type);
    type[n_type] = '\0';
    *members = at + n_name + 1 + n_type;
    return true;
}

static json_t *object_schema(const char *members) {
    char name[MEMBER_BYTES];
    char type[MEMBER_BYTES];
    bool optional = false;
    json_t *properties = json_object();
    json_t *required = json_array();
    while (next_member(&members, name, type, &optional)) {
        (void)json_object_set_new(properties, name, type_schema(type));
        if (!optional) (void)json_array_append_new(required, json_string(name));
    }
    return json_pack("{s:s, s:o, s:o}", "type", "object", "properties", properties, "required",
                     required);
}

json_t *openapi_parameters(const char *members) {
    char name[MEMBER_BYTES];
    char type[MEMBER_BYTES];
    bool optional = false;
    json_t *list = json_array();
    while (next_member(&members, name, type, &optional)) {
        (void)json_array_append_new(list, json_pack("{s:s, s:s, s:b, s:o}", "name", name, "in",
                                                    "query", "required", !optional, "schema",
                                                    type_schema(type)));
    }
    return list;
}

/* ---- Options ------------------------------------------------------------------------------- */

static json_t *option_schema(const option_spec *spec) {
    switch (spec->type) {
    case OPTION_BOOL: return json_pack("{s:s}", "type", "boolean");
    case OPTION_SEED: return json_pack("{s:s, s:i}", "type", "integer", "minimum", 0);
    case OPTION_INT:
        return json_pack("{s:s, s:I, s:I}", "type", "integer", "minimum", (json_int_t)spec->min,
                         "maximum", (json_int_t)spec->max);
    case OPTION_REAL:
        return json_pack("{s:s, s:f, s:f}", "type", "number", "minimum", spec->min, "maximum",
                         spec->max);
    case OPTION_CHOICE: return words_schema(spec->choices);
    case OPTION_TEXT:
    case OPTION_LANGUAGE:
    case OPTION_FORMATS: break;
    }
    return json_pack("{s:s}", "type", "string");
}

static void add_options(json_t *schema) {
    json_t *properties = json_object_get(schema, "properties");
    for (size_t i = 0; i < n_option_specs; i++) {
        const option_spec *spec = &option_table[i];
        if ((spec->verbs & VERB_REQUEST) == 0 || spec->verbs == VERB_ALL) continue;
        json_t *option = option_schema(spec);
        (void)json_object_set_new(option, "description", json_string(spec->help));
        (void)json_object_set_new(properties, spec->name, option);
    }
}

/* A request as a form with a file, or as JSON with the recording in base64. */
static json_t *request_schema(const char *file, const char *members, bool is_json) {
    json_t *schema = object_schema(members);
    json_t *recording = json_pack("{s:s}", "type", "string");
    const char *key = is_json ? "contentEncoding" : "format";
    (void)json_object_set_new(recording, key, json_string(is_json ? "base64" : "binary"));
    (void)json_object_set_new(json_object_get(schema, "properties"), file, recording);
    (void)json_array_append_new(json_object_get(schema, "required"), json_string(file));
    add_options(schema);
    return schema;
}

json_t *openapi_schemas(void) {
    json_t *schemas = json_object();
    for (size_t i = 0; i < sizeof replies / sizeof replies[0]; i++) {
        (void)json_object_set_new(schemas, replies[i].name, object_schema(replies[i].members));
    }
    for (size_t i = 0; i < sizeof requests / sizeof requests[0]; i++) {
        const char *members = requests[i].members;
        (void)json_object_set_new(schemas, requests[i].name,
                                  request_schema(requests[i].file, members, false));
    }
    (void)json_object_set_new(schemas, "TranscribeRequestJson",
                              request_schema("audio", requests[0].members, true));
    return schemas;
}

/* The table of routes. Handlers live in the file of their theme. */
#include "server/app.h"
#include "server/route_metrics.h"
#include "server/openapi.h"
#include "server/route_compat.h"
#include "server/route_openai.h"
#include "server/route_status.h"
#include "server/route_transcribe.h"

#define UPLOAD (HTTP_FORM | HTTP_FILES)

const http_route routes[] = {
    {"POST", "/asr", UPLOAD, handle_asr, "transcribe, as openai-whisper-asr-webservice",
     "AsrRequest", "WhisperResult"},
    {"POST", "/detect-language", UPLOAD, handle_detect_language, "the language spoken",
     "DetectLanguageRequest", "DetectedLanguage"},
    {"GET", "/health", HTTP_OPEN | HTTP_QUIET, handle_health, "whether requests are served", NULL,
     "Health"},
    {"POST", "/inference", UPLOAD, handle_inference, "transcribe, as whisper.cpp's server",
     "InferenceRequest", "Inference"},
    {"GET", "/models", 0, handle_models, "models that can be asked for", NULL, "Models"},
    {"GET", "/openapi.json", HTTP_OPEN, handle_openapi, "this document", NULL, NULL},
    {"GET", "/status", 0, handle_status, "machine, queue and totals", NULL, "Status"},
    {"GET", "/metrics", HTTP_QUIET, handle_metrics, "figures for Prometheus", NULL, NULL},
    {"POST", "/transcribe", UPLOAD | HTTP_JSON, handle_transcribe, "transcribe a recording",
     "TranscribeRequest", "Transcription"},
    {"POST", "/v1/audio/transcriptions", UPLOAD, handle_openai_transcriptions,
     "transcribe a recording, as OpenAI's", "OpenAITranscriptionRequest", "OpenAITranscription"},
    {"POST", "/v1/audio/translations", UPLOAD, handle_openai_translations,
     "translate a recording into English, as OpenAI's", "OpenAITranslationRequest",
     "OpenAITranslation"},
    {"GET", "/v1/models", 0, handle_openai_models, "models, as OpenAI's", NULL, "OpenAIModels"},
    {"GET", "/v1/models/{*}", 0, handle_openai_model, "one model, as OpenAI's", NULL,
     "OpenAIModel"},
};
const size_t n_routes = sizeof routes / sizeof routes[0];

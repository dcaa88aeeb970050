/* The table of routes. Handlers live in the file of their theme. */
#include "server/handlers/app.h"
#include "server/handlers/route_metrics.h"
#include "server/openapi.h"
#include "server/handlers/route_compat.h"
#include "server/openai/route_openai.h"
#include "server/handlers/route_jobs.h"
#include "server/handlers/route_results.h"
#include "server/handlers/route_page.h"
#include "server/handlers/route_status.h"
#include "server/handlers/route_transcribe.h"

#define UPLOAD (HTTP_FORM | HTTP_FILES)

const http_route routes[] = {
    {"POST", "/asr", UPLOAD, handle_asr, "transcribe, as openai-whisper-asr-webservice",
     "AsrRequest", "WhisperResult"},
    {"POST", "/detect-language", UPLOAD, handle_detect_language, "the language spoken",
     "DetectLanguageRequest", "DetectedLanguage"},
    {"GET", "/", HTTP_OPEN | HTTP_QUIET, handle_page, "the web page", NULL, NULL},
    {"GET", "/web/{*}", HTTP_OPEN | HTTP_QUIET, handle_page, "its files", NULL, NULL},
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

    {"POST", "/jobs", UPLOAD, handle_add_jobs, "transcribe recordings in the background",
     "JobRequest", "NewJobs"},
    {"GET", "/jobs", 0, handle_list_jobs, "jobs, newest first", NULL, "Jobs"},
    {"GET", "/jobs/events", 0, handle_all_events, "events of all jobs", NULL, "Events"},
    {"GET", "/jobs/{id}", 0, handle_job, "how a job is", NULL, "Job"},
    {"DELETE", "/jobs/{id}", 0, handle_delete_job, "cancel or remove a job", NULL, "Job"},
    {"POST", "/jobs/{id}/retry", HTTP_FORM, handle_retry_job, "run a failed job again", NULL,
     "Job"},
    {"GET", "/jobs/{id}/events", 0, handle_job_events, "events of a job", NULL, "Events"},
    {"GET", "/jobs/{id}/result", 0, handle_result, "what a job has made", NULL, "Transcription"},
    {"PUT", "/jobs/{id}/result", HTTP_JSON, handle_edit_result, "edit a transcript",
     "EditedTranscript", "Job"},
    {"DELETE", "/jobs/{id}/result", 0, handle_revert_result, "take an edit back", NULL, "Job"},
    {"GET", "/jobs/{id}/peaks", 0, handle_peaks, "the outline of a recording", NULL, "Peaks"},
    {"GET", "/jobs/{id}/audio", 0, handle_job_audio, "the recording of a job", NULL, "Audio"},
};
const size_t n_routes = sizeof routes / sizeof routes[0];

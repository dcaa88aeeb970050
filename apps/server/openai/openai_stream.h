/* stream=true: a transcription's text as server-sent events while it is being made. */
#ifndef AM_SERVER_OPENAI_OPENAI_STREAM_H
#define AM_SERVER_OPENAI_OPENAI_STREAM_H

#include "server/openai/openai_fields.h"
#include "server/handlers/route_transcribe.h"

/* Transcribes the file and replies, with events or, when it fails before the first word, with an
 * error as any other. The call becomes the stream's. */
void openai_stream(const app *a, http_request *request, call *c, const openai_form *form,
                   const http_file *file);

#endif

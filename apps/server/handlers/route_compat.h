/*
 * Routes of other servers, for their clients: openai-whisper-asr-webservice (Bazarr and others
 * speak it) and whisper.cpp's.
 */
#ifndef AM_SERVER_HANDLERS_ROUTE_COMPAT_H
#define AM_SERVER_HANDLERS_ROUTE_COMPAT_H

#include "server/http/http.h"

void handle_asr(void *context, http_request *request);             /* POST /asr */
void handle_detect_language(void *context, http_request *request); /* POST /detect-language */
void handle_inference(void *context, http_request *request);       /* POST /inference */

#endif

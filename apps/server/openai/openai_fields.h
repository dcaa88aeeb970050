/*
 * What OpenAI's clients send beside the options: lists (key[] again and again, key, or a JSON
 * list as its text), objects (chunking_strategy[type]=… or JSON), and OpenAI's rules between them.
 */
#ifndef AM_SERVER_OPENAI_OPENAI_FIELDS_H
#define AM_SERVER_OPENAI_OPENAI_FIELDS_H

#include "server/engine/call.h"
#include "server/http/http.h"

typedef struct openai_form {
    bool translate;       /* POST /v1/audio/translations */
    bool stream;
    bool logprobs;        /* of json */
    bool words, segments; /* of verbose_json */
    json_t *languages;    /* codes, one of which is spoken; empty = any */
} openai_form;

/* Reads them into `form` and the call; errors begin with the field's name. openai_form_free in any
 * case. */
AM_CHECK_RESULT am_status openai_read(const http_request *request, call *c, openai_form *form,
                                      am_error *error);
void openai_form_free(openai_form *form);

#endif

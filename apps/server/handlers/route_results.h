/* Routes of what jobs have made: results in every format, edits, waveforms. */
#ifndef AM_SERVER_HANDLERS_ROUTE_RESULTS_H
#define AM_SERVER_HANDLERS_ROUTE_RESULTS_H

#include "server/handlers/app.h"

void handle_result(void *context, http_request *request);       /* GET /jobs/{id}/result */
void handle_edit_result(void *context, http_request *request);  /* PUT */
void handle_revert_result(void *context, http_request *request); /* DELETE */
void handle_peaks(void *context, http_request *request);        /* GET /jobs/{id}/peaks */

#endif

/* The verb `serve`: from options to a server that runs until SIGINT or SIGTERM. */
#ifndef AM_SERVER_SERVE_H
#define AM_SERVER_SERVE_H

#include "common/options.h"

/* Returns the exit code. `stop` is asked a few times a second whether to end. */
int serve(const options *opts, bool (*stop)(void *), void *context);

#endif

/* `amanuensis serve`: the server, until Ctrl-C or SIGTERM. */
#include "cli/interrupt.h"
#include "cli/verbs.h"
#include "server/serve.h"

int verb_serve(const options *opts) {
    interrupt_ignore_pipes();
    return serve(opts, interrupt_requested, NULL);
}

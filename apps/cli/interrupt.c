/* Signals of the command line: see interrupt.h. */
#include "cli/interrupt.h"

#include <signal.h>
#include <stddef.h>

static volatile sig_atomic_t requested;

static void on_signal(int number) {
    (void)number;
    requested = 1;
}

void interrupt_install(void) {
    /* SA_RESETHAND gives the second signal its default action. Reads are not restarted, so that
     * a wait for standard input ends too. */
    struct sigaction stop = {.sa_handler = on_signal};
    sigemptyset(&stop.sa_mask);
    stop.sa_flags = (int)SA_RESETHAND;
    sigaction(SIGINT, &stop, NULL);
    sigaction(SIGTERM, &stop, NULL);

    /* A reader that went away (`| head`) ends a filter quietly, also when our parent ignored it. */
    struct sigaction plain = {.sa_handler = SIG_DFL};
    sigemptyset(&plain.sa_mask);
    sigaction(SIGPIPE, &plain, NULL);

    /* A file size limit is then an error of write like a full disk, not a death. */
    struct sigaction ignored = {.sa_handler = SIG_IGN};
    sigemptyset(&ignored.sa_mask);
    sigaction(SIGXFSZ, &ignored, NULL);
}

void interrupt_ignore_pipes(void) {
    struct sigaction ignored = {.sa_handler = SIG_IGN};
    sigemptyset(&ignored.sa_mask);
    sigaction(SIGPIPE, &ignored, NULL);
}

bool interrupt_requested(void *unused) {
    (void)unused;
    return requested != 0;
}

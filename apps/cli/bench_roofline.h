/* What `amanuensis bench --roofline` prints: the machine's limits, and the shares of them that
 * stages reach. */
#ifndef AM_CLI_BENCH_ROOFLINE_H
#define AM_CLI_BENCH_ROOFLINE_H

#include "amanuensis.h"

void roofline_print(const am_roofline *roofline);
/* As the value of a JSON key. */
void roofline_print_json(const am_roofline *roofline);

/* One line per stage whose work is counted; `roofline` NULL: rates without shares. */
void roofline_print_stages(const am_roofline *roofline, am_compute_type type,
                           const am_stage_time *stages, size_t n_stages);

#endif

/* What every operator needs to run: the kernels of this CPU and the threads to spread over. */
#ifndef AM_NN_EXEC_H
#define AM_NN_EXEC_H

#include "base/team.h"
#include "kernels/kernels.h"

typedef struct am_exec {
    const am_kernels *kernels;
    am_team *team;
    void *workspace; /* of one operator at a time; as many bytes as the operators ask for */
} am_exec;

#endif

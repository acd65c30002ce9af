// What C macros hide from Swift: Open MPI's handles are casts of addresses, which do not import.
#ifndef COPENMPI_SHIM_H
#define COPENMPI_SHIM_H

#include <mpi.h>

static inline MPI_Comm deeprfm_comm_world(void) { return MPI_COMM_WORLD; }

#endif

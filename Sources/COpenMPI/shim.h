// What C macros hide from Swift: Open MPI's handles are casts of addresses, which do not import.
#ifndef COPENMPI_SHIM_H
#define COPENMPI_SHIM_H

#include <mpi.h>

static inline MPI_Comm deeprfm_comm_world(void) { return MPI_COMM_WORLD; }
static inline MPI_Comm deeprfm_comm_self(void) { return MPI_COMM_SELF; }
static inline MPI_Comm deeprfm_comm_null(void) { return MPI_COMM_NULL; }
static inline MPI_Errhandler deeprfm_errors_return(void) { return MPI_ERRORS_RETURN; }
static inline MPI_Info deeprfm_info_null(void) { return MPI_INFO_NULL; }
static inline MPI_Request deeprfm_request_null(void) { return MPI_REQUEST_NULL; }
static inline MPI_Status *deeprfm_status_ignore(void) { return MPI_STATUS_IGNORE; }
static inline void *deeprfm_in_place(void) { return MPI_IN_PLACE; }

static inline MPI_Op deeprfm_op_sum(void) { return MPI_SUM; }
static inline MPI_Op deeprfm_op_maximum(void) { return MPI_MAX; }
static inline MPI_Op deeprfm_op_minimum(void) { return MPI_MIN; }

static inline MPI_Datatype deeprfm_type_float(void) { return MPI_FLOAT; }
static inline MPI_Datatype deeprfm_type_double(void) { return MPI_DOUBLE; }
static inline MPI_Datatype deeprfm_type_int32(void) { return MPI_INT32_T; }
static inline MPI_Datatype deeprfm_type_int64(void) { return MPI_INT64_T; }
static inline MPI_Datatype deeprfm_type_uint64(void) { return MPI_UINT64_T; }
static inline MPI_Datatype deeprfm_type_uint8(void) { return MPI_UINT8_T; }

#endif

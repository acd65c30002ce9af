// The one place that knows an MPI's handles. Open MPI's are pointers, MPICH's (and its children's) integers, and the constants of both are
// casts that Swift does not import: here each handle is a structure of its own with one field, the same to Swift whichever MPI it is.
// The library itself is named by pkg-config: Package.swift.
#ifndef CMPI_SHIM_H
#define CMPI_SHIM_H

#include <mpi.h>
#include <stdbool.h>
#include <sys/types.h>
#include <sys/uio.h>

typedef struct { MPI_Comm value; } DeepRFMComm;
typedef struct { MPI_Datatype value; } DeepRFMDatatype;
typedef struct { MPI_Op value; } DeepRFMOp;
typedef struct { MPI_Request value; } DeepRFMRequest;

static inline DeepRFMComm deeprfm_comm_world(void) { return (DeepRFMComm){MPI_COMM_WORLD}; }
static inline DeepRFMComm deeprfm_comm_self(void) { return (DeepRFMComm){MPI_COMM_SELF}; }
static inline DeepRFMComm deeprfm_comm_null(void) { return (DeepRFMComm){MPI_COMM_NULL}; }
static inline bool deeprfm_comm_is_null(DeepRFMComm comm) { return comm.value == MPI_COMM_NULL; }
static inline DeepRFMRequest deeprfm_request_null(void) { return (DeepRFMRequest){MPI_REQUEST_NULL}; }
static inline bool deeprfm_request_is_null(DeepRFMRequest request) { return request.value == MPI_REQUEST_NULL; }
static inline DeepRFMDatatype deeprfm_type_null(void) { return (DeepRFMDatatype){MPI_DATATYPE_NULL}; }

static inline MPI_Errhandler deeprfm_errors_return(void) { return MPI_ERRORS_RETURN; }
static inline MPI_Info deeprfm_info_null(void) { return MPI_INFO_NULL; }
static inline MPI_Status *deeprfm_status_ignore(void) { return MPI_STATUS_IGNORE; }
static inline void *deeprfm_in_place(void) { return MPI_IN_PLACE; }

static inline DeepRFMOp deeprfm_op_sum(void) { return (DeepRFMOp){MPI_SUM}; }
static inline DeepRFMOp deeprfm_op_maximum(void) { return (DeepRFMOp){MPI_MAX}; }
static inline DeepRFMOp deeprfm_op_minimum(void) { return (DeepRFMOp){MPI_MIN}; }

static inline DeepRFMDatatype deeprfm_type_float(void) { return (DeepRFMDatatype){MPI_FLOAT}; }
static inline DeepRFMDatatype deeprfm_type_double(void) { return (DeepRFMDatatype){MPI_DOUBLE}; }
static inline DeepRFMDatatype deeprfm_type_int32(void) { return (DeepRFMDatatype){MPI_INT32_T}; }
static inline DeepRFMDatatype deeprfm_type_int64(void) { return (DeepRFMDatatype){MPI_INT64_T}; }
static inline DeepRFMDatatype deeprfm_type_uint64(void) { return (DeepRFMDatatype){MPI_UINT64_T}; }
static inline DeepRFMDatatype deeprfm_type_uint8(void) { return (DeepRFMDatatype){MPI_UINT8_T}; }

// An array of the structures is an array of the handles.
_Static_assert(sizeof(DeepRFMRequest) == sizeof(MPI_Request), "a request is its handle");

static inline int deeprfm_testsome(
    int count, DeepRFMRequest *requests, int *completed, int *indices, MPI_Status *statuses) {
  return MPI_Testsome(count, (MPI_Request *)requests, completed, indices, statuses);
}

// Linux shows it to programs that ask for GNU's names alone, which a Swift program cannot.
extern ssize_t process_vm_readv(
    pid_t process, const struct iovec *local, unsigned long local_count, const struct iovec *remote,
    unsigned long remote_count, unsigned long flags);

static inline ssize_t deeprfm_read_process(pid_t process, void *into, const void *from, size_t bytes) {
  struct iovec local = {into, bytes}, remote = {(void *)from, bytes};
  return process_vm_readv(process, &local, 1, &remote, 1, 0);
}

#endif

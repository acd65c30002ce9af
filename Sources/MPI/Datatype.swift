import CMPI

/// MPI's name for an element's type.
///
/// The corresponding C type is `MPI_Datatype`.
public struct Datatype: @unchecked Sendable {
  let handle: DeepRFMDatatype
  /// Bytes from one element to the next.
  let stride: Int
}

/// A value that MPI can send and combine: the same bits on every rank.
public protocol MPIElement: BitwiseCopyable, Sendable {
  static var datatype: Datatype { get }
}

extension Float: MPIElement {
  public static var datatype: Datatype { Datatype(handle: deeprfm_type_float(), stride: 4) }
}

extension Double: MPIElement {
  public static var datatype: Datatype { Datatype(handle: deeprfm_type_double(), stride: 8) }
}

extension Int32: MPIElement {
  public static var datatype: Datatype { Datatype(handle: deeprfm_type_int32(), stride: 4) }
}

extension Int: MPIElement {
  public static var datatype: Datatype { Datatype(handle: deeprfm_type_int64(), stride: 8) }
}

extension UInt64: MPIElement {
  public static var datatype: Datatype { Datatype(handle: deeprfm_type_uint64(), stride: 8) }
}

extension UInt8: MPIElement {
  public static var datatype: Datatype { Datatype(handle: deeprfm_type_uint8(), stride: 1) }
}

extension Datatype {
  /// *Local.* Calls `body` with a 32-bit count and a type that together stand for `count` elements.
  ///
  /// MPI counts in 32 bits. What is longer becomes one element of a derived type: whole chunks of `limit` elements and the rest.
  /// A message that is under way keeps its type: freeing the handle early is allowed.
  ///
  /// The corresponding C functions are `MPI_Type_contiguous`, `MPI_Type_create_struct`, `MPI_Type_commit` and `MPI_Type_free`.
  func describing<R>(count: Int, limit: Int, _ body: (Int32, DeepRFMDatatype) throws -> R) throws -> R {
    if count <= limit { return try body(Int32(count), handle) }

    var chunk = deeprfm_type_null()
    try check(MPI_Type_contiguous(Int32(limit), handle.value, &chunk.value), "MPI_Type_contiguous")
    defer { MPI_Type_free(&chunk.value) }

    let chunks = count / limit
    let lengths = [Int32(chunks), Int32(count % limit)]
    let places: [MPI_Aint] = [0, chunks * limit * stride]
    let types = [chunk.value, handle.value]
    var whole = deeprfm_type_null()
    try check(MPI_Type_create_struct(2, lengths, places, types, &whole.value), "MPI_Type_create_struct")
    defer { MPI_Type_free(&whole.value) }
    try check(MPI_Type_commit(&whole.value), "MPI_Type_commit")
    return try body(1, whole)
  }
}

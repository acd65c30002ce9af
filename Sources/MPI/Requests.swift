import CMPI

/// A message under way. It must be waited for: `wait()` uses it up, so that a second wait does not compile, and one that is
/// dropped before its message is through stops the program.
///
/// The corresponding C type is `MPI_Request`.
public struct Request: ~Copyable {
  private var handle: DeepRFMRequest
  /// Bytes that must arrive; nil for a send.
  private var expected: Int?

  init(handle: DeepRFMRequest, expected: Int?) {
    self.handle = handle
    self.expected = expected
  }

  /// *Local, blocking.* Returns when the message is through and its memory is the caller's again.
  ///
  /// The corresponding C function is `MPI_Wait`.
  public consuming func wait() throws {
    var (handle, expected) = take()
    try complete(&handle, expected: &expected)
  }

  /// *Local.* True if the message is through. Also drives the progress of all messages under way.
  ///
  /// The corresponding C function is `MPI_Test`.
  public mutating func test() throws -> Bool {
    var status = MPI_Status()
    var done: Int32 = 0
    try check(MPI_Test(&handle.value, &done, &status), "MPI_Test")
    guard done != 0 else { return false }
    if let expected { try checkLength(&status, expected: expected, "MPI_Test") }
    expected = nil
    return true
  }

  /// *Local.* Lets go of a message that will not be waited for because the program is about to end in an error. Its memory
  /// must not be freed or reused.
  ///
  /// The corresponding C functions are `MPI_Cancel` and `MPI_Request_free`.
  consuming func cancel() {
    var (handle, _) = take()
    giveUp(&handle)
  }

  /// The bare handle; this value no longer answers for it.
  consuming func take() -> (handle: DeepRFMRequest, expected: Int?) {
    let taken = (handle, expected)
    discard self
    return taken
  }

  deinit {
    if !deeprfm_request_is_null(handle) { misuse("a request was dropped before it was waited for") }
  }
}

/// Messages under way together, each known by the index that `add` gave. The same rule holds as for one request: all must be
/// waited for, at the latest by `waitAll`.
public final class RequestGroup {
  private var handles: [DeepRFMRequest] = []
  private var expected: [Int?] = []

  /// Whether nothing is left to be waited for.
  public var isEmpty: Bool { handles.isEmpty }

  /// A group without messages.
  public init() {}

  /// *Local.* Takes a request over. Indices count from 0, and again from 0 after `waitAll`.
  @discardableResult
  public func add(_ request: consuming Request) -> Int {
    let taken = request.take()
    handles.append(taken.handle)
    expected.append(taken.expected)
    return handles.count - 1
  }

  /// *Local, blocking.* Returns when this message is through; at once if it was waited for before.
  ///
  /// The corresponding C function is `MPI_Wait`.
  public func wait(_ index: Int) throws {
    try complete(&handles[index], expected: &expected[index])
  }

  /// *Local.* Whether this message is known to be through: waited for, or found so by `progress`.
  public func isThrough(_ index: Int) -> Bool { deeprfm_request_is_null(handles[index]) }

  /// *Local, blocking.* Returns when all are through. The group is empty then and may be filled again.
  ///
  /// The corresponding C function is `MPI_Wait`.
  public func waitAll() throws {
    for index in handles.indices { try wait(index) }
    handles.removeAll(keepingCapacity: true)
    expected.removeAll(keepingCapacity: true)
  }

  /// *Local.* Drives the progress of all messages under way; call it now and then from long work. True if this group's are
  /// all through.
  ///
  /// The corresponding C function is `MPI_Testsome`.
  @discardableResult
  public func progress() throws -> Bool {
    var count: Int32 = 0
    var which = [Int32](repeating: 0, count: handles.count)
    var statuses = [MPI_Status](repeating: MPI_Status(), count: handles.count)
    try check(deeprfm_testsome(Int32(handles.count), &handles, &count, &which, &statuses), "MPI_Testsome")
    if count == MPI_UNDEFINED { return true }
    for position in 0..<Int(count) {
      let index = Int(which[position])
      if let bytes = expected[index] { try checkLength(&statuses[position], expected: bytes, "MPI_Testsome") }
      expected[index] = nil
    }
    return handles.allSatisfy { deeprfm_request_is_null($0) }
  }

  /// *Local.* Lets go of all of them because the program is about to end in an error. Their memory must not be freed or
  /// reused.
  ///
  /// The corresponding C functions are `MPI_Cancel` and `MPI_Request_free`.
  public func cancelAll() {
    for index in handles.indices { giveUp(&handles[index]) }
    handles.removeAll()
    expected.removeAll()
  }

  deinit {
    if handles.contains(where: { !deeprfm_request_is_null($0) }) {
      misuse("a group of requests was dropped before all were waited for")
    }
  }
}

/// Waits; a handle that is through already, or waited for, returns at once. `expected` is used up with the message.
private func complete(_ handle: inout DeepRFMRequest, expected: inout Int?) throws {
  var status = MPI_Status()
  try wait(for: &handle, &status, "MPI_Wait")
  if let bytes = expected { try checkLength(&status, expected: bytes, "MPI_Wait") }
  expected = nil
}

private func giveUp(_ handle: inout DeepRFMRequest) {
  guard !deeprfm_request_is_null(handle) else { return }
  MPI_Cancel(&handle.value)
  MPI_Request_free(&handle.value)
}

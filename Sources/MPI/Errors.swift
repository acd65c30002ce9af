import CMPI
import Glibc

/// A call to MPI that did not succeed.
public struct MPIError: RankError, Equatable, CustomStringConvertible {
  /// MPI's error code; 0 when MPI itself saw nothing wrong (a message of the wrong length, say).
  public let code: Int32
  /// The C function's name.
  public let function: String
  /// MPI's own words.
  public let message: String

  init(code: Int32, function: String, message: String) {
    self.code = code
    self.function = function
    self.message = message
  }

  public var exitStatus: Int32 { 1 }
  public var sentence: String { "\(function): \(message)" }
  public var description: String { sentence }
}

/// Throws what a C function's return code says went wrong.
func check(_ code: Int32, _ function: String) throws {
  if code != MPI_SUCCESS { throw MPIError(code: code, function: function, message: errorString(code)) }
}

/// *Local.* MPI's own words for an error code.
///
/// The corresponding C function is `MPI_Error_string`.
private func errorString(_ code: Int32) -> String {
  var text = [CChar](repeating: 0, count: Int(MPI_MAX_ERROR_STRING) + 1)
  var length: Int32 = 0
  guard MPI_Error_string(code, &text, &length) == MPI_SUCCESS else { return "MPI error \(code)" }
  return String(decoding: text.prefix(Int(length)).map(UInt8.init(bitPattern:)), as: UTF8.self)
}

/// Ends a program that breaks a rule of this module. A release build's `preconditionFailure` is silent: this one speaks.
func misuse(_ sentence: String) -> Never {
  let line = Array("deeprfm: programming error: \(sentence)\n".utf8)
  write(STDERR_FILENO, line, line.count)
  preconditionFailure(sentence)
}

import LinearAlgebra
import Runtime
import Synchronization

extension ThreadPool {
  /// *Local.* Calls `body` with every block of the source's rows: a contiguous part of them a worker, in order, so that sums do not
  /// depend on timing. Throws the error of the first rows that cannot be read.
  func forEachBlock<Source: RowSource>(
    of source: Source,
    _ body: @escaping @Sendable (_ rows: Range<Int>, _ values: MatrixView<Double>, _ worker: Int) throws -> Void
  ) throws {
    let failure = FirstFailure()
    let (width, capacity) = (source.width, rowsOfBlock(width: source.width))
    forEachPart(of: source.rowCount) { part, worker in
      let block = Matrix<Double>(uninitialisedRows: min(capacity, part.count), columns: width)
      for rows in part.pieces(ofAtMost: capacity) {
        let values = block.reshaped(rows: rows.count, columns: width)
        do {
          try source.read(rows, into: UnsafeMutableBufferPointer(start: values.pointer, count: rows.count * width))
          try body(rows, values, worker)
        } catch {
          return failure.note(error, of: worker)
        }
        self.breathe(worker)
      }
    }
    try failure.rethrow()
  }
}

/// Rows of so many columns that fit the L2 cache beside what is done with them.
func rowsOfBlock(width: Int) -> Int { max(8, min(512, (1 << 17) / max(1, width))) }

/// What went wrong on the workers: the lowest one's error is told, as if one had worked alone.
private final class FirstFailure: Sendable {
  private let errors = Mutex<[Int: any Error]>([:])

  func note(_ error: any Error, of worker: Int) { errors.withLock { $0[worker] = error } }

  func rethrow() throws {
    let errors = errors.withLock { $0 }
    if let first = errors.min(by: { $0.key < $1.key }) { throw first.value }
  }
}

/// |x|^2, in several accumulators: a plain loop's order of additions lets no compiler use vectors. *Local.*
func squaredNorm(_ x: UnsafePointer<Double>, _ count: Int) -> Double {
  var (a, b) = (SIMD8<Double>(), SIMD8<Double>())
  let raw = UnsafeRawPointer(x)
  var k = 0
  while k + 16 <= count {
    let first = raw.loadUnaligned(fromByteOffset: 8 * k, as: SIMD8<Double>.self)
    let second = raw.loadUnaligned(fromByteOffset: 8 * k + 64, as: SIMD8<Double>.self)
    a += first * first
    b += second * second
    k += 16
  }
  var sum = (a + b).sum()
  while k < count {
    sum += x[k] * x[k]
    k += 1
  }
  return sum
}

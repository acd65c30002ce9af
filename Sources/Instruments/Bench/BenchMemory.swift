import DeepRFM
import Files
import KernelMachine
import Runtime

extension BenchProblem {
  /// *Collective.* What `--memory` leaves for the kernel's tiles, planned as `train` plans a layer of these rows; nil: the option is not
  /// given. What the machine's limits and `--peers` take is not counted.
  /// - Parameter resident: bytes that a rank holds already; nil: those that its process does.
  /// - Throws: `InputError`, the same on every rank, where the bench does not fit with every tile recomputed.
  func memoryPlan(resident: Int?) throws -> MemoryPlan? {
    guard let memory = options.memory else { return nil }
    var load = try Workload(rows, outputWidth: rows.width, outputs: layout.classCount)
    (load.compresses, load.compressesAnyhow) = (options.tileTolerance > 0, true)
    let held = try world.maximum(resident ?? Memory.used)
    func plan(within bytes: Int) -> MemoryPlan {
      MemoryPlan(estimating: load, budget: bytes, resident: held, agop: options.agop, wantedRank: wantedRank)
    }
    // With more memory the solver remembers more directions: what is enough is found step by step.
    var enough = memory
    while case let bytes = ownBytes(plan(within: enough)), bytes > enough { enough = bytes }
    guard enough == memory else {
      // Two megabytes more, since sizes are told in whole ones.
      throw InputError(
        "--memory \(Format.bytes(memory)) is too little: bench \(options.kind.rawValue) needs "
          + "\((enough >> 20) + 2)MiB a rank even with every tile recomputed")
    }
    return plan(within: memory)
  }

  /// The most that a rank holds in those of a layer's stages that the bench has too: one is called as it is.
  private func ownBytes(_ plan: MemoryPlan) -> Int {
    let names = ["kernel", options.kind.rawValue]
    return plan.stages.filter { names.contains($0.name) }.map(\.bytes).max() ?? 0
  }

  /// Columns of the preconditioner, memory allowing; 0: none.
  var wantedRank: Int {
    let samples = layout.sampleCount
    let chosen = RidgeSolver.defaultRank(
      samples: samples, width: rows.width, outputs: layout.classCount, layer: 1)
    return min(options.preconditionerRank ?? chosen, samples)
  }
}

extension BenchReport {
  /// *Collective.* How all ranks' tiles are kept, where an option has a say in it.
  mutating func addTiles<T: Real & TensorElement>(_ options: BenchOptions, _ matrix: KernelOperator<T>) throws {
    guard options.memory != nil || options.tileTolerance > 0 else { return }
    let (counts, bytes) = (try matrix.tileCounts(), try matrix.bytesOfAll())
    add("tiles", "stored", count: counts.stored, "tiles stored, all ranks")
    add("tiles", "lowRank", count: counts.lowRank, "tiles that are two thin factors")
    add("tiles", "recomputed", count: counts.recomputed, "tiles recomputed in each product")
    let share = bytes.whole > 0 ? bytes.stored / bytes.whole : 1
    add("tiles", "storedShare", value: share, "bytes stored, of those of all tiles", .share)
    guard options.tileTolerance > 0 else { return }
    let compression = try matrix.compressionOfAll()
    add("tiles", "lowRankShare", value: compression.share, "entries that factors stand for", .share)
    add("tiles", "lowRankError", value: compression.error, "relative error of these", .plain)
  }
}

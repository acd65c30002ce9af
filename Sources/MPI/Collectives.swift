import CMPI

extension Communicator {
  /// *Collective.* Returns when every rank has called it.
  ///
  /// The corresponding C function is `MPI_Barrier`.
  public func barrier() throws {
    try waiting("MPI_Barrier", { MPI_Barrier(handle.value) }, { MPI_Ibarrier(handle.value, &$0.value) })
  }

  /// *Collective.* Copies the root's elements to every rank. All ranks give the same count.
  ///
  /// The corresponding C function is `MPI_Bcast`.
  @inlinable public func broadcast<T: MPIElement>(_ buffer: UnsafeMutableBufferPointer<T>, from root: Int) throws {
    try broadcast(UnsafeMutableRawPointer(buffer.baseAddress), count: buffer.count, T.datatype, from: root)
  }

  /// *Collective.* Makes every rank's array the root's, whatever its length was.
  ///
  /// The corresponding C function is `MPI_Bcast`.
  @inlinable public func broadcast<T: MPIElement>(_ values: inout [T], from root: Int) throws {
    let count = try broadcast(values.count, from: root)
    if rank == root {
      try values.withUnsafeMutableBufferPointer { try broadcast($0, from: root) }
    } else {
      values = try [T](unsafeUninitializedCapacity: count) { buffer, filled in
        try broadcast(UnsafeMutableBufferPointer(rebasing: buffer[..<count]), from: root)
        filled = count
      }
    }
  }

  /// *Collective.* The root's value on every rank.
  ///
  /// The corresponding C function is `MPI_Bcast`.
  @inlinable public func broadcast<T: MPIElement>(_ value: T, from root: Int) throws -> T {
    var result = value
    try withUnsafeMutablePointer(to: &result) {
      try broadcast(UnsafeMutableBufferPointer(start: $0, count: 1), from: root)
    }
    return result
  }

  /// *Collective.* The root's text on every rank.
  ///
  /// The corresponding C function is `MPI_Bcast`.
  public func broadcast(_ text: String, from root: Int) throws -> String {
    var bytes = Array(text.utf8)
    try broadcast(&bytes, from: root)
    return String(decoding: bytes, as: UTF8.self)
  }

  /// *Collective.* Every rank's values, in the order of the ranks, at the root; nil elsewhere. Counts may differ.
  ///
  /// The corresponding C function is `MPI_Gatherv`.
  @inlinable public func gather<T: MPIElement>(_ values: [T], to root: Int) throws -> [[T]]? {
    let collected = try collect(values, at: root)
    return rank == root ? collected : nil
  }

  /// *Collective.* Every rank's values, in the order of the ranks, on every rank. Counts may differ.
  ///
  /// The corresponding C function is `MPI_Allgatherv`.
  @inlinable public func allGather<T: MPIElement>(_ values: [T]) throws -> [[T]] {
    try collect(values, at: nil)
  }

  /// *Collective.* Every rank's values at the root, or everywhere if it is nil.
  ///
  /// MPI counts a call's elements, all ranks' together, in 32 bits: so it goes in rounds, nearly always one.
  @inlinable func collect<T: MPIElement>(_ values: [T], at root: Int?) throws -> [[T]] {
    let counts = try allCounts(values.count)
    let receives = root == nil || root == rank
    let share = max(1, countLimit / size)
    var collected = [[T]](repeating: [], count: size)
    for start in stride(from: 0, to: counts.max() ?? 0, by: share) {
      let parts = counts.map { min(max($0 - start, 0), share) }
      let total = receives ? parts.reduce(0, +) : 0
      let round = try [T](unsafeUninitializedCapacity: total) { arrived, filled in
        try values.withUnsafeBufferPointer { mine in
          try collectRound(
            UnsafeRawPointer(mine.baseAddress)?.advanced(by: min(start, mine.count) * MemoryLayout<T>.stride),
            into: UnsafeMutableRawPointer(arrived.baseAddress), parts, T.datatype, at: root)
        }
        filled = total
      }
      guard receives else { continue }
      var place = 0
      for sender in 0..<size {
        collected[sender] += round[place..<place + parts[sender]]
        place += parts[sender]
      }
    }
    return collected
  }
}

// MARK: - Without the element's type

extension Communicator {
  @usableFromInline func broadcast(
    _ memory: UnsafeMutableRawPointer?, count: Int, _ type: Datatype, from root: Int
  ) throws {
    try type.describing(count: count, limit: countLimit) { count, type in
      try waiting("MPI_Bcast") {
        MPI_Bcast(memory, count, type.value, Int32(root), handle.value)
      } _: {
        MPI_Ibcast(memory, count, type.value, Int32(root), handle.value, &$0.value)
      }
    }
  }

  /// *Collective.* Every rank's count, on every rank.
  ///
  /// The corresponding C function is `MPI_Allgather`.
  @usableFromInline func allCounts(_ count: Int) throws -> [Int] {
    var mine = count
    let type = Int.datatype.handle.value
    return try [Int](unsafeUninitializedCapacity: size) { counts, filled in
      try withUnsafeMutablePointer(to: &mine) { mine in
        try waiting("MPI_Allgather") {
          MPI_Allgather(mine, 1, type, counts.baseAddress, 1, type, handle.value)
        } _: {
          MPI_Iallgather(mine, 1, type, counts.baseAddress, 1, type, handle.value, &$0.value)
        }
      }
      filled = size
    }
  }

  /// *Collective.* `parts[r]` elements from each rank r, one after another, at the root, or everywhere if it is nil.
  @usableFromInline func collectRound(
    _ mine: UnsafeRawPointer?, into arrived: UnsafeMutableRawPointer?, _ parts: [Int], _ type: Datatype, at root: Int?
  ) throws {
    let counts = parts.map { Int32($0) }
    var places: [Int32] = []
    var place: Int32 = 0
    for sender in 0..<size {
      places.append(place)
      if root == nil || root == rank { place += counts[sender] }
    }
    let (count, type, comm) = (counts[rank], type.handle.value, handle.value)
    // MPI reads both arrays until it is through.
    try counts.withUnsafeBufferPointer { counts in
      try places.withUnsafeBufferPointer { places in
        let (counts, places) = (counts.baseAddress, places.baseAddress)
        if let root = root.map({ Int32($0) }) {
          try waiting("MPI_Gatherv") {
            MPI_Gatherv(mine, count, type, arrived, counts, places, type, root, comm)
          } _: {
            MPI_Igatherv(mine, count, type, arrived, counts, places, type, root, comm, &$0.value)
          }
        } else {
          try waiting("MPI_Allgatherv") {
            MPI_Allgatherv(mine, count, type, arrived, counts, places, type, comm)
          } _: {
            MPI_Iallgatherv(mine, count, type, arrived, counts, places, type, comm, &$0.value)
          }
        }
      }
    }
  }
}

import Glibc
import MPI

/// Whether the ranks reach each other at all. Open MPI takes every network that is up, also one that does not lead to the other hosts, and
/// then waits for minutes or for ever: in whatever is the first to be sent. Here it is something small, with an end to the waiting.
public enum Connections {
  /// Seconds; with the wait that lets one rank speak, within a minute. DEEPRFM_CONNECT in the environment, 0: for ever.
  static var patience: Double { ProcessVariables.value("DEEPRFM_CONNECT").flatMap { Double($0) } ?? 45 }

  /// *Collective.* Exchanges a byte with the ranks 1, 2, 4, ... places away, those that collective calls and the ring of blocks talk to.
  /// A rank that hears nothing of one of them tells of it, and ends all.
  public static func check(_ world: Communicator) throws {
    guard world.size > 1, patience > 0 else { return }
    let distances = sequence(first: 1) { $0 * 2 }.prefix { $0 < world.size }
    let peers = Set(
      distances.flatMap { [(world.rank + $0) % world.size, (world.rank + world.size - $0) % world.size] })
    do {
      if let silent = try greet(peers.sorted(), world) { giveUp(silent, world) }
    } catch let error as MPIError {
      // Each rank has the same to say: the first that says it ends the others.
      if world.rank > 0 { usleep(UInt32(4 + min(world.rank, 10)) * 400_000) }
      giveUp(nil, world, error)
    }
  }

  /// A rank that has not answered in time; nil: all have.
  private static func greet(_ peers: [Int], _ world: Communicator) throws -> Int? {
    // Let go of only when all is through: until then it is MPI's.
    let greeting = UnsafeMutableBufferPointer<UInt8>.allocate(capacity: 1 + peers.count)
    greeting.initialize(repeating: 0)
    let requests = RequestGroup()
    do {
      for (index, peer) in peers.enumerated() {
        let place = UnsafeMutableBufferPointer(rebasing: greeting[(1 + index)...(1 + index)])
        requests.add(try world.startReceive(place, from: peer, tag: MessageTag.greeting.rawValue))
      }
      for peer in peers {
        let word = UnsafeBufferPointer(rebasing: greeting[..<1])
        requests.add(try world.startSend(word, to: peer, tag: MessageTag.greeting.rawValue))
      }
      // The first to give up ends the others before they speak, which takes mpirun a while.
      let end = monotonicSeconds() + patience + (world.rank == 0 ? 0 : 4 + 0.4 * Double(min(world.rank, 10)))
      while try !requests.progress() {
        if monotonicSeconds() > end {
          let silent = peers.indices.first { !requests.isThrough($0) }
          requests.cancelAll()
          return silent.map { peers[$0] } ?? peers[0]
        }
        usleep(200)
      }
      try requests.waitAll()
    } catch {
      requests.cancelAll()
      throw error
    }
    greeting.deallocate()
    return nil
  }

  private static func giveUp(_ peer: Int?, _ world: Communicator, _ error: MPIError? = nil) -> Never {
    let text = sentence(rank: world.rank, peer: peer, error, NetworkInterface.all, isOpenMPI: MPILibrary.isOpenMPI)
    standardError("deeprfm: \(text)\n")
    world.abort(exitStatus: 1)
  }

  /// What is told: the networks that were tried, and how to choose one.
  static func sentence(
    rank: Int, peer: Int?, _ error: MPIError? = nil, _ all: [NetworkInterface], isOpenMPI: Bool
  ) -> String {
    let used = NetworkInterface.used(
      of: all, include: ProcessVariables.value("OMPI_MCA_btl_tcp_if_include"),
      exclude: ProcessVariables.value("OMPI_MCA_btl_tcp_if_exclude"))
    let tried = (isOpenMPI ? used : all.filter { !$0.isLoopback }).map(\.description).joined(separator: ", ")
    let mend =
      isOpenMPI
      ? "mpirun --mca btl_tcp_if_include NETWORK --mca oob_tcp_if_include NETWORK"
      : "mpirun -iface NAME, or UCX_NET_DEVICES=NAME"
    let found =
      error.map { "does not reach another rank (\($0.sentence))" }
      ?? "has heard nothing of \(peer.map { "rank \($0)" } ?? "another rank") for \(Int(patience)) s"
    return "rank \(rank) on \(Host.ownName()) \(found) over \(tried.isEmpty ? "no network" : tried): "
      + "name one that leads to every host: \(mend)"
  }
}

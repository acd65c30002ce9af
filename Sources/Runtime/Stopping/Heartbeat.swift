import Glibc
import MPI

/// What a launcher does not notice: a rank whose process is stopped, or whose host is gone without a word. Every rank has a
/// connection to rank 0, apart from MPI's, on which each second both say that they live. Who is silent too long ends the job. A
/// request to stop travels the same way, for a rank that was asked alone.
///
/// Silence is counted in beats of one's own, so that a job that is suspended whole, and goes on later, blames nobody.
final class Heartbeat: @unchecked Sendable {
  /// What one says to the other, a byte each second.
  private enum Beat: UInt8 { case alive = 1, stopping, leaving }

  private struct Peer {
    let rank: Int
    var socket: Int32
    var silent = 0
    var hasLeft = false
  }

  private let rank: Int
  private let hosts: [String]
  private let stop: StopSwitch
  /// Beats.
  private let patience: Int
  private let cookie: [UInt8]
  /// Rank 0's; of others -1.
  private let listener: Int32
  private let addresses: [UInt32]
  private let port: UInt16
  private var peers: [Peer] = []
  /// Connections that have not said yet whose they are.
  private var strangers: [(socket: Int32, bytes: [UInt8])] = []

  /// *Collective.* nil for one rank, for a patience of 0, and where rank 0 cannot open a port: then MPI's own notice has to do.
  ///
  /// The corresponding C functions are `socket`, `bind` and `listen`.
  init?(_ world: Communicator, hostName: String, stop: StopSwitch, patience: Int) throws {
    guard world.size > 1 else { return nil }
    rank = world.rank
    self.stop = stop
    hosts = try world.allGather(Array(hostName.utf8)).map { String(decoding: $0, as: UTF8.self) }
    var (socket, port) = (Int32(-1), UInt16(0))
    if world.rank == 0 { (socket, port) = Self.listen() }
    listener = socket
    // Patience and secret are rank 0's.
    var call =
      [Int(port), patience, Int.random(in: 0...Int.max)] + (world.rank == 0 ? Self.ownAddresses().map { Int($0) } : [])
    try world.broadcast(&call, from: 0)
    self.port = UInt16(call[0])
    self.patience = call[1]
    cookie = (0..<8).map { UInt8(truncatingIfNeeded: call[2] >> (8 * $0)) }
    addresses = call[3...].map { UInt32($0) }
    if call[0] == 0 || call[1] <= 0 {
      if listener >= 0 { _ = close(listener) }
      return nil
    }
  }

  private static let kind =
    Int32(SOCK_STREAM.rawValue) | Int32(SOCK_NONBLOCK.rawValue) | Int32(SOCK_CLOEXEC.rawValue)

  private static func listen() -> (Int32, UInt16) {
    let socket = Glibc.socket(AF_INET, kind, 0)
    guard socket >= 0 else { return (-1, 0) }
    var address = Self.address(0, 0)
    var length = socklen_t(MemoryLayout<sockaddr_in>.size)
    let port: UInt16? = withUnsafeMutablePointer(to: &address) {
      $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { place in
        guard bind(socket, place, length) == 0, Glibc.listen(socket, 1024) == 0,
          getsockname(socket, place, &length) == 0
        else { return nil }
        return place.withMemoryRebound(to: sockaddr_in.self, capacity: 1) { UInt16(bigEndian: $0.pointee.sin_port) }
      }
    }
    guard let port else {
      _ = close(socket)
      return (-1, 0)
    }
    return (socket, port)
  }

  /// An address and port in the order of the host as the system wants them.
  private static func address(_ host: UInt32, _ port: UInt16) -> sockaddr_in {
    var address = sockaddr_in()
    address.sin_family = sa_family_t(AF_INET)
    address.sin_addr.s_addr = host.bigEndian
    address.sin_port = port.bigEndian
    return address
  }

  /// This host's IPv4 addresses, the one that never leaves it last (getifaddrs).
  private static func ownAddresses() -> [UInt32] {
    NetworkInterface.all.filter { !$0.isLoopback }.map(\.address) + [INADDR_LOOPBACK]
  }

  // MARK: In the monitor's thread

  /// *Local.* Before the first beat: a rank other than 0 calls rank 0 up. Rank 0 takes calls as it beats.
  ///
  /// An address of rank 0 may be another host's here: what counts is who answers with the secret.
  func connect() {
    guard rank > 0 else { return }
    for host in addresses {
      guard let socket = Self.connected(to: host, port) else { continue }
      let greeting = cookie + (0..<4).map { UInt8(truncatingIfNeeded: rank >> (8 * $0)) }
      var answer = [UInt8](repeating: 0, count: 8)
      if Self.send(greeting, to: socket), Self.isReady(socket, POLLIN, 5000), recv(socket, &answer, 8, Self.flags) == 8,
        answer == cookie
      {
        peers = [Peer(rank: 0, socket: socket)]
        return
      }
      _ = close(socket)
    }
  }

  private static func connected(to host: UInt32, _ port: UInt16) -> Int32? {
    let socket = Glibc.socket(AF_INET, kind, 0)
    guard socket >= 0 else { return nil }
    var address = Self.address(host, port)
    let code = withUnsafePointer(to: &address) {
      $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
        Glibc.connect(socket, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
      }
    }
    if code == 0 || (errno == EINPROGRESS && isReady(socket, POLLOUT, 2000)) {
      var failure: Int32 = 0
      var length = socklen_t(MemoryLayout<Int32>.size)
      if getsockopt(socket, SOL_SOCKET, SO_ERROR, &failure, &length) == 0 && failure == 0 { return socket }
    }
    _ = close(socket)
    return nil
  }

  private static func isReady(_ socket: Int32, _ event: Int32, _ milliseconds: Int32) -> Bool {
    var wanted = pollfd(fd: socket, events: Int16(event), revents: 0)
    return poll(&wanted, 1, milliseconds) == 1 && Int32(wanted.revents) & event != 0
  }

  /// No call waits, and a peer that is gone is no signal.
  private static let flags = Int32(MSG_DONTWAIT) | Int32(MSG_NOSIGNAL)

  private static func send(_ bytes: [UInt8], to socket: Int32) -> Bool {
    Glibc.send(socket, bytes, bytes.count, flags) == bytes.count
  }

  /// *Local.* Once a second: says that this rank lives, hears what the others say. Returns a sentence about a rank that has been silent
  /// too long.
  func beat() -> String? {
    if listener >= 0 { admit() }
    let word = stop.isRequested ? Beat.stopping : .alive
    for index in peers.indices where !peers[index].hasLeft {
      _ = Self.send([word.rawValue], to: peers[index].socket)
      hear(&peers[index])
      peers[index].silent += 1
    }
    // Each waits for the judgement of those before it, so that one speaks: the first's ends the others.
    let limit = patience + 5 * min(rank, 12)
    guard let silent = peers.first(where: { !$0.hasLeft && $0.silent > limit }) else { return nil }
    return "rank \(silent.rank) on \(hosts[silent.rank]) has not answered for \(limit) s: the last checkpoint stands"
  }

  private func hear(_ peer: inout Peer) {
    var bytes = [UInt8](repeating: 0, count: 64)
    let count = recv(peer.socket, &bytes, bytes.count, Self.flags)
    guard count > 0 else { return }
    peer.silent = 0
    for byte in bytes[..<count] {
      switch Beat(rawValue: byte) {
      case .stopping: stop.request(.otherRank)
      case .leaving: peer.hasLeft = true
      case .alive, nil: break
      }
    }
  }

  /// Takes those who call, once they have said the secret and their rank.
  private func admit() {
    while true {
      let socket = accept(listener, nil, nil)
      guard socket >= 0 else { break }
      _ = fcntl(socket, F_SETFD, FD_CLOEXEC)
      strangers.append((socket, []))
    }
    for index in strangers.indices.reversed() {
      var bytes = [UInt8](repeating: 0, count: 12 - strangers[index].bytes.count)
      let count = recv(strangers[index].socket, &bytes, bytes.count, Self.flags)
      guard count > 0 else { continue }
      strangers[index].bytes += bytes[..<count]
      guard strangers[index].bytes.count == 12 else { continue }
      let (socket, said) = strangers.remove(at: index)
      let caller = said[8...].reversed().reduce(0) { $0 << 8 | Int($1) }
      if Array(said[..<8]) == cookie, hosts.indices.contains(caller), !peers.contains(where: { $0.rank == caller }),
        Self.send(cookie, to: socket)
      {
        peers.append(Peer(rank: caller, socket: socket))
      } else {
        _ = close(socket)
      }
    }
  }

  /// *Local.* This rank is done: nobody need wait for it.
  func leave() {
    for peer in peers {
      _ = Self.send([Beat.leaving.rawValue], to: peer.socket)
      _ = close(peer.socket)
    }
    for stranger in strangers { _ = close(stranger.socket) }
    if listener >= 0 { _ = close(listener) }
  }
}

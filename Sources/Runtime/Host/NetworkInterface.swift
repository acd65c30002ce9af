import Glibc

/// One of this host's IPv4 addresses, and the network card that has it.
public struct NetworkInterface: Sendable, Equatable, CustomStringConvertible {
  let name: String
  /// In the order of the host: 10.0.0.1 is 0x0a000001.
  let address: UInt32
  /// Of the mask: 10.0.0.1/24 has 24.
  let prefixLength: Int

  public init(name: String, address: UInt32, prefixLength: Int) {
    self.name = name
    self.address = address
    self.prefixLength = prefixLength
  }

  public var isLoopback: Bool { address >> 24 == 127 }

  var addressText: String {
    (0..<4).map { String(address >> (24 - 8 * UInt32($0)) & 255) }.joined(separator: ".")
  }

  /// "eth0 (10.0.0.1/24)".
  public var description: String { "\(name) (\(addressText)/\(prefixLength))" }

  /// *Local.* All that are up.
  ///
  /// The corresponding C function is `getifaddrs`.
  public static var all: [NetworkInterface] {
    var list: UnsafeMutablePointer<ifaddrs>?
    guard getifaddrs(&list) == 0 else { return [] }
    defer { freeifaddrs(list) }
    var found: [NetworkInterface] = []
    var next = list
    while let entry = next?.pointee {
      next = entry.ifa_next
      guard let address = ipv4(entry.ifa_addr), entry.ifa_flags & UInt32(IFF_UP) != 0 else { continue }
      found.append(
        NetworkInterface(
          name: String(cString: entry.ifa_name), address: address,
          prefixLength: (ipv4(entry.ifa_netmask) ?? .max).nonzeroBitCount))
    }
    return found
  }

  private static func ipv4(_ address: UnsafeMutablePointer<sockaddr>?) -> UInt32? {
    guard let address, Int32(address.pointee.sa_family) == AF_INET else { return nil }
    return address.withMemoryRebound(to: sockaddr_in.self, capacity: 1) {
      UInt32(bigEndian: $0.pointee.sin_addr.s_addr)
    }
  }

  /// Whether a list such as "eth0,10.1.0.0/16" names it: by card, or by a network that its address is in.
  public func isNamed(in list: String) -> Bool {
    list.split(separator: ",").contains { item in
      let parts = item.split(separator: "/")
      guard parts.count == 2, let bits = Int(parts[1]), (0...32).contains(bits) else { return item == name }
      let bytes = parts[0].split(separator: ".").compactMap { UInt8($0) }
      guard bytes.count == 4 else { return false }
      let network = bytes.reduce(UInt32(0)) { $0 << 8 | UInt32($1) }
      let mask = bits == 0 ? 0 : UInt32.max << (32 - UInt32(bits))
      return address & mask == network & mask
    }
  }

  /// Those that Open MPI's messages between hosts go over, by its own rule. (Its parameters btl_tcp_if_include and btl_tcp_if_exclude)
  public static func used(of all: [NetworkInterface], include: String?, exclude: String?) -> [NetworkInterface] {
    let others = all.filter { !$0.isLoopback }
    if let include { return all.filter { $0.isNamed(in: include) } }
    if let exclude { return others.filter { !$0.isNamed(in: exclude) } }
    return others
  }
}

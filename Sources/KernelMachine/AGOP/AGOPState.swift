import Runtime

/// An AGOP at a safe point, this rank's part: where its loops are, and all that has been added up. It goes on from there with
/// the very same bits, on as many ranks and with chunks of the same size.
public struct AGOPState {
  public let route: AGOPRoute
  /// What comes next, by loop from the outermost in.
  let position: [Int]
  /// Sums so far; names as the route wants.
  let tensors: [SavedTensor]

  init(_ route: AGOPRoute, position: [Int], _ tensors: [SavedTensor]) {
    self.route = route
    self.position = position
    self.tensors = tensors
  }

  private static let positionName = "position"

  /// All of it but the route.
  public var saved: [SavedTensor] { tensors + [SavedTensor(Self.positionName, position.map { Double($0) })] }

  /// From what `saved` gave. Throws `CheckpointError`.
  public init(_ route: AGOPRoute, saved: [SavedTensor]) throws {
    self.route = route
    position = try saved.values(Self.positionName).map {
      guard let place = Int(exactly: $0) else { throw CheckpointError("its place in the AGOP makes no sense") }
      return place
    }
    tensors = saved
  }

  /// The position, if it has as many loops as the route. Throws `CheckpointError`.
  func position(loops: Int) throws -> [Int] {
    guard position.count == loops else { throw CheckpointError("its place in the AGOP makes no sense") }
    return position
  }
}

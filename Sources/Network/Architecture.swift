import Files
import LinearAlgebra
import Runtime

/// The networks that can be trained. Raw values are those of `--architecture`.
public enum Architecture: String, Sendable, Codable, CaseIterable {
  /// Fully-connected layers alone.
  case mlp
  /// torchvision's vgg11, its features cut after the sixth convolution, under a fully-connected head.
  case vgg11
  /// torchvision's resnet18 without fc, under a fully-connected head.
  case resnet18

  var takesImages: Bool { self != .mlp }
}

/// What a network is, but for its numbers.
public struct NetworkForm: Sendable, Equatable {
  var architecture = Architecture.mlp
  /// Of a sample.
  public var input: FeatureShape
  /// K
  public var classes: Int
  /// Hidden fully-connected layers.
  public var depth = 5
  /// Units of each.
  public var width = 512
  public var activation = ActivationKind.relu
  /// Of the hidden layers' initial weights.
  var scale = 1.0

  public init(_ architecture: Architecture, input: FeatureShape, classes: Int) {
    (self.architecture, self.input, self.classes) = (architecture, input, classes)
  }

  /// The network's layers, with workspaces for so many rows of a batch, or, of a plan, with none.
  public func build<T: NetworkReal>(
    rows: Int, threads: Int, isPlan: Bool = false, of type: T.Type = T.self
  ) throws(InputError) -> NetworkBuilder<T> {
    var builder = NetworkBuilder<T>(rows: rows, threads: threads, isPlan: isPlan)
    switch architecture {
    case .mlp: appendHead(of: input, names: "", isOnConvolutions: false, &builder)
    case .vgg11, .resnet18:
      let features = try appendConvolutions(&builder)
      appendHead(of: features, names: "head.", isOnConvolutions: true, &builder)
    }
    return builder
  }

  /// *Local.* The network on a rank, for so many rows of a batch, its weights still to be filled.
  public func network<T: NetworkReal>(
    rows: Int, _ context: Context, of type: T.Type = T.self
  ) throws(InputError) -> Network<T> {
    Network(try build(rows: rows, threads: context.host.threads), context)
  }

  /// linear1, activation, ... linear{depth}, activation, linear{depth + 1}.
  private func appendHead<T: NetworkReal>(
    of features: FeatureShape, names prefix: String, isOnConvolutions: Bool, _ builder: inout NetworkBuilder<T>
  ) {
    var shape = features
    for number in 1...(depth + 1) {
      let isOutput = number == depth + 1
      let outputs = isOutput ? classes : width
      let inputs = Double(shape.count)
      let initialisation: Initialisation =
        isOutput || (number == 1 && isOnConvolutions)
        ? .uniform(bound: 1 / inputs.squareRoot())
        : .uniform(bound: scale * (6 / (inputs + Double(outputs))).squareRoot())
      let linear = Linear("\(prefix)linear\(number)", from: shape, to: outputs, initialisation, &builder)
      builder.append(linear)
      shape = linear.output
      if !isOutput { builder.append(Activation(activation, of: shape, &builder)) }
    }
  }
}

extension FeatureShape {
  /// The shape of a sample of so many features, taken for a square image of one channel or three: no number is both. nil: it is none.
  public static func image(features: Int) -> FeatureShape? {
    for channels in [1, 3] where features % channels == 0 {
      let side = Int(Double(features / channels).squareRoot().rounded())
      if side * side * channels == features { return FeatureShape(channels: channels, height: side, width: side) }
    }
    return nil
  }
}

import Datasets
import Files
import LinearAlgebra
import MPI
import Measures
import Runtime

/// What a network's run folder holds beside what every run's does.
extension RunFolder {
  static var weightsName: String { "weights" }

  /// weights/0010.safetensors: the network after an epoch that was measured, from 0.
  public static func weightsName(_ epoch: Int) -> String {
    let digits = "\(epoch)"
    return "\(weightsName)/\(String(repeating: "0", count: max(0, 4 - digits.count)))\(digits).safetensors"
  }

  /// *Local.* config.json. Throws `InputError` if there is none or it is malformed.
  public func readNetworkConfiguration() throws(InputError) -> NetworkConfiguration {
    let bytes = try InputFile.contents(own(configuration), limit: 1 << 20)
    return try NetworkConfiguration(json: try Self.parse(bytes, configuration), source: configuration)
  }

  /// *Local.* Whether a run's config.json is a network's.
  public var isNetwork: Bool {
    guard let bytes = try? InputFile.contents(own(configuration), limit: 1 << 20),
      let json = try? Self.parse(bytes, configuration)
    else { return false }
    return json["options"]?["architecture"] != nil
  }

  /// *Local.* The epochs of metrics.jsonl. Throws `InputError` if there is no such file or a whole line is malformed.
  public func readEpochs() throws(InputError) -> [EpochMetrics] {
    var epochs: [EpochMetrics] = []
    for (index, line) in try readLines().enumerated() where line.count > 1 {
      let source = "\(metrics), line \(index + 1)"
      epochs.append(try EpochMetrics(json: try Self.parse(line, source), source: source))
    }
    return epochs
  }
}

// MARK: - Weights in a file

extension NetworkWeights {
  /// *Local.* Writes parameters and statistics under PyTorch's names, so that `load_state_dict` takes them.
  /// - Parameter measured: in double, agop.1, ..., M of each hidden fully-connected layer, each made when its turn comes, and
  ///   outputGradients.NAME, S of each convolution; and the pictures.
  package func write(
    to path: String, _ measured: NetworkMeasurement<T>.Result? = nil, _ pool: ThreadPool? = nil
  ) throws {
    let gradients = measured?.gradients ?? []
    let linear = gradients.filter { !$0.isOfPatches }
    let patches = gradients.filter(\.isOfPatches)
    var tensors = parameters.map { TensorInfo($0.name, T.tensorType, $0.shape) }
    for statistic in statistics {
      tensors.append(
        statistic.isCount
          ? TensorInfo(statistic.name, .int64, []) : TensorInfo(statistic.name, T.tensorType, [statistic.range.count]))
    }
    for (number, layer) in linear.enumerated() {
      tensors.append(TensorInfo("agop.\(number + 1)", .float64, [layer.inputs, layer.inputs]))
    }
    for layer in patches {
      tensors.append(TensorInfo("outputGradients.\(layer.name)", .float64, [layer.sum.rows, layer.sum.columns]))
    }
    tensors += measured?.pictures.tensors ?? []
    let writer = try SafetensorsWriter(path, tensors, metadata: RunFormat.metadata)
    for parameter in parameters {
      try writer.append(UnsafeBufferPointer(rebasing: values.buffer[parameter.range]))
    }
    for statistic in statistics {
      let values = values(of: statistic)
      if statistic.isCount {
        try writer.append([Int(values[0])])
      } else {
        try writer.append(values.map { T($0) })
      }
    }
    for layer in linear {
      let agop = layer.agop(self, pool ?? ThreadPool(count: 1))
      try writer.append(UnsafeBufferPointer(agop.buffer))
    }
    for layer in patches { try writer.append(UnsafeBufferPointer(layer.sum.buffer)) }
    try measured?.pictures.write(to: writer)
    try writer.finish()
  }

  /// *Local.* Reads what `write` or torch wrote, or parameters alone: an mlp's also under the names weights.1, ... Throws `InputError`
  /// where a parameter is missing or one too many, has another shape, or a number is not finite or impossible for its statistic.
  package func read(_ file: SafetensorsFile) throws {
    let names = Set(file.tensors.map(\.name))
    try refuseOthers(names, file.path)
    for (number, parameter) in parameters.enumerated() {
      let short = "weights.\(number + 1)"
      let name = !names.contains(parameter.name) && names.contains(short) ? short : parameter.name
      try file.expect(name, parameter.shape)
      let target = UnsafeMutableBufferPointer(rebasing: values.buffer[parameter.range])
      try file.read(name, rows: 0..<parameter.rows, into: target)
      guard target.allSatisfy(\.isFinite) else {
        throw InputError("\(file.path): tensor \"\(name)\" holds a number that is not finite")
      }
    }
    for statistic in statistics where names.contains(statistic.name) {
      try file.expect(statistic.name, statistic.isCount ? [] : [statistic.range.count])
      let rows = statistic.isCount ? 0..<1 : 0..<statistic.range.count
      try file.read(statistic.name, rows: rows, into: values(of: statistic))
      if let fault = fault(of: statistic) { throw InputError("\(file.path): tensor \"\(statistic.name)\" \(fault)") }
    }
  }

  /// *Local.* What a statistic's values cannot be, in words; nil: nothing is wrong.
  private func fault(of statistic: Statistic) -> String? {
    let values = values(of: statistic)
    if statistic.isCount {
      let isCount = values.allSatisfy { $0 >= 0 && $0 <= 0x1p53 && $0.rounded() == $0 }
      return isCount ? nil : "holds no number of batches"
    }
    // As the files will have them again, in the network's precision.
    guard values.allSatisfy({ T($0).isFinite }) else { return "holds a number that is not finite" }
    guard statistic.isVariance, values.contains(where: { $0 < 0 }) else { return nil }
    return "holds a variance below 0"
  }

  /// A parameter that this network has not is another network's: a deeper one's, perhaps.
  private func refuseOthers(_ names: Set<String>, _ path: String) throws(InputError) {
    let own = Set(parameters.map(\.name) + parameters.indices.map { "weights.\($0 + 1)" })
    let other = names.subtracting(own).filter {
      $0.hasSuffix(".weight") || $0.hasSuffix(".bias") || $0.hasPrefix("weights.")
    }
    guard let name = other.min() else { return }
    throw InputError("\(path): tensor \"\(name)\" is no parameter of this network")
  }

  /// *Collective.* Every rank's numbers by rank 0's.
  func broadcast(_ world: Communicator) throws {
    try world.broadcast(values.buffer, from: 0)
    try world.broadcast(statisticValues.buffer, from: 0)
  }
}

extension NetworkPictures {
  /// gramInput.1, gramRight.1, ... and gramOutput, with the positions of the samples that they show.
  fileprivate var tensors: [TensorInfo] {
    let shown = sample.positions.count
    return [TensorInfo("shown", .int64, [shown])] + names.map { TensorInfo($0, .float32, [shown, shown]) }
  }

  private var names: [String] {
    input.indices.map { "gramInput.\($0 + 1)" } + right.indices.map { "gramRight.\($0 + 1)" } + ["gramOutput"]
  }

  fileprivate func write(to writer: SafetensorsWriter) throws {
    try writer.append(sample.positions)
    for picture in input + right + [output] { try writer.append(UnsafeBufferPointer(picture.buffer)) }
  }
}

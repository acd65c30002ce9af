import DeepRFM
import Foundation
import FoundationXML
import KernelMachine
import Report

/// Runs made up of figures that a test can compute again.
enum Made {
  /// NC1 of the input falls by `fall` over all layers; figures differ a little by seed.
  static func run(
    _ name: String = "runs/a", layers: Int = 20, seed: UInt64 = 0, fall: Double = 1e4, gram: Int? = 100,
    _ change: (inout TrainOptions) -> Void = { _ in }
  ) -> RunRecord {
    var options = TrainOptions()
    options.layers = layers
    options.seed = seed
    change(&options)
    let configuration = RunConfiguration(
      options: options, ranks: 2, threads: 1, hosts: ["one"], blasKernels: "SkylakeX", startedAt: "2025-01-31T23:59:59Z"
    )
    let made = (1...layers).map { layer -> LayerRecord in
      let depth = layers > 1 ? Double(layer - 1) / Double(layers - 1) : 0
      return LayerRecord(
        metrics: metrics(layer, nc1: 0.4 * pow(fall, -depth) * (1 + 0.1 * Double(seed)), seed: Double(seed)),
        spectrum: (0..<512).map { pow(0.97, Double($0)) }, gram: gram.map { self.gram($0, layer: layer) })
    }
    return RunRecord(name: name, configuration: configuration, layers: made)
  }

  static func metrics(_ layer: Int, nc1: Double, seed: Double = 0) -> LayerMetrics {
    var metrics = LayerMetrics()
    metrics.layer = layer
    metrics.inputWidth = layer == 1 ? 784 : 512
    metrics.outputWidth = 512
    metrics.samples = 4000
    metrics.ranks = 2
    metrics.nc1 = .init(input: nc1, projected: nc1 / 3, mapped: nc1 / 2)
    metrics.nc2 = .init(input: 0.05 / Double(layer), projected: 0.04 / Double(layer), mapped: 0.03 / Double(layer))
    metrics.accuracy = .init(train: 1, test: 0.9 + 0.001 * Double(layer) + 0.01 * seed)
    (metrics.bandwidth, metrics.kernelAlignment) = (2, 0.1 + 0.01 * Double(layer))
    metrics.balancedAccuracy = .init(train: 1, test: 0.89 + 0.001 * Double(layer) + 0.01 * seed)
    metrics.meanSquaredError = .init(train: 1e-7, test: 0.08)
    metrics.solver.iterations = 10 + layer
    metrics.solver.residual = 8e-5 / Double(layer)
    metrics.solver.converged = true
    metrics.solver.preconditionerRank = 200
    metrics.agop = .init(route: .class)
    (metrics.bandwidth, metrics.kernelAlignment) = (2, 0.5 + 0.1 * Double(layer))
    metrics.seconds = .init(values: [1, 2, 3, 4, 5, 6, 7, 8, 36].map { $0 / Double(layer) })
    metrics.peakMemoryBytes = 1 << 28
    return metrics
  }

  /// Noise, so that nothing in it is smaller than it must be; ten classes.
  static func gram(_ size: Int, layer: Int) -> GramRecord {
    let values = (0..<(size * size)).map { Float(($0 * 7919 + layer * 104729) % 2001) / 1000 - 1 }
    return GramRecord(
      size: size, input: values, projected: values.reversed(), labels: (0..<size).map { $0 * 10 / size })
  }
}

/// A fresh directory, removed when the last reference goes.
final class ScratchDirectory {
  let path: String

  init() throws {
    let url = FileManager.default.temporaryDirectory.appendingPathComponent("deeprfm-" + UUID().uuidString)
    try FileManager.default.createDirectory(at: url, withIntermediateDirectories: true)
    path = url.path
  }

  deinit { try? FileManager.default.removeItem(atPath: path) }

  func write(_ bytes: [UInt8], to name: String) throws {
    try Data(bytes).write(to: URL(fileURLWithPath: path + "/" + name))
  }
}

/// A page taken apart by Foundation's XML parser, which refuses what is not well-formed.
final class Parsed: NSObject, XMLParserDelegate {
  struct Element {
    let name: String
    let attributes: [String: String]
    var text = ""
    /// Indices of the elements around it, outermost first.
    let parents: [Int]
  }

  private(set) var elements: [Element] = []
  private var open: [Int] = []
  private(set) var fault: String?

  /// The page as XML: its void elements closed, its doctype left out.
  init(_ html: String) {
    super.init()
    var xml = html.replacingOccurrences(of: "<!DOCTYPE html>", with: "")
    for tag in ["meta", "img"] {
      xml = xml.replacing(try! Regex("<\(tag)([^>]*)>")) { "<\(tag)\($0.output[1].substring ?? "")/>" }
    }
    let parser = XMLParser(data: Data(xml.utf8))
    parser.delegate = self
    if !parser.parse() { fault = "line \(parser.lineNumber): \(parser.parserError.map { "\($0)" } ?? "?")" }
  }

  func parser(
    _ parser: XMLParser, didStartElement name: String, namespaceURI: String?, qualifiedName: String?,
    attributes: [String: String]
  ) {
    elements.append(Element(name: name, attributes: attributes, parents: open))
    open.append(elements.count - 1)
  }

  func parser(_ parser: XMLParser, didEndElement name: String, namespaceURI: String?, qualifiedName: String?) {
    open.removeLast()
  }

  func parser(_ parser: XMLParser, foundCharacters text: String) {
    for index in open { elements[index].text += text }
  }

  func indices(_ name: String, class kind: String? = nil, inside parent: Int? = nil) -> [Int] {
    elements.indices.filter { index in
      let element = elements[index]
      return element.name == name && (kind == nil || element.attributes["class"] == kind)
        && (parent == nil || element.parents.contains(parent!))
    }
  }

  /// The cells of the table with this id, row by row, without its head.
  func table(_ id: String) -> [[String]] {
    guard let table = elements.firstIndex(where: { $0.name == "table" && $0.attributes["id"] == id }) else { return [] }
    let body = indices("tbody", inside: table)
    return indices("tr", inside: body.first).map { row in
      elements.filter { ($0.name == "td" || $0.name == "th") && $0.parents.contains(row) }.map(\.text)
    }
  }
}

import DeepRFM
import Files
import Foundation
import KernelMachine
import Report
import Runtime
import Testing

@Suite struct PageTests {
  @Test(arguments: [1, 2, 3, 7, 20, 61, 130]) func everyDepthIsWellFormedAndSmall(layers: Int) {
    let html = Page.html(of: [Made.run(layers: layers)])
    let page = Parsed(html)
    #expect(page.fault == nil)
    #expect(html.utf8.count < 2_000_000)
    #expect(page.table("table-collapse").count == layers)
  }

  @Test func nothingIsFetchedAndNothingRuns() {
    let comparison = Page.html(of: [Made.run("a"), Made.run("b") { $0.projection = .identity }])
    for html in [Page.html(of: [Made.run()]), comparison] {
      let page = Parsed(html)
      #expect(page.indices("script").isEmpty && page.indices("link").isEmpty && page.indices("iframe").isEmpty)
      #expect(!html.contains("@import") && !html.contains("url("))
      for element in page.elements {
        if let source = element.attributes["src"] { #expect(source.hasPrefix("data:image/png;base64,")) }
        #expect(!element.attributes.keys.contains { $0.hasPrefix("on") })
      }
    }
  }

  @Test func aScreenReaderFindsItsWay() {
    for html in [Page.html(of: [Made.run()]), Page.html(of: [Made.run("a"), Made.run("b", seed: 1)])] {
      let page = Parsed(html)
      #expect(page.elements.first { $0.name == "html" }?.attributes["lang"] == "en")
      #expect(page.indices("h1").count == 1 && page.indices("main").count == 1)
      let ids = page.elements.compactMap { $0.attributes["id"] }
      #expect(Set(ids).count == ids.count)
      // What is pointed to exists.
      for element in page.elements {
        for id in (element.attributes["aria-labelledby"] ?? "").split(separator: " ") {
          #expect(ids.contains(String(id)))
        }
        if let target = element.attributes["href"], target.hasPrefix("#") {
          #expect(ids.contains(String(target.dropFirst())))
        }
        if element.name == "img" { #expect(element.attributes["alt"]?.isEmpty == false) }
      }
      for svg in page.indices("svg") {
        #expect(page.elements[svg].attributes["role"] == "img")
        let own = page.elements.filter { $0.parents.last == svg }
        #expect(own.first?.name == "title" && own.first?.text.isEmpty == false)
        #expect(own.dropFirst().first?.name == "desc" && own.dropFirst().first?.text.isEmpty == false)
      }
      for table in page.indices("table") { #expect(page.indices("caption", inside: table).count == 1) }
      // Headings do not skip a level.
      let levels = page.elements.compactMap {
        $0.name.count == 2 && $0.name.hasPrefix("h") ? $0.name.last?.wholeNumberValue : nil
      }
      #expect(zip(levels, levels.dropFirst()).allSatisfy { $1 <= $0 + 1 })
    }
  }

  @Test(arguments: [
    "<script>alert(1)</script>", "a\"b'c&d<e>", "</style><svg onload=x>", "]]>--><!--",
    "\u{0}\u{1}\u{8}\u{B}\u{1F}\u{7F}",
    PageTests.noncharacters, "\u{202E}evil", String(repeating: "x", count: 5000), "",
  ]) func hostileNamesStayText(name: String) {
    var run = Made.run(name, layers: 3) { options in
      options.data = name
      options.output = name
    }
    run.configuration.hosts = [name, name]
    run.configuration.blasKernels = name
    run.configuration.startedAt = name
    run.configuration.version = name
    run.notes = [name]
    var other = Made.run(name + name, layers: 3) { $0.ridge = 0.1 }
    other.notes = [name]
    for html in [Page.html(of: [run]), Page.html(of: [run, other])] {
      let page = Parsed(html)
      #expect(page.fault == nil)
      #expect(page.indices("script").isEmpty)
      #expect(!html.unicodeScalars.contains { $0.value < 32 && $0 != "\n" && $0 != "\t" })
      // No name has made an element, nor an attribute.
      let plain = Parsed(Page.html(of: html.contains("table-runs") ? [Made.run(layers: 3), second] : [noted]))
      #expect(page.elements.map(\.name) == plain.elements.map(\.name))
      #expect(page.elements.map { $0.attributes.keys.sorted() } == plain.elements.map { $0.attributes.keys.sorted() })
    }
  }

  /// What a Swift literal does not take either.
  private static let noncharacters = String(
    String.UnicodeScalarView([0xFFFE, 0xFFFF, 0xFDD0, 0x1FFFF].compactMap { Unicode.Scalar($0 as UInt32) }))

  /// The same pages with a name that is harmless.
  private var noted: RunRecord {
    var run = Made.run(layers: 3)
    run.notes = ["x"]
    return run
  }

  private var second: RunRecord {
    var run = Made.run(layers: 3) { $0.ridge = 0.1 }
    run.notes = ["x", "y"]
    return run
  }

  @Test func figuresThatCannotBeAreShownAsNone() {
    var metrics = LayerMetrics()
    metrics.layer = 1
    metrics.peakMemoryBytes = .min
    metrics.seconds = .init(values: [.nan, .infinity, -1, 1e300, 0, 0, 0, 0, .nan])
    metrics.solver.iterations = .max
    var run = Made.run(layers: 1, gram: nil)
    run.layers = [LayerRecord(metrics: metrics, spectrum: [.nan, -1, 0])]
    #expect(Parsed(Page.html(of: [run])).fault == nil)
    #expect(Parsed(Page.html(of: [run, run])).fault == nil)
    #expect(Picture.svg(of: run) == nil)
  }

  @Test func pictureIsWellFormedAndTitled() throws {
    let page = Parsed(try #require(Picture.svg(of: Made.run())))
    #expect(page.fault == nil)
    #expect(page.indices("image").count == 7 && page.indices("title").count >= 1)
    #expect(page.elements.first?.attributes["viewBox"] != nil)
  }

  @Test func picturesAreTheMatrices() throws {
    let run = Made.run(layers: 2)
    let page = Parsed(Page.html(of: [run]))
    let images = page.indices("img").map { page.elements[$0].attributes["src"] ?? "" }
    #expect(images.count == 4)
    let gram = try #require(run.layers[1].gram)
    let indices = try pixels(of: images[2])
    #expect(indices == gram.input.map { UInt8(((Double($0) + 1) * 127.5).rounded()) })
  }

  /// The indices in a PNG, its checksums proven: the chunks' here, that of the compressed data by zlib as it inflates.
  private func pixels(of url: String) throws -> [UInt8] {
    let encoded = try #require(url.split(separator: ",").last)
    let bytes = [UInt8](try #require(Data(base64Encoded: String(encoded))))
    #expect(bytes.prefix(8) == [0x89, 0x50, 0x4E, 0x47, 0x0D, 0x0A, 0x1A, 0x0A])
    var (position, width, data) = (8, 0, [UInt8]())
    while position < bytes.count {
      let length = big(bytes, position)
      let type = String(decoding: bytes[(position + 4)..<(position + 8)], as: UTF8.self)
      let body = Array(bytes[(position + 8)..<(position + 8 + length)])
      #expect(big(bytes, position + 8 + length) == Int(crc(Array(bytes[(position + 4)..<(position + 8 + length)]))))
      if type == "IHDR" { width = big(body, 0) }
      if type == "IDAT" { data += body }
      position += 12 + length
    }
    let raw = try inflated(data)
    return stride(from: 0, to: raw.count, by: width + 1).flatMap { raw[($0 + 1)..<($0 + 1 + width)] }
  }

  private func inflated(_ data: [UInt8]) throws -> [UInt8] {
    let scratch = try ScratchDirectory()
    try scratch.write(data, to: "data")
    let inflater = try Inflater(try InputFile(scratch.path + "/data"), 0..<data.count, format: .zlib)
    var block = [UInt8](repeating: 0, count: 4096)
    var raw: [UInt8] = []
    while true {
      let count = try block.withUnsafeMutableBytes { try inflater.produce(into: $0) }
      guard count > 0 else { return raw }
      raw += block[..<count]
    }
  }

  private func big(_ bytes: [UInt8], _ at: Int) -> Int { bytes[at..<(at + 4)].reduce(0) { $0 << 8 | Int($1) } }

  /// Bit by bit, as the standard defines it.
  private func crc(_ bytes: [UInt8]) -> UInt32 {
    var value = UInt32.max
    for byte in bytes {
      value ^= UInt32(byte)
      for _ in 0..<8 { value = value & 1 == 1 ? value >> 1 ^ 0xEDB8_8320 : value >> 1 }
    }
    return ~value
  }
}

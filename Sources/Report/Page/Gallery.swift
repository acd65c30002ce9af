import Measures

/// The paper's pictures: cosines between class-sorted samples, layer by layer.
enum Gallery {
  static let ramp: Markup = """
    <p class="ramp" aria-hidden="true"><span>cosine −1</span><i></i><span>1</span></p>
    """

  /// All layers of a run, at most 20: above the layer's input, below it what the projection makes of it.
  static func all(_ run: RunRecord) -> Markup? {
    let layers = Charts.evenly(run.layers.filter { $0.gram != nil }, atMost: 20)
    guard !layers.isEmpty else { return nil }
    let items = layers.map { layer -> Markup in
      guard let gram = layer.gram else { return "" }
      let number = layer.metrics.layer
      return """
        <li><b>layer \(number)</b>\(image(gram.input, gram, "Layer \(number), input: \(meaning(gram.input, gram))"))\
        \(image(gram.projected, gram, "Layer \(number), projected: \(meaning(gram.projected, gram))"))</li>
        """
    }
    return "<ul class=\"gallery\">\n\(items.joined())\n</ul>"
  }

  /// Seven layers of a setting's first run, the input alone.
  static func strip(_ run: RunRecord) -> Markup? {
    let layers = Charts.evenly(run.layers.filter { $0.gram != nil }, atMost: 7)
    guard !layers.isEmpty else { return nil }
    let items = layers.map { layer -> Markup in
      guard let gram = layer.gram else { return "" }
      let number = layer.metrics.layer
      return """
        <li>\(image(gram.input, gram, "Layer \(number), input: \(meaning(gram.input, gram))"))\
        <small>layer \(number)</small></li>
        """
    }
    return "<ul class=\"strip\">\n\(items.joined())\n</ul>"
  }

  static func image(_ values: [Float], _ gram: GramRecord, _ alternative: String) -> Markup {
    """
    <img src="\(Heatmap.url(values, size: gram.size))" alt="\(alternative)" width="\(gram.size)" height="\(gram.size)">
    """
  }

  /// What the picture shows, in numbers.
  static func meaning(_ values: [Float], _ gram: GramRecord) -> String {
    guard gram.labels.count == gram.size else { return "cosines between \(gram.size) samples" }
    var inside: [Double] = []
    var outside: [Double] = []
    for i in 0..<gram.size {
      for j in 0..<i {
        let value = Double(values[i * gram.size + j])
        if gram.labels[i] == gram.labels[j] { inside.append(value) } else { outside.append(value) }
      }
    }
    return "mean cosine \(Figure.fixed(Statistics(inside).mean, digits: 2)) inside a class, "
      + "\(Figure.fixed(Statistics(outside).mean, digits: 2)) between classes"
  }
}

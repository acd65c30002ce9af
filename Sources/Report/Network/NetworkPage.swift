import Network
import Runtime

/// The report of one network's run.
public struct NetworkPage {
  let run: NetworkRecord

  public init(_ run: NetworkRecord) { self.run = run }

  public var html: String {
    let lead: Markup = """
      <p class="lead">\(finding)</p>
      \(Page.notes(run.notes))
      \(Page.tiles(tiles))
      """
    let sections =
      [Page.Section(id: "training", title: "Training", body: training)]
      + (run.finalLayers.isEmpty
        ? []
        : [
          Page.Section(id: "collapse", title: "Collapse", body: collapse),
          Page.Section(id: "ansatz", title: "Feature ansatz", body: ansatz),
          Page.Section(id: "numbers", title: "Numbers", body: numbers),
        ])
      + (run.pictures.isEmpty ? [] : [Page.Section(id: "pictures", title: "Pictures", body: pictures)])
      + (run.finalConvolutions.isEmpty
        ? [] : [Page.Section(id: "convolutions", title: "Convolutions", body: convolutions)])
      + [Page.Section(id: "settings", title: "Settings", body: settings)]
    return Page.document(title: run.title, subtitle: subtitle, lead: lead, sections)
  }

  /// What was found, in a sentence or two.
  public var finding: String {
    let last = run.last
    var text = "After \(RunRecord.count(last.epoch + 1, "epoch")) the training loss is \(Figure.prose(last.loss.train))"
    text += last.accuracy.test.map { " and the test accuracy \(Figure.percent($0))." } ?? "."
    guard let first = run.finalLayers.first, let final = run.finalLayers.last else { return text }
    text +=
      " From the first hidden layer's input to the last one's output NC1 goes from \(Figure.prose(first.nc1.input)) to"
      + " \(Figure.prose(final.nc1.output))"
    text +=
      run.rightShare.isFinite
      ? ", of which fall, in its logarithm, \(Figure.percent(run.rightShare)) is due to the right singular structure S Vᵀ."
      : "."
    let root = Statistics(run.rootCorrelations)
    return text + " WᵀW correlates with the root of the AGOP by \(root.text { Figure.fixed($0, digits: 2) })."
  }

  private var subtitle: String {
    let options = run.options
    let started = run.configuration.startedAt.replacing("T", with: " ").replacing("Z", with: " UTC")
    return
      "\(run.name) · \(Figure.grouped(run.last.samples)) samples · \(options.depth) hidden layers of \(options.width) · "
      + "\(options.activation.rawValue) · \(options.loss.rawValue) · seed \(options.seed) · started \(started)"
  }

  private var tiles: [(name: String, value: String, note: String)] {
    let last = run.last
    let root = Statistics(run.rootCorrelations)
    return [
      ("training loss", Figure.prose(last.loss.train), "accuracy \(Figure.percent(last.accuracy.train))"),
      ("test accuracy", Figure.percent(last.accuracy.test ?? .nan), "loss \(Figure.prose(last.loss.test ?? .nan))"),
      ("NC1, last hidden layer", Figure.prose(run.finalLayers.last?.nc1.output ?? .nan), "of its output"),
      ("correlation with the root", Figure.fixed(root.mean, digits: 3), "mean over layers"),
      (
        "time", Figure.duration(run.seconds),
        "\(RunRecord.count(run.configuration.ranks, "rank")) × \(RunRecord.count(run.configuration.threads, "thread"))"
      ),
    ]
  }

  private var training: Markup {
    Page.pair([
      Page.figure(NetworkCharts.chart("loss-chart", "Loss", of: run, isLogarithmic: true, \.loss)),
      Page.figure(NetworkCharts.chart("accuracy-chart", "Accuracy", of: run, isLogarithmic: false, \.accuracy)),
    ])
  }

  private var collapse: Markup {
    """
    <p class="soft">At each hidden fully-connected layer, weight W = U S Vᵀ and input φ: what is measured of φ, of S Vᵀ φ, and of \
    the activation of W φ. Between the first and the second lies the right singular structure alone, between the second and the third \
    U and the nonlinearity.</p>
    \(Page.pair(figures(LayerFigure.nc1)))
    \(Page.pair(figures(LayerFigure.nc2)))
    \(Page.pair([
      Page.figure(
        NetworkCharts.chart(.right, of: run),
        caption: "log NC1(φ) − log NC1(S Vᵀ φ) over log NC1(φ) − log NC1(output); above 1 where the rest undoes some of it."),
      Page.figure(NetworkCharts.chart(.between, of: run), caption: "tr S_B / tr S_T of the layer's output."),
    ]))
    """
  }

  /// On one scale.
  private func figures(_ figures: [LayerFigure]) -> [Markup] {
    let values = figures.flatMap { figure in run.measured.flatMap { $0.layers.map(figure.value) } }
    return figures.map { Page.figure(NetworkCharts.chart($0, of: run, values: values)) }
  }

  private var ansatz: Markup {
    """
    <p class="soft">The Neural Feature Ansatz: WᵀW is close to the AGOP's root, up to a factor. The AGOP of a layer is the sum over the \
    training samples of JᵀJ, J the Jacobian of the rest of the network.</p>
    \(Page.pair([
      Page.figure(NetworkCharts.chart(.root, of: run)), Page.figure(NetworkCharts.chart(.agop, of: run)),
    ]))
    """
  }

  private var pictures: Markup {
    let items = run.pictures.enumerated().map { place, gram -> Markup in
      let isOutput = place == run.pictures.count - 1
      let name = isOutput ? "output" : "layer \(place + 1)"
      let parts = isOutput ? [("output", gram.input)] : [("φ", gram.input), ("S Vᵀ φ", gram.projected)]
      let images = parts.map { Gallery.image($1, gram, "\(name), \($0): \(Gallery.meaning($1, gram))") }
      return "<li><b>\(name)</b>\(images.joined())</li>\n"
    }
    return """
      <p class="soft">Cosines between \(run.pictures[0].size) training samples, sorted by class, the mean of the class means taken off, after \
      epoch \(run.measured.last?.epoch ?? 0). Above: a layer's input φ. Below: S Vᵀ φ, which has the cosines of W φ. At the end: the last hidden \
      layer's output. Collapse is a block a class on the diagonal and one even tone beside it.</p>
      \(Gallery.ramp)
      <ul class="gallery">
      \(items.joined())</ul>
      """
  }

  private var convolutions: Markup {
    """
    <p class="soft">The same at the convolutions: rows are whole images, W acts at every position, and the AGOP is of the patches that it meets. The \
    output is what batch norm and activation make of it; of a block's second convolution, the block's.</p>
    \(table("convolution-table", run.finalConvolutions))
    """
  }

  private var numbers: Markup { table("layer-table", run.finalLayers) }

  private func table(_ id: String, _ layers: [NetworkLayerMetrics]) -> Markup {
    let columns = [
      "layer", "NC1 φ", "NC1 S Vᵀ φ", "NC1 output", "NC2 φ", "NC2 S Vᵀ φ", "NC2 output", "root", "AGOP",
      "share of S Vᵀ",
    ]
    let rows = layers.map { layer -> [Markup] in
      [
        "\(layer.name)", "\(Figure.scientific(layer.nc1.input))", "\(Figure.scientific(layer.nc1.right))",
        "\(Figure.scientific(layer.nc1.output))", "\(Figure.scientific(layer.nc2.input))",
        "\(Figure.scientific(layer.nc2.right))", "\(Figure.scientific(layer.nc2.output))",
        "\(Figure.fixed(layer.nfa.root, digits: 3))", "\(Figure.fixed(layer.nfa.agop, digits: 3))",
        "\(Figure.percent(layer.rightShare))",
      ]
    }
    return Table(
      id: id, caption: "Epoch \(run.measured.last?.epoch ?? 0)",
      columns: columns.enumerated().map { Table.Column(title: $1, isText: $0 == 0) }, rows: rows
    ).markup
  }

  private var settings: Markup {
    let configuration = run.configuration
    let machine: [(name: String, value: String)] = [
      ("version", configuration.version), ("started", configuration.startedAt),
      ("ranks", "\(configuration.ranks)"), ("threads a rank", "\(configuration.threads)"),
      ("hosts", configuration.hosts.joined(separator: ", ")), ("BLAS kernels", configuration.blasKernels),
    ]
    return Page.facts(machine + Setting.all(of: run.options).map { ($0.words, $0.value) })
  }
}

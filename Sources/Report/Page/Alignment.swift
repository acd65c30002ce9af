import DeepRFM

extension Quantity {
  static let kernelAlignment = Quantity(
    id: "kernel-alignment", title: "Kernel alignment", yName: "alignment", kind: .linear,
    value: { $0.metrics.kernelAlignment }, text: { Figure.fixed($0, digits: 4) })
  static let bandwidth = Quantity(
    id: "bandwidth", title: "Bandwidth", yName: "bandwidth", kind: .linear,
    value: { $0.metrics.bandwidth }, text: { Figure.fixed($0, digits: 3) })
}

extension SingleRun {
  /// How far the kernel and the targets agree, and the bandwidth where each layer has one of its own; nothing of a run from before either
  /// was noted.
  var alignment: [Page.Section] {
    guard run.layers.contains(where: { $0.metrics.kernelAlignment.isFinite }) else { return [] }
    var figures = [
      Page.figure(
        Charts.chart(
          "alignment-chart", "Alignment of the kernel with the targets", of: run, [("alignment", .kernelAlignment)]),
        caption:
          "1: K is Y Yᵀ, both centred (Cortes, Mohri, Rostamizadeh 2012). A kernel that learns comes nearer to its targets."
      )
    ]
    if run.options.bandwidth == nil {
      figures.append(
        Page.figure(
          Charts.chart("bandwidth-chart", "Bandwidth", of: run, [("bandwidth", .bandwidth)]),
          caption: "The median distance between rows of the layer."))
    }
    return [Page.Section(id: "alignment", title: "Kernel", body: Page.pair(figures))]
  }
}

extension TrainOptions {
  /// "relu features · projection agop", or what the model is.
  var modelWords: String {
    model == .rfm ? "plain RFM" : "\(features.rawValue) features · projection \(projection.rawValue)"
  }
}

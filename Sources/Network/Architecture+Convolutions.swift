import Files

extension NetworkForm {
  /// The convolutional part of vgg11 and resnet18, names as torchvision's. Returns what it gives the head.
  func appendConvolutions<T: NetworkReal>(_ builder: inout NetworkBuilder<T>) throws(InputError) -> FeatureShape {
    try checkImages()
    return architecture == .vgg11 ? appendVGG(&builder) : appendResNet(&builder)
  }

  /// vgg11's pooling halves an image three times.
  private func checkImages() throws(InputError) {
    let name = "--architecture \(architecture.rawValue)"
    guard input.channels == 1 || input.channels == 3 else {
      throw InputError("\(name) needs images of one channel or three, not \(input.count) features without a shape")
    }
    let smallest = architecture == .vgg11 ? 8 : 1
    guard input.height >= smallest, input.width >= smallest else {
      throw InputError(
        "\(name) needs images of at least \(smallest) x \(smallest) pixels, not \(input.height) x \(input.width)")
    }
  }

  /// torchvision's vgg11, `features` up to the ReLU after the sixth convolution, the first without bias; then 4 x 4 means (Simonyan,
  /// Zisserman 2015).
  private func appendVGG<T: NetworkReal>(_ builder: inout NetworkBuilder<T>) -> FeatureShape {
    var (shape, place) = (input, 0)
    func append(_ layer: any NetworkLayer<T>) {
      builder.append(layer)
      (shape, place) = (layer.output, place + 1)
    }
    for (channels, isPooled) in [(64, true), (128, true), (256, false), (256, true), (512, false), (512, false)] {
      let isFirst = place == 0
      append(
        Convolution(
          "features.\(place)", from: shape, to: channels, kernel: 3, padding: 1, hasBias: !isFirst,
          isFirst ? firstWeights(kernel: 3) : .kaimingNormal(outputs: channels, kernel: 3), &builder))
      append(Activation(.relu, of: shape, &builder))
      if isPooled { append(MaxPool(of: shape, kernel: 2, stride: 2, &builder)) }
    }
    append(AveragePool(of: shape, to: 4, 4, &builder))
    return shape
  }

  /// torchvision's resnet18 without fc (He, Zhang, Ren, Sun 2016).
  private func appendResNet<T: NetworkReal>(_ builder: inout NetworkBuilder<T>) -> FeatureShape {
    var shape = input
    func append(_ layer: any NetworkLayer<T>) {
      builder.append(layer)
      shape = layer.output
    }
    append(
      Convolution(
        "conv1", from: shape, to: 64, kernel: 7, stride: 2, padding: 3, hasBias: false, firstWeights(kernel: 7),
        &builder))
    append(BatchNorm("bn1", of: shape, &builder))
    append(Activation(.relu, of: shape, &builder))
    append(MaxPool(of: shape, kernel: 3, stride: 2, padding: 1, &builder))
    for (stage, channels) in [64, 128, 256, 512].enumerated() {
      for block in 0..<2 {
        let stride = stage > 0 && block == 0 ? 2 : 1
        append(BasicBlock("layer\(stage + 1).\(block)", from: shape, to: channels, stride: stride, &builder))
      }
    }
    append(AveragePool(of: shape, to: 1, 1, &builder))
    return shape
  }

  /// Uniform in +-1/sqrt(fan-in): PyTorch's default.
  private func firstWeights(kernel: Int) -> Initialisation {
    .uniform(bound: 1 / Double(input.channels * kernel * kernel).squareRoot())
  }
}

import KernelMachine

extension Kernel {
  static let both = [Kernel(.laplace, bandwidth: 2), Kernel(.gaussian, bandwidth: 0.8)]
  /// Small ones: the classes are tens to thousands of bandwidths apart.
  static let narrow = [
    Kernel(.laplace, bandwidth: 0.02), Kernel(.gaussian, bandwidth: 0.05),
    Kernel(.laplace, bandwidth: 0.0005),
  ]
}

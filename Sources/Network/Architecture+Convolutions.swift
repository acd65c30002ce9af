import Files

extension NetworkForm {
  /// The convolutional part of vgg11 and resnet18, names as torchvision's. Returns what it gives the head.
  func appendConvolutions<T: NetworkReal>(_ builder: inout NetworkBuilder<T>) throws(InputError) -> FeatureShape {
    throw InputError("--architecture \(architecture.rawValue) is not in this version: mlp is")
  }
}

/// Writes a safetensors file, tensor after tensor in the declared order, each in blocks as they come.
///
/// The bytes depend on what is written alone.
public final class SafetensorsWriter {
  private let tensors: [TensorInfo]
  private let file: OutputFile
  private var current = 0
  /// Bytes of the current tensor so far.
  private var written = 0

  /// Throws `FileError` if the file cannot be made or no file can hold these tensors.
  public init(_ path: String, _ tensors: [TensorInfo], metadata: [String: String] = [:]) throws {
    let header = try SafetensorsHeader.encoded(tensors, metadata: metadata)
    self.tensors = tensors
    file = try OutputFile(replacing: path)
    try file.write(header)
    skipComplete()
  }

  /// Adds bytes to the tensor whose turn it is. Throws `FileError` if they are more than it lacks, or the disk refuses.
  public func append(_ bytes: UnsafeRawBufferPointer) throws(FileError) {
    guard !bytes.isEmpty else { return }
    guard current < tensors.count, bytes.count <= size(current) - written else {
      let place = current < tensors.count ? "tensor \(tensors[current].name)" : "the last tensor"
      throw FileError("\(file.path): \(bytes.count) bytes are more than \(place) lacks")
    }
    try file.write(bytes)
    written += bytes.count
    skipComplete()
  }

  /// Adds elements to the tensor whose turn it is, which must be of their type.
  public func append<Element: TensorElement>(_ elements: UnsafeBufferPointer<Element>)
    throws(FileError)
  {
    guard !elements.isEmpty else { return }
    guard current < tensors.count, tensors[current].type == Element.tensorType else {
      throw FileError(
        "\(file.path): it is not the turn of a tensor of type \(Element.tensorType.rawValue)")
    }
    try append(UnsafeRawBufferPointer(elements))
  }

  public func append<Element: TensorElement>(_ elements: [Element]) throws(FileError) {
    try elements.withUnsafeBufferPointer { (buffer) throws(FileError) in try append(buffer) }
  }

  /// Gives the file its name, once its bytes are on the disk. Throws `FileError` if a tensor is incomplete.
  public func finish() throws(FileError) {
    guard current == tensors.count else {
      throw FileError(
        "\(file.path): tensor \(tensors[current].name) has \(written) of its \(size(current)) bytes")
    }
    try file.finish()
  }

  /// The header was encoded, so every tensor has a size.
  private func size(_ index: Int) -> Int { tensors[index].byteCount ?? 0 }

  private func skipComplete() {
    while current < tensors.count, written == size(current) {
      current += 1
      written = 0
    }
  }
}

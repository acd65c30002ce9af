import Files
import LinearAlgebra
import Measures
import Runtime

/// Everything that `deeprfm collapse` can be told. Arrays are FILE or FILE:NAME.
public struct CollapseOptions: Sendable, Equatable {
  var features: String?
  var labels: String?
  var testFeatures: String?
  var testLabels: String?
  var weights: String?
  var bias: String?
  var activation: ActivationKind?
  var outputs: String?
  var agop: String?
  var gradients: String?
  /// A run directory whose rows are measured, in place of files.
  var model: String?
  /// From 1; nil: the one that predict uses.
  var layer: Int?
  /// Whether one JSON object is printed, in place of the table.
  public var json = false
  /// Folder of the page.
  public var output: String?

  public init() {}
}

extension CollapseOptions {
  private static let array = "FILE[:NAME]"

  public static let table = OptionTable<CollapseOptions>(
    "collapse",
    [
      CommandOption(
        "features", \.features, .path(array),
        "a row a sample: an .npy file, or an array of a .safetensors or .npz file by its name; float16, bfloat16, float32 or float64"
      ),
      CommandOption("labels", \.labels, .path(array), "a sample's class each: integers, or one-hot rows"),
      CommandOption("test-features", \.testFeatures, .path(array), "the same of test samples, measured beside them"),
      CommandOption("test-labels", \.testLabels, .path(array), "of the test samples"),
      CommandOption(
        "weights", \.weights, .path(array),
        "W of the layer that takes the features, (outputs x features) as PyTorch stores it: its decomposition, and nc3 and nc4"
          + " if it has an output a class"),
      CommandOption("bias", \.bias, .path(array), "of that layer"),
      CommandOption("activation", \.activation, .choice, "behind that layer"),
      CommandOption("outputs", \.outputs, .path(array), "a column a class, for nc4, in place of W x + b"),
      CommandOption(
        "agop", \.agop, .path(array), "the average gradient outer product of W's input, for nfa; any scale"),
      CommandOption(
        "gradients", \.gradients, .path(array),
        "in its place the gradients that it is made of, rows as long as the features"),
      CommandOption(
        "model", \.model, .path("RUN"), "a run directory: its training rows, in place of --features and --labels"),
      CommandOption(
        "layer", \.layer, .integer("L", in: 1...100_000),
        "with --model: as this layer gets them (default: the one that predict uses; of a network 1 is its first fully-connected layer)"
      ),
      CommandOption(flag: "json", \.json, "print one JSON object on one line"),
      CommandOption("output", \.output, .path("DIR"), "folder of a page with pictures, and of the numbers as JSON"),
    ])

  /// The options that `arguments` ask for, checked. Throws `InputError`.
  public static func parse(_ arguments: [String]) throws(InputError) -> CollapseOptions {
    var options = CollapseOptions()
    try table.apply(try table.assignments(arguments), to: &options)
    try options.validate()
    return options
  }

  private func validate() throws(InputError) {
    if model == nil {
      guard features != nil else { throw InputError("--features FILE[:NAME] is needed, or --model RUN") }
      guard labels != nil else {
        throw InputError("--labels FILE[:NAME] is needed: a class for each row of the features")
      }
      if layer != nil { throw InputError("--layer goes with --model") }
    } else if features != nil || labels != nil {
      throw InputError("--model brings its own rows and labels: --features and --labels exclude it")
    }
    if (testFeatures == nil) != (testLabels == nil) {
      throw InputError("--test-features and --test-labels go together")
    }
    if agop != nil && gradients != nil { throw InputError("--agop and --gradients exclude each other") }
    let needsWeights = [
      ("--bias", bias != nil), ("--activation", activation != nil), ("--agop", agop != nil),
      ("--gradients", gradients != nil),
    ]
    if weights == nil, let option = needsWeights.first(where: \.1) {
      throw InputError("\(option.0) goes with --weights, the layer that takes the features")
    }
  }
}

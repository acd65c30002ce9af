import DeepRFM
import Files
import Instruments
import MPI
import Network
import Runtime

/// `deeprfm predict`
struct Predict: Subcommand {
  static let name = "predict"
  static let summary = "the outputs of a trained run for new rows"
  static let usage =
    "--model DIR [--layer L] (--dataset NAME [--data DIR] [--split train|test] | --input X.npy [--data DIR]) [--output P.npy] [--labels FILE] [--write-features FILE.npy]"
  static var optionHelp: String { PredictOptions.table.help(defaults: PredictOptions()) }

  let options: PredictOptions

  init(arguments: [String]) throws {
    options = try PredictOptions.parse(arguments)
  }

  func run(_ world: Communicator) throws -> ExitStatus {
    guard RunFolder(options.model).isNetwork else { return try predict(options, world: world) }
    return try predictNetwork(request(), world: world)
  }

  /// What a network can be asked: the outputs are its own, whatever layer the features are of. Throws `InputError`.
  private func request() throws(InputError) -> NetworkPredictionRequest {
    if options.layer != nil, options.features == nil {
      throw InputError(
        "--layer: \(options.model) is a network, which has one predictor; --layer is that of --write-features")
    }
    var request = NetworkPredictionRequest(model: options.model, rows: options.rows, paths: options.paths)
    (request.layer, request.samples, request.strict) = (options.layer, options.samples, options.strict)
    return request
  }
}

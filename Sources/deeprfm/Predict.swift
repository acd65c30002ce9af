import DeepRFM
import Instruments
import MPI
import Runtime

/// `deeprfm predict`
struct Predict: Subcommand {
  static let name = "predict"
  static let summary = "the outputs of a trained run for new rows"
  static let usage =
    "--model DIR [--layer L] (--dataset NAME [--data DIR] [--split train|test] | --input X.npy [--data DIR]) --output P.npy"
  static var optionHelp: String { PredictOptions.table.help(defaults: PredictOptions()) }

  let options: PredictOptions

  init(arguments: [String]) throws {
    options = try PredictOptions.parse(arguments)
  }

  func run(_ world: Communicator) throws -> ExitStatus { try predict(options, world: world) }
}

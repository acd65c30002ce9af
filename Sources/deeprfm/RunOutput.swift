import Datasets
import MPI
import Runtime

/// *Collective.* Names a run's folder where the user did not, before the work, so that the page can be written after it; a folder that
/// stays empty goes again.
/// - Parameter body: the work, into this folder; the page is written if it is done.
func withRunFolder(
  _ output: String?, resumes: Bool, of dataset: DatasetName, _ world: Communicator,
  _ body: (String?) throws -> ExitStatus
) throws -> ExitStatus {
  var output = output
  var folder: DefaultFolder?
  defer { folder?.removeIfEmpty() }
  if output == nil && !resumes {
    try world.together { if world.rank == 0 { folder = try DefaultFolder(for: dataset.rawValue) } }
    output = try world.broadcast(folder?.path ?? "", from: 0)
  }
  let status = try body(output)
  if world.rank == 0, status == .done, let output { FinalReport.write(output) }
  return status
}

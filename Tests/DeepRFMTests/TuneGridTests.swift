import DeepRFM
import Files
import Runtime
import TestSupport
import Testing

/// What `tune` is asked for.
@Suite struct TuneGridTests {
  private func options(_ line: String) throws -> TuneOptions {
    try TuneOptions.parse(line.split(separator: " ").map(String.init))
  }

  private func grid(_ line: String) throws -> TuneGrid { try TuneGrid(options("--validation 0.1 " + line)) }

  @Test func everyCombinationIsThereOnce() throws {
    let grid = try grid("--kernel laplace,gaussian --bandwidth 1,2,4 --ridge 0,1e-2 --layers 4,1,2")
    #expect(grid.count == 36 && grid.stages.count == 6 && grid.chains.count == 12)
    for stage in grid.stages {
      #expect(Set(stage.map { "\($0.options.kernel) \($0.options.bandwidth)" }).count == 1)
      #expect(stage.map(\.options.ridge) == [0, 1e-2])
      #expect(stage.allSatisfy { $0.depths == [1, 2, 4] && $0.options.layers == 4 })
    }
  }

  @Test func withoutListsThereIsOne() throws {
    let grid = try grid("--layers 3")
    #expect(grid.count == 1 && grid.chains[0].options.layers == 3)
    #expect(try self.grid("").chains[0].depths == [TrainOptions().layers])
  }

  @Test func whatIsGivenTwiceIsTakenOnceAndSaid() throws {
    let grid = try grid("--ridge 1e-3,0.001,1 --layers 2,2 --bandwidth 1,2")
    #expect(grid.count == 4)
    #expect(grid.notes.count == 2 && grid.notes[0].contains("--layers") && grid.notes[1].contains("--ridge"))
  }

  @Test(arguments: ["--ridge 1,-1", "--layers 1,x", "--bandwidth 1,,2", "--kernel laplace,cubic", "--layers 0"])
  func aValueThatIsNoneIsNamed(line: String) throws {
    let error = try #require(throws: InputError.self) { try options("--validation 0.1 " + line) }
    #expect(error.description.hasPrefix(String(line.prefix { $0 != " " })))
  }

  @Test func samplesHaveToBeHeldOut() throws {
    let error = try #require(throws: InputError.self) { try options("--ridge 1,2") }
    #expect(error.description.contains("--validation"))
  }

  @Test func theConfigurationIsReadBack() throws {
    let options = try options("--validation 0.2 --ridge 1,2 --kernel gaussian --samples 50 --refit")
    let scratch = try ScratchDirectory()
    let header = TuneConfiguration(options: options, ranks: 1, threads: 1, hosts: ["a"], blasKernels: "b")
    _ = try scratch.write(header.json(TuneOptions.table).page, to: "config.json")
    #expect(try RunFolder(scratch.path).readTuneConfiguration() == header)
  }
}

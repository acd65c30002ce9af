import DeepRFM
import Measures

/// Every figure of a run's layers: what the charts show, for those who read or copy it.
enum LayerTables {
  static func markup(_ run: RunRecord) -> Markup {
    let layers = run.layers
    let first = run.predictsValues ? [values(layers)] : [collapse(layers), measures(layers)]
    let choice = run.predictsValues ? chosenByError(run) : chosen(run)
    return (first + [solver(layers), time(layers)]).compactMap { $0?.markup }.joined() + choice
  }

  private static func values(_ layers: [LayerRecord]) -> Table {
    Table(
      id: "table-values", caption: "Errors of each layer's predictor",
      columns: ["layer", "width", "RMSE train", "RMSE test", "R² train", "R² test"].map { .init(title: $0) },
      rows: layers.map { layer in
        let m = layer.metrics
        return [
          "\(m.layer)", "\(m.inputWidth)", "\(Figure.scientific(m.rmse.train))",
          "\(Figure.scientific(m.rmse.test ?? .nan))", "\(Figure.fixed(m.r2.train, digits: 5))",
          "\(Figure.fixed(m.r2.test ?? .nan, digits: 5))",
        ]
      })
  }

  /// As `chosen`, of values.
  private static func chosenByError(_ run: RunRecord) -> Markup {
    guard run.hasValidation else { return "" }
    return Table(
      id: "table-choice", caption: "Choice by the validation samples",
      columns: ["layer", "RMSE validation", "R² validation", "RMSE test", "R² test", "selected"].map {
        .init(title: $0)
      },
      rows: run.layers.map { layer in
        let m = layer.metrics
        return [
          "\(m.layer)", "\(Figure.scientific(m.rmse.validation ?? .nan))",
          "\(Figure.fixed(m.r2.validation ?? .nan, digits: 5))", "\(Figure.scientific(m.rmse.test ?? .nan))",
          "\(Figure.fixed(m.r2.test ?? .nan, digits: 5))", "\(m.layer == run.selectedLayer ? "★" : "")",
        ]
      }
    ).markup
  }

  private static func collapse(_ layers: [LayerRecord]) -> Table {
    Table(
      id: "table-collapse", caption: "Collapse and accuracy",
      columns: [
        "layer", "width", "NC1 input", "NC1 projected", "NC1 mapped", "NC2 input", "NC2 projected", "NC2 mapped",
        "train",
        "test", "MSE train", "MSE test",
      ].map { .init(title: $0) },
      rows: layers.map { layer in
        let m = layer.metrics
        let stages = [m.nc1, m.nc2].flatMap { [$0.input, $0.projected, $0.mapped] }
        return ["\(m.layer)", "\(m.inputWidth)"] + stages.map { "\(Figure.scientific($0))" } + [
          "\(Figure.percent(m.accuracy.train))", "\(Figure.percent(m.accuracy.test ?? .nan))",
          "\(Figure.scientific(m.meanSquaredError.train))", "\(Figure.scientific(m.meanSquaredError.test ?? .nan))",
        ]
      })
  }

  /// What layers are chosen by, and the one that was; nothing where no samples are held out.
  private static func chosen(_ run: RunRecord) -> Markup {
    guard run.hasValidation else { return "" }
    return Table(
      id: "table-choice", caption: "Choice by the validation samples",
      columns: ["layer", "validation", "balanced", "MSE", "test", "balanced", "selected"].map { .init(title: $0) },
      rows: run.layers.map { layer in
        let m = layer.metrics
        return [
          "\(m.layer)", "\(Figure.percent(m.accuracy.validation ?? .nan))",
          "\(Figure.percent(m.balancedAccuracy.validation ?? .nan))",
          "\(Figure.scientific(m.meanSquaredError.validation ?? .nan))", "\(Figure.percent(m.accuracy.test ?? .nan))",
          "\(Figure.percent(m.balancedAccuracy.test ?? .nan))", "\(m.layer == run.selectedLayer ? "★" : "")",
        ]
      }
    ).markup
  }

  private static func solver(_ layers: [LayerRecord]) -> Table {
    Table(
      id: "table-solver", caption: "Solver and AGOP",
      columns: [
        "layer", "method", "iterations", "residual", "converged", "preconditioner rank", "AGOP route", "AGOP error",
        "effective rank", "peak memory",
      ].map { .init(title: $0) },
      rows: layers.map { layer in
        let m = layer.metrics
        return [
          "\(m.layer)", "\(m.solver.method.rawValue)", "\(m.solver.iterations)",
          "\(Figure.scientific(m.solver.residual))",
          "\(m.solver.converged ? "yes" : "no")", "\(m.solver.preconditionerRank)",
          "\(m.agop.route?.rawValue ?? Figure.none)", "\(Figure.scientific(m.agop.error ?? .nan, digits: 1))",
          "\(Figure.fixed(layer.effectiveRank, digits: 2))", "\(Figure.bytes(m.peakMemoryBytes))",
        ]
      })
  }

  private static func time(_ layers: [LayerRecord]) -> Table {
    Table(
      id: "table-time", caption: "Seconds by phase",
      columns: (["layer"] + Phases.names + ["total"]).map { .init(title: $0) },
      rows: layers.map { layer in
        ["\(layer.metrics.layer)"]
          + layer.metrics.seconds.values.map { "\(Figure.fixed($0, digits: 3))" }
      })
  }
}

// MARK: - Measures of collapse

extension LayerTables {
  /// Every measure of every stage; nil for a run that has none.
  static func measures(_ layers: [LayerRecord]) -> Table? {
    let rows = layers.flatMap { layer in
      LayerMeasures.names.compactMap { name -> [Markup]? in
        guard let measures = layer.metrics.measures[name] else { return nil }
        let values = measures.nc1.values + measures.nc2.values
        return ["\(layer.metrics.layer)", "\(name)"] + values.map { "\(Figure.scientific($0))" }
          + ["\(Figure.percent(measures.nearestCentreAgreement ?? .nan))"]
      }
    }
    guard !rows.isEmpty else { return nil }
    let names = [
      "NC1 paper", "trace quotient", "pseudoinverse", "CDNV", "NC2 paper", "Frobenius", "norm variation",
      "cosine deviation",
      "cosine spread", "NC4",
    ]
    return Table(
      id: "table-measures", caption: "Measures of collapse, of training and of test rows",
      columns: [.init(title: "layer"), .init(title: "of", isText: true)] + names.map { .init(title: $0) }, rows: rows)
  }
}

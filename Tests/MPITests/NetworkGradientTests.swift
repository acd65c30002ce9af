import LinearAlgebra
import Network
import Testing

/// Every layer kind's gradients against central differences, the rows spread over the ranks. With a step of 1e-6 in double a central
/// difference is off by some 1e-9 of the largest derivative: eps / h of the loss, h^2 of the third derivative.
@Suite(.serialized) struct NetworkGradientTests {
  @Test(arguments: ActivationKind.allCases) func fullyConnected(kind: ActivationKind) throws {
    var form = NetworkForm(.mlp, input: FeatureShape(7), classes: 3)
    (form.depth, form.width, form.activation) = (2, 5, kind)
    #expect(try NetworkProblem(form, batchRows: 6).worstError() < 1e-7)
  }

  /// Ranks without rows set their gradients to 0.
  @Test func oneRow() throws {
    var form = NetworkForm(.mlp, input: FeatureShape(4), classes: 2)
    (form.depth, form.width) = (1, 3)
    #expect(try NetworkProblem(form, batchRows: 1).worstError() < 1e-7)
  }
}

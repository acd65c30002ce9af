import LinearAlgebra

/// A counter and a key of Philox4x32-10 with the four words that must come out.
public struct PhiloxAnswer: Sendable {
  let counter: (UInt32, UInt32, UInt32, UInt32)
  let key: (UInt32, UInt32)
  let words: (UInt32, UInt32, UInt32, UInt32)

  public init(
    counter: (UInt32, UInt32, UInt32, UInt32), key: (UInt32, UInt32), words: (UInt32, UInt32, UInt32, UInt32)
  ) {
    (self.counter, self.key, self.words) = (counter, key, words)
  }

  /// From the authors' own list (Random123, kat_vectors).
  public static let known = [
    PhiloxAnswer(
      counter: (0, 0, 0, 0), key: (0, 0),
      words: (0x6627_e8d5, 0xe169_c58d, 0xbc57_ac4c, 0x9b00_dbd8)),
    PhiloxAnswer(
      counter: (.max, .max, .max, .max), key: (.max, .max),
      words: (0x408f_276d, 0x41c8_3b0e, 0xa20b_c7c6, 0x6d54_51fd)),
    PhiloxAnswer(
      counter: (0x243f_6a88, 0x85a3_08d3, 0x1319_8a2e, 0x0370_7344),
      key: (0xa409_3822, 0x299f_31d0),
      words: (0xd16c_fe09, 0x94fd_cceb, 0x5001_e420, 0x2412_6ea1)),
  ]
}

/// The random stream's known answers: the share that is wrong.
public func checkRandom(answers: [PhiloxAnswer] = PhiloxAnswer.known) -> [Check] {
  let wrong = answers.count { RandomStream.philox(counter: $0.counter, key: $0.key) != $0.words }
  return [
    Check(
      "random: Philox4x32-10, known answers", error: Double(wrong) / Double(answers.count), bound: 0
    )
  ]
}

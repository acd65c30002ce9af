import Datasets
import DeepRFM
import Files
import Foundation
import Testing

/// MNIST's relatives in the forms of their own pages.
@Suite struct DataRelativesTests {
  private let folder: TemporaryFolder

  init() throws { folder = try TemporaryFolder() }

  private func array(_ descr: String, _ shape: String, _ body: [UInt8]) -> [UInt8] {
    Made.zip([("arr_0.npy", Made.npy(descr, shape, body))], deflate: true)
  }

  /// An archive for the images and one for the labels of each split.
  @Test func kmnistArchives() throws {
    try folder.write("kmnist-train-imgs.npz", array("|u1", "(2, 1, 2)", [1, 2, 3, 4]))
    try folder.write("kmnist-train-labels.npz", array("|u1", "(2,)", [7, 3]))
    let alone = try open(.npy, folder)
    #expect(try allRows(alone.train) == [[1, 2], [3, 4]] && alone.train.labels(first: 2) == [7, 3])
    #expect(alone.test == nil)
    try folder.write("kmnist-test-imgs.npz", array("|u1", "(1, 1, 2)", [5, 6]))
    expectComplaint(complaint(.npy, folder), "kmnist-test-imgs.npz", "kmnist-test-labels.npz")
    try folder.write("kmnist-test-labels.npz", array("|u1", "(1,)", [3]))
    #expect(try open(.npy, folder).test?.labels(first: 1) == [3])
    try folder.write("k49-train-imgs.npz", array("|u1", "(2, 1, 2)", [1, 2, 3, 4]))
    expectComplaint(complaint(.npy, folder), "k49-train-imgs.npz, kmnist-train-imgs.npz")
  }

  @Test func archiveOfTwo() throws {
    let two = [("arr_0.npy", Made.npy([[1, 2], [3, 4]])), ("arr_1.npy", Made.npy([[1, 2], [3, 4]]))]
    try folder.write("kmnist-train-imgs.npz", Made.zip(two))
    try folder.write("kmnist-train-labels.npz", array("|u1", "(2,)", [7, 3]))
    expectComplaint(complaint(.npy, folder), "kmnist-train-imgs.npz", "arr_0.npy, arr_1.npy")
  }

  /// QMNIST describes a sample by eight numbers, of which the class is the first.
  @Test func qmnistLabels() throws {
    try folder.write("qmnist-train-images-idx3-ubyte", Made.idx([2, 1, 2], [1, 2, 3, 4]))
    let labels: [Int32] = [5, 0, 39, 4, 0, 0, 9, 0, 2, 0, 17, 8, 1, 1, 25, 1]
    let path = try folder.write(
      "qmnist-train-labels-idx2-int.gz", gzip(Made.idx([2, 8], bytes(labels, swapped: true), type: 12)))
    let data = try open(.idx, folder)
    #expect(try data.train.labels(first: 2) == [5, 2])
    #expect(data.notes == ["\(path) has 8 numbers a sample: the first, its class, is read"])
  }
}

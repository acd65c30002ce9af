import CKernels

/// The C library's allocator, from which all memory comes but what `LargeBlocks` keeps for matrices.
public enum Allocator {
  /// *Local.* Lets large blocks go back to the system as they are freed, so that what is held is what was planned. Left alone, the
  /// allocator keeps up to 64 MiB for later (measured: MNIST 4,000, 250 MB at the peak of six layers rather than 205).
  ///
  /// The corresponding C function is `mallopt`.
  public static func returnFreedMemory() { deeprfm_return_freed_memory(2 << 20) }
}

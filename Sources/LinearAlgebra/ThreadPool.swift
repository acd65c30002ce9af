import CKernels
import Synchronization

#if canImport(Glibc)
  import Glibc
#endif

/// A fixed pool of threads: the caller and `count - 1` workers that wait between tasks.
///
/// The same thread count gives the same bytes: work is dealt out by worker number or, where what comes out does not depend on the worker,
/// to whoever is free.
/// Tasks run with a one-thread BLAS, which making a pool sets. One task at a time: from one thread only, and not from inside a task.
public final class ThreadPool: @unchecked Sendable {
  /// Threads, the caller included.
  public let count: Int

  private let team: Team
  private var threads: [pthread_t] = []
  /// Called on the caller's own worker between two tasks: what has to go on while there is work. Cheap.
  public var betweenTasks: (() -> Void)?

  /// A pool of `count` threads; workers inherit the caller's core binding.
  /// - Parameter ownCores: no other thread wants these cores, so that one may wait for work without going to sleep, some 100 us.
  public init(count: Int, ownCores: Bool = false) {
    precondition(count >= 1)
    self.count = count
    team = Team(looks: ownCores ? 4000 : 0)
    BLAS.setThreads(1)
    for worker in 1..<max(1, count) {
      var thread = pthread_t()
      let code = pthread_create(
        &thread, nil,
        { raw in
          guard let raw else { return nil }
          let member = Unmanaged<Member>.fromOpaque(raw).takeRetainedValue()
          member.team.work(worker: member.worker)
          return nil
        }, Unmanaged.passRetained(Member(team: team, worker: worker)).toOpaque())
      precondition(code == 0, "the system refused a thread")
      threads.append(thread)
    }
  }

  deinit {
    team.stop()
    for thread in threads { pthread_join(thread, nil) }
  }

  private final class Member: Sendable {
    let team: Team
    let worker: Int
    init(team: Team, worker: Int) { (self.team, self.worker) = (team, worker) }
  }

  /// Runs `body(worker)` once on every thread, worker 0 on the caller's, and returns when all have. *Local.*
  public func run(_ body: @escaping @Sendable (_ worker: Int) -> Void) {
    guard count > 1 else { return body(0) }
    team.begin(body, workers: count - 1)
    body(0)
    team.waitForAll()
  }

  /// To be called inside a long task now and then, with the task's worker: does what is due between tasks. *Local.*
  @inline(__always) public func breathe(_ worker: Int) { if worker == 0 { betweenTasks?() } }

  /// Runs `body(index, worker)` for every index, index i on worker i mod count. *Local.*
  public func forEach(_ indices: Range<Int>, _ body: @escaping @Sendable (_ index: Int, _ worker: Int) -> Void) {
    let count = self.count
    run { worker in
      for index in stride(from: indices.lowerBound + worker, to: indices.upperBound, by: count) {
        body(index, worker)
        self.breathe(worker)
      }
    }
  }

  /// The same for unequal work, or cores that others use too: a free worker takes the next index. What an index gives, and where, must
  /// not depend on its worker. *Local.*
  public func forEachWhenFree(_ indices: Range<Int>, _ body: @escaping @Sendable (_ index: Int, _ worker: Int) -> Void)
  {
    let turns = Turns(next: indices.lowerBound)
    run { worker in
      while case let index = turns.next.add(1, ordering: .relaxed).oldValue, index < indices.upperBound {
        body(index, worker)
        self.breathe(worker)
      }
    }
  }

  private final class Turns: Sendable {
    let next: Atomic<Int>
    init(next: Int) { self.next = Atomic(next) }
  }

  /// Splits 0..<total into one contiguous range a worker, which begins at a multiple of `unit`. *Local.*
  public func forEachPart(
    of total: Int, roundedTo unit: Int = 1, _ body: @escaping @Sendable (_ range: Range<Int>, _ worker: Int) -> Void
  ) {
    let (count, units) = (self.count, (total + unit - 1) / unit)
    run { worker in
      let range = (units * worker / count * unit)..<min(total, units * (worker + 1) / count * unit)
      if !range.isEmpty { body(range, worker) }
    }
  }

}

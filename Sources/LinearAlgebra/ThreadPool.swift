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

  private var workers: [pthread_t] = []
  private let mutex = UnsafeMutablePointer<pthread_mutex_t>.allocate(capacity: 1)
  private let wake = UnsafeMutablePointer<pthread_cond_t>.allocate(capacity: 1)
  private let done = UnsafeMutablePointer<pthread_cond_t>.allocate(capacity: 1)
  private var task: (@Sendable (Int) -> Void)?
  private let generation = Atomic<Int>(0)
  private let busy = Atomic<Int>(0)
  private var stopping = false
  /// Looks at what it waits for before a thread goes to sleep. To wake one takes 50 us and more, as long as many tasks of a solver's
  /// iteration.
  private let looks: Int
  /// Called on the caller's own worker between two tasks: what has to go on while there is work. Cheap.
  public var betweenTasks: (() -> Void)?

  /// A pool of `count` threads; workers inherit the caller's core binding.
  /// - Parameter ownCores: no other thread wants these cores, so that one may wait for work without going to sleep, some 100 us.
  public init(count: Int, ownCores: Bool = false) {
    precondition(count >= 1)
    self.count = count
    looks = ownCores ? 4000 : 0
    BLAS.setThreads(1)
    pthread_mutex_init(mutex, nil)
    pthread_cond_init(wake, nil)
    pthread_cond_init(done, nil)
    for worker in 1..<max(1, count) {
      // Unretained: deinit joins the workers before the pool's memory goes.
      let start = WorkerStart(pool: Unmanaged.passUnretained(self), worker: worker)
      var thread = pthread_t()
      let code = pthread_create(
        &thread, nil,
        { raw in
          guard let raw else { return nil }
          let start = Unmanaged<WorkerStart>.fromOpaque(raw).takeRetainedValue()
          start.pool._withUnsafeGuaranteedRef { $0.work(worker: start.worker) }
          return nil
        }, Unmanaged.passRetained(start).toOpaque())
      precondition(code == 0, "the system refused a thread")
      workers.append(thread)
    }
  }

  deinit {
    pthread_mutex_lock(mutex)
    stopping = true
    pthread_cond_broadcast(wake)
    pthread_mutex_unlock(mutex)
    for worker in workers { pthread_join(worker, nil) }
    pthread_mutex_destroy(mutex)
    pthread_cond_destroy(wake)
    pthread_cond_destroy(done)
    mutex.deallocate()
    wake.deallocate()
    done.deallocate()
  }

  private final class WorkerStart {
    let pool: Unmanaged<ThreadPool>
    let worker: Int
    init(pool: Unmanaged<ThreadPool>, worker: Int) {
      self.pool = pool
      self.worker = worker
    }
  }

  private func work(worker: Int) {
    var seen = 0
    while true {
      look { generation.load(ordering: .acquiring) != seen }
      pthread_mutex_lock(mutex)
      while generation.load(ordering: .relaxed) == seen && !stopping { pthread_cond_wait(wake, mutex) }
      var task = self.task
      let isOver = stopping
      pthread_mutex_unlock(mutex)
      if isOver { break }
      seen += 1
      task?(worker)
      // It may hold the pool, whose last reference must not go on a thread that the pool's end waits for.
      task = nil
      if busy.subtract(1, ordering: .acquiringAndReleasing).newValue == 0 {
        pthread_mutex_lock(mutex)
        pthread_cond_signal(done)
        pthread_mutex_unlock(mutex)
      }
    }
  }

  /// Waits a little for something that should be there soon.
  private func look(_ isThere: () -> Bool) {
    for _ in 0..<looks {
      if isThere() { return }
      deeprfm_relax()
    }
  }

  /// Runs `body(worker)` once on every thread, worker 0 on the caller's, and returns when all have. *Local.*
  public func run(_ body: @escaping @Sendable (_ worker: Int) -> Void) {
    guard count > 1 else { return body(0) }
    pthread_mutex_lock(mutex)
    task = body
    busy.store(count - 1, ordering: .relaxed)
    generation.add(1, ordering: .releasing)
    pthread_cond_broadcast(wake)
    pthread_mutex_unlock(mutex)
    body(0)
    look { busy.load(ordering: .acquiring) == 0 }
    pthread_mutex_lock(mutex)
    while busy.load(ordering: .acquiring) > 0 { pthread_cond_wait(done, mutex) }
    task = nil
    pthread_mutex_unlock(mutex)
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

import CKernels
import Synchronization

#if canImport(Glibc)
  import Glibc
#endif

/// What a pool's threads share. They hold this and never the pool: whoever lets go of a pool last waits for its threads, and must not
/// be one of them.
final class Team: @unchecked Sendable {
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

  init(looks: Int) {
    self.looks = looks
    pthread_mutex_init(mutex, nil)
    pthread_cond_init(wake, nil)
    pthread_cond_init(done, nil)
  }

  deinit {
    pthread_mutex_destroy(mutex)
    pthread_cond_destroy(wake)
    pthread_cond_destroy(done)
    mutex.deallocate()
    wake.deallocate()
    done.deallocate()
  }

  /// A thread's life: a task after the other, until `stop`.
  func work(worker: Int) {
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
      // It may hold the pool, whose last reference must not go here.
      task = nil
      if busy.subtract(1, ordering: .acquiringAndReleasing).newValue == 0 {
        pthread_mutex_lock(mutex)
        pthread_cond_signal(done)
        pthread_mutex_unlock(mutex)
      }
    }
  }

  /// Gives so many workers a task.
  func begin(_ body: @escaping @Sendable (Int) -> Void, workers: Int) {
    pthread_mutex_lock(mutex)
    task = body
    busy.store(workers, ordering: .relaxed)
    generation.add(1, ordering: .releasing)
    pthread_cond_broadcast(wake)
    pthread_mutex_unlock(mutex)
  }

  /// Returns when all workers have done their task.
  func waitForAll() {
    look { busy.load(ordering: .acquiring) == 0 }
    pthread_mutex_lock(mutex)
    while busy.load(ordering: .acquiring) > 0 { pthread_cond_wait(done, mutex) }
    task = nil
    pthread_mutex_unlock(mutex)
  }

  /// Ends the threads, once they have nothing to do.
  func stop() {
    pthread_mutex_lock(mutex)
    stopping = true
    pthread_cond_broadcast(wake)
    pthread_mutex_unlock(mutex)
  }

  /// Waits a little for something that should be there soon.
  private func look(_ isThere: () -> Bool) {
    for _ in 0..<looks {
      if isThere() { return }
      deeprfm_relax()
    }
  }
}

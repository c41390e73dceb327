// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0

#if AMBIT_TSAN
    internal import Glibc

    /// `Lock` where ThreadSanitizer looks on: it knows pthread_mutex(3).
    ///
    /// Of `Mutex`, which is in an uninstrumented library and waits by futex(2), it sees nothing, and it reports every value
    /// as raced for.
    ///
    /// ## Concurrency model
    /// The value is reached only between lock and unlock of the mutex; both are on the heap and die with the lock.
    @safe package struct Lock<Value: ~Copyable>: ~Copyable, @unchecked Sendable {
        private let mutex: UnsafeMutablePointer<pthread_mutex_t>
        private let value: UnsafeMutablePointer<Value>

        /// Guards `initial`.
        package init(_ initial: consuming sending Value) {
            // Safety: both are owned by this value alone, initialized here and freed by its deinit.
            unsafe mutex = .allocate(capacity: 1)
            unsafe value = .allocate(capacity: 1)
            unsafe value.initialize(to: initial)
            unsafe pthread_mutex_init(mutex, nil)
        }

        deinit {
            // Safety: nobody can hold the lock: to do so takes a borrow of this value.
            unsafe pthread_mutex_destroy(mutex)
            unsafe value.deinitialize(count: 1)
            unsafe value.deallocate()
            unsafe mutex.deallocate()
        }

        /// Runs `body` with the value, alone.
        package borrowing func withLock<Result: ~Copyable, Failure: Error>(
            _ body: (inout sending Value) throws(Failure) -> sending Result
        ) throws(Failure) -> sending Result {
            // Safety: the pointers live as long as this value, which is borrowed.
            unsafe pthread_mutex_lock(mutex)
            defer { unsafe pthread_mutex_unlock(mutex) }
            return try unsafe body(&value.pointee)
        }
    }
#else
    package import Synchronization

    /// Guards a value that several threads use; `make test-thread` builds it another way (AMBIT_TSAN).
    package typealias Lock<Value: ~Copyable> = Mutex<Value>
#endif

// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0

internal import CLinux
internal import Glibc

/// A POSIX thread with a name; Swift's own task pool is never used for traffic.
@safe
package struct WorkerThread: ~Copyable {
    private final class Body {
        let run: @Sendable () -> Void
        init(_ run: @escaping @Sendable () -> Void) { self.run = run }
    }

    private let thread: pthread_t

    /// Starts `run` on a new thread with all signals blocked (the main thread handles them).
    ///
    /// - Parameter name: shown by `top -H`; the kernel keeps 15 bytes of it.
    package init(name: String, stackBytes: Int = 512 * 1024, run: @escaping @Sendable () -> Void) throws(SystemError) {
        var attributes = pthread_attr_t()
        unsafe pthread_attr_init(&attributes)
        defer { unsafe pthread_attr_destroy(&attributes) }
        unsafe pthread_attr_setstacksize(&attributes, stackBytes)
        var all = sigset_t()
        var before = sigset_t()
        unsafe sigfillset(&all)
        unsafe pthread_sigmask(SIG_BLOCK, &all, &before)
        defer { unsafe pthread_sigmask(SIG_SETMASK, &before, nil) }
        var thread = pthread_t()
        // Safety: the retained Body is released exactly once, by the new thread, or here when there is none.
        let body = unsafe Unmanaged.passRetained(Body(run))
        let result = unsafe pthread_create(
            &thread, &attributes,
            { argument in
                if let argument = unsafe argument {
                    unsafe Unmanaged<Body>.fromOpaque(argument).takeRetainedValue().run()
                }
                return nil
            }, body.toOpaque())
        guard result == 0 else {
            unsafe body.release()
            throw SystemError(result, "pthread_create")
        }
        self.thread = thread
        _ = unsafe CLinux_pthread_setname(thread, String(name.prefix(15)))
    }

    /// Lets the thread end by itself; nobody waits for it.
    package consuming func detach() {
        _ = pthread_detach(thread)
    }

    /// Waits until the thread has returned.
    package consuming func join() {
        _ = pthread_join(thread, nil)
    }
}

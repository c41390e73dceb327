// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0

internal import CLinux
internal import Glibc
internal import Synchronization

/// Messages from any thread to one worker, with an eventfd that the worker polls.
///
/// ## Concurrency model
/// `post` may be called by any thread; `takeAll` by the one reader. The array is guarded by the mutex, which is never held
/// across a system call. The eventfd is written only when the box was empty, so a busy sender costs one wake-up.
package final class Mailbox<Message: Sendable>: Sendable {
    private let messages = Mutex<[Message]>([])
    private let event: OwnedDescriptor

    /// Opens the eventfd.
    package init() throws(SystemError) {
        let fd = eventfd(0, CInt(EFD_NONBLOCK) | CInt(EFD_CLOEXEC))
        guard fd >= 0 else { throw .current("eventfd") }
        event = OwnedDescriptor(adopting: fd)
    }

    /// Becomes readable when a message waits.
    package var descriptor: CInt { event.rawValue }

    /// Leaves a message and wakes the reader.
    package func post(_ message: Message) {
        let wasEmpty = messages.withLock { box in
            box.append(message)
            return box.count == 1
        }
        guard wasEmpty else { return }
        _ = eventfd_write(event.rawValue, 1)
    }

    /// Takes all messages, in order, and makes the descriptor unreadable.
    package func takeAll() -> [Message] {
        var value: eventfd_t = 0
        _ = unsafe eventfd_read(event.rawValue, &value)
        return messages.withLock { box in
            let taken = box
            box = []
            return taken
        }
    }
}

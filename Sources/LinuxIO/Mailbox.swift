// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0

internal import Bytes
internal import CLinux
internal import Glibc
internal import Synchronization

/// Messages from any thread to one worker, with an eventfd that the worker polls.
///
/// ## Concurrency model
/// `post` may be called by any thread; `takeAll` by the one reader. The array is guarded by the mutex, which is never held
/// across a system call. The eventfd is written only when the box was empty, so a busy sender costs one wake-up.
package final class Mailbox<Message: Sendable>: Sendable {
    private struct Box {
        var messages: [Message] = []
        var isClosed = false
    }

    private let box = Lock(Box())
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
    ///
    /// - Returns: false when the box is closed: nobody will read the message.
    @discardableResult
    package func post(_ message: Message) -> Bool {
        let (isTaken, wasEmpty) = box.withLock { box in
            guard !box.isClosed else { return (false, false) }
            box.messages.append(message)
            return (true, box.messages.count == 1)
        }
        if wasEmpty { _ = eventfd_write(event.rawValue, 1) }
        return isTaken
    }

    /// Closes the box unless a message waits in it.
    ///
    /// - Returns: whether it is closed now.
    package func closeIfEmpty() -> Bool {
        box.withLock { box in
            if box.messages.isEmpty { box.isClosed = true }
            return box.isClosed
        }
    }

    /// Closes the box for good.
    ///
    /// - Returns: the messages that nobody has taken.
    package func close() -> [Message] {
        box.withLock { box in
            box.isClosed = true
            defer { box.messages = [] }
            return box.messages
        }
    }

    /// Takes all messages, in order, and makes the descriptor unreadable.
    package func takeAll() -> [Message] {
        var value: eventfd_t = 0
        _ = unsafe eventfd_read(event.rawValue, &value)
        return box.withLock { box in
            defer { box.messages = [] }
            return box.messages
        }
    }
}

// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0

import Testing

@testable import LinuxIO

@Suite("Mailbox")
struct MailboxTests {
    @Test("Messages are taken in order, once")
    func order() throws {
        let box = try Mailbox<Int>()
        for number in 1...3 { #expect(box.post(number)) }
        #expect(box.takeAll() == [1, 2, 3])
        #expect(box.takeAll() == [])
    }

    @Test("A box with a message in it does not close when it is to close only if it is empty")
    func closeIfEmpty() throws {
        let box = try Mailbox<Int>()
        #expect(box.post(1))
        #expect(!box.closeIfEmpty())
        #expect(box.takeAll() == [1])
        #expect(box.closeIfEmpty())
        #expect(!box.post(2))
        #expect(box.takeAll() == [])
    }

    @Test("What is in a box that closes goes to who closes it, and its senders know that nothing more is taken")
    func close() throws {
        let box = try Mailbox<Int>()
        #expect(box.post(1))
        #expect(box.close() == [1])
        #expect(box.close() == [])
        #expect(!box.post(2))
    }
}

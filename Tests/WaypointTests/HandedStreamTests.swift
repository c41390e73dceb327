// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0

import Testing

@testable import Waypoint

@Suite("HandedStream")
struct HandedStreamTests {
    @Test("Open until somebody closes; who closes first says why, and what comes later changes nothing")
    func firstCounts() {
        let aborted = HandedStream()
        #expect(!aborted.isAborted && !aborted.isClosed)
        aborted.close(isOrderly: false)
        aborted.close(isOrderly: true)
        #expect(aborted.isAborted && !aborted.isClosed)
        let closed = HandedStream()
        closed.close(isOrderly: true)
        closed.close(isOrderly: false)
        #expect(!closed.isAborted && closed.isClosed)
    }
}

// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0

import Foundation
import Testing

@testable import HTTP2

@Suite("Simulation")
struct SimulationTests {
    static func number(_ name: String) -> UInt64? {
        ProcessInfo.processInfo.environment[name].flatMap(UInt64.init)
    }

    /// `AMBIT_HTTP2_SEED` replays one seed, `AMBIT_HTTP2_SEEDS` says how many to run.
    @Test("Two cores over a hostile network lose nothing, keep their windows, and come to an end")
    func seeds() throws {
        if let seed = Self.number("AMBIT_HTTP2_SEED") {
            try Simulation(seed: seed).run()
            return
        }
        var moved = 0
        for seed in 0..<(Self.number("AMBIT_HTTP2_SEEDS") ?? 256) {
            let simulation = Simulation(seed: seed)
            do {
                try simulation.run()
                moved += simulation.octetsMoved
            } catch {
                Issue.record("replay with AMBIT_HTTP2_SEED=\(seed): \(error)")
                return
            }
        }
        #expect(moved > 0)
    }
}

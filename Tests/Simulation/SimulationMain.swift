// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0

import Glibc

/// Runs the simulation of HTTP2Tests (`Simulation`) for many seeds, compiled with optimisation.
///
///     simulation SEEDS [FIRST]
///
/// A seed that fails is printed with the command that replays it; the exit code is 1 then. The last line is
/// `N passed, M failed`.
@main
struct SimulationMain {
    static func main() {
        let arguments = CommandLine.arguments.dropFirst().map { UInt64($0) }
        guard let count = arguments.first ?? 10_000, let first = arguments.count > 1 ? arguments[1] : 0 else {
            print("usage: simulation SEEDS [FIRST]")
            exit(64)
        }
        var failed = 0
        var moved = 0
        for seed in first..<(first + count) {
            let simulation = Simulation(seed: seed)
            do {
                try simulation.run()
            } catch {
                failed += 1
                print("FAIL seed \(seed): \(error)\n     replay: make simulation SEEDS=1 FIRST=\(seed)")
            }
            moved += simulation.octetsMoved
        }
        print("\(moved) octets carried between two cores, each checked")
        print("\(Int(count) - failed) passed, \(failed) failed")
        exit(failed == 0 ? 0 : 1)
    }
}

// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0

import Telemetry
import Testing

@Suite("LogLevels")
struct LogLevelsTests {
    @Test(
        "A list of levels sets all scopes or those it names, left to right",
        arguments: [
            ("debug", LogLevel.debug, LogLevel.debug),
            ("info,pool:trace", .trace, .info),
            ("pool:trace,info", .info, .info),
            ("pool=off", .off, .info),
            ("access:warning", .info, .warn),
            ("error,access:off", .error, .off),
        ])
    func parse(text: String, pool: LogLevel, access: LogLevel) throws {
        let levels = try LogLevels(parsing: text)
        #expect(levels.level(of: .pool) == pool)
        #expect(levels.level(of: .access) == access)
    }

    @Test("A line is written when its level is at most its scope's")
    func enabled() throws {
        let levels = try LogLevels(parsing: "info,pool:debug,log:off")
        #expect(levels.isEnabled(.access, .error) && levels.isEnabled(.access, .info))
        #expect(!levels.isEnabled(.access, .debug))
        #expect(levels.isEnabled(.pool, .debug))
        #expect(!levels.isEnabled(.log, .error))
    }

    @Test(
        "What is not understood is named, and changes nothing",
        arguments: ["", "loud", "info,", "pool:", ":info", "nobody:info"])
    func refuse(text: String) throws {
        let levels = LogLevels(.warn)
        #expect(throws: LogLevelsError.self) { try levels.apply("access:debug," + text) }
        #expect(levels.level(of: .access) == .warn)
    }

    @Test("Reset goes back to the levels of the start")
    func reset() throws {
        let levels = try LogLevels(parsing: "info,access:off")
        try levels.apply("trace")
        levels.reset()
        #expect(levels.level(of: .access) == .off && levels.level(of: .main) == .info)
    }
}

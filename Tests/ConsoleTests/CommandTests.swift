// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0

import Bytes
import Console
import Testing

@Suite("Command")
struct CommandTests {
    struct Target: Equatable {
        enum Colour: String, CaseIterable {
            case red
            case green
        }

        var folder = ""
        var time = Nanoseconds.seconds(10)
        var size = 1 << 20
        var count = 3
        var port: UInt16 = 80
        var colour = Colour.red
        var isLoud = false
        var names = ["a", "b"]
    }

    private var command: Command<Target> {
        Command(
            "prog cmd", summary: "Does it.", required: "--folder DIR",
            options: [
                .text("folder", "DIR", \.folder, "Folder.").from("PROG_FOLDER", "FOLDER"),
                .duration("time", \.time, "Time."), .bytes("size", \.size, "Size."),
                .count("count", \.count, in: 1...9, "Count."), .port("port", \.port, "Port."),
                .choice("colour", \.colour, "Colour.").orLetter("c"),
                Option(flag: "loud", \.isLoud, "Loud.").orLetter("l"),
                Option("name", "NAME", list: \.names, "Names."),
            ], examples: [("prog cmd --loud", "Do it loudly")])
    }

    private func read(_ words: String, environment: [String: String] = [:]) throws -> Target {
        var target = Target()
        #expect(try command.read(words.split(separator: " ").map(String.init), into: &target) { environment[$0] })
        return target
    }

    @Test(
        "Options set what they are bound to, in every spelling",
        arguments: [
            ("--folder /x", \Target.folder == "/x"), ("--folder=/x=y", \.folder == "/x=y"),
            ("--time 1m30s", \.time == .seconds(90)), ("--size 2Mi", \.size == 2 << 20), ("--count 9", \.count == 9),
            ("--port 65535", \.port == 65_535), ("-c green", \.colour == .green),
            ("--colour=green", \.colour == .green),
            ("--loud", \.isLoud == true), ("-l", \.isLoud == true), ("--loud --loud=false", \.isLoud == false),
            ("--name x", \.names == ["x"]), ("--name x --name y", \.names == ["x", "y"]),
            ("--count 1 --count 2", \.count == 2),  // the last one counts
            ("", \.names == ["a", "b"]),
        ])
    func options(words: String, check: Check) throws {
        let target = try read(words)
        #expect(check.holds(target))
    }

    @Test(
        "A wrong line gets one line that says what to do",
        arguments: [
            ("--foldre x", "unknown option --foldre; did you mean --folder?"),
            ("--zzz", "unknown option --zzz; try prog cmd --help"),
            ("-x", "unknown option -x; try prog cmd --help"),
            ("--folder", "--folder needs a value: --folder DIR; try prog cmd --help"),
            ("--folder --loud", "--folder needs a value: --folder DIR; try prog cmd --help"),
            ("surplus", "unexpected argument \"surplus\"; try prog cmd --help"),
            ("--folder x --", "unexpected argument \"--\"; try prog cmd --help"),
            ("--time 5", "--time: \"5\" is not a duration; write for example 10s, 5m or 250ms"),
            ("--size 0", "--size: \"0\" is not a size; write for example 64Mi or 1Gi"),
            ("--count 10", "--count: \"10\" is not a number from 1 to 9"),
            ("--port 0", "--port: \"0\" is not a port (1 to 65535)"),
            ("--colour blue", "--colour: \"blue\" is not red or green"),
            ("--loud=perhaps", "--loud: \"perhaps\" is not true or false"),
        ])
    func usage(words: String, message: String) {
        #expect(throws: UsageError(message)) { try read(words) }
    }

    @Test("A variable is asked when the option is not given, the first one first, and named when it is wrong")
    func environment() throws {
        let both = ["PROG_FOLDER": "/first", "FOLDER": "/second"]
        #expect(try read("", environment: both).folder == "/first")
        #expect(try read("", environment: ["FOLDER": "/second", "PROG_FOLDER": ""]).folder == "/second")
        #expect(try read("--folder /given", environment: both).folder == "/given")
        let command = Command<Target>(
            "prog", summary: "", options: [.port("port", \.port, "").from("PORT")], examples: [])
        var target = Target()
        #expect(throws: UsageError("environment variable PORT: \"x\" is not a port (1 to 65535)")) {
            try command.read([], into: &target) { ["PORT": "x"][$0] }
        }
    }

    @Test("Help shows usage, every option with default and variables, and the examples")
    func help() throws {
        var target = Target()
        #expect(try !command.read(["--time", "1s", "-h"], into: &target) { _ in nil })
        #expect(
            command.help(defaults: Target()) == """
                Does it.

                Usage: prog cmd --folder DIR [options]

                Options:
                  --folder DIR            Folder. (or $PROG_FOLDER, $FOLDER)
                  --time TIME             Time. (default 10s)
                  --size SIZE             Size. (default 1Mi)
                  --count N               Count. (default 3)
                  --port PORT             Port. (default 80)
                  -c, --colour red|green  Colour. (default red)
                  -l, --loud              Loud.
                  --name NAME             Names. (default a, b)
                  -h, --help              Show this help.

                Examples:
                  # Do it loudly
                  prog cmd --loud

                """)
    }

    /// Whether a property has a value.
    struct Check: Sendable {
        let holds: @Sendable (Target) -> Bool
    }
}

private func == <Value: Equatable & Sendable>(
    path: any KeyPath<CommandTests.Target, Value> & Sendable, value: Value
) -> CommandTests.Check {
    CommandTests.Check { $0[keyPath: path] == value }
}

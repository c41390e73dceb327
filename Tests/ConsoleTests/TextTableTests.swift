// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0

import Console
import Testing

@Suite("TextTable")
struct TextTableTests {
    @Test("Columns line up, empty cells show, lines have no blanks at their end")
    func table() {
        var table = TextTable(["NAME", "ADDRESS", "NOTES"])
        table.add(["a-long-name", "::1", ""])
        table.add(["é", "", "x"])
        #expect(
            table.text == """
                NAME          ADDRESS   NOTES
                a-long-name   ::1       -
                é             -         x

                """)
    }

    @Test("A hostile name cannot move the cursor or begin a row")
    func hostile() {
        var table = TextTable(["NAME"])
        table.add(["a\u{1b}[2J\nb\u{202e}\u{2028}c\r"])
        #expect(table.text == "NAME\na?[2J?b??c?\n")
    }

    @Test(
        "The nearest name is suggested when it is near",
        arguments: [
            ("rnu", "run"), ("workload", "workloads"), ("chekc", "check"), ("certifcate", "certificates"),
            ("zebra", nil), ("", nil),
        ] as [(String, String?)])
    func suggestion(word: String, expected: String?) {
        let names = ["run", "check", "workloads", "certificates", "log"]
        #expect(Suggestion.nearest(to: word, among: names) == expected)
    }
}

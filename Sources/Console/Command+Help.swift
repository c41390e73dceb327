// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0

extension Command {
    /// Columns of help text.
    private var lineWidth: Int { 100 }

    /// The text that `--help` prints.
    ///
    /// - Parameter defaults: where the defaults are read from.
    package func help(defaults: Target) -> String {
        var text = "\(summary)\n\nUsage: \(invocation)\(required.isEmpty ? "" : " \(required)") [options]\n"
        if !details.isEmpty { text += "\n\(details)\n" }
        text += "\nOptions:\n"
        let rows = options.map { (heading($0), explanation($0, defaults)) } + [("-h, --help", "Show this help.")]
        let width = min(36, rows.map(\.0.count).max() ?? 0)
        for (heading, explanation) in rows {
            let lines = wrap(explanation, width: lineWidth - width - 4)
            let padding = String(repeating: " ", count: max(0, width - heading.count))
            text += "  \(heading)\(padding)  \(lines.first ?? "")\n"
            for line in lines.dropFirst() { text += String(repeating: " ", count: width + 4) + "\(line)\n" }
        }
        if !examples.isEmpty {
            text += "\nExamples:\n"
            for (line, does) in examples { text += "  # \(does)\n  \(line)\n" }
        }
        return text
    }

    private func heading(_ option: Option<Target>) -> String {
        let letter = option.letter.map { "-\($0), " } ?? ""
        return "\(letter)--\(option.name)\(option.placeholder.map { " \($0)" } ?? "")"
    }

    private func explanation(_ option: Option<Target>, _ defaults: Target) -> String {
        var notes: [String] = []
        let value = option.show(defaults)
        if !value.isEmpty { notes.append("default \(value)") }
        if !option.environment.isEmpty { notes.append("or $\(option.environment.joined(separator: ", $"))") }
        return option.help + (notes.isEmpty ? "" : " (\(notes.joined(separator: "; ")))")
    }

    private func wrap(_ text: String, width: Int) -> [String] {
        var lines: [String] = []
        var line = ""
        for word in text.split(separator: " ") {
            if !line.isEmpty, line.count + 1 + word.count > width {
                lines.append(line)
                line = ""
            }
            line += line.isEmpty ? "\(word)" : " \(word)"
        }
        if !line.isEmpty { lines.append(line) }
        return lines
    }
}

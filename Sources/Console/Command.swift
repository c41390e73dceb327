// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0

/// One command of a program: its options, and the help that explains them.
package struct Command<Target> {
    /// The program and the command as they are typed: `ambit-tunnel run`.
    package let invocation: String
    /// One sentence for the list of commands.
    package let summary: String
    /// What must be given, for the line of usage, such as `--config DIR`.
    package let required: String
    /// Further help, in lines.
    package let details: String
    /// The options.
    package let options: [Option<Target>]
    /// What takes the words that belong to no option; nil when the command takes none.
    package let operands: WritableKeyPath<Target, [String]>?
    /// Lines to type, with what they do.
    package let examples: [(line: String, does: String)]

    /// Describes a command.
    package init(
        _ invocation: String, summary: String, required: String = "", details: String = "", options: [Option<Target>],
        operands: WritableKeyPath<Target, [String]>? = nil, examples: [(line: String, does: String)]
    ) {
        self.invocation = invocation
        self.summary = summary
        self.required = required
        self.details = details
        self.options = options
        self.operands = operands
        self.examples = examples
    }

    /// Reads `words` into `target`.
    ///
    /// Understood are `--name value`, `--name=value`, `--flag`, `--flag=false` and letters (`-o json`); given twice, the last
    /// one counts, except for lists. Words without a dash are operands, if the command takes any. Options not given are
    /// looked up in `environment`.
    /// - Returns: false when help is asked for; `target` is not to be used then.
    /// - Throws: what is wrong and what to do about it.
    package func read(
        _ words: [String], into target: inout Target, environment: (String) -> String?
    ) throws(UsageError) -> Bool {
        var given: Set<String> = []
        var rest = words[...]
        while let word = rest.popFirst() {
            if word == "--help" || word == "-h" { return false }
            guard word.hasPrefix("-"), word != "-", word != "--" else {
                if let operands, word != "-", word != "--" {
                    target[keyPath: operands].append(word)
                    continue
                }
                throw UsageError("unexpected argument \"\(word)\"\(hint)")
            }
            let parts = word.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
            guard let option = option(String(parts[0])) else { throw unknown(String(parts[0])) }
            let value: String
            if parts.count == 2 {
                value = String(parts[1])
            } else if option.placeholder == nil {
                value = "true"
            } else if let next = rest.first, !next.hasPrefix("--") {
                value = next
                rest = rest.dropFirst()
            } else {
                throw UsageError("--\(option.name) needs a value: --\(option.name) \(option.placeholder ?? "")\(hint)")
            }
            try take(option, value, isFirst: given.insert(option.name).inserted, name: "--\(option.name)", &target)
        }
        for option in options where !given.contains(option.name) {
            for variable in option.environment {
                guard let value = environment(variable), !value.isEmpty else { continue }
                try take(option, value, isFirst: true, name: "environment variable \(variable)", &target)
                break
            }
        }
        return true
    }

    private var hint: String { "; try \(invocation) --help" }

    private func option(_ word: String) -> Option<Target>? {
        if word.hasPrefix("--") { return options.first { $0.name == word.dropFirst(2) } }
        return options.first { $0.letter != nil && word == "-\($0.letter ?? "-")" }
    }

    private func take(
        _ option: Option<Target>, _ value: String, isFirst: Bool, name: String, _ target: inout Target
    ) throws(UsageError) {
        do {
            try option.take(&target, value, isFirst)
        } catch {
            throw UsageError("\(name): \(error)")
        }
    }

    private func unknown(_ word: String) -> UsageError {
        let names = options.map { "--\($0.name)" }
        guard let nearest = Suggestion.nearest(to: word, among: names + ["--help"]) else {
            return UsageError("unknown option \(word)\(hint)")
        }
        return UsageError("unknown option \(word); did you mean \(nearest)?")
    }
}

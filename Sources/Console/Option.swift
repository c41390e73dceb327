// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0

package import Bytes

/// One option of a command: what it is called, what it sets, and how its value is read.
package struct Option<Target> {
    /// The name without the dashes.
    package let name: String
    /// One letter that stands for it, or nil.
    package private(set) var letter: Character?
    /// What stands for the value in help, such as `DIR`; nil for an option that is only there or not.
    let placeholder: String?
    let help: String
    /// Variables that are asked when the option is not given, first one first.
    package private(set) var environment: [String] = []
    /// The value in a target that nothing was set in; empty when there is nothing to show.
    let show: (Target) -> String
    /// Takes a value; `isFirst` is false when the option was given before.
    let take: (inout Target, _ value: String, _ isFirst: Bool) throws(UsageError) -> Void

    /// An option whose value `read` turns into what `keyPath` holds.
    ///
    /// - Parameter expected: completes the sentence `"5" is not …`.
    package init<Value>(
        _ name: String, _ placeholder: String, _ keyPath: WritableKeyPath<Target, Value>, _ help: String,
        expected: String, show: @escaping (Value) -> String, read: @escaping (String) -> Value?
    ) {
        self.name = name
        self.placeholder = placeholder
        self.help = help
        self.show = { show($0[keyPath: keyPath]) }
        take = { (target: inout Target, value: String, _: Bool) throws(UsageError) in
            guard let result = read(value) else { throw UsageError("\"\(value)\" is not \(expected)") }
            target[keyPath: keyPath] = result
        }
    }

    /// An option that may be given several times; the first one given replaces the default.
    package init(
        _ name: String, _ placeholder: String, list keyPath: WritableKeyPath<Target, [String]>, _ help: String
    ) {
        self.name = name
        self.placeholder = placeholder
        self.help = help
        show = { $0[keyPath: keyPath].joined(separator: ", ") }
        take = { (target: inout Target, value: String, isFirst: Bool) throws(UsageError) in
            if isFirst { target[keyPath: keyPath] = [] }
            target[keyPath: keyPath].append(value)
        }
    }

    /// An option that is there or not.
    package init(flag name: String, _ keyPath: WritableKeyPath<Target, Bool>, _ help: String) {
        self.name = name
        placeholder = nil
        self.help = help
        show = { $0[keyPath: keyPath] ? "true" : "" }
        take = { (target: inout Target, value: String, _: Bool) throws(UsageError) in
            guard let isOn = Bool(value) else { throw UsageError("\"\(value)\" is not true or false") }
            target[keyPath: keyPath] = isOn
        }
    }

    /// The value that `target` has, as it is written on a command line; empty for none.
    package func text(of target: Target) -> String { show(target) }

    /// The same option with variables that are asked when it is not given.
    package func from(_ variables: String...) -> Option {
        var option = self
        option.environment = variables
        return option
    }

    /// The same option with a letter that stands for it.
    package func orLetter(_ letter: Character) -> Option {
        var option = self
        option.letter = letter
        return option
    }
}

extension Option {
    /// A text that is not empty.
    package static func text(
        _ name: String, _ placeholder: String, _ keyPath: WritableKeyPath<Target, String>, _ help: String
    ) -> Option {
        Option(name, placeholder, keyPath, help, expected: "a value", show: { $0 }, read: { $0.isEmpty ? nil : $0 })
    }

    /// A duration; 0 is allowed where the help says what it means.
    package static func duration(
        _ name: String, _ keyPath: WritableKeyPath<Target, Nanoseconds>, _ help: String
    ) -> Option {
        Option(
            name, "TIME", keyPath, help, expected: "a duration; write for example 10s, 5m or 250ms",
            show: Quantity.text, read: Quantity.duration)
    }

    /// A number of bytes, at least one.
    package static func bytes(
        _ name: String, _ keyPath: WritableKeyPath<Target, Int>, _ help: String
    ) -> Option {
        Option(
            name, "SIZE", keyPath, help, expected: "a size; write for example 64Mi or 1Gi",
            show: { Quantity.text(bytes: $0) }, read: { Quantity.bytes($0).flatMap { $0 > 0 ? $0 : nil } })
    }

    /// A whole number in `range`.
    package static func count<Value: FixedWidthInteger>(
        _ name: String, _ keyPath: WritableKeyPath<Target, Value>, in range: ClosedRange<Value>, _ help: String
    ) -> Option {
        Option(
            name, "N", keyPath, help, expected: "a number from \(range.lowerBound) to \(range.upperBound)",
            show: { "\($0)" }, read: { Value($0).flatMap { range.contains($0) ? $0 : nil } })
    }

    /// A TCP port.
    package static func port(
        _ name: String, _ keyPath: WritableKeyPath<Target, UInt16>, _ help: String
    ) -> Option {
        Option(
            name, "PORT", keyPath, help, expected: "a port (1 to 65535)", show: { "\($0)" },
            read: { UInt16($0).flatMap { $0 > 0 ? $0 : nil } })
    }

    /// One of the cases of an enumeration.
    package static func choice<Value: CaseIterable & RawRepresentable<String>>(
        _ name: String, _ keyPath: WritableKeyPath<Target, Value>, _ help: String
    ) -> Option {
        let cases = Value.allCases.map(\.rawValue)
        return Option(
            name, cases.joined(separator: "|"), keyPath, help, expected: cases.joined(separator: " or "),
            show: { $0.rawValue }, read: { Value(rawValue: $0) })
    }
}

// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0

// Positions of things in one snapshot: cheap to copy, and meaningless in any other snapshot.

/// The position of a workload in a snapshot.
package struct WorkloadIndex: Hashable, Sendable {
    /// The position.
    package let rawValue: UInt32

    @inlinable
    package init(_ rawValue: UInt32) {
        self.rawValue = rawValue
    }

    /// The position as an `Int`, for subscripts.
    @inlinable
    package var position: Int { Int(rawValue) }
}

/// The position of a service in a snapshot.
package struct ServiceIndex: Hashable, Sendable {
    /// The position.
    package let rawValue: UInt32

    @inlinable
    package init(_ rawValue: UInt32) {
        self.rawValue = rawValue
    }

    /// The position as an `Int`, for subscripts.
    @inlinable
    package var position: Int { Int(rawValue) }
}

/// The position of a waypoint in a snapshot.
package struct WaypointIndex: Hashable, Sendable {
    /// The position.
    package let rawValue: UInt32

    @inlinable
    package init(_ rawValue: UInt32) {
        self.rawValue = rawValue
    }

    /// The position as an `Int`, for subscripts.
    @inlinable
    package var position: Int { Int(rawValue) }
}

/// The position of an authorization policy in a snapshot; policies are ordered by namespace and name.
package struct PolicyIndex: Hashable, Sendable {
    /// The position.
    package let rawValue: UInt32

    @inlinable
    package init(_ rawValue: UInt32) {
        self.rawValue = rawValue
    }

    /// The position as an `Int`, for subscripts.
    @inlinable
    package var position: Int { Int(rawValue) }
}

/// The position of a peer authentication in a snapshot.
package struct PeerAuthenticationIndex: Hashable, Sendable {
    /// The position.
    package let rawValue: UInt32

    @inlinable
    package init(_ rawValue: UInt32) {
        self.rawValue = rawValue
    }

    /// The position as an `Int`, for subscripts.
    @inlinable
    package var position: Int { Int(rawValue) }
}

/// The position of a SPIFFE ID in a snapshot.
package struct IdentityIndex: Hashable, Sendable {
    /// The position.
    package let rawValue: UInt32

    @inlinable
    package init(_ rawValue: UInt32) {
        self.rawValue = rawValue
    }

    /// The position as an `Int`, for subscripts.
    @inlinable
    package var position: Int { Int(rawValue) }
}

/// The position of a compiled set of rules in a snapshot.
package struct RuleSetIndex: Hashable, Sendable {
    /// The position.
    package let rawValue: UInt32

    @inlinable
    package init(_ rawValue: UInt32) {
        self.rawValue = rawValue
    }

    /// The position as an `Int`, for subscripts.
    @inlinable
    package var position: Int { Int(rawValue) }
}

/// The position of a name in a snapshot; within one snapshot equal names have equal positions.
package struct NameIndex: Hashable, Sendable {
    /// The position.
    package let rawValue: UInt32

    @inlinable
    package init(_ rawValue: UInt32) {
        self.rawValue = rawValue
    }

    /// The position as an `Int`, for subscripts.
    @inlinable
    package var position: Int { Int(rawValue) }
}

/// A run of consecutive elements of one of a snapshot's arrays.
package struct IndexRange: Hashable, Sendable {
    /// The first element.
    package let start: UInt32
    /// How many elements.
    package let count: UInt32

    /// Elements `start ..< start + count`.
    @inlinable
    package init(start: Int, count: Int) {
        self.start = UInt32(start)
        self.count = UInt32(count)
    }

    /// No elements.
    @inlinable
    package static var empty: IndexRange { IndexRange(start: 0, count: 0) }

    /// Whether there are no elements.
    @inlinable
    package var isEmpty: Bool { count == 0 }

    /// The positions, for iterating.
    @inlinable
    package var positions: Range<Int> { Int(start)..<Int(start) + Int(count) }
}

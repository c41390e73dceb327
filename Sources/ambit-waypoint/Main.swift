// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0

@main
enum Main {
    static func main() {
        print("ambit-waypoint 0.1.0")
    }
}

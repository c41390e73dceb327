# SPDX-FileCopyrightText: The Ambit authors
# SPDX-License-Identifier: Apache-2.0
"""A mesh on one machine: nodes, pods and their wires as network namespaces, with one tunnel for each node."""

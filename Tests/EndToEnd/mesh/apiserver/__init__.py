# SPDX-FileCopyrightText: The Ambit authors
# SPDX-License-Identifier: Apache-2.0
"""A Kubernetes API server for tests: the semantics that clients depend on, and faults on request; no controllers."""

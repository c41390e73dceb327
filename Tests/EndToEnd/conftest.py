# SPDX-FileCopyrightText: The Ambit authors
# SPDX-License-Identifier: Apache-2.0
from mesh.fixtures import *  # noqa: F401,F403

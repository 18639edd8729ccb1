# SPDX-License-Identifier: Apache-2.0
# The one place of the version; base's version.cpp is the one file a bump rebuilds.
set(HEARTH_VERSION 0.1.0)

# SPDX-License-Identifier: MIT
# systemd: the units and the D-Bus activation files.

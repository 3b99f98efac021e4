#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# The unit is one that systemd accepts; unit and D-Bus service start the same program.
set -u
units=${top_builddir:?run by make check}/systemd
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
n=0
result() { # result STATUS NAME
	n=$((n + 1))
	if [ "$1" = 0 ]; then echo "ok $n - $2"; else echo "not ok $n - $2"; fi
}

unit_exec=$(sed -n 's/^ExecStart=//p' "$units/transferd.service")
bus_exec=$(sed -n 's/^Exec=//p' "$units/org.transferd.Transfer1.service")
[[ $unit_exec == /*/transferd\ --user ]]
result $? "the unit starts transferd by its full path"
[ "$unit_exec" = "$bus_exec" ]
result $? "the D-Bus service starts the same"
[ "$(sed -n 's/^BusName=//p' "$units/transferd.service")" = "$(sed -n 's/^Name=//p' "$units/org.transferd.Transfer1.service")" ]
result $? "under the same bus name"
! grep -q '@[a-zA-Z_]*@' "$units"/*.service
result $? "nothing is left to substitute"

if command -v systemd-analyze >/dev/null; then
	# The program is not installed yet: let another one stand for it.
	verify() {
		sed "s|^ExecStart=.*|ExecStart=$(command -v true)|; $1" "$units/transferd.service" >"$work/transferd.service"
		XDG_RUNTIME_DIR=$work systemd-analyze verify --user --man=no "$work/transferd.service" 2>&1
	}
	out=$(verify '') && ! grep -q "transferd.service" <<<"$out"
	result $? "systemd accepts the unit"
	[ -z "$out" ] || echo "# ${out//$'\n'/$'\n'# }"
	out=$(verify 's/^Type=.*/Type=notfy/')
	grep -q notfy <<<"$out"
	result $? "seen: a wrong value in the unit"
else
	n=$((n + 1))
	echo "ok $n - systemd accepts the unit # SKIP no systemd-analyze"
fi
echo "1..$n"

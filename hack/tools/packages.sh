#!/usr/bin/env bash
# packages.sh GROUP...: installs the Debian packages of a group that are missing.
#
#   clients   the real RTMP clients that the tests publish and play with
#   links     what networks between servers are made of, and made worse
#   obs       OBS, and a screen for it that is not there
#   browser   the browser that the JavaScript SDK is tested in, what builds it, and what it watches
#   race      what the race detector is linked with
#   node      what a Kubernetes node needs beside Kubernetes' own programs
#
# Exit status 3, with the reason on standard error, when something is missing and cannot be installed from here.
set -euo pipefail

declare -A groups=(
	[clients]="ffmpeg rtmpdump gstreamer1.0-tools gstreamer1.0-plugins-base gstreamer1.0-plugins-good gstreamer1.0-plugins-bad gstreamer1.0-libav vlc-bin vlc-plugin-base nginx libnginx-mod-rtmp"
	[links]="iproute2 nftables"
	[obs]="obs-studio obs-plugins xvfb libgl1-mesa-dri"
	[browser]="chromium nodejs npm ffmpeg"
	[race]="gcc libc6-dev"
	[node]="containerd runc containernetworking-plugins nftables iptables iproute2 openssl procps util-linux curl"
)

# Two targets of make may ask at once: the second finds what the first has installed.
cache=${XDG_CACHE_HOME:-$HOME/.cache}/flashpod
mkdir -p "$cache"
exec 8>"$cache/.packages.lock"
flock 8

missing=()
for group in "$@"; do
	for package in ${groups[$group]:?"packages.sh: no group \"$group\""}; do
		# NodeSource's nodejs has npm in it, and Debian's is a package of its own.
		[[ $package != npm ]] || ! command -v npm >/dev/null || continue
		state=$(dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null || true)
		[[ $state == installed ]] || missing+=("$package")
	done
done
[[ ${#missing[@]} -gt 0 ]] || exit 0

if ! command -v apt-get >/dev/null; then
	echo "packages.sh: this machine has no apt-get; install by hand what stands for: ${missing[*]}" >&2
	exit 3
fi
if [[ $EUID -ne 0 ]]; then
	echo "packages.sh: installing needs root: apt-get install ${missing[*]}" >&2
	exit 3
fi
echo "installing ${missing[*]}" >&2
export DEBIAN_FRONTEND=noninteractive
log=$(mktemp)
trap 'rm -f "$log"' EXIT
# A freshly installed service must not start by itself: the cluster runs its own containerd. A machine's own policy stays.
policy=/usr/sbin/policy-rc.d
if [[ ! -e $policy ]]; then
	printf '#!/bin/sh\nexit 101\n' >"$policy"
	chmod +x "$policy"
	trap 'rm -f "$log" "$policy"' EXIT
fi
if ! { apt-get -q update && apt-get -q install -y --no-install-recommends "${missing[@]}"; } </dev/null >"$log" 2>&1; then
	tail -n 20 "$log" >&2
	echo "packages.sh: apt-get could not install ${missing[*]}" >&2
	exit 3
fi

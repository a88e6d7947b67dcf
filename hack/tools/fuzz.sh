#!/usr/bin/env bash
# Runs every fuzz target, one after another, each for
# FUZZTIME. Go finds them: there is no list to keep. What fails does not keep
# the others from their turn; its input is left under testdata/fuzz of its
# package, where every `go test` runs it again, and where it is committed.
set -euo pipefail
cd "$(dirname "$0")/../.."

failed=()
while read -r package target; do
	echo "fuzzing $target of $package for ${FUZZTIME:=10m}"
	# Making an interesting input smaller may take a minute each by default.
	go test -run '^$' -fuzz "^$target\$" -fuzztime "$FUZZTIME" -fuzzminimizetime 5s "$package" </dev/null ||
		failed+=("$package $target")
done < <(go test -list '^Fuzz' ./api/... ./controllers/... ./mediaserver/... |
	awk '/^Fuzz/ {target[n++] = $1} /^ok/ {for (i = 0; i < n; i++) print $2, target[i]; n = 0}')

if ((${#failed[@]})); then
	printf 'failed: %s\n' "${failed[@]}" >&2
	exit 1
fi

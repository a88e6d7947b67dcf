#!/usr/bin/env bash
# once.sh COMMAND...: runs tests that are about the operator, unless the same ones have passed before with the same files; then it
# prints how they ended, marked (cached), as go test does for tests that read no files of others. FRESH=1 runs them in any case.
#
# The files are all of the checkout but those below that no test of the operator reads: a new folder counts until it is put there.
# READS="FOLDER ..." counts some of them.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."

others=(mediaserver hack/bench hack/soak hack/image hack/netpol hack/tools/lint hack/tools/rooms hack/e2e/clients hack/e2e/links hack/e2e/cluster .golangci.yml)
for i in "${!others[@]}"; do [[ " ${READS:-} " != *" ${others[i]} "* ]] || unset "others[i]"; done
passed=${XDG_CACHE_HOME:-$HOME/.cache}/flashpod/passed
mkdir -p "$passed"

fingerprint() {
	git ls-files -z --cached --others --exclude-standard -- . "${others[@]/#/:!}" | sort -zu | xargs -0 sha256sum
	go env GOVERSION GOARCH
	echo "${KUBEBUILDER_ASSETS:-}" "$@"
}
key= # none without git, which knows the files
[[ $(git rev-parse --is-inside-work-tree 2>/dev/null) != true ]] || key=$(fingerprint "$@" 2>/dev/null | sha256sum | cut -c1-32)
if [[ -n $key && -z ${FRESH:-} && -e $passed/$key ]]; then
	sed 's/$/ (cached)/' "$passed/$key"
	touch "$passed/$key"
	exit 0
fi

log=$(mktemp)
trap 'rm -f "$log"' EXIT
"$@" 2>&1 | tee "$log"
[[ -z $key ]] || grep '^ok' "$log" >"$passed/$key" || true
find "$passed" -type f -mtime +30 -delete

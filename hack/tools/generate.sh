#!/usr/bin/env bash
# generate.sh [--check]: writes again what is generated from the API types and the operator's markers: deep copies, the
# CustomResourceDefinition (with hack/tools/schema/overlay.yaml merged in), the operator's ClusterRole, what Argo CD learns, what
# the charts have from config/, and, from the list of packages in hack/tools/rooms, the linter's import rules. With --check nothing
# is written, and a difference is an error.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."

check=false
[[ ${1:-} != --check ]] || check=true
go run ./hack/tools/rooms $($check && echo --check)
tool=$(hack/cluster/build.sh controller-gen)
out=$(mktemp -d)
trap 'rm -rf "$out"' EXIT

"$tool" object paths=./api/... output:object:dir="$out"
"$tool" crd:crdVersions=v1 paths=./api/... output:crd:dir="$out"
go run ./hack/tools/schema "$out/media.flashpod.dev_appinstances.yaml" hack/tools/schema/overlay.yaml
"$tool" rbac:roleName=flashpod-operator paths=./controllers/... output:rbac:dir="$out"
go -C hack/gitops run . >"$out/argocd-cm.yaml"

# place GENERATED PATH: puts a file where it belongs, or compares it.
place() {
	if $check; then
		cmp -s "$out/$1" "$2" || { echo "generate.sh: $2 is out of date: run \"make generate\" and commit" >&2; exit 1; }
	else
		mkdir -p "$(dirname "$2")"
		cp "$out/$1" "$2"
	fi
}
place zz_generated.deepcopy.go api/v1alpha1/zz_generated.deepcopy.go
place media.flashpod.dev_appinstances.yaml config/crd/media.flashpod.dev_appinstances.yaml
place role.yaml config/rbac/role.yaml
place argocd-cm.yaml config/argocd/argocd-cm.yaml
# Last, because the charts are made from what stands above.
go -C hack/chart run . $($check && echo --check)

#!/usr/bin/env bash
# build.sh NAME...: builds development programs from their nested modules and prints the path of each, one a line.
#
#   kube      the Kubernetes programs and kubectl     etcd      Kubernetes' store
#   coredns   cluster DNS                             netpol    what enforces NetworkPolicies
#   lint      golangci-lint
#   controller-gen    what writes the schema and the deep copies
#   envtest   a folder with kube-apiserver, etcd and kubectl, which is what KUBEBUILDER_ASSETS names
#
# A program is built once per version and source, into ${XDG_CACHE_HOME:-~/.cache}/flashpod/bin, outside the checkout, so that a
# fresh clone finds it. Progress goes to standard error.
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
cache=${XDG_CACHE_HOME:-$HOME/.cache}/flashpod/bin
mkdir -p "$cache"

# version DIR MODULE: the version that DIR's go.mod requires, without the v.
version() {
	go -C "$1" list -mod=readonly -m -f '{{.Version}}' "$2" | sed 's/^v//'
}

# build NAME DIR PACKAGE VERSION TITLE TIME LDFLAGS
build() {
	local name=$1 dir=$2 package=$3 version=$4 title=$5 time=$6 ldflags=$7 key out
	key=$({ cd "$dir" && shopt -s nullglob && cat -- *.go go.mod go.sum && go env GOVERSION GOARCH; } | sha256sum | cut -c1-8)
	out=$cache/$name-$version-$key
	if [[ ! -x $out ]]; then
		exec 9>"$cache/.$name.lock"
		flock 9 # a second caller waits for the first one's build
		if [[ ! -x $out ]]; then
			echo "building $title $version from source: $time, once" >&2
			CGO_ENABLED=0 GOFLAGS=-mod=readonly go -C "$dir" build -trimpath -buildvcs=false -ldflags "-s -w $ldflags" -o "$out.tmp" "$package" >&2
			mv "$out.tmp" "$out"
		fi
		exec 9>&-
	fi
	echo "$out"
}

for program in "$@"; do
	case $program in
	kube)
		v=$(version "$here/kube" k8s.io/kubernetes)
		minor=${v#*.}
		p=k8s.io/component-base/version
		build kube "$here/kube" . "$v" Kubernetes "5 to 10 minutes" "-X $p.gitVersion=v$v -X $p.gitMajor=${v%%.*} -X $p.gitMinor=${minor%%.*}"
		;;
	etcd)
		build etcd "$here/etcd" go.etcd.io/etcd/server/v3 "$(version "$here/etcd" go.etcd.io/etcd/server/v3)" etcd "a minute" ""
		;;
	coredns)
		build coredns "$here/coredns" . "$(version "$here/coredns" github.com/coredns/coredns)" CoreDNS "a minute or two" ""
		;;
	netpol)
		dir=$here/../netpol
		build netpol "$dir" . "$(version "$dir" sigs.k8s.io/kube-network-policies)" kube-network-policies "a minute or two" ""
		;;
	envtest)
		kube=$("$0" kube)
		etcd=$("$0" etcd)
		dir=${cache%/bin}/envtest/${kube##*/}-${etcd##*/}
		mkdir -p "$dir"
		ln -sfn "$kube" "$dir/kube-apiserver"
		ln -sfn "$kube" "$dir/kubectl"
		ln -sfn "$etcd" "$dir/etcd"
		echo "$dir"
		;;
	lint)
		dir=$here/../tools/lint
		build golangci-lint "$dir" github.com/golangci/golangci-lint/v2/cmd/golangci-lint "$(version "$dir" github.com/golangci/golangci-lint/v2)" golangci-lint "3 to 5 minutes" ""
		;;
	controller-gen)
		dir=$here/../tools/generate
		build controller-gen "$dir" sigs.k8s.io/controller-tools/cmd/controller-gen "$(version "$dir" sigs.k8s.io/controller-tools)" controller-gen "half a minute" ""
		;;
	*)
		echo "build.sh: no program \"$program\": kube, etcd, coredns, netpol, envtest, lint or controller-gen" >&2
		exit 2
		;;
	esac
done

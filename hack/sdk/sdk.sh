#!/usr/bin/env bash
# sdk.sh COMMAND: builds and tests the JavaScript SDK in mediaserver/web/sdk.
#
#   build            writes flashpod.js and flashpod.d.ts, which the server embeds
#   check            says whether they are what the source makes, and checks the types of everything
#   test [NAME...]   runs tests (all of them, or test/NAME.test.ts) against bin/flashpod; the browser's need Chromium
#   vectors          writes what the SDK makes of the values in mediaserver/amf/testdata/values.json
#
# What does it (esbuild, TypeScript, playwright-core) comes from npm by package-lock.json, once, into
# ${XDG_CACHE_HOME:-~/.cache}/flashpod/sdk-…, outside the checkout.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
root=$(cd "$here/../.." && pwd)
sdk=$root/mediaserver/web/sdk
cache=${XDG_CACHE_HOME:-$HOME/.cache}/flashpod
mkdir -p "$cache"

tools=$cache/sdk-$(cat "$here"/package*.json | sha256sum | cut -c1-8)
if [[ ! -e $tools/done ]]; then
	exec 9>"$cache/.sdk.lock"
	flock 9 # a second caller waits for the first one's packages
	if [[ ! -e $tools/done ]]; then
		echo "fetching esbuild, TypeScript and playwright-core, once" >&2
		mkdir -p "$tools"
		cp "$here"/package*.json "$tools"
		(cd "$tools" && npm ci --no-audit --no-fund --loglevel error) >&2
		touch "$tools/done"
	fi
	exec 9>&-
fi
export NODE_PATH=$tools/node_modules PATH=$tools/node_modules/.bin:$PATH

out=$(mktemp -d)
trap 'rm -rf "$out"' EXIT

# build FOLDER: writes the two files there.
build() {
	esbuild "$sdk/src/index.ts" --bundle --format=esm --target=es2022 --minify --legal-comments=none --log-level=warning \
		--banner:js='/*! @flashpod/client, of a Flashpod media server: see flashpod.d.ts */' --outfile="$1/flashpod.js"
	tsc -p "$sdk" --noEmit false --declaration --emitDeclarationOnly --stripInternal --outDir "$out/types"
	node "$here/declarations.mjs" "$out/types" >"$1/flashpod.d.ts"
}

# tests NAME...: bundles test files for Node.js and runs them.
tests() {
	local files=()
	for name in "$@"; do files+=("$sdk/test/$name.test.ts"); done
	esbuild "${files[@]}" --bundle --platform=node --target=node18 --format=cjs --external:playwright-core --sourcemap=inline \
		--log-level=warning --out-extension:.js=.cjs --outdir="$out/test"
	SDK=$sdk ROOT=$root node --enable-source-maps --test --test-concurrency 2 --test-reporter "${REPORTER:-spec}" "$out"/test/*.cjs
}

case ${1:-} in
build)
	build "$sdk"
	;;
check)
	tsc -p "$sdk"
	# What npm has brought is not beside the tests.
	cat >"$out/tsconfig.json" <<-END
		{
			"extends": "$sdk/test/tsconfig.json",
			"compilerOptions": { "typeRoots": ["$NODE_PATH/@types"], "paths": { "playwright-core": ["$NODE_PATH/playwright-core"] }, "rootDir": "/" },
			"include": ["$sdk/test", "$sdk/src"]
		}
	END
	tsc -p "$out"
	mkdir "$out/built"
	build "$out/built"
	for file in flashpod.js flashpod.d.ts; do
		cmp -s "$out/built/$file" "$sdk/$file" || { echo "sdk.sh: $sdk/$file is out of date: run \"make sdk\" and commit" >&2; exit 1; }
	done
	;;
test)
	shift
	if [[ $# -eq 0 ]]; then
		names=("$sdk"/test/*.test.ts)
		names=("${names[@]##*/}")
		set -- "${names[@]%.test.ts}"
	fi
	tests "$@"
	;;
vectors)
	UPDATE=1 tests vectors
	;;
*)
	sed -n '2,/^set /s/^# \{0,1\}//p' "${BASH_SOURCE[0]}" >&2
	exit 2
	;;
esac

#!/usr/bin/env bash
# sdk.sh COMMAND: builds and tests the JavaScript SDK in mediaserver/web/sdk, and the console's page in mediaserver/web/console.
#
#   build            writes what the server embeds of them: flashpod.js and flashpod.d.ts, and the console's built/
#   check            says whether that is what the source makes, and checks the types of everything
#   test [NAME...]   runs tests (all of them, or either's test/NAME.test.ts) against bin/flashpod; the browser's need Chromium
#   bench            measures bin/flashpod with pages in Chromium, a line of JSON a figure (make bench ROWS=glass)
#   vectors          writes what the SDK makes of the values in mediaserver/amf/testdata/values.json
#
# What does it (esbuild, TypeScript, playwright-core, axe-core, Ruffle for old movies), and what the console's page is made with
# (preact, uPlot), comes from npm by package-lock.json, once, into ${XDG_CACHE_HOME:-~/.cache}/flashpod/sdk-…, outside the checkout.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
root=$(cd "$here/../.." && pwd)
web=$root/mediaserver/web
sdk=$web/sdk
console=$web/console
cache=${XDG_CACHE_HOME:-$HOME/.cache}/flashpod
mkdir -p "$cache"

tools=$cache/sdk-$(cat "$here"/package*.json | sha256sum | cut -c1-8)
if [[ ! -e $tools/done ]]; then
	exec 9>"$cache/.sdk.lock"
	flock 9 # a second caller waits for the first one's packages
	if [[ ! -e $tools/done ]]; then
		echo "fetching esbuild, TypeScript and what else package.json has, once" >&2
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

# build_sdk FOLDER: writes the SDK's two files there.
build_sdk() {
	esbuild "$sdk/src/index.ts" --bundle --format=esm --target=es2022 --minify --legal-comments=none --log-level=warning \
		--banner:js='/*! @flashpod/client, of a Flashpod media server: see flashpod.d.ts */' --outfile="$1/flashpod.js"
	tsc -p "$sdk" --noEmit false --declaration --emitDeclarationOnly --stripInternal --outDir "$out/types"
	node "$here/declarations.mjs" "$out/types" >"$1/flashpod.d.ts"
}

# build_console FOLDER: writes the console's three files there. The licences of what is in them want to be told.
build_console() {
	local licences
	licences=$(for of in preact uplot; do printf '\n%s\n\n' "$of"; cat "$NODE_PATH/$of/LICENSE"; done)
	esbuild "$console/src/console.tsx" "$console/src/console.css" --bundle --format=esm --target=es2022 --minify --legal-comments=none \
		--jsx=automatic --jsx-import-source=preact --log-level=warning --footer:js="/*! With:
$licences
*/" --outdir="$1"
	cp "$console/src/index.html" "$1/"
}

# types FOLDER: checks the types of its source and tests. What npm has brought is not beside them.
types() {
	cat >"$out/tsconfig.json" <<-END
		{
			"extends": "$1/test/tsconfig.json",
			"compilerOptions": {
				"typeRoots": ["$NODE_PATH/@types"], "rootDir": "/",
				"paths": { "*": ["$NODE_PATH/*"] }
			},
			"include": ["$1/test", "$1/src"]
		}
	END
	tsc -p "$out"
}

# same FILE FILE: fails when the second, which is committed, is not the first, which is made of the source.
same() {
	cmp -s "$1" "$2" || { echo "sdk.sh: $2 is out of date: run \"make sdk\" and commit" >&2; exit 1; }
}

# tests FILE...: bundles test files for Node.js and runs them.
tests() {
	esbuild "$@" --bundle --platform=node --target=node18 --format=cjs --external:playwright-core --external:axe-core --sourcemap=inline \
		--log-level=warning --out-extension:.js=.cjs --outbase="$web" --outdir="$out/test"
	WEB=$web SDK=$sdk ROOT=$root node --enable-source-maps --test --test-force-exit --test-concurrency 2 --test-reporter "${REPORTER:-spec}" "$out"/test/*/test/*.cjs
}

case ${1:-} in
build)
	build_sdk "$sdk"
	build_console "$console/built"
	;;
check)
	tsc -p "$sdk" # by itself, as who uses the source has it
	types "$sdk"
	types "$console"
	mkdir "$out/sdk" "$out/console"
	build_sdk "$out/sdk"
	for file in flashpod.js flashpod.d.ts; do same "$out/sdk/$file" "$sdk/$file"; done
	build_console "$out/console"
	for file in index.html console.js console.css; do same "$out/console/$file" "$console/built/$file"; done
	;;
test)
	shift
	files=()
	if [[ $# -eq 0 ]]; then files=("$sdk"/test/*.test.ts "$console"/test/*.test.ts); fi
	for name in "$@"; do
		found=("$web"/{sdk,console}/test/"$name".test.ts)
		for file in "${found[@]}"; do if [[ -e $file ]]; then files+=("$file"); continue 2; fi; done
		echo "sdk.sh: no test is called $name: neither ${found[0]} nor ${found[1]} is there" >&2
		exit 1
	done
	tests "${files[@]}"
	;;
bench)
	esbuild "$sdk/test/bench.ts" --bundle --platform=node --target=node18 --format=cjs --external:playwright-core --sourcemap=inline \
		--log-level=warning --outfile="$out/bench.cjs"
	SDK=$sdk ROOT=$root node --enable-source-maps "$out/bench.cjs"
	;;
vectors)
	UPDATE=1 tests "$sdk/test/vectors.test.ts"
	;;
*)
	sed -n '2,/^set /s/^# \{0,1\}//p' "${BASH_SOURCE[0]}" >&2
	exit 2
	;;
esac

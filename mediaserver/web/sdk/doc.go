// Package sdk serves the JavaScript SDK @flashpod/client to web pages: the file
// that esbuild makes of the TypeScript in src, and its types, both embedded.
// "make sdk" writes them; what the SDK is, README.md says. This package knows
// nothing of the server that it is part of, and decides no address: who mounts
// Handler does.
package sdk

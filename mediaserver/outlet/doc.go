// Package outlet is what the ways out of a stream over HTTP have in common: how one asks
// where a stream or a recording is, and is told why there is none ([House]).
//
// A way out is a package of its own (hls, httpflv): a request in, bytes out of a
// stream's log or of a file. Which streams there are, and who may see them, is decided
// by whoever serves them. The package itself serves nothing.
package outlet

// Package outlet is what the ways out of a stream over HTTP have in common: how one asks
// where a stream or a recording is, and is told why there is none ([House]), and how the
// house learns what a viewer was sent, and has it go ([Viewing]).
//
// A way out is a package of its own (hls, httpflv): a request in, bytes out of a
// stream's log or of a file. Which streams there are, who may see them, and how many may,
// is decided by whoever serves them. The package itself serves no stream.
package outlet

// Package probe finds out what live streams are: codecs, sizes and rates, for people who
// look at them. It reads a stream's headers and first frames once, as any player does,
// and again when they are others; what changes all the time it asks of stream.Look.
package probe

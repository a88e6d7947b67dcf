// Package socket writes to the socket of a connection without waiting, and without
// what the runtime adds to each write: with thousands of players that is what a write
// costs. A connection by TLS is encrypted by whoever writes, as much as its socket
// takes: see [Sealed].
//
// It is used by the connections that play: rtmp's, those of httpflv, and http2's. It knows no
// protocol but TLS.
package socket

// Package socket writes to the socket of a connection without waiting, and without
// what the runtime adds to each write: with thousands of players that is what a write
// costs.
//
// It is used by the connections that play: rtmp's, and those of httpflv. It reads
// nothing, and knows no protocol.
package socket

// Package rtmp is the wire of the Real-Time Messaging Protocol: handshake,
// chunks, messages and commands, for servers and for clients. References named
// [SPEC §x] are to Adobe's RTMP specification 1.0.
//
// A [Conn] reads messages in one goroutine and takes messages to send from
// any. It answers by itself what concerns the connection alone: chunk sizes,
// acknowledgements and the windows that wait for them, pings. Everything else
// goes to its user, who knows what a stream or an application is; this package
// does not.
//
// On top of it, [Calls] are the calls that two ends make of one another, and a
// [NetConnection] with its [NetStream]s is a client: the command line, tests,
// and whatever takes a stream to another server or from one.
//
// Of github.com/yutopp/go-rtmp it uses the handshake and the control messages.
// Chunks are its own, because nothing that a stranger sends may cost more than
// it carries, and because media must not be copied on its way to thousands.
package rtmp

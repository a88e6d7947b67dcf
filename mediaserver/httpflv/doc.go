// Package httpflv serves streams as FLV over HTTP, live and recorded, in the answer to
// a GET or in the binary messages of a WebSocket (RFC 6455).
//
// A viewer of a live stream is one more player in the fan-out: its socket belongs to a
// loop of package stream, as that of an RTMP player does, and the bytes that it is sent
// are the log's own, between tag headers that are made once for all viewers. It begins
// with the newest keyframe, skips what it is too slow for, stays when another publisher
// takes over, and its answer ends with the publication. So that players know what to
// wait for, the header of the file says whether the stream has pictures and sound. A
// name that nobody publishes and nobody has recorded is not waited for.
//
// A recorded stream is sent as fast as its viewer reads: a file that is FLV as it lies
// there, with ranges; of one that is not, or with another track, the tags. ?start= is a
// time in seconds, as players of the web count, and not the bytes that nginx's module
// for FLV means by it: the answer begins with the keyframe at or before it, and keeps
// the timestamps of the file.
//
// By TLS the loop encrypts as much as a socket takes, where whoever accepts connections
// has put a [socket.Sealed] below it, and by HTTP/2 as much as the stream's windows have
// room for as well, where there is a [http2.Conn] above that. The socket of a viewer that
// comes otherwise cannot be found: it has a queue of 64 KiB, and a goroutine as long as
// there is something in it.
//
// The package knows HTTP/1.1, HTTP/2, WebSockets, streams and files that are open. Who
// may see what, and where it is, whoever serves says: see [outlet.House]. It sets no header for
// pages of other origins.
package httpflv

// Package http2 lets others than net/http write answers on a connection of HTTP/2 that
// net/http serves: a fan-out loop, to which a viewer of a live stream then costs what
// one with a socket of its own does.
//
// A Conn lies between TLS and net/http's server, which does all that a client can ask
// for, keeps all its limits, and need not know of it. What goes by in both directions is
// looked at frame by frame [RFC 9113 §4]: nothing but headers of frames is kept. An
// answer whose head net/http has sent may be taken (see [Stream]): its DATA frames go
// between those of net/http, whole, under the client's windows, and net/http ends the
// answer as any that has nothing in it.
//
// Both spend one window, that of the connection. net/http is told of as much of it as
// there is, now and then, and has to wait where streams have used what it believes in;
// they leave it a frame's worth. Whoever of both has written much lets the other go
// first. So a viewer who does not read holds up no other answer, and no large answer a
// viewer.
//
// A frame has a record of TLS to itself, its header and all. What many viewers are given is
// laid out in frames once for all whose streams have the same number: see [Laid].
//
// The number of its stream, which net/http does not tell a handler, comes to it in a
// field of its own behind those of the request, whose name the client cannot know.
//
// The package knows frames and windows. It knows neither requests nor media, and fields
// (HPACK) only as far as to add one.
package http2

// Package server puts a media server together: it opens the listeners, builds
// an instance from each AppInstance document, gives every connection a session,
// and takes it all down in an order that loses nothing.
//
// Instances that no manifest names start when a client connects to one, where a
// manifest of their application says so, and are unloaded when nobody uses them.
//
// One port of TLS has RTMPS and HTTPS: what a client offers by ALPN says what it speaks
// and, where that says nothing, the first byte that it sends, which in RTMP is a version
// and in HTTP a letter. Whatever it is, the connection has its place among all, its time
// for the handshake and for that byte, and its turn for what is decrypted. Requests of
// one connection of HTTP/2 count as so many connections. Such answers have no
// Strict-Transport-Security: browsers would not come to the ports without TLS any more.
//
// Flash Player is told whose movies may use the server, by HTTP and at the ports of
// RTMP, where its question comes in place of a handshake: whoever may use every
// instance, as its policy files are for a host.
//
// It owns sockets, the data folder's lock, the publish keys and the certificate.
// Keys and certificate are files that others change while it runs, well or
// badly: it looks at them every second, and neither keeps it from serving what
// needs none. It knows nothing of RTMP messages (package session) or of what an
// instance does with them (package instance).
package server

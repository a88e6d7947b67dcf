// Package public serves the port that web pages and HTTP players use: RTMP inside a
// WebSocket, and streams in the ways of the web.
//
// Applications own the paths: a stream is at /APPLICATION/INSTANCE/NAME with what its
// way adds. What is the server's own lies under /-/. Pages of other origins use it as
// far as [Origins] says, and movies of Flash Player as [PolicyFile] does. What the server
// ends, ends with a close frame that says why, and waits for no page.
//
// It decides neither who may watch nor where a stream is, takes no stream apart, and
// shows nothing of the server's inside: that is on the control port (package web).
package public

// Package session is one client connection: its NetConnection (connect, calls,
// the streams created on it) and its NetStreams (publish, play, pause, seek).
// It turns a client's commands into requests to the instance and answers them
// with the status codes, and in the order, that Flash Communication Server
// used.
//
// What a session asks of an instance is declared here ([Instance]): plain
// values, answered later. Whether the instance lives in this process or behind a
// link, a session does not know; what a viewer reads is a log (package stream)
// or a file (package playback) in this process.
//
// What happens to a session happens in turns, one after another: commands of its
// client, and events from elsewhere, such as the end of what plays. A turn may
// wait for an answer, with no lock held; the goroutine that reads the connection
// goes on reading meanwhile. Only what is documented so may be called from
// outside of a turn. Media that a client publishes goes straight to the stream;
// media that it plays never passes through here.
package session

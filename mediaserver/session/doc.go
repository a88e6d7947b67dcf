// Package session is one client connection: its NetConnection (connect, calls,
// the streams created on it) and its NetStreams (publish, play, pause, seek).
// It turns a client's commands into requests to the instance and answers them
// with the status codes, and in the order, that Flash Communication Server
// used.
//
// A session runs in the goroutine that reads its connection. Only what is
// documented so may be called from another. Media that a client publishes goes
// straight to the stream; media that it plays never passes through here.
package session

// Package server puts a media server together: it opens the listeners, builds
// an instance from each AppInstance document, gives every connection a session,
// and takes it all down in an order that loses nothing.
//
// It owns sockets, the data folder's lock and the publish keys. It knows
// nothing of RTMP messages (package session) or of what an instance does with
// them (package instance).
package server

// Package playback plays a recorded file onto a connection: from any point, in
// real time, ahead of it by as much as the client has room for.
//
// A playback has no goroutine: a turn, when one is due, reads a piece of the
// file into memory that all playbacks share, makes headers for the frames in
// it, and hands both to the socket in one call. What the files of a format are
// like is known to the format's own package, which provides a media.File.
//
// The package is to recorded files what stream is to live ones. It knows no
// store, no name and no folder: recording opens files, and session says what is
// played and tells clients of it.
package playback

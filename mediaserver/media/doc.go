// Package media says what a recorded file is, whatever its format: frames that
// can be read from any point, with what a decoder needs first. Packages flv,
// mp4 and mp3 provide files, and playback plays them.
//
// A frame is one RTMP message without its header. Its payload lies where it
// was read to, once, and goes from there to the socket: nothing here copies
// media, and no player allocates for a frame.
//
// A Timestamp is the time of a frame, and of a message on the wire.
//
// The package holds types and their small mechanics. It opens no file and
// knows no format.
package media

// Package pieces keeps pieces of files that are elsewhere: on a disk, as many as fit, and
// those that were used last. What many read is fetched once, a little of what a reader will
// want next is fetched before it is asked for, and nobody waits who does not want to: see
// media.LaterReader.
//
// A piece is known by what its file is known by and where in it it is, so that a file that
// was overwritten is another one. On the disk it has a checksum: one that was torn, because
// the process was killed or the machine went down, is never served, and a process that
// begins anew finds those that are whole. A disk that is full, or fails, costs no reader
// anything but that pieces are fetched again.
//
// Memory, of pieces that are on their way or not on the disk yet, is paid for by a budget.
//
// The package knows no format, no server and no name: where pieces come from is a [Source].
package pieces

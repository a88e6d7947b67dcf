package media

import "io"

// NotYetError says that bytes of a file are elsewhere and on their way. Who reads them
// again once wake was called finds them there, or hears why they are not.
type NotYetError struct {
	// When has wake called once, from any goroutine, as soon as it is worth to read again:
	// at once, where that is so already. It does not wait, and neither must wake. Nil:
	// nothing was asked for.
	When func(wake func())
}

// Error implements error.
func (*NotYetError) Error() string { return "the bytes are on their way" }

// LaterReader reads a file whose bytes may be elsewhere. Its ReadAt waits for them, as for
// a disk.
type LaterReader interface {
	io.ReaderAt
	// Now reads what is here: where that is not all that is asked for, it fails with a
	// NotYetError, having asked for the rest.
	Now() io.ReaderAt
	// Peek reads what is here, and asks for nothing: it fails with a NotYetError that has no
	// When.
	Peek() io.ReaderAt
}

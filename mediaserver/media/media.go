package media

import (
	"errors"
	"fmt"
	"io"
	"time"

	"flashpod.dev/flashpod/mediaserver/amf"
)

// Types of a frame: those of FLV tags and of RTMP messages.
const (
	TypeAudio = 8
	TypeVideo = 9
	TypeData  = 18
)

// ErrInvalid says that the bytes are not of the format that they should be of.
// Errors that wrap it say where and why.
var ErrInvalid = errors.New("invalid media file")

// Frame is one audio, video or data message of a file: Head, then Data. Head is
// what the file does not have and RTMP wants, such as the five bytes before a
// picture of H.264; it is empty for FLV.
type Frame struct {
	Type uint8
	Time Timestamp // from the beginning of the file
	At   int64     // with Time, the position before it
	Head []byte
	Data []byte
	// More is how many bytes of the payload come behind Data and were not read:
	// they lie in the file from From on. It is 0 but for a frame that is larger
	// than what one read may take: see Batch.Part.
	More int
	From int64
}

// Position is the place before the frame.
func (f Frame) Position() Position { return Position{f.Time, f.At} }

// Size is the length of the payload in bytes.
func (f Frame) Size() int { return len(f.Head) + len(f.Data) + f.More }

// Position is a place between two frames of a file.
type Position struct {
	Time Timestamp // of the frame that follows
	At   int64     // what it means is the format's own
}

// File is what is known of a file once its index was read. It is immutable, and
// any number of players share it.
type File interface {
	// Duration is the time of the last frame.
	Duration() time.Duration
	// Memory is about how many bytes the index takes.
	Memory() int64
	// Meta is what the file says of itself, for onMetaData; nil for nothing.
	// Callers do not change it.
	Meta() *amf.ECMAArray
	// Seek returns where playing begins for a time: at the last keyframe
	// at or before it (in a file without video, near it), or at the beginning.
	Seek(to Timestamp) Position
	// SeekAfter is Seek for the first keyframe at or after a time; ok is false
	// when there is none.
	SeekAfter(from Timestamp) (at Position, ok bool)
	// Headers returns the sequence headers that a decoder needs to begin at a
	// place, video's first. The frames are the caller's, their times 0.
	Headers(r io.ReaderAt, at Position) ([]Frame, error)
	// Read replaces the frames of b by those that follow a place, in the order
	// of their times (within what interleaving leaves), and returns the place
	// behind them. It reads as many as fit into b's buffer, one at least: b
	// grows for a frame that is larger, or holds its beginning (see Batch.Part).
	// The frames are valid until b is used again. r has the bytes of the file. It fails with io.EOF, and no frames,
	// at the end of the file, with ErrInvalid, or as r does.
	Read(r io.ReaderAt, at Position, b *Batch) (next Position, err error)
}

// DataFile is a File that has data messages among its frames, and finds them
// without reading the others.
type DataFile interface {
	File
	// Data is Read for the data messages alone.
	Data(r io.ReaderAt, at Position, b *Batch) (next Position, err error)
}

// Batch is memory for the frames of one read, kept for the next.
type Batch struct {
	Frames []Frame
	// Buf is where payloads are read to; its length is how much one read may
	// take.
	Buf []byte
	// Part, where it is not 0, is how much of a frame is read at least; of one that
	// is larger and does not fit into Buf, the rest stays in the file: Frame.More.
	// The buffer grows no further.
	Part int
	// Heads is where heads are made.
	Heads []byte
}

// NewBatch makes a batch whose reads take up to size bytes.
func NewBatch(size int) *Batch { return &Batch{Buf: make([]byte, size)} }

// Reset empties the batch for another read.
func (b *Batch) Reset() { b.Frames, b.Heads = b.Frames[:0], b.Heads[:0] }

// Grow makes room for a frame of n bytes; what was in Buf is lost.
func (b *Batch) Grow(n int) {
	if cap(b.Buf) < n {
		b.Buf = make([]byte, n)
	}
	b.Buf = b.Buf[:max(n, len(b.Buf))]
}

// MaxFrames is how many frames one read returns at most: about as many as go into
// one write.
const MaxFrames = 1024

// Parted says whether a frame with n bytes is read in part, and makes room for as
// much as is read then.
func (b *Batch) Parted(n int) bool {
	if b.Part == 0 || n <= max(b.Part, len(b.Buf)) {
		return false
	}
	b.Grow(b.Part)
	return true
}

// ReadFull reads all of p from at on. It fails with ErrInvalid where the file
// ends before: one that has become shorter since it was opened must not look
// like one that was played to its end.
func ReadFull(r io.ReaderAt, p []byte, at int64) error {
	n, err := r.ReadAt(p, at)
	switch {
	case n == len(p):
		return nil
	case err == nil || errors.Is(err, io.EOF):
		return fmt.Errorf("%w: it ends at byte %d; it was longer when it was opened", ErrInvalid, at+int64(n))
	}
	return fmt.Errorf("byte %d: %w", at, err)
}

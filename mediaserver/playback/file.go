package playback

import (
	"io"

	"flashpod.dev/flashpod/mediaserver/budget"
	"flashpod.dev/flashpod/mediaserver/media"
)

// File is what is played: a recorded file that was opened for one playback.
// Several may share what lies behind it.
type File struct {
	media.File
	// Bytes are those of the file, for media.File to read from. Of a media.LaterReader,
	// turns read what is here, and others come when the rest is.
	Bytes      io.ReaderAt
	OnMetaData []byte  // the data message that introduces the media, in AMF0
	Rate       float64 // bytes a millisecond, on the average
	// Queue is where the playback gets places for its turns; nil: one of its own.
	Queue *Queue
	// Samples pays for what was read and the connection has not taken yet, beyond
	// what is little; nil: there is no bound.
	Samples *budget.Budget
	// Release gives back what was opened; nil when there is nothing to give.
	Release func()
}

// Close gives the file back. It is called once, when no read runs any more, and
// with no lock held.
func (f *File) Close() {
	if f.Release != nil {
		f.Release()
	}
}

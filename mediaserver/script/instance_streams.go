package script

import (
	"context"
	"time"

	"flashpod.dev/flashpod/mediaserver/amf"
	"flashpod.dev/flashpod/mediaserver/rtmp"
)

// Streams is what the class Stream asks of its instance, which acts in the order in
// which it is asked. Names have no query.
type Streams interface {
	// OpenStreams says who is told of what becomes of streams that are played and
	// recorded from now on; what was asked for before is ended. told is called from any
	// goroutine, and does not wait.
	OpenStreams(told func(StreamStatus))
	// PlayStream has the server publish a stream, and play an item on it: behind those
	// that wait already or, with reset, in their place and at once. StopStream ends
	// that.
	PlayStream(stream string, item StreamItem, reset bool)
	StopStream(stream string)
	// RecordStream records a stream, whoever publishes it, until the publication ends or
	// StopRecord is called.
	RecordStream(stream string, r StreamRecord)
	StopRecord(stream string)
	// SendStream brings a data message to all who play a stream, and into its
	// recordings: in AMF0, the name of a handler and what it is called with.
	SendStream(stream string, data []byte)

	// ReadStream reads a live stream, one publication behind another, and calls each
	// for all that comes, which is not changed later. It waits for publishers, and
	// for each, until ctx ends or each fails; who takes too long is spared what lies
	// before a newer keyframe. Times are those that have passed since began, and go
	// on behind a pause. It is called from a goroutine of its own.
	ReadStream(ctx context.Context, name string, began time.Time, each func(*rtmp.Message) error) error

	// These may wait for a disk, until ctx ends. Length, size and metadata are those of
	// the recording that a name plays; the metadata of a live stream come first, and are
	// nil where there are none.
	StreamLength(ctx context.Context, name string) (time.Duration, error)
	StreamSize(ctx context.Context, name string) (bytes int64, err error)
	StreamMeta(ctx context.Context, name string) (amf.Value, error)
	// DeleteStream removes the recording of a name, and ClearStreams all that a path
	// means: * is any characters and ? one of them, in its last part; "/" is all.
	DeleteStream(ctx context.Context, name string) error
	ClearStreams(ctx context.Context, path string) error
}

// StreamStatus is what has become of a stream that the script plays or records.
type StreamStatus struct {
	Stream                            string
	Code, Level, Description, Details string // as in information objects
}

// StreamFrom says whether an item is to be live or recorded.
type StreamFrom int

// What an item may be.
const (
	LiveOrRecorded StreamFrom = iota
	LiveOnly
	RecordedOnly
)

// StreamItem is what is played on a stream.
type StreamItem struct {
	Name          string
	From          StreamFrom
	Start, Length time.Duration // Length 0: all of it
	Picture       bool          // a single picture
	DataOnly      bool          // the data messages of a recording, all at once
	// Far plays it on another server, until it ends there or ctx does, and calls each
	// for all that comes, and with nil when nobody publishes it there any more. It is
	// called once, and returns a *rtmp.StatusError for what that server refuses.
	// nil: it is a stream of the instance.
	Far func(ctx context.Context, each func(*rtmp.Message) error) error
}

// RecordMode is what becomes of an earlier recording of a name.
type RecordMode string

// The modes, as scripts call them.
const (
	RecordNew           RecordMode = "record"
	RecordAppend        RecordMode = "append"
	RecordAppendWithGap RecordMode = "appendWithGap"
)

// StreamRecord is how a stream is recorded.
type StreamRecord struct {
	Mode        RecordMode
	MaxDuration time.Duration // 0: any
	MaxBytes    int64         // 0: any number
}

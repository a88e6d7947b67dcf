package instance

import (
	"context"
	"errors"
	"io"
	"time"

	"flashpod.dev/flashpod/mediaserver/media"
	"flashpod.dev/flashpod/mediaserver/rtmp"
	"flashpod.dev/flashpod/mediaserver/session"
	"flashpod.dev/flashpod/mediaserver/stream"
)

// slowTime is how far a reader may be behind, and for how long, before it goes on at a
// newer keyframe: as much as a player.
const slowTime = 5 * time.Second

// readers is what those who read streams for the script are called among those who play.
func (i *Instance) readers() session.Client {
	return session.Client{ID: "script " + i.application + "/" + i.name}
}

// ReadStream implements script.Streams. Who reads keeps no instance in use.
func (i *Instance) ReadStream(ctx context.Context, name string, began time.Time, each func(*rtmp.Message) error) error {
	i.reentry.check("ReadStream")
	came := make(chan session.PlayAnswer, 1)
	i.Open(session.PlayRequest{Client: i.readers(), Name: name, From: session.LiveOnly}, func(a session.PlayAnswer) { came <- a })
	op := &opening{came: came}
	a, ok := op.wait(ctx)
	switch {
	case !ok:
		return ctx.Err()
	case a.Refusal != nil:
		return a.Refusal
	}
	defer giveBack(a)
	r := &reading{stream: a.Live, began: began, each: each}
	for {
		if err := r.publication(ctx); !errors.Is(err, io.EOF) && !errors.Is(err, stream.ErrLagged) {
			return err
		}
	}
}

// reading is a live stream as it is read for the script.
type reading struct {
	stream *stream.Stream
	began  time.Time // when the time was 0 that messages get
	each   func(*rtmp.Message) error

	placed bool // a message has come, so that from is known
	at     time.Duration
	from   media.Timestamp // of the stream, at the reader's time at
	last   time.Duration
}

// publication reads one publication, and returns io.EOF when it is over.
func (r *reading) publication(ctx context.Context) error {
	reader := r.stream.NewReader()
	defer reader.Close()
	r.placed = false
	current := time.Now() // when there was last nothing to read
	for {
		if !reader.Pending() {
			current = time.Now()
		}
		m, err := reader.Next(ctx)
		if err != nil {
			return err
		}
		if time.Since(current) >= slowTime && r.stream.Newest().Sub(m.Timestamp) >= slowTime && reader.Skip() {
			current = time.Now()
			continue
		}
		m.Timestamp = r.stamp(m.Timestamp)
		if err := r.each(&m); err != nil {
			return err
		}
	}
}

// stamp is the reader's time of a message. What is older than the newest of the stream
// has been its present before.
func (r *reading) stamp(t media.Timestamp) media.Timestamp {
	if !r.placed {
		r.placed, r.from = true, t
		r.at = max(time.Since(r.began), r.last)
		if back := r.stream.Newest().Sub(t); back > 0 {
			r.at = max(r.at-back, r.last)
		}
	}
	at := max(r.at+t.Sub(r.from), 0)
	r.last = max(r.last, at)
	return media.TimestampAt(at)
}

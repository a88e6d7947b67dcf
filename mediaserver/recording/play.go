package recording

import (
	"bufio"
	"context"
	"errors"
	"io"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"flashpod.dev/flashpod/mediaserver/amf"
	"flashpod.dev/flashpod/mediaserver/flv"
	"flashpod.dev/flashpod/mediaserver/rtmp"
)

const (
	// leastBurst is sent ahead of time whatever the client's buffer: a player
	// with a small one would stall at the first hiccup.
	leastBurst = time.Second
	// What goes out in one call of Send.
	batchBytes    = 64 << 10
	batchMessages = 64
	readAhead     = 64 << 10
)

// PlayOptions say how a recorded stream is played.
type PlayOptions struct {
	StreamID uint32        // message stream id of all messages
	Length   time.Duration // how much of it; negative: all; 0: a single frame
	Buffer   time.Duration // how far ahead of time to send
	// Send takes messages, which are valid during the call, and may wait for
	// the client.
	Send func(context.Context, ...*rtmp.Message) error
	// OnEnd is called when everything was sent or something failed; from the
	// goroutine that sends, and never after Halt or Close has returned. It
	// must not call the playback.
	OnEnd func(Result)
}

// Result says how a playback ended.
type Result struct {
	Err      error
	Duration time.Duration // of what was played since the last Run
	Bytes    int64
}

// Playback is a recorded stream that is played. Its methods are called from
// one goroutine at a time.
type Playback struct {
	opts PlayOptions
	f    *os.File
	x    *flv.Index

	buffer   atomic.Int64 // ns
	noAudio  atomic.Bool
	noVideo  atomic.Bool
	position atomic.Uint32 // ms of the last tag sent

	cancel context.CancelFunc // of the pump; nil: none runs
	done   chan struct{}
	clock  struct {
		sync.Mutex
		base  uint32 // ms that the client plays
		since time.Time
		runs  bool
	}
}

// OpenPlayback prepares to play a name; Run starts. It fails with ErrNotFound,
// ErrBadName, or what keeps the file from being read.
func (s *Store) OpenPlayback(name string, opts PlayOptions) (*Playback, error) {
	f, x, err := s.open(name)
	if err != nil {
		return nil, err
	}
	p := &Playback{opts: opts, f: f, x: x}
	p.SetBuffer(opts.Buffer)
	return p, nil
}

// Duration is how long the whole of it plays.
func (p *Playback) Duration() time.Duration { return time.Duration(p.x.Duration) * time.Millisecond }

// SetBuffer sets how far ahead of time is sent.
func (p *Playback) SetBuffer(d time.Duration) { p.buffer.Store(int64(max(d, leastBurst))) }

// SetReceive chooses what is sent. Sequence headers always are.
func (p *Playback) SetReceive(audio, video bool) {
	p.noAudio.Store(!audio)
	p.noVideo.Store(!video)
}

// Position is where the client should be by now: not what was sent last, which
// is ahead by its buffer.
func (p *Playback) Position() time.Duration {
	p.clock.Lock()
	defer p.clock.Unlock()
	sent := time.Duration(p.position.Load()) * time.Millisecond
	if !p.clock.runs {
		return sent
	}
	return min(sent, time.Duration(p.clock.base)*time.Millisecond+time.Since(p.clock.since))
}

// Run sends from the keyframe at or before a time: metadata and sequence
// headers, then tags, as far ahead of time as the buffer says.
func (p *Playback) Run(at time.Duration) {
	p.Halt()
	ctx, cancel := context.WithCancel(context.Background())
	p.cancel, p.done = cancel, make(chan struct{})
	pump := newPump(p, at)
	p.clock.Lock()
	p.clock.base, p.clock.since, p.clock.runs = pump.base, time.Now(), true
	p.clock.Unlock()
	p.position.Store(pump.base)
	go func() {
		defer close(p.done)
		err := pump.run(ctx)
		if errors.Is(err, context.Canceled) && ctx.Err() != nil {
			return
		}
		if errors.Is(err, io.EOF) {
			err = nil
		}
		p.opts.OnEnd(Result{Err: err, Duration: time.Duration(pump.last-pump.base) * time.Millisecond, Bytes: pump.sent})
	}()
}

// Halt stops sending. It returns when nothing more is sent.
func (p *Playback) Halt() {
	if p.cancel == nil {
		return
	}
	p.cancel()
	<-p.done
	p.cancel = nil
	at := p.Position()
	p.clock.Lock()
	p.clock.runs = false
	p.clock.Unlock()
	p.position.Store(uint32(at.Milliseconds()))
}

// Close ends the playback.
func (p *Playback) Close() {
	p.Halt()
	p.f.Close()
}

// Snapshot sends one picture, for a client that seeks while it pauses.
func (p *Playback) Snapshot(at time.Duration) error {
	p.Halt()
	pump := newPump(p, at)
	pump.single = true
	p.position.Store(uint32(at.Milliseconds()))
	err := pump.run(context.Background())
	if errors.Is(err, io.EOF) {
		return nil
	}
	return err
}

// pump sends a file from one place on.
type pump struct {
	p      *Playback
	r      *flv.Reader
	from   flv.Entry
	base   uint32 // ms; the client's clock begins here
	until  uint32 // ms
	single bool   // one frame, then the end

	batch []*rtmp.Message
	spare []byte // payloads of the batch
	start time.Time
	last  uint32
	sent  int64
}

func newPump(p *Playback, at time.Duration) *pump {
	ms := uint32(max(0, min(at.Milliseconds(), int64(p.x.Duration)+1)))
	q := &pump{p: p, from: p.x.Seek(ms), until: p.x.Duration, single: p.opts.Length == 0}
	q.base = q.from.Time
	q.last = q.base
	if l := p.opts.Length; l > 0 && l < time.Duration(p.x.Duration)*time.Millisecond {
		q.until = min(q.until, ms+uint32(l.Milliseconds()))
	}
	if ms > p.x.Duration { // behind the end: nothing comes but the end
		q.from.Offset = p.x.Size
	}
	q.r = flv.ReaderAt(bufio.NewReaderSize(io.NewSectionReader(p.f, q.from.Offset, p.x.Size-q.from.Offset), readAhead), q.from.Offset)
	return q
}

// run returns io.EOF when all is sent.
func (q *pump) run(ctx context.Context) error {
	if err := q.opening(ctx); err != nil {
		return err
	}
	q.start = time.Now()
	for {
		t, err := q.r.Next()
		if err == nil && t.Timestamp > q.until {
			err = io.EOF
		}
		if errors.Is(err, io.ErrUnexpectedEOF) {
			err = io.EOF // it is still being written
		}
		if err != nil {
			if e := q.flush(ctx); e != nil {
				return e
			}
			return err
		}
		if !q.wanted(t) {
			continue
		}
		if err := q.pace(ctx, t.Timestamp); err != nil {
			return err
		}
		q.add(t)
		if q.single && t.Type == flv.TypeVideo && !flv.IsVideoHeader(t.Data) {
			if err := q.flush(ctx); err != nil {
				return err
			}
			return io.EOF
		}
		if len(q.spare) >= batchBytes || len(q.batch) >= batchMessages {
			if err := q.flush(ctx); err != nil {
				return err
			}
		}
	}
}

// opening sends metadata, of time 0 (ffmpeg takes any other for a subtitle),
// and the sequence headers in force, with the timestamp of what follows them.
func (q *pump) opening(ctx context.Context) error {
	x := q.p.x
	data, err := amf.Append(nil, "onMetaData")
	if err == nil {
		data, err = amf.Append(data, flv.Described(x.Meta, float64(x.Duration)/1000))
	}
	if err != nil {
		return err
	}
	q.add(flv.Tag{Type: flv.TypeScript, Data: data})
	for _, h := range x.HeadersBefore(q.from.Offset) {
		t, err := flv.ReadTag(q.p.f, h.Offset)
		if err != nil {
			return err
		}
		t.Timestamp = q.base
		q.add(t)
	}
	return q.flush(ctx)
}

func (q *pump) wanted(t flv.Tag) bool {
	switch {
	case len(t.Data) == 0:
		return false
	case t.Type == flv.TypeAudio:
		return !q.p.noAudio.Load() || flv.IsAudioHeader(t.Data)
	case t.Type == flv.TypeVideo:
		return !q.p.noVideo.Load() || flv.IsVideoHeader(t.Data)
	}
	return true
}

// pace waits until a tag is due, and sends before what is there already.
func (q *pump) pace(ctx context.Context, ms uint32) error {
	for {
		due := time.Duration(int32(ms-q.base))*time.Millisecond - time.Duration(q.p.buffer.Load())
		wait := due - time.Since(q.start)
		if wait <= 0 {
			return nil
		}
		if err := q.flush(ctx); err != nil {
			return err
		}
		// In steps: the client may ask for more in between.
		timer := time.NewTimer(min(wait, 100*time.Millisecond))
		select {
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
			return ctx.Err()
		}
	}
}

// add puts a tag into the batch. Its data is copied.
func (q *pump) add(t flv.Tag) {
	if cap(q.spare)-len(q.spare) < len(t.Data) {
		// What the batch holds stays where it is, in the old array.
		q.spare = make([]byte, 0, max(batchBytes+len(t.Data), 2*batchBytes))
	}
	at := len(q.spare)
	q.spare = append(q.spare, t.Data...)
	m := &rtmp.Message{Type: rtmp.MessageType(t.Type), StreamID: q.p.opts.StreamID, Timestamp: t.Timestamp, Payload: q.spare[at:]}
	q.batch = append(q.batch, m)
	q.last = max(q.last, t.Timestamp)
	q.sent += int64(len(t.Data))
}

func (q *pump) flush(ctx context.Context) error {
	if len(q.batch) == 0 {
		return nil
	}
	if err := q.p.opts.Send(ctx, q.batch...); err != nil {
		return err
	}
	q.p.position.Store(q.last)
	q.batch, q.spare = q.batch[:0], q.spare[:0]
	return nil
}

package instance

import (
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"flashpod.dev/flashpod/mediaserver/recording"
	"flashpod.dev/flashpod/mediaserver/rtmp"
	"flashpod.dev/flashpod/mediaserver/stream"
)

// PublishMode is the second argument of NetStream.publish.
type PublishMode string

// The modes a client may ask for. An empty one means live.
const (
	PublishLive   PublishMode = "live"
	PublishRecord PublishMode = "record"
	PublishAppend PublishMode = "append"
	// PublishAppendWithGap keeps the time between the old end and the new
	// beginning, so that several appended streams stay in step.
	PublishAppendWithGap PublishMode = "appendWithGap"
)

// Publication is a name that somebody publishes. Write is called from one
// goroutine; Close once.
type Publication struct {
	// RecordErr says why the publication is live but not recorded although
	// recording was asked for. Nil when it is recorded or was not asked for.
	RecordErr error

	name     string
	inst     *Instance
	pub      *stream.Publisher
	recorder *recording.Recorder
	once     sync.Once
	wrote    atomic.Int64 // when the last message came, in ns since 1970
}

// Publish takes a name. One whose publisher has been silent for a while is
// taken over: its encoder has lost its network and comes back on another
// connection, long before the old one is known to be dead.
//
// recordEnded is called, from another goroutine, when
// the recording ends by itself (a full disk); it is not called for Close.
// It fails with ErrBusy when the name is published already, ErrFull, or
// ErrStopped. A recording that cannot start does not stop the live stream:
// see Publication.RecordErr.
func (i *Instance) Publish(name string, mode PublishMode, recordEnded func(error)) (*Publication, error) {
	entry, err := i.use(name)
	if err != nil {
		return nil, err
	}
	pub, err := entry.stream.Publish()
	if errors.Is(err, stream.ErrBusy) {
		if old := i.silent(entry); old != nil {
			i.log.Info("publisher was silent: another takes over", "stream", name)
			if err := old.Close(); err != nil {
				i.log.Error("recording not finished cleanly", "stream", name, "err", err)
			}
			pub, err = entry.stream.Publish()
		}
	}
	if err != nil {
		i.release(name)
		if errors.Is(err, stream.ErrBusy) {
			err = fmt.Errorf("publish %s: %w", name, ErrBusy)
		}
		return nil, err
	}
	p := &Publication{name: name, inst: i, pub: pub}
	p.wrote.Store(time.Now().UnixNano())
	if how, wanted, err := i.recordMode(mode); err != nil {
		p.RecordErr = err
	} else if wanted {
		p.record(how, entry.stream, recordEnded)
	}
	_ = i.do(func() {
		i.total.Publications++
		entry.publication = p
	})
	return p, nil
}

// silent returns the publication of a name when nothing has come for it for
// too long, else nil.
func (i *Instance) silent(entry *live) *Publication {
	var p *Publication
	_ = i.do(func() { p = entry.publication })
	if p == nil || time.Since(p.LastWrite()) < i.cfg.PublisherTimeout {
		return nil
	}
	return p
}

// recordMode turns what the publisher asked for and what the manifest says
// into the way to record, if at all.
func (i *Instance) recordMode(asked PublishMode) (recording.Mode, bool, error) {
	var mode recording.Mode
	switch asked {
	case PublishRecord:
		mode = recording.ModeRecord
	case PublishAppend:
		mode = recording.ModeAppend
	case PublishAppendWithGap:
		mode = recording.ModeAppendWithGap
	default:
		return recording.ModeDated, i.cfg.Recording == RecordAll, nil
	}
	if i.cfg.Recording == RecordOff {
		return mode, false, ErrRecordingOff
	}
	return mode, true, nil
}

func (p *Publication) record(how recording.Mode, s *stream.Stream, ended func(error)) {
	i := p.inst
	i.recordings.Add(1)
	r, err := i.cfg.Store.Record(p.name, how, s.NewReader(), func(err error) {
		i.recordings.Add(-1)
		if err != nil {
			i.log.Error("recording ended early", "stream", p.name, "err", err)
			if ended != nil {
				ended(err)
			}
		}
	})
	if err != nil {
		i.recordings.Add(-1)
		p.RecordErr = err
		i.log.Error("recording did not start", "stream", p.name, "err", err)
		return
	}
	p.recorder = r
	_ = i.do(func() { i.total.Recordings++ })
}

// Recorded says whether the publication is being written to a file.
func (p *Publication) Recorded() bool { return p.recorder != nil }

// Write hands one audio, video or data message to the stream. The payload is
// copied.
func (p *Publication) Write(m *rtmp.Message) error {
	p.wrote.Store(time.Now().UnixNano())
	return p.pub.Write(m)
}

// Clear forgets the data that was set for a handler, and says whether there was
// any.
func (p *Publication) Clear(handler string) bool {
	p.wrote.Store(time.Now().UnixNano())
	return p.pub.Clear(handler)
}

// LastWrite is when the last message came or, before the first, when the
// publication began. It may be called from any goroutine.
func (p *Publication) LastWrite() time.Time { return time.Unix(0, p.wrote.Load()) }

// Close ends the publication: players get their UnpublishNotify, the
// recording is finished, the name is free again. It returns the recording's
// error, if any. Only the first call counts.
func (p *Publication) Close() error {
	var err error
	p.once.Do(func() {
		p.pub.Close()
		if p.recorder != nil {
			err = p.recorder.Stop()
		}
		p.inst.release(p.name)
	})
	return err
}

// Stream returns the live stream of that name, which may have no publisher
// yet, and a function that gives it back, to be called once.
func (i *Instance) Stream(name string) (*stream.Stream, func(), error) {
	entry, err := i.use(name)
	if err != nil {
		return nil, nil, err
	}
	var once sync.Once
	return entry.stream, func() { once.Do(func() { i.release(name) }) }, nil
}

// Live says whether somebody publishes that name now.
func (i *Instance) Live(name string) bool {
	var is bool
	_ = i.do(func() {
		entry, ok := i.streams[name]
		is = ok && entry.stream.Live()
	})
	return is
}

func (i *Instance) use(name string) (*live, error) {
	var entry *live
	var refused error
	err := i.do(func() {
		var ok bool
		if entry, ok = i.streams[name]; !ok {
			switch {
			case i.closing:
				refused = ErrStopped
				return
			case i.cfg.MaxStreams > 0 && len(i.streams) >= i.cfg.MaxStreams:
				refused = fmt.Errorf("stream %s: %w: spec.limits.maxStreams is %d", name, ErrFull, i.cfg.MaxStreams)
				return
			}
			entry = &live{stream: stream.New(name, i.cfg.Fanout, i.cfg.Stream)}
			i.streams[name] = entry
		}
		entry.uses++
	})
	if err != nil {
		return nil, err
	}
	return entry, refused
}

func (i *Instance) release(name string) {
	_ = i.do(func() {
		entry, ok := i.streams[name]
		if !ok {
			return
		}
		if entry.uses--; entry.uses == 0 {
			delete(i.streams, name)
		}
	})
}

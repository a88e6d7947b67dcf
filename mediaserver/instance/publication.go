package instance

import (
	"context"
	"sync/atomic"
	"time"

	"flashpod.dev/flashpod/mediaserver/recording"
	"flashpod.dev/flashpod/mediaserver/rtmp"
	"flashpod.dev/flashpod/mediaserver/stream"
)

// publication is a name that a client publishes. It implements
// session.Publication.
type publication struct {
	name   string
	inst   *Instance
	pub    *stream.Publisher
	wrote  atomic.Int64 // when the last message came, in ns since 1970
	closed atomic.Bool

	// Of its recording. opened is closed when the file is open, or cannot be;
	// nil: none is wanted. recorder is set by then, nil: there is none.
	opened   chan struct{}
	recorder *recording.Recorder
	finished chan struct{} // closed when nothing is written any more
}

func newPublication(i *Instance, name string, pub *stream.Publisher) *publication {
	p := &publication{name: name, inst: i, pub: pub, finished: make(chan struct{})}
	p.wrote.Store(time.Now().UnixNano())
	return p
}

// Write implements session.Publication.
func (p *publication) Write(m *rtmp.Message) error {
	p.wrote.Store(time.Now().UnixNano())
	return p.pub.Write(m)
}

// Clear implements session.Publication.
func (p *publication) Clear(handler string) bool {
	p.wrote.Store(time.Now().UnixNano())
	return p.pub.Clear(handler)
}

// LastWrite implements session.Publication.
func (p *publication) LastWrite() time.Time { return time.Unix(0, p.wrote.Load()) }

// silent says whether nothing has come for so long. A publisher that waits for
// its file has nothing to say yet.
func (p *publication) silent(timeout time.Duration) bool {
	if p.opened != nil {
		select {
		case <-p.opened:
		default:
			return false
		}
	}
	return time.Since(p.LastWrite()) >= timeout
}

// Close implements session.Publication. The name is free for another publisher
// at once; its next recording waits for this one, and so does closing again.
func (p *publication) Close(ended func(error)) {
	if p.closed.Swap(true) {
		go func() { <-p.finished; ended(nil) }()
		return
	}
	p.pub.Close()
	if p.opened == nil {
		p.finish()
		ended(nil)
		return
	}
	go func() {
		err := p.stopRecorder()
		p.finish()
		ended(err)
	}()
}

// stopRecorder waits until what is left is written, or the disk has had its
// time.
func (p *publication) stopRecorder() error {
	ctx, cancel := context.WithTimeoutCause(p.inst.ctx, diskTimeout, errDisk)
	defer cancel()
	select {
	case <-p.opened:
	case <-ctx.Done():
		return context.Cause(ctx)
	}
	if p.recorder == nil {
		return nil
	}
	return p.recorder.Stop(ctx)
}

func (p *publication) finish() {
	close(p.finished)
	_ = p.inst.post(func(o *owner) { o.release(p.name) })
}

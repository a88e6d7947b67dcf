package instance

import (
	"sync/atomic"
	"time"

	"flashpod.dev/flashpod/mediaserver/rtmp"
	"flashpod.dev/flashpod/mediaserver/script"
	"flashpod.dev/flashpod/mediaserver/session"
	"flashpod.dev/flashpod/mediaserver/stream"
)

// publication is a name that a client publishes. It implements
// session.Publication.
type publication struct {
	name   string
	inst   *Instance
	pub    *stream.Publisher
	wrote  atomic.Int64 // when the last message came, in ns since 1970
	waits  atomic.Bool  // its publisher waits for the answer, and has nothing to say yet
	closed atomic.Bool
	taken  atomic.Pointer[session.Refusal] // why another has the name; nil: none has
	told   func(*session.Refusal)          // is told so; nil: nobody is
	server bool                            // it is a channel's

	client string            // who publishes
	info   script.StreamInfo // as its script knows it
	gone   bool              // the script was told that it has ended: the owner's

	record   *recordTask   // nil: none is wanted
	finished chan struct{} // closed when nothing of it is written any more
}

func newPublication(i *Instance, c candidate, pub *stream.Publisher) *publication {
	p := &publication{
		name: c.Name, inst: i, pub: pub, told: c.TakenOver, server: c.server, finished: make(chan struct{}),
		client: c.ID, info: script.StreamInfo{Name: c.Name, Query: c.Query, Mode: string(c.Mode)},
	}
	p.wrote.Store(time.Now().UnixNano())
	return p
}

// begun is when its publisher is told that it publishes.
func (p *publication) begun() {
	p.wrote.Store(time.Now().UnixNano())
	p.waits.Store(false)
}

// Write implements session.Publication.
func (p *publication) Write(m *rtmp.Message) error {
	p.wrote.Store(time.Now().UnixNano())
	err := p.pub.Write(m)
	if err != nil {
		if why := p.taken.Load(); why != nil {
			return why
		}
	}
	return err
}

// Clear implements session.Publication.
func (p *publication) Clear(handler string) bool {
	p.wrote.Store(time.Now().UnixNano())
	return p.pub.Clear(handler)
}

// LastWrite implements session.Publication.
func (p *publication) LastWrite() time.Time { return time.Unix(0, p.wrote.Load()) }

// silence is how long nothing has come.
func (p *publication) silence() time.Duration {
	if p.waits.Load() {
		return 0
	}
	return time.Since(p.LastWrite())
}

// Close implements session.Publication. The name is free for another publisher
// at once; its next recording waits for this one, and so does closing again.
func (p *publication) Close(how session.Ending, ended func(error)) {
	if p.closed.Swap(true) {
		go func() { <-p.finished; ended(nil) }()
		return
	}
	_ = p.inst.post(func(o *owner) {
		if how == session.EndedLost {
			o.lost(p) // before anybody sees that nobody publishes
		}
		o.unpublished(p)
	})
	if p.record != nil {
		p.record.end(how) // before its recorder, which may be quick, has written how it ended
	}
	p.pub.Close()
	if p.record == nil {
		p.finish()
		ended(nil)
		return
	}
	p.record.reader.EndHere() // what the next one publishes is not its business
	go func() {
		err := p.record.stop(how)
		p.finish()
		ended(err)
	}()
}

// finish gives the name back.
func (p *publication) finish() {
	close(p.finished)
	_ = p.inst.post(func(o *owner) { o.release(p.name) })
}

// published and unpublished tell the script of a publication that has begun, and that
// it has ended.
func (o *owner) published(p *publication) {
	if o.script != nil && p.client != "" {
		o.script.host.Publish(p.client, p.info)
	}
}

func (o *owner) unpublished(p *publication) {
	if o.script != nil && p.client != "" && !p.gone {
		p.gone = true
		o.script.host.Unpublish(p.client, p.info)
	}
}

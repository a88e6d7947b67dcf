package script

import (
	"context"
	"errors"
	"net"
	"sync"
	"time"

	"flashpod.dev/flashpod/mediaserver/amf"
	"flashpod.dev/flashpod/mediaserver/rtmp"
	"flashpod.dev/flashpod/mediaserver/script/engine"
)

const (
	// askTime is how long a far server may take to answer about a stream, and lastWord
	// how long to say that a publication has ended.
	askTime  = 20 * time.Second
	lastWord = 5 * time.Second
	// maxSends is how many data messages of a script wait for a far server, each of
	// maxSend bytes at most.
	maxSends = 64
	maxSend  = 64 << 10
)

// push publishes a live stream of the instance on another server. Its goroutine reads
// the one and writes to the other; the script's begins and ends it.
type push struct {
	w          *world
	object     *engine.Object // the NetStream, kept until it is over
	over       bool           // the script hears nothing more of it; the script's goroutine's
	link       *link
	name, mode string
	before     <-chan struct{} // closed when what the NetStream published before has ended; nil: nothing was
	began      time.Time
	cancel     context.CancelFunc // the script wants it no more
	done       chan struct{}
	sends      chan *rtmp.Message

	mu     sync.Mutex // nothing else is taken while it is held
	source string
	other  chan struct{} // closed when the source is another one
}

func (w *world) startPush(o *engine.Object, s *netStream, l *link, name, mode string) {
	p := &push{
		w: w, object: o.Keep(), link: l, name: name, mode: mode, began: time.Now(), done: make(chan struct{}),
		sends: make(chan *rtmp.Message, maxSends), source: s.source, other: make(chan struct{}),
	}
	if s.push != nil {
		p.before = s.push.done
	}
	s.end()
	s.push = p
	w.outward.pushes++
	var ctx context.Context
	ctx, p.cancel = context.WithCancel(w.ctx)
	go func() {
		defer close(p.done)
		err := p.run(ctx)
		wanted := ctx.Err() == nil
		p.cancel()
		w.post(func() {
			w.outward.pushes--
			if s.push == p {
				s.push = nil
			}
			if err != nil && wanted {
				w.netStreamStatus(o, failedStream(err.Error()))
			}
			p.over = true
			o.Release()
		})
	}()
}

// take has another stream published; "": nothing.
func (p *push) take(source string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.source != source {
		p.source = source
		close(p.other)
		p.other = make(chan struct{})
	}
}

func (p *push) now() (source string, other <-chan struct{}) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.source, p.other
}

func (p *push) end() { p.cancel() }

// send has a data message sent; false: too much waits already.
func (p *push) send(m *rtmp.Message) bool {
	if len(m.Payload) > maxSend {
		return false
	}
	select {
	case p.sends <- m:
		return true
	default:
		return false
	}
}

// run publishes until that is over, and returns why, unless onStatus was told by the far
// server, or hears that the connection is over.
func (p *push) run(ctx context.Context) error {
	if p.before != nil {
		<-p.before // it takes as long as a last word
	}
	nc := p.link.far(ctx)
	if nc == nil {
		return nil
	}
	asking, done := context.WithTimeout(ctx, askTime)
	defer done()
	s, err := nc.CreateStream(asking)
	if err != nil {
		return unless(err, nc)
	}
	defer func() { _ = s.Close() }()
	s.OnStatus(func(info *amf.Object) { p.link.heard(func() { p.told(info) }) })
	if err := s.Publish(asking, p.name, p.mode); err != nil {
		return unless(err, nc)
	}
	sending, stop := context.WithCancel(ctx)
	defer stop()
	var beside sync.WaitGroup
	beside.Go(func() { p.listen(sending, stop, s) })
	beside.Go(func() { p.sendAll(sending, s) })
	err = p.media(sending, s)
	refused := sending.Err() != nil && ctx.Err() == nil
	stop()
	beside.Wait()
	if refused {
		return nil
	}
	last, cancel := context.WithTimeout(context.WithoutCancel(ctx), lastWord)
	defer cancel()
	_ = s.Unpublish(last) // whoever does not answer is left
	return unless(err, nc)
}

// told tells onStatus what the far server says.
func (p *push) told(info *amf.Object) {
	if !p.over {
		p.w.netStreamStatus(p.object, info)
	}
}

// listen ends the publication with the first error that the far server tells.
func (p *push) listen(ctx context.Context, stop func(), s *rtmp.NetStream) {
	for {
		if _, err := s.Status(ctx); err != nil {
			stop()
			return
		}
	}
}

// sendAll sends what the script says.
func (p *push) sendAll(ctx context.Context, s *rtmp.NetStream) {
	for {
		select {
		case m := <-p.sends:
			m.Timestamp = m.Timestamp.Add(time.Since(p.began))
			if s.Send(ctx, m) != nil {
				return
			}
		case <-ctx.Done():
			return
		}
	}
}

// media sends what the sources say, until ctx ends.
func (p *push) media(ctx context.Context, s *rtmp.NetStream) error {
	for {
		source, other := p.now()
		if source == "" {
			select {
			case <-other:
				continue
			case <-ctx.Done():
				return nil
			}
		}
		reading, cancel := context.WithCancel(ctx)
		stop := make(chan struct{})
		go func() {
			defer close(stop)
			select {
			case <-other:
				cancel()
			case <-reading.Done():
			}
		}()
		err := p.w.host.cfg.Instance.ReadStream(reading, source, p.began, func(m *rtmp.Message) error {
			return s.Send(reading, stored(m))
		})
		cancel()
		<-stop
		switch {
		case ctx.Err() != nil:
			return nil
		case errors.Is(err, context.Canceled): // another source
		default:
			return err
		}
	}
}

// stored has metadata kept by the far server for who joins later.
func stored(m *rtmp.Message) *rtmp.Message {
	if m.Type != rtmp.TypeData {
		return m
	}
	if handler, _, err := amf.Decode(m.Payload); err != nil || handler != "onMetaData" {
		return m
	}
	out := *m
	command, _ := amf.Append(nil, "@setDataFrame") // a string always has a form
	out.Payload = append(command, m.Payload...)
	return &out
}

// unless is an error that the script has not heard of otherwise.
func unless(err error, nc *rtmp.NetConnection) error {
	var said *rtmp.StatusError
	select {
	case <-nc.Ended():
		return nil
	default:
	}
	if errors.As(err, &said) || errors.Is(err, net.ErrClosed) {
		return nil
	}
	return err
}

package script

import (
	"context"
	"errors"
	"time"

	"flashpod.dev/flashpod/mediaserver/amf"
	"flashpod.dev/flashpod/mediaserver/rtmp"
)

const (
	// maxPulled is how many messages of a far stream wait for who plays it, and
	// maxPulledBytes how much they may have, but for one alone: then its connection is
	// read no further.
	maxPulled      = 64
	maxPulledBytes = 8 << 20
	// maxFarFrame is how large a frame of a far server may be, in bytes.
	maxFarFrame = 8 << 20
)

// pull is a stream of another server that is played on one of the instance.
type pull struct {
	link          *link
	name          string
	start, length time.Duration // as play has them; length below 0: all of it

	came pulledMedia
	over chan error // of capacity one; nil: it has been played to its end
}

var errNoConnection = errors.New("the NetConnection is not connected")

// play plays the stream until it ends or ctx does, and calls each for all that comes,
// and with nil when nobody publishes it there any more. It is called once.
func (p *pull) play(ctx context.Context, each func(*rtmp.Message) error) error {
	nc := p.link.far(ctx)
	if nc == nil {
		return errors.Join(ctx.Err(), errNoConnection)
	}
	asking, done := context.WithTimeout(ctx, askTime)
	defer done()
	s, err := nc.CreateStream(asking)
	if err != nil {
		return err
	}
	playing, stop := context.WithCancel(ctx)
	defer func() { _ = s.Close() }()
	defer stop()
	p.came.begin(p.link.w.network().Memory())
	defer p.came.end()
	p.over = make(chan error, 1)
	s.OnMedia(func(m *rtmp.Message) error { p.media(playing, m); return nil })
	s.OnStatus(func(info *amf.Object) { p.status(playing, info) })
	if err := s.PlayPart(asking, p.name, p.start, p.length); err != nil {
		return err
	}
	return p.each(playing, nc, each)
}

// each gives what comes, until it is over.
func (p *pull) each(ctx context.Context, nc *rtmp.NetConnection, each func(*rtmp.Message) error) error {
	for {
		if any, err := p.came.next(each); err != nil {
			return err
		} else if any {
			continue
		}
		select {
		case <-p.came.some:
			continue
		case <-ctx.Done():
			return ctx.Err()
		case <-nc.Ended():
			p.finish(errNoConnection)
		case err := <-p.over:
			p.finish(err)
		}
		if any, err := p.came.next(each); err != nil { // it came before the end
			return err
		} else if !any {
			return <-p.over
		}
	}
}

func (p *pull) finish(err error) {
	select {
	case p.over <- err:
	default:
	}
}

// media takes what the far server plays, on the goroutine that reads.
func (p *pull) media(ctx context.Context, m *rtmp.Message) {
	if m.Type == rtmp.TypeData {
		handler, _, err := amf.Decode(m.Payload)
		if handler == "onPlayStatus" || handler == "onStatus" || handler == "|RtmpSampleAccess" || err != nil {
			return // what is said to a player
		}
	}
	p.put(ctx, m)
}

func (p *pull) put(ctx context.Context, m *rtmp.Message) {
	if err := p.came.put(ctx, m); err != nil {
		p.finish(err)
	}
}

// status hears what the far server says of it, on the goroutine that reads.
func (p *pull) status(ctx context.Context, info *amf.Object) {
	level, _ := info.Get("level")
	code, _ := info.Get("code")
	switch code {
	case "NetStream.Play.UnpublishNotify":
		p.put(ctx, nil)
	case "NetStream.Play.Stop", "NetStream.Play.Complete":
		p.finish(nil)
	default:
		if level == "error" {
			name, _ := code.(string)
			description, _ := info.Get("description")
			text, _ := description.(string)
			p.finish(&rtmp.StatusError{Code: name, Description: text, Info: info})
		}
	}
}

// pulled is an item that is played from another server.
func (w *world) pulled(to connection, name string, start, length float64) (func(context.Context, func(*rtmp.Message) error) error, bool) {
	l, ok := to.(*link)
	if !ok || l.over {
		return nil, false
	}
	p := &pull{link: l, name: name, start: rtmp.PlayAny, length: -1}
	switch {
	case start >= 0:
		p.start = seconds(start)
	case start == -1:
		p.start = rtmp.PlayLive
	}
	if length >= 0 {
		p.length = seconds(length)
	}
	return p.play, true
}

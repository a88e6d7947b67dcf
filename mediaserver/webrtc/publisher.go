package webrtc

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync"
	"sync/atomic"
	"time"

	"github.com/pion/rtcp"
	"github.com/pion/rtp"
	pion "github.com/pion/webrtc/v4"

	"flashpod.dev/flashpod/mediaserver/media"
	"flashpod.dev/flashpod/mediaserver/media/payload"
	"flashpod.dev/flashpod/mediaserver/rtmp"
	"flashpod.dev/flashpod/mediaserver/session"
)

const (
	// keyEvery is how often there is to be a keyframe: browsers make none by
	// themselves, and who comes to a stream begins with one, as segments of HLS do.
	keyEvery = 2 * time.Second
	// askEvery is how often one is asked for that does not come.
	askEvery = 500 * time.Millisecond
	// lookEvery is how often it is looked whether one is due, and whether the publisher
	// is still there.
	lookEvery = 100 * time.Millisecond
)

// publisher is who publishes: a client of an instance. It implements session.Peer: see
// client.go.
type publisher struct {
	*peer
	client      session.Client
	inst        session.Instance    // nil: none has let it in
	publication session.Publication // nil: it has no name yet
	codec       payload.FourCC      // of its pictures
	in          atomic.Uint64       // bytes of media
	packets     atomic.Uint64
	way         way

	ssrc   atomic.Uint32 // of the pictures; 0: none have come
	wants  atomic.Bool   // a keyframe
	keyAt  atomic.Int64  // when the last one came, ns since 1970; 0: none has
	tracks sync.WaitGroup

	mu    sync.Mutex // one track writes; nothing else is taken but what Publication.Write takes
	over  bool       // no track begins any more
	clock clocks
	says  description // what players were told
}

func newPublisher(p *peer) *publisher {
	return &publisher{peer: p, clock: clocks{began: time.Now(), video: trackClock{rate: videoRate}, audio: trackClock{rate: opusRate}}}
}

// serve watches over the publication until it ends.
func (p *publisher) serve(ctx context.Context) error {
	ticker := time.NewTicker(lookEvery)
	defer ticker.Stop()
	var asked time.Time
	for {
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-ticker.C:
		}
		if silent := time.Since(p.publication.LastWrite()); silent > p.h.opts.PublisherIdle {
			return fmt.Errorf("the publisher has sent nothing for %v", silent.Round(time.Second))
		}
		ssrc := p.ssrc.Load()
		due := time.Since(time.Unix(0, p.keyAt.Load())) > keyEvery && time.Since(asked) > keyEvery
		if ssrc == 0 || !due && (!p.wants.Load() || time.Since(asked) < askEvery) {
			continue
		}
		asked = time.Now()
		if err := p.pc.WriteRTCP([]rtcp.Packet{&rtcp.PictureLossIndication{MediaSSRC: ssrc}}); err != nil && ctx.Err() == nil {
			return err
		}
	}
}

// finish ends the publication and leaves the instance, when the connection has ended.
func (p *publisher) finish() {
	p.way.end()
	p.mu.Lock()
	p.over = true
	p.mu.Unlock()
	p.tracks.Wait()
	if p.publication != nil {
		how := session.EndedLost
		if errors.Is(context.Cause(p.ctx), errAsked) {
			how = session.EndedAsked
		}
		ended := make(chan error, 1)
		p.publication.Close(how, func(err error) { ended <- err })
		if err := session.AwaitEnd(p.publication, ended, p.h.isClosed); err != nil {
			p.log.Error("recording not finished cleanly", "err", err)
		}
	}
	if p.inst != nil {
		p.inst.Leave(p.client)
	}
}

// giveUp gives back what a session has that never ran.
func (p *publisher) giveUp() {
	p.end(errGone)
	if p.pc != nil {
		_ = p.pc.GracefulClose() // nothing has gone through it
	}
	p.finish()
	p.leave()
}

// track reads a track as long as there is one.
func (p *publisher) track(t *pion.TrackRemote, r *pion.RTPReceiver) {
	p.mu.Lock()
	over := p.over
	if !over {
		p.tracks.Add(2)
	}
	p.mu.Unlock()
	if over {
		return
	}
	clock := &p.clock.audio
	if t.Kind() == pion.RTPCodecTypeVideo {
		clock = &p.clock.video
	}
	go func() {
		defer p.tracks.Done()
		p.reports(r, clock)
	}()
	defer p.tracks.Done()
	each, done := p.sound()
	if t.Kind() == pion.RTPCodecTypeVideo {
		p.ssrc.Store(uint32(t.SSRC()))
		each, done = p.pictures()
	}
	defer done()
	var order reorder
	for {
		packet, _, err := t.ReadRTP()
		if err != nil {
			return
		}
		p.in.Add(uint64(len(packet.Payload)))
		p.packets.Add(1)
		order.push(packet, time.Now(), each)
	}
}

// reports hears what the publisher says of a track's clock.
func (p *publisher) reports(r *pion.RTPReceiver, clock *trackClock) {
	for wrong := 0; wrong < 100; {
		list, _, err := r.ReadRTCP()
		switch {
		case errors.Is(err, io.EOF), errors.Is(err, io.ErrClosedPipe), err != nil && p.ctx.Err() != nil:
			return
		case err != nil:
			wrong++ // it could not be read
			continue
		}
		for _, one := range list {
			if s, ok := one.(*rtcp.SenderReport); ok {
				p.mu.Lock()
				p.clock.report(clock, s.NTPTime, s.RTPTime)
				p.mu.Unlock()
			}
		}
	}
}

// sound takes packets of Opus.
func (p *publisher) sound() (each func(*rtp.Packet, bool), done func()) {
	begun := false
	var buf []byte
	return func(packet *rtp.Packet, _ bool) {
		if len(packet.Payload) == 0 {
			return
		}
		p.mu.Lock()
		defer p.mu.Unlock()
		at := p.clock.time(&p.clock.audio, packet.Timestamp, time.Now())
		if !begun {
			begun = true
			now := p.says
			now.sound = true
			p.describe(now, at)
			p.write(&rtmp.Message{Type: rtmp.TypeAudio, Timestamp: at, Payload: opusHead()})
		}
		buf = appendOpus(buf[:0], packet.Payload)
		p.write(&rtmp.Message{Type: rtmp.TypeAudio, Timestamp: at, Payload: buf})
	}, func() {}
}

// pictures takes packets of pictures. Behind one that is lost there is nothing until
// the next keyframe, which is asked for.
func (p *publisher) pictures() (each func(*rtp.Packet, bool), done func()) {
	f := newFrames(p.codec, p.h.opts.Budget)
	m := pictures{codec: p.codec}
	waits := true
	p.wants.Store(true)
	wait := func() { waits = true; p.wants.Store(true) }
	one := func(b []byte, rtpTime uint32) error {
		header, message, key, ok := m.message(b)
		p.mu.Lock()
		defer p.mu.Unlock()
		at := p.clock.time(&p.clock.video, rtpTime, time.Now())
		switch {
		case !ok:
			wait()
			return nil
		case key:
			waits = false
			p.wants.Store(false)
			p.keyAt.Store(time.Now().UnixNano())
		case waits:
			return nil
		}
		now := p.says
		now.video, now.width, now.height = p.codec, m.width, m.height
		p.describe(now, at)
		if header != nil {
			p.write(&rtmp.Message{Type: rtmp.TypeVideo, Timestamp: at, Payload: header})
		}
		p.write(&rtmp.Message{Type: rtmp.TypeVideo, Timestamp: at, Payload: message})
		return nil
	}
	return func(packet *rtp.Packet, lost bool) {
		if lost {
			wait()
		}
		if err := f.push(packet, lost, one); err != nil {
			wait()
		}
	}, f.close
}

// describe tells players what the media are, where that is not what they were told before.
// The caller holds p.mu.
func (p *publisher) describe(now description, at media.Timestamp) {
	now.agent = p.client.Agent
	if now == p.says {
		return
	}
	p.says = now
	p.write(&rtmp.Message{Type: rtmp.TypeData, Timestamp: at, Payload: now.message()})
}

// write writes a message to the stream, which ends the session where it has ended.
func (p *publisher) write(m *rtmp.Message) {
	if err := p.publication.Write(m); err != nil {
		p.end(err)
	}
}

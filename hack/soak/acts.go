package main

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net"
	"time"

	"flashpod.dev/flashpod/mediaserver/amf"
	"flashpod.dev/flashpod/mediaserver/media"
	"flashpod.dev/flashpod/mediaserver/rtmp"
)

// names are few, so that players find publishers, and publishers each other.
const names = 8

func anyName(r *rand.Rand) string { return fmt.Sprintf("s%d", r.IntN(names)) }

// answerWithin is how long a client waits for an answer: a server under the
// race detector on a busy machine takes its time.
const answerWithin = 30 * time.Second

// How a publisher leaves.
type leaving int

const (
	politely  leaving = iota
	vanishing         // the connection ends
	torn              // in the middle of a message
)

// publish sends 25 frames a second for a while.
func (c *crew) publish(ctx context.Context, r *rand.Rand, how leaving) error {
	p, err := c.server.dial(ctx, 0)
	if err != nil {
		return err
	}
	defer p.close()
	mode := []string{"live", "live", "record", "append"}[r.IntN(4)]
	if err := p.command("publish", anyName(r), mode); err != nil {
		return err
	}
	answer, cancel := context.WithTimeout(ctx, answerWithin)
	code, err := p.await(answer, "NetStream.Publish.Start", "NetStream.Publish.BadName")
	cancel()
	if err != nil || code != "NetStream.Publish.Start" {
		return err // another publisher has the name
	}
	running, cancel := context.WithTimeout(ctx, between(r, 2*time.Second, 25*time.Second))
	defer cancel()
	if err := c.sendFrames(running, p, 400+r.IntN(6000), 5+r.IntN(60)); err != nil {
		return err
	}
	switch how {
	case politely:
		if err := p.command("closeStream"); err != nil {
			return err
		}
		answer, cancel := context.WithTimeout(ctx, answerWithin)
		defer cancel()
		_, err = p.await(answer, "NetStream.Unpublish.Success")
	case torn:
		b := rtmp.AppendChunks(nil, &rtmp.Message{Type: rtmp.TypeVideo, StreamID: p.stream.ID(), Payload: make([]byte, 50000)}, 128)
		_, err = p.socket.Write(b[:1+r.IntN(len(b)-1)])
	}
	return err
}

const frameTime = 40 * time.Millisecond

// sendFrames publishes until ctx ends: a sequence header, then frames of about
// a size, every nth a keyframe.
func (c *crew) sendFrames(ctx context.Context, p *peer, size, nth int) error {
	send := func(at time.Duration, payload []byte) error {
		return p.stream.Send(ctx, &rtmp.Message{Type: rtmp.TypeVideo, Timestamp: media.TimestampAt(at), Payload: payload})
	}
	if err := send(0, []byte{0x17, 0, 0, 0, 0, 1, 0x64, 0, 31, 0xff}); err != nil {
		return err
	}
	publication := c.publication()
	tick := time.NewTicker(frameTime)
	defer tick.Stop()
	for n := uint32(0); ; n++ {
		key, bytes := int(n)%nth == 0, frameHead+size
		if key {
			bytes *= 4
		}
		if err := send(time.Duration(n)*frameTime, newFrame(publication, n, key, bytes)); err != nil {
			if ctx.Err() != nil {
				return nil
			}
			return err
		}
		select {
		case <-tick.C:
		case <-p.nc.Ended():
			return errEnded
		case <-ctx.Done():
			return nil
		}
	}
}

// play asks for a stream and waits until it is told that it begins; found is
// false when there is none.
func (c *crew) play(ctx context.Context, buffer int, w *witness, name string, args ...any) (p *peer, found bool, err error) {
	if p, err = c.server.dial(ctx, buffer); err != nil {
		return nil, false, err
	}
	p.witness = w
	if err = p.command("play", append([]any{name}, args...)...); err == nil {
		answer, cancel := context.WithTimeout(ctx, answerWithin)
		defer cancel()
		var code string
		code, err = p.await(answer, "NetStream.Play.Start", "NetStream.Play.StreamNotFound", "NetStream.Play.Failed")
		found = code == "NetStream.Play.Start"
	}
	if err != nil || !found {
		p.close()
		return nil, false, err
	}
	return p, true, nil
}

// stay waits, unless the server ends the connection.
func (p *peer) stay(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	case <-p.nc.Ended():
		return errEnded
	}
	return nil
}

// playLive is a good player, which must be sent every frame.
func (c *crew) playLive(ctx context.Context, r *rand.Rand) error {
	w := &witness{live: true}
	p, found, err := c.play(ctx, 0, w, anyName(r), -1000)
	if !found {
		return err
	}
	defer func() { p.close(); c.judge("play live", w) }()
	return p.stay(ctx, between(r, time.Second, 20*time.Second))
}

// playMoody pauses, changes streams, and does not want to see or hear all the
// time.
func (c *crew) playMoody(ctx context.Context, r *rand.Rand) error {
	w := &witness{}
	p, found, err := c.play(ctx, 0, w, anyName(r), -1000)
	if !found {
		return err
	}
	defer func() { p.close(); c.judge("play live, pause and receive", w) }()
	for range 2 + r.IntN(10) {
		switch r.IntN(8) {
		case 6, 7:
			transition := []string{"switch", "swap", "append", "reset", "stop"}[r.IntN(5)]
			err = p.command("play2", amf.NewObject("streamName", anyName(r), "oldStreamName", anyName(r),
				"start", -1000, "len", -1, "offset", 0, "transition", transition))
		case 0:
			err = p.command("receiveVideo", r.IntN(2) == 0)
		case 1:
			err = p.command("receiveVideo", float64(r.IntN(30)))
		case 2:
			err = p.command("receiveAudio", r.IntN(2) == 0)
		case 3:
			err = p.command("play", anyName(r), -1000)
		default:
			err = p.command("pause", r.IntN(2) == 0, 0)
		}
		if err == nil {
			err = p.stay(ctx, between(r, 0, 2*time.Second))
		}
		if err != nil || ctx.Err() != nil {
			return err
		}
	}
	return nil
}

// playDeaf stops reading; some leave before the server has had enough.
func (c *crew) playDeaf(ctx context.Context, r *rand.Rand) error {
	p, found, err := c.play(ctx, 8<<10, nil, anyName(r), -1000)
	if !found {
		return err
	}
	defer p.close()
	p.deaf.Store(true)
	return p.stay(ctx, between(r, time.Second, 40*time.Second))
}

// playRecorded seeks about in a recording, if there is one of the name.
func (c *crew) playRecorded(ctx context.Context, r *rand.Rand) error {
	w := &witness{}
	p, found, err := c.play(ctx, 0, w, anyName(r), r.IntN(3000))
	if !found {
		return err
	}
	defer func() { p.close(); c.judge("play recorded", w) }()
	for range 2 + r.IntN(12) {
		switch r.IntN(4) {
		case 0:
			err = p.command("pause", true, 0)
		case 1:
			err = p.command("pause", false, r.IntN(20000))
		default:
			err = p.command("seek", r.IntN(30000))
		}
		if err == nil {
			err = p.stay(ctx, between(r, 0, 1500*time.Millisecond))
		}
		if err != nil || ctx.Err() != nil {
			return err
		}
	}
	return nil
}

// playList queues recorded and live streams.
func (c *crew) playList(ctx context.Context, r *rand.Rand) error {
	w := &witness{}
	p, found, err := c.play(ctx, 0, w, anyName(r), 0, 1000+r.IntN(2000))
	if !found {
		return err
	}
	defer func() { p.close(); c.judge("playlist", w) }()
	for range 4 {
		start := []int{-2000, -1000, 0}[r.IntN(3)]
		if err := p.command("play", anyName(r), start, 500+r.IntN(2000), false); err != nil {
			return err
		}
	}
	return p.stay(ctx, between(r, time.Second, 15*time.Second))
}

// halfShake sends a part of a handshake, or none, and stays for a while.
func (c *crew) halfShake(ctx context.Context, r *rand.Rand) error {
	half := make([]byte, r.IntN(1537+1536))
	if len(half) > 0 {
		half[0] = 3
	}
	return c.say(ctx, half, between(r, 0, 15*time.Second))
}

// nonsense is no RTMP, or none behind the handshake's first byte.
func (c *crew) nonsense(ctx context.Context, r *rand.Rand) error {
	b := make([]byte, r.IntN(20000))
	for i := range b {
		b[i] = byte(r.Uint32())
	}
	if r.IntN(2) == 0 && len(b) > 0 {
		b[0] = 3
	}
	return c.say(ctx, b, between(r, 0, 3*time.Second))
}

// say sends bytes to the server, whatever it makes of them.
func (c *crew) say(ctx context.Context, b []byte, stay time.Duration) error {
	var d net.Dialer
	nc, err := d.DialContext(ctx, "tcp", c.server.rtmp)
	if err != nil {
		return err
	}
	defer nc.Close()
	if err := nc.SetDeadline(time.Now().Add(stay + time.Second)); err != nil {
		return err
	}
	if _, err = nc.Write(b); err == nil {
		pause(ctx, stay)
	}
	return err
}

// lurk connects and does nothing.
func (c *crew) lurk(ctx context.Context, r *rand.Rand) error {
	p, err := c.server.dial(ctx, 0)
	if err != nil {
		return err
	}
	defer p.close()
	return p.stay(ctx, between(r, 0, 20*time.Second))
}

// manyStreams makes streams, plays on some, and deletes some.
func (c *crew) manyStreams(ctx context.Context, r *rand.Rand) error {
	p, err := c.server.dial(ctx, 0)
	if err != nil {
		return err
	}
	defer p.close()
	for range 20 {
		var s *rtmp.NetStream
		if s, err = p.nc.CreateStream(ctx); err == nil {
			err = s.Command("play", anyName(r), -1000)
		}
		if err == nil && r.IntN(2) == 0 { // this one or another, there or not
			err = p.nc.Notify("deleteStream", 1+r.IntN(int(s.ID())))
		}
		if err == nil {
			err = p.stay(ctx, between(r, 0, 500*time.Millisecond))
		}
		if err != nil || ctx.Err() != nil {
			return err
		}
	}
	return nil
}

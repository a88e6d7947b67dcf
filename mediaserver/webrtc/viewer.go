package webrtc

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"math/rand/v2"
	"slices"
	"sync/atomic"
	"time"

	"github.com/pion/rtcp"
	"github.com/pion/rtp"
	pion "github.com/pion/webrtc/v4"

	"flashpod.dev/flashpod/mediaserver/media"
	"flashpod.dev/flashpod/mediaserver/media/payload"
	"flashpod.dev/flashpod/mediaserver/rtmp"
	"flashpod.dev/flashpod/mediaserver/stream"
)

const (
	// reportEvery is how often a viewer is told how pictures and sound belong together,
	// by the stream's own clock [RFC 3550 §6.4.1].
	reportEvery = time.Second
	// lateTime is how far behind the stream what is sent may be, where the server does
	// not get it out: the newest keyframe is next then.
	lateTime = 2 * time.Second
	// caughtUp is how far behind the stream a viewer is live: a few pictures.
	caughtUp = 120 * time.Millisecond
	// askTime is how long a viewer who has asked for a keyframe waits for the stream's
	// next one, before it gets what has come since the last one once more, which it may
	// every againTime.
	askTime   = 2 * time.Second
	againTime = 10 * time.Second
	// hurry is how much faster than they come pictures are sent that have come before,
	// and slowest and fastest are bounds of that, in bits a second.
	hurry   = 4
	slowest = 10_000_000
	fastest = 200_000_000
	// tick is how far apart pictures are shown that a viewer hurries through, in units
	// of 90 kHz.
	tick = 9
)

// viewer is who watches.
type viewer struct {
	*peer
	stream *stream.Stream
	sent   *atomic.Uint64 // bytes
	show   show
	packer *packer
	video  *track // nil: there is none
	audio  *track

	pictures payload.Pictures
	waits    bool            // for a keyframe
	missed   time.Time       // since when; zero: it does not
	again    time.Time       // when it may have the newest group once more
	catches  bool            // up with what had come before the viewer did
	shown    int64           // ms: when the latest picture is shown
	last     media.Timestamp // of what was read
	ms       int64           // the same, not modulo 2^32
	began    int64           // ms, at a time by the wall clock
	beganAt  time.Time
	reported time.Time
	paced    time.Time   // until when bytes that were sent take
	rate     int64       // that they are sent with, bits a second
	wanted   atomic.Bool // a keyframe is
	slow     atomic.Bool // the viewer's line is
}

// track is one kind of media on its way to a viewer. It is its viewer's goroutine's.
type track struct {
	counts *atomic.Uint64 // bytes, as those of the viewer's other track
	local  *pion.TrackLocalStaticRTP
	sender *pion.RTPSender
	rate   uint32

	base    uint32 // of RTP's clock, at the stream's time 0
	number  uint16
	newest  uint32 // RTP time, base included
	sent    bool
	packets uint32
	bytes   uint32
	packet  rtp.Packet
}

// play sends the stream until it ends, the viewer goes or ctx ends.
func (v *viewer) play(ctx context.Context) error {
	for _, t := range []*track{v.video, v.audio} {
		if t != nil {
			t.base, t.number = rand.Uint32(), uint16(rand.Uint32()>>17)
			go v.listen(t)
		}
	}
	v.rate = min(max(hurry*v.show.bitsPerSecond(), slowest), fastest)
	v.last = v.stream.Newest()
	v.ms = int64(v.last)
	v.began, v.beganAt = v.ms, time.Now()
	r := v.begin()
	defer func() { r.Close() }()
	if !v.stream.Live() && !v.stream.Lost() {
		return errStreamEnded // before the client was connected
	}
	for {
		m, err := r.Next(ctx)
		switch {
		case errors.Is(err, stream.ErrLagged):
			r.Close()
			r = v.begin()
			continue
		case errors.Is(err, io.EOF) && v.stream.Lost():
			r.Close()
			r = v.begin() // what waits for what is published next; who has lost it ends who waits too long
			continue
		case errors.Is(err, io.EOF):
			return errStreamEnded
		case err != nil:
			return err
		}
		if err := v.message(ctx, &m); err != nil {
			return err
		}
		if v.behind() {
			r.Close()
			r = v.begin()
		}
	}
}

var errStreamEnded = errors.New("the stream has ended")

// begin begins at the newest keyframe.
func (v *viewer) begin() *stream.Reader {
	v.catches, v.waits, v.shown = true, v.video != nil, math.MinInt64
	v.again = time.Now().Add(againTime)
	v.pictures = payload.Pictures{}
	return v.stream.NewReader()
}

// behind says whether it is better to go on at the newest keyframe: where the viewer
// waits for one that does not come, or the server is late.
func (v *viewer) behind() bool {
	if v.video == nil || time.Now().Before(v.again) {
		return false
	}
	if v.waits && !v.missed.IsZero() {
		return time.Since(v.missed) > askTime
	}
	return !v.catches && v.stream.Newest().Sub(v.last) > lateTime
}

// listen hears what the viewer says of a track.
func (v *viewer) listen(t *track) {
	for wrong := 0; wrong < 100; {
		packets, _, err := t.sender.ReadRTCP()
		switch {
		case errors.Is(err, io.EOF), errors.Is(err, io.ErrClosedPipe), err != nil && v.ctx.Err() != nil:
			return
		case err != nil:
			wrong++ // it could not be read
			continue
		}
		for _, p := range packets {
			switch p := p.(type) {
			case *rtcp.PictureLossIndication, *rtcp.FullIntraRequest:
				v.wanted.Store(true)
			case *rtcp.ReceiverReport:
				if t == v.video && slices.ContainsFunc(p.Reports, tooSlow) {
					v.slow.Store(true)
				}
			}
		}
	}
}

// tooSlow says of what a viewer reports [RFC 3550 §6.4.1] whether so much is lost that
// its line does not take the stream: it has nothing to do until the next keyframe then.
func tooSlow(r rtcp.ReceptionReport) bool {
	const quarter = 256 / 4
	return r.FractionLost > quarter
}

// message sends a message of the stream.
func (v *viewer) message(ctx context.Context, m *rtmp.Message) error {
	var p payload.Payload
	var ok bool
	switch m.Type {
	case rtmp.TypeVideo:
		p, ok = payload.ParseVideo(m.Payload)
	case rtmp.TypeAudio:
		p, ok = payload.ParseAudio(m.Payload)
	}
	if !ok {
		return nil
	}
	v.ms += m.Timestamp.Sub(v.last).Milliseconds()
	v.last = m.Timestamp
	if v.catches && v.stream.Newest().Sub(v.last) < caughtUp {
		v.catches = false
	}
	list := p.Tracks()
	for t, ok := list.Next(); ok; t, ok = list.Next() {
		var err error
		switch {
		case p.Video() && v.video != nil && t.ID == v.show.videoID:
			err = v.picture(ctx, &p, t)
		case !p.Video() && v.audio != nil && t.ID == v.show.audioID && p.Kind == payload.Frames:
			err = v.sound(t)
		}
		if err != nil {
			return err
		}
	}
	return v.report()
}

// errCodec ends a session whose stream is another one now.
func errCodec(c payload.FourCC) error {
	return fmt.Errorf("the stream has gone over to %s, which is for another session", codecName(c))
}

func (v *viewer) picture(ctx context.Context, p *payload.Payload, t payload.Track) error {
	if t.Codec != v.show.video {
		return errCodec(t.Codec)
	}
	begins := v.pictures.Next(p, v.last)
	switch p.Kind {
	case payload.SequenceStart:
		if t.Codec == payload.AVC {
			v.packer.avc, _ = parseAVC(t.Body) // what is wrong with it, the picture shows
		}
		return nil
	case payload.Frames:
	default:
		return nil
	}
	offset, picture := p.Picture(t)
	if v.shown = max(v.shown, v.ms+int64(offset)); v.ms+int64(offset) < v.shown {
		return errors.New("the stream has B-frames from now on, which WebRTC does not: watch it in another way")
	}
	if v.wanted.Swap(false) && !v.waits {
		v.waits, v.missed = true, time.Now()
	}
	if v.slow.Swap(false) {
		v.waits = true
	}
	key := begins != payload.NoBeginning
	switch {
	case key:
		v.waits, v.missed = false, time.Time{}
	case v.waits:
		return nil
	}
	at := v.ms
	if v.catches { // it is shown as soon as it comes
		at += v.stream.Newest().Sub(v.last).Milliseconds()
	}
	rtpTime := v.video.base + uint32(at*videoRate/1000) + p.Nano/100_000*9
	if v.video.sent && int32(rtpTime-v.video.newest) < tick {
		rtpTime = v.video.newest + tick
	}
	v.video.newest, v.video.sent = rtpTime, true
	return v.packer.pack(picture, key, func(b []byte, last bool) error {
		if err := v.pace(ctx, len(b)); err != nil {
			return err
		}
		return v.video.send(b, last)
	})
}

// sound sends a packet of Opus. How long one is, is exact; timestamps are not.
func (v *viewer) sound(t payload.Track) error {
	if t.Codec != v.show.audio {
		return errCodec(t.Codec)
	}
	if v.catches || len(t.Body) == 0 || len(t.Body) > maxPayload {
		return nil // it has been heard; or is none
	}
	const tolerance = opusRate / 1000 * 40
	a := v.audio
	at := a.base + uint32(v.ms*opusRate/1000)
	if off := int32(at - a.newest); a.sent && off > -tolerance && off < tolerance {
		at = a.newest
	}
	a.newest, a.sent = at, true
	err := a.send(t.Body, false)
	a.newest += opusSamples(t.Body) // where the next one begins
	return err
}

// pace waits where bytes would be sent faster than a line takes them.
func (v *viewer) pace(ctx context.Context, n int) error {
	const grain = 5 * time.Millisecond
	now := time.Now()
	if v.paced.Before(now) {
		v.paced = now
	}
	v.paced = v.paced.Add(time.Duration(int64(n) * 8 * int64(time.Second) / v.rate))
	wait := v.paced.Sub(now)
	if wait < grain {
		return nil
	}
	timer := time.NewTimer(wait)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// send sends a packet with the track's newest time.
func (t *track) send(b []byte, marker bool) error {
	t.number++
	t.packet = rtp.Packet{Header: rtp.Header{Version: 2, Marker: marker, SequenceNumber: t.number, Timestamp: t.newest}, Payload: b}
	t.packets++
	t.bytes += uint32(len(b))
	t.counts.Add(uint64(len(b)))
	return t.local.WriteRTP(&t.packet)
}

// report says, when it is time, which moment of the stream the tracks' clocks mean.
func (v *viewer) report() error {
	if v.catches || time.Since(v.reported) < reportEvery {
		return nil
	}
	v.reported = time.Now()
	at := ntp(v.beganAt.Add(time.Duration(v.ms-v.began) * time.Millisecond))
	var all []rtcp.Packet
	for _, t := range []*track{v.video, v.audio} {
		if t == nil || !t.sent {
			continue
		}
		all = append(all, &rtcp.SenderReport{
			SSRC:    uint32(t.sender.GetParameters().Encodings[0].SSRC),
			NTPTime: at, RTPTime: t.base + uint32(v.ms*int64(t.rate)/1000), PacketCount: t.packets, OctetCount: t.bytes,
		})
	}
	if len(all) == 0 {
		return nil
	}
	return v.pc.WriteRTCP(all)
}

// ntp is a time in the 64 bits of NTP [RFC 3550 §4].
func ntp(t time.Time) uint64 {
	const since1900 = 2208988800 // s, to 1970
	return uint64(t.Unix()+since1900)<<32 | uint64(t.Nanosecond())<<32/uint64(time.Second)
}

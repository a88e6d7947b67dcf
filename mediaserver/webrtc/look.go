package webrtc

import (
	"context"
	"fmt"
	"net/http"
	"time"

	"flashpod.dev/flashpod/mediaserver/media"
	"flashpod.dev/flashpod/mediaserver/media/payload"
	"flashpod.dev/flashpod/mediaserver/media/tracks"
	"flashpod.dev/flashpod/mediaserver/outlet"
	"flashpod.dev/flashpod/mediaserver/rtmp"
	"flashpod.dev/flashpod/mediaserver/stream"
)

const (
	// lookTime is how long it may take to see what a stream has that has just begun.
	lookTime = 2 * time.Second
	// lookAt is how many pictures are looked at: groups of those that refer to later
	// ones are shorter.
	lookAt = 60
)

// show is what a stream has, as far as it matters to WebRTC.
type show struct {
	video, audio   payload.FourCC // of the track of the lowest number; 0: none
	videoID        uint8
	audioID        uint8
	avc            avcConfig
	reorders       bool // a picture is shown before one that was decoded earlier
	pictures       int
	bytes          int // of pictures
	first, last    media.Timestamp
	shown, started int64 // ms: when the latest picture is shown, and the clock
}

// look reads what a stream has published from its newest keyframe on.
func look(ctx context.Context, s *stream.Stream) (*show, error) {
	r := s.NewReader()
	defer r.Close()
	ctx, cancel := context.WithTimeout(ctx, lookTime)
	defer cancel()
	var found show
	for {
		if !r.Pending() || found.pictures >= lookAt {
			o := s.Offer(tracks.Takes{})
			switch {
			case !o.Live:
				return nil, outlet.ErrNotFound
			case o.Video && found.pictures == 0:
			case found.video != 0 && found.audio != 0, o.Settled && (found.video != 0 || found.audio != 0), found.pictures >= lookAt:
				return &found, nil
			}
		}
		m, err := r.Next(ctx)
		if err != nil {
			if found.video != 0 || found.audio != 0 {
				return &found, nil
			}
			if ctx.Err() != nil {
				return nil, outlet.Refuse(http.StatusServiceUnavailable, "the stream has no picture that playing could begin with yet: ask again")
			}
			return nil, outlet.ErrNotFound
		}
		found.message(&m)
	}
}

// message takes the next message of the stream.
func (f *show) message(m *rtmp.Message) {
	var p payload.Payload
	var ok bool
	switch m.Type {
	case rtmp.TypeVideo:
		p, ok = payload.ParseVideo(m.Payload)
	case rtmp.TypeAudio:
		p, ok = payload.ParseAudio(m.Payload)
	}
	if !ok || p.Kind != payload.Frames && p.Kind != payload.SequenceStart {
		return
	}
	list := p.Tracks()
	for t, ok := list.Next(); ok; t, ok = list.Next() {
		id, kind := &f.audioID, &f.audio
		if p.Video() {
			id, kind = &f.videoID, &f.video
		}
		if *kind != 0 && t.ID > *id {
			continue
		}
		*id, *kind = t.ID, t.Codec
		switch {
		case !p.Video():
		case p.Kind == payload.SequenceStart:
			if t.Codec == payload.AVC {
				f.avc, _ = parseAVC(t.Body) // what is wrong with it, its pictures show
			}
		default:
			f.picture(&p, t, m.Timestamp)
		}
	}
}

// picture looks whether pictures are shown in the order in which they come.
func (f *show) picture(p *payload.Payload, t payload.Track, at media.Timestamp) {
	offset, body := p.Picture(t)
	if f.pictures == 0 {
		f.first, f.last = at, at
	}
	f.started += at.Sub(f.last).Milliseconds()
	f.last = at
	shown := f.started + int64(offset)
	if f.pictures > 0 && shown < f.shown {
		f.reorders = true
	}
	f.shown = max(f.shown, shown)
	f.pictures++
	f.bytes += len(body)
}

// bitsPerSecond is the rate of the pictures, as far as it is known.
func (f *show) bitsPerSecond() int64 {
	const guess = 4_000_000
	length := f.last.Sub(f.first)
	if length < 200*time.Millisecond {
		return guess
	}
	return int64(float64(f.bytes) * 8 / length.Seconds())
}

// videoNames and audioNames are what codecs are called in SDP.
var (
	videoNames = map[payload.FourCC]string{payload.AVC: "H264", payload.VP8: "VP8", payload.VP9: "VP9", payload.AV1: "AV1"}
	audioNames = map[payload.FourCC]string{payload.Opus: "OPUS"}
)

// pick is which codecs of an offer a stream is sent in, nil for none, and what is left
// out of it. It fails where pictures cannot be shown, or nothing could be heard.
func (f *show) pick(o *offer) (video, audio *codec, left []string, err error) {
	if f.video != 0 && o.video != nil {
		if video, err = f.pickVideo(o.video); err != nil {
			return nil, nil, nil, err
		}
	}
	switch name := audioNames[f.audio]; {
	case f.audio == 0:
	case name == "":
		left = append(left, fmt.Sprintf("sound: WebRTC has no %s, only Opus", codecName(f.audio)))
	case o.audio == nil:
		left = append(left, "sound: it is not in the offer")
	default:
		if audio = o.audio.choose(func(c *codec) bool { return c.name == name && c.clock == opusRate }); audio == nil {
			left = append(left, "sound: Opus is not in the offer")
		}
	}
	if f.video != 0 && o.video == nil {
		left = append(left, "pictures: they are not in the offer")
	}
	if video == nil && audio == nil {
		reason := "nothing of the stream can be sent by WebRTC"
		for _, one := range left {
			reason += "; " + one
		}
		return nil, nil, nil, outlet.Refuse(http.StatusNotAcceptable, reason)
	}
	return video, audio, left, nil
}

// pickVideo is the payload type for the pictures.
func (f *show) pickVideo(s *section) (*codec, error) {
	name := videoNames[f.video]
	switch {
	case name == "":
		return nil, outlet.Refuse(http.StatusNotAcceptable, "the stream's pictures are "+codecName(f.video)+", which are not sent by WebRTC: watch it in another way, or publish H.264, VP8, VP9 or AV1")
	case f.reorders:
		return nil, outlet.Refuse(http.StatusNotAcceptable, "the stream has B-frames, which WebRTC does not: watch it in another way, or publish without them (bf=0, tune zerolatency)")
	}
	good := func(c *codec) bool { return c.name == name && c.clock == videoRate }
	if f.video == payload.AVC {
		// In NAL units of which large ones are cut [RFC 6184 §6.3]; of the same profile,
		// if the client has a payload type of its own for that.
		good = func(c *codec) bool {
			return c.name == name && c.clock == videoRate && c.parameter("packetization-mode") == "1"
		}
		same := func(c *codec) bool {
			level := c.parameter("profile-level-id")
			return good(c) && len(level) == 6 && fmt.Sprintf("%02x", f.avc.profile) == level[:2]
		}
		if c := s.choose(same); c != nil {
			return c, nil
		}
	}
	if f.video == payload.VP9 {
		// Profile 0, which one without a parameter is [RFC 9628 §6].
		plain := good
		good = func(c *codec) bool { p := c.parameter("profile-id"); return plain(c) && (p == "" || p == "0") }
	}
	c := s.choose(good)
	if c == nil {
		return nil, outlet.Refuse(http.StatusNotAcceptable, "the stream's pictures are "+codecName(f.video)+", and the offer does not have that")
	}
	return c, nil
}

// codecName is a codec for people.
func codecName(c payload.FourCC) string {
	switch c {
	case payload.AVC:
		return "H.264"
	case payload.HEVC:
		return "H.265"
	case payload.AAC:
		return "AAC"
	case payload.MP3:
		return "MP3"
	}
	if c < 1<<8 {
		return fmt.Sprintf("of an old kind (%d)", c)
	}
	return string([]byte{byte(c >> 24), byte(c >> 16), byte(c >> 8), byte(c)})
}

package probe

import (
	"context"
	"sync"
	"time"

	"flashpod.dev/flashpod/mediaserver/amf"
	"flashpod.dev/flashpod/mediaserver/fmp4"
	"flashpod.dev/flashpod/mediaserver/media/payload"
	"flashpod.dev/flashpod/mediaserver/rtmp"
	"flashpod.dev/flashpod/mediaserver/stream"
)

// Video is what the first track of pictures is.
type Video struct {
	Codec         string // as RFC 6381 has it, or where it has none what people call it
	Width, Height int    // in pixels; 0: nothing says it
}

// Audio is what the first track of sound is.
type Audio struct {
	Codec    string // as Video's
	Rate     int    // in Hz; 0: nothing says it
	Channels int
}

// Stream is what a live stream is, and how it is now. It is not to be changed.
type Stream struct {
	stream.Look
	Video *Video // nil: no picture has come
	Audio *Audio
}

// Probe remembers what streams are. The zero value remembers nothing yet. Its methods
// may be called from any goroutine.
type Probe struct {
	mu    sync.Mutex // nothing else is taken while it is held
	known map[*stream.Stream]*description
}

// description is what a stream was, when its headers were those.
type description struct {
	since        time.Time
	headers      int
	video, audio bool
	whole        bool // nothing more is to be found out
	asked        time.Time

	v *Video
	a *Audio
}

// is says whether a stream is still what it was.
func (d *description) is(l *stream.Look) bool {
	return d.whole && d.since.Equal(l.Since) && d.headers == l.Headers && d.video == l.Video && d.audio == l.Audio
}

// forgetAfter is for how long a stream is remembered that nobody asks for.
const forgetAfter = time.Minute

// Stream is what a live stream is. It does not wait for what has not come.
func (p *Probe) Stream(ctx context.Context, s *stream.Stream) Stream {
	l := s.Look()
	of := p.of(s)
	if of == nil || !of.is(&l) {
		of = read(ctx, s, &l)
		p.keep(s, of)
	}
	return Stream{l, of.v, of.a}
}

func (p *Probe) of(s *stream.Stream) *description {
	p.mu.Lock()
	defer p.mu.Unlock()
	now := time.Now()
	for other, of := range p.known {
		if now.Sub(of.asked) > forgetAfter {
			delete(p.known, other)
		}
	}
	of := p.known[s]
	if of != nil {
		of.asked = now
	}
	return of
}

func (p *Probe) keep(s *stream.Stream, of *description) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.known == nil {
		p.known = map[*stream.Stream]*description{}
	}
	of.asked = time.Now()
	p.known[s] = of
}

const (
	// maxRead is how many messages are read until the first frames are found.
	maxRead = 64
	// maxMeta is how large metadata may be, decoded, to be looked at.
	maxMeta = 256 << 10
)

// read reads what a viewer of HLS gets first.
func read(ctx context.Context, s *stream.Stream, l *stream.Look) *description {
	of := &description{since: l.Since, headers: l.Headers, video: l.Video, audio: l.Audio}
	r := s.NewCutReader() // of sound alone, a player would get only what comes
	defer r.Close()
	var video, audio firstTrack
	var meta *amf.ECMAArray
	for n := 0; n < maxRead && r.Pending() && (l.Video && !video.came || l.Audio && !audio.came); n++ {
		m, err := r.Next(ctx)
		if err != nil {
			break
		}
		switch m.Type {
		case rtmp.TypeVideo:
			if p, ok := payload.ParseVideo(m.Payload); ok {
				video.read(&p)
			}
		case rtmp.TypeAudio:
			if p, ok := payload.ParseAudio(m.Payload); ok {
				audio.read(&p)
			}
		case rtmp.TypeData:
			meta = metaOf(m.Payload)
		}
	}
	of.whole = (!l.Video || video.came) && (!l.Audio || audio.came)
	if video.found {
		of.v = &Video{Codec: fmp4.CodecName(true, video.codec), Width: number(meta, "width"), Height: number(meta, "height")}
		if t := video.track(true); t != nil {
			of.v.Codec, of.v.Width, of.v.Height = t.Name, t.Width, t.Height
		}
	}
	if audio.found {
		of.a = &Audio{Codec: fmp4.CodecName(false, audio.codec), Rate: number(meta, "audiosamplerate"), Channels: number(meta, "audiochannels")}
		if t := audio.track(false); t != nil {
			of.a.Codec, of.a.Rate, of.a.Channels = t.Name, int(t.Timescale), t.Channels
		}
	}
	return of
}

// firstTrack is the first track of a kind, as far as it was read.
type firstTrack struct {
	found  bool
	id     uint8
	codec  payload.FourCC
	config []byte
	first  []byte
	came   bool // a frame has
}

// read takes what a message has of the track.
func (f *firstTrack) read(p *payload.Payload) {
	if p.Kind != payload.SequenceStart && p.Kind != payload.Frames {
		return
	}
	tracks := p.Tracks()
	for t, ok := tracks.Next(); ok; t, ok = tracks.Next() {
		if f.found && t.ID > f.id {
			continue
		}
		if !f.found || t.ID < f.id || f.codec != t.Codec {
			*f = firstTrack{found: true, id: t.ID, codec: t.Codec}
		}
		if p.Kind == payload.SequenceStart {
			f.config = t.Body
		} else if !f.came {
			_, f.first = p.Picture(t)
			f.came = true
		}
	}
}

// track is what the track's headers say of it; nil: nothing that can be read.
func (f *firstTrack) track(video bool) *fmp4.Track {
	t, err := fmp4.NewTrack(video, f.codec, f.config, f.first)
	if err != nil {
		return nil
	}
	return t
}

// metaOf is the metadata that a publisher has sent; nil: it is something else, or more
// than is looked at.
func metaOf(data []byte) *amf.ECMAArray {
	all, _, err := amf.DecodeWithin(data, maxMeta)
	if err != nil || len(all) < 2 || all[0] != "onMetaData" {
		return nil
	}
	switch v := all[1].(type) {
	case *amf.ECMAArray:
		return v
	case *amf.Object:
		return &amf.ECMAArray{Properties: v.Properties}
	}
	return nil
}

// number is one of metadata's, where it makes sense.
func number(meta *amf.ECMAArray, name string) int {
	v, _ := meta.Get(name)
	n, _ := v.(float64)
	if !(n >= 0 && n <= 1<<20) {
		return 0
	}
	return int(n)
}

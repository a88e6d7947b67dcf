package playback

import (
	"time"

	"flashpod.dev/flashpod/mediaserver/media"
	"flashpod.dev/flashpod/mediaserver/media/payload"
	"flashpod.dev/flashpod/mediaserver/media/tracks"
	"flashpod.dev/flashpod/mediaserver/rtmp"
)

// lay lays out the frames of a piece and moves behind it. next is the time of
// what comes then, as far as is known.
func (p *Playback) lay(w *worker, r *piece) (next media.Timestamp, over bool, err error) {
	latest := p.latest(time.Now())
	for i, f := range w.batch.Frames {
		if f.Time > p.until {
			return 0, true, p.chosen.spares(true)
		}
		if err := p.chosen.spares(f.Time > p.base.Add(tracks.NothingFor)); err != nil {
			return 0, true, err
		}
		if w.layout.Full() || f.Time > latest {
			if p.at = (cursor{f.Position(), 0}); w.taken {
				p.at.sent = r.at.sent + i
			}
			return f.Time, false, nil
		}
		more := w.taken && (i+1 < len(w.batch.Frames) || r.after.sent > 0)
		switch is, err := p.layFrame(w, f, r.after, more); {
		case is.begun, err != nil:
			return f.Time, false, err
		case is.last:
			return 0, true, nil
		}
	}
	p.at = r.after
	return p.last, false, nil
}

// laid is what has become of a frame.
type laid struct {
	begun bool // it is sent in part, and alone
	last  bool // the run ends with it
	more  bool // it goes on, and the run with it
}

// layFrame lays out a frame, or what is left of it for the client. more says that
// another of its messages follows.
func (p *Playback) layFrame(w *worker, f media.Frame, after cursor, more bool) (is laid, err error) {
	is.more, is.last = more, !more && p.single && f.Time > p.base.Add(p.snapshotTime())
	if p.chosen.asItIs(w, f, p.opts.Takes) {
		err = p.layPart(w, f, after, &is)
	} else {
		for part := range p.chosen.parts(w, f, p.opts.Takes, p.rate.Needed()) {
			if err = p.layPart(w, part, after, &is); is.begun || err != nil {
				break
			}
		}
	}
	p.last = max(p.last, f.Time)
	return is, err
}

func (p *Playback) layPart(w *worker, f media.Frame, after cursor, is *laid) error {
	wanted := p.wanted(f)
	is.last = is.last || !is.more && p.single && isPicture(f) && !(p.rate.Broken && p.video)
	if !wanted {
		return nil
	}
	at, ok := p.stamp(f)
	if !ok {
		return nil
	}
	p.sent += int64(f.Size())
	if f.More > 0 {
		is.begun = true
		return p.beginPart(w.layout, f, at, after, is.last)
	}
	w.layout.Add(rtmp.MessageType(f.Type), p.opts.StreamID, at, f.Head, f.Data)
	return nil
}

// snapshotTime is how long a single picture is waited for.
func (p *Playback) snapshotTime() time.Duration {
	if p.rate.Broken && p.video {
		return payload.MaxWait // it is the next keyframe
	}
	return snapshotTime
}

// introduce lays out metadata, of time 0 (ffmpeg takes any other for a
// subtitle), and the sequence headers in force, with the timestamp of what
// follows them.
func (p *Playback) introduce(w *worker, headers []media.Frame) {
	p.preamble = false
	w.layout.Add(rtmp.TypeData, p.opts.StreamID, 0, nil, p.file.OnMetaData)
	for h := range p.chosen.headers(w, headers, p.opts.Takes) {
		p.mayBegin(h, p.at.Time)
		w.layout.Add(rtmp.MessageType(h.Type), p.opts.StreamID, max(p.at.Time, p.origin)+p.offset, h.Head, h.Data)
	}
	if p.chosen.elsewhere() {
		p.rate.Broken = true // up to a keyframe of the track
	}
}

func (p *Playback) wanted(f media.Frame) bool {
	switch {
	case f.Size() == 0:
		return false
	case f.Type == media.TypeAudio:
		return p.audio || payload.IsAudioHeader(front(f))
	case f.Type == media.TypeVideo:
		if p.video && !p.rate.Needed() {
			return true
		}
		if payload.IsVideoHeader(front(f)) {
			p.mayBegin(f, f.Time)
			return true
		}
		p.rate.Broken = p.rate.Broken || !p.video
		return p.video && p.rate.Keep(f.Time, front(f), p.mayBegin(f, f.Time))
	}
	return true
}

// mayBegin says whether playing may begin with a frame. It is told of headers
// and of pictures in their order.
func (p *Playback) mayBegin(f media.Frame, at media.Timestamp) bool {
	if f.Type != media.TypeVideo {
		return false
	}
	v, ok := payload.ParseVideo(front(f))
	return ok && p.pictures.Next(&v, at) != payload.NoBeginning
}

// front is the beginning of a payload, which says what it is.
func front(f media.Frame) []byte {
	if len(f.Head) > 0 {
		return f.Head
	}
	return f.Data
}

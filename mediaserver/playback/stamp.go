package playback

import (
	"time"

	"flashpod.dev/flashpod/mediaserver/media"
	"flashpod.dev/flashpod/mediaserver/media/payload"
)

// FileTime is the time of the file that a timestamp of the client's means; one
// of before the first run's beginning means that.
func (p *Playback) FileTime(at time.Duration) time.Duration {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.origin.Duration() + max(0, at-p.opts.From.Duration())
}

// behindFirst is how much later than the picture of the beginning a frame
// stands that has the same time or an earlier one in the file, and lies behind
// it. A client that goes on with a file that it has in part takes all that has
// time 0 for what it has already, and throws it away (librtmp, Read_1_Packet):
// a packet of sound would be missing.
const behindFirst = 1

// stamp is the timestamp of a frame. ok is false when it is left out: it is of
// before the beginning, and nothing that follows needs it.
func (p *Playback) stamp(f media.Frame) (at media.Timestamp, ok bool) {
	if f.Time > p.origin || p.origin == 0 {
		return f.Time + p.offset, true
	}
	begins := p.origin + p.offset
	switch {
	case p.begun || p.last > p.origin:
		if begins == 0 {
			begins = behindFirst
		}
		return begins, true
	case isPicture(f):
		p.begun = f.Time == p.origin
		return begins, true
	}
	return begins, f.Time == p.origin || isHeader(f)
}

func isPicture(f media.Frame) bool {
	return f.Type == media.TypeVideo && f.Size() > 0 && !payload.IsVideoHeader(front(f))
}

func isHeader(f media.Frame) bool {
	return f.Type == media.TypeVideo && payload.IsVideoHeader(front(f)) ||
		f.Type == media.TypeAudio && payload.IsAudioHeader(front(f))
}

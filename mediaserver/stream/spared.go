package stream

import (
	"flashpod.dev/flashpod/mediaserver/media"
	"flashpod.dev/flashpod/mediaserver/media/tracks"
	"flashpod.dev/flashpod/mediaserver/rtmp"
)

// spared is what the players of a branch are told when they do not get everything
// that there is.
type spared struct {
	is   tracks.Spared
	told tracks.Spared // what they have been told
	said []byte        // how, for those that come later; chunked
	at   int64         // the branch's offset where
}

// tellSpared tells the players of a branch, once, of what they are not sent, and
// why that is not all that there is. The caller holds s.mu.
func (s *Stream) tellSpared(b *branch, at media.Timestamp) {
	q := &b.spared
	if q.is == q.told || q.is.All() && at.Sub(s.playsFrom) < tracks.NothingFor {
		return
	}
	if q.told, q.said, q.at = q.is, nil, b.log.end.Load(); q.is == (tracks.Spared{}) {
		return
	}
	level, description := q.is.Status(s.name)
	m := rtmp.Status(1, level, "NetStream.Play.NoSupportedTrackFound", description, "details", s.name)
	m.Timestamp = at
	q.said = rtmp.AppendChunks(nil, m, rtmp.ChunkSize)
	b.log.append(m, flagNotice)
}

// withSpared puts what the players of an audience have been told before the
// preamble of one that comes at a place.
func (s *Stream) withSpared(a *audience, at position, preamble []byte) []byte {
	if a == nil {
		return preamble
	}
	b := a.branch.Load()
	if b == nil || b.spared.said == nil || at.offset() <= b.spared.at {
		return preamble
	}
	return append(append([]byte(nil), b.spared.said...), preamble...)
}

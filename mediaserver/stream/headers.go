package stream

import (
	"bytes"
	"cmp"
	"slices"

	"flashpod.dev/flashpod/mediaserver/media/payload"
	"flashpod.dev/flashpod/mediaserver/rtmp"
)

// maxHeaderBytes bounds what is kept of a stream's headers. Those of a track
// take some hundred bytes.
const maxHeaderBytes = 1 << 20

// header is a sequence start, metadata of pictures or places of speakers.
type header struct {
	kind    rtmp.MessageType
	what    payload.Kind
	tracks  payload.TrackSet // that it is in force for; what else it is for, a later one replaced
	payload []byte
}

// headers are those in force, whole messages in the order in which players get
// them: video's before audio's, sequence starts before what goes with them,
// and the newer behind the older. Each is the newest of a track, so there are
// no more of them than tracks.
type headers struct {
	list  []header
	bytes int
}

// order is where in the list a header stands.
func (h *header) order() int {
	at := int(h.what)
	if h.kind != rtmp.TypeVideo {
		at += 1 << 8
	}
	return at
}

// keep takes a header in place of what it replaces, and says whether anything
// changed: many encoders repeat theirs with every keyframe. data is the
// payload, which is copied.
func (hs *headers) keep(kind rtmp.MessageType, p *payload.Payload, data []byte) (changed bool) {
	h := header{kind: kind, what: p.Kind, tracks: p.TrackSet()}
	for i := range hs.list {
		if o := &hs.list[i]; o.order() == h.order() && o.tracks == h.tracks && bytes.Equal(o.payload, data) {
			return false
		}
	}
	for i := range hs.list {
		if o := &hs.list[i]; o.order() == h.order() {
			o.tracks = o.tracks.Without(h.tracks)
		}
	}
	hs.list = slices.DeleteFunc(hs.list, func(o header) bool {
		if o.tracks.Empty() {
			hs.bytes -= len(o.payload)
		}
		return o.tracks.Empty()
	})
	if hs.bytes+len(data) > maxHeaderBytes {
		return true // forwarded, but not kept
	}
	h.payload = bytes.Clone(data)
	hs.bytes += len(data)
	at, _ := slices.BinarySearchFunc(hs.list, h.order()+1, func(o header, order int) int { return cmp.Compare(o.order(), order) })
	hs.list = slices.Insert(hs.list, at, h)
	return true
}

// drop forgets the headers of sound, or of pictures.
func (hs *headers) drop(kind rtmp.MessageType) {
	hs.list = slices.DeleteFunc(hs.list, func(h header) bool {
		if h.kind == kind {
			hs.bytes -= len(h.payload)
		}
		return h.kind == kind
	})
}

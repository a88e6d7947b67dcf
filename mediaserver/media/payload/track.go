package payload

import "encoding/binary"

// trackLayout is how the tracks lie in a payload: AvMultitrackType, after
// payloads that have no tracks.
type trackLayout uint8

const (
	noTracks trackLayout = iota // all of it is track 0
	oneTrack
	manyTracks
	manyCodecs
	unknownTracks // and none at all
)

// Track is the part of a payload that belongs to one track.
type Track struct {
	ID    uint8
	Codec FourCC
	Body  []byte
}

// Tracks goes through the tracks of a payload, in their order.
type Tracks struct {
	layout trackLayout
	codec  FourCC
	rest   []byte
}

// Tracks begins at the first track. A payload that is not multitrack is track
// 0.
func (p *Payload) Tracks() Tracks { return Tracks{p.tracks, p.Codec, p.body} }

// Next returns the next track; ok is false behind the last one that is whole.
func (t *Tracks) Next() (track Track, ok bool) {
	b := t.rest
	switch layout := t.layout; layout {
	case noTracks:
		t.layout = unknownTracks
		return Track{Codec: t.codec, Body: b}, true
	case oneTrack:
		t.layout = unknownTracks
		if len(b) < 1 {
			return track, false
		}
		return Track{b[0], t.codec, b[1:]}, true
	case manyTracks, manyCodecs:
		track.Codec = t.codec
		if layout == manyCodecs {
			if len(b) < 4 {
				return track, false
			}
			track.Codec, b = FourCC(binary.BigEndian.Uint32(b)), b[4:]
		}
		if len(b) < 4 {
			return track, false
		}
		size := int(b[1])<<16 | int(b[2])<<8 | int(b[3])
		if len(b)-4 < size {
			return track, false
		}
		track.ID, track.Body, t.rest = b[0], b[4:4+size], b[4+size:]
		return track, true
	}
	return track, false
}

// Picture is what a track of a video payload has of one picture: how much later it is
// shown than it is decoded, in ms, and its bytes. Of a track whose body ends inside
// its composition time there is nothing.
func (p *Payload) Picture(t Track) (offset int32, picture []byte) {
	if p.composed && hasComposition(t.Codec) {
		if len(t.Body) < compositionTime {
			return 0, nil
		}
		return signed24(t.Body), t.Body[compositionTime:]
	}
	return p.offset, t.Body
}

// hasComposition says whether pictures of a codec have composition times.
func hasComposition(codec FourCC) bool {
	switch codec {
	case AVC, HEVC, VVC:
		return true
	}
	return false
}

// signed24 is a number of three bytes with a sign.
func signed24(b []byte) int32 { return int32(uint32(b[0])<<24|uint32(b[1])<<16|uint32(b[2])<<8) >> 8 }

// Place is where a track lies in a payload of which only the front is at hand.
type Place struct {
	Track        // with no more of its body than its first bytes
	At, Size int // of the body, in bytes
}

// firstBytes are as many of a body as AppendHead looks at.
const firstBytes = 4

// maxTracks bounds the tracks of a payload that are looked at: more have no number.
const maxTracks = 256

// Places goes through the tracks of a payload of which only the front is at hand.
type Places struct {
	p        *Payload
	at, size int
	read     func(b []byte, at int) error
	seen     int // tracks
}

// Places begins before the first track of a payload of size bytes, which was parsed
// from its front alone. read fills a buffer from a place of the payload.
func (p *Payload) Places(front, size int, read func(b []byte, at int) error) Places {
	return Places{p, front - len(p.body), size, read, 0}
}

// Next looks for the next track that is wanted. ok is false behind the last one that
// is whole.
func (s *Places) Next(want func(Track) bool) (place Place, ok bool, err error) {
	var b [8]byte
	layout := s.p.tracks
	for ; s.seen < layout.most(); s.seen++ {
		h := b[:layout.headSize()]
		if s.size-s.at < len(h) {
			return place, false, nil
		}
		if err := s.read(h, s.at); err != nil {
			return place, false, err
		}
		at := s.at + len(h)
		place = Place{Track{Codec: s.p.Codec}, at, s.size - at}
		if layout == manyCodecs {
			place.Codec, h = FourCC(binary.BigEndian.Uint32(h)), h[4:]
		}
		if len(h) > 0 {
			place.ID = h[0]
		}
		if len(h) > 1 {
			place.Size = int(h[1])<<16 | int(h[2])<<8 | int(h[3])
		}
		if place.Size > s.size-at {
			return place, false, nil
		}
		if s.at = at + place.Size; want(place.Track) {
			s.seen++
			place.Body = make([]byte, min(firstBytes, place.Size))
			return place, true, s.read(place.Body, at)
		}
	}
	return place, false, nil
}

// most is how many tracks such a payload has at most.
func (l trackLayout) most() int {
	switch l {
	case noTracks, oneTrack:
		return 1
	case manyTracks, manyCodecs:
		return maxTracks
	}
	return 0
}

// headSize is how many bytes go before each track's body.
func (l trackLayout) headSize() int {
	switch l {
	case oneTrack:
		return 1
	case manyTracks:
		return 4
	case manyCodecs:
		return 8
	}
	return 0
}

// TrackSet is a set of track ids.
type TrackSet [4]uint64

// Has says whether a track is in the set.
func (s TrackSet) Has(id uint8) bool { return s[id>>6]>>(id&63)&1 != 0 }

// Add puts a track into the set.
func (s *TrackSet) Add(id uint8) { s[id>>6] |= 1 << (id & 63) }

// Without returns the set less what is in another.
func (s TrackSet) Without(o TrackSet) TrackSet {
	for i := range s {
		s[i] &^= o[i]
	}
	return s
}

// With returns what is in either of two sets.
func (s TrackSet) With(o TrackSet) TrackSet {
	for i := range s {
		s[i] |= o[i]
	}
	return s
}

// Empty says whether nothing is in the set.
func (s TrackSet) Empty() bool { return s == TrackSet{} }

// TrackSet is the tracks that the payload has something of.
func (p *Payload) TrackSet() (s TrackSet) {
	tracks := p.Tracks()
	for t, ok := tracks.Next(); ok; t, ok = tracks.Next() {
		s.Add(t.ID)
	}
	return s
}

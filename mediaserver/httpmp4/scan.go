package httpmp4

import (
	"cmp"
	"fmt"
	"io"
	"math"
	"slices"
	"strings"

	"flashpod.dev/flashpod/mediaserver/flv"
	"flashpod.dev/flashpod/mediaserver/fmp4"
	"flashpod.dev/flashpod/mediaserver/media"
	"flashpod.dev/flashpod/mediaserver/media/payload"
)

const (
	// maxLanes bounds the tracks that are looked at.
	maxLanes = 32
	// maxSamples bounds the tables: of what a film of 24 hours has, twice.
	maxSamples = 16 << 20
	// maxConfig is the longest sequence header that is read, in bytes.
	maxConfig = 64 << 10
	// frontSize is how much of sound is looked at to know how long it is.
	frontSize = 16
	// payEvery is how many samples come until their memory is paid for.
	payEvery = 1024
)

// head is what an FLV file has in front of it as MP4.
type head struct {
	data     []byte
	from, to int64          // what follows of the file
	video    bool           // there are pictures
	left     string         // what is left out, and why; "": nothing
	tail     [tailSize]byte // of those bytes: whether it is this file is seen by that
}

const tailSize = 16

// scanner makes tables of tags.
type scanner struct {
	r     io.ReaderAt
	work  media.Work
	now   *flv.Front // the tag that is looked at
	reads func(b []byte, at int) error
	lanes []*lane
	more  bool // there were tracks beyond maxLanes
	count int  // samples
	front [payload.LookAhead]byte
}

// scan reads the tags of a file, once, and makes the head of it. It fails with
// media.ErrInvalid, with errNothing, or as r and the meter do, which has been told of all
// that the head takes.
func scan(file *flv.File, r io.ReaderAt, meter media.Meter) (*head, error) {
	s := &scanner{r: r, work: media.Work{Meter: meter}}
	s.reads = s.read
	if err := file.Fronts(r, meter, s.tag); err != nil {
		return nil, err
	}
	for _, l := range s.lanes {
		l.finish()
	}
	h := &head{left: s.leftOut()}
	tables, err := s.tables(h)
	if err != nil {
		return nil, err
	}
	size := fmp4.HeadSize(tables, h.from, h.to)
	if err := s.work.SpendAll(s.memory() + int64(size)); err != nil {
		return nil, err
	}
	h.data = fmp4.AppendHead(make([]byte, 0, size), tables, h.from, h.to)
	if err := s.work.SpendAll(int64(size)); err != nil {
		return nil, err
	}
	return h, media.ReadFull(r, h.tail[:min(tailSize, h.to-h.from)], max(h.from, h.to-tailSize))
}

// isOf says whether a file, which may have become longer, is the one that the head is of.
func (h *head) isOf(r io.ReaderAt) bool {
	var now [tailSize]byte
	err := media.ReadFull(r, now[:min(tailSize, h.to-h.from)], max(h.from, h.to-tailSize))
	return err == nil && now == h.tail
}

// tag takes the next tag.
func (s *scanner) tag(f *flv.Front) error {
	var p payload.Payload
	var ok bool
	if f.Type == flv.TypeVideo {
		p, ok = payload.ParseVideo(f.Data)
	} else {
		p, ok = payload.ParseAudio(f.Data)
	}
	if !ok || p.Kind != payload.Frames && p.Kind != payload.SequenceStart {
		return nil
	}
	s.now = f
	places := p.Places(len(f.Data), f.Size, s.reads)
	for {
		place, ok, err := places.Next(allTracks)
		if err != nil || !ok {
			return err
		}
		l := s.lane(track{p.Video(), place.ID, place.Codec})
		switch {
		case l == nil:
		case p.Kind == payload.SequenceStart:
			err = s.header(l, &place)
		default:
			err = s.frame(l, &p, &place)
		}
		if err != nil {
			return err
		}
	}
}

func allTracks(payload.Track) bool { return true }

// read reads a piece of the tag's payload, from its front where that has it.
func (s *scanner) read(b []byte, at int) error {
	f := s.now
	if at+len(b) <= len(f.Data) {
		copy(b, f.Data[at:])
		return nil
	}
	return media.ReadFull(s.r, b, f.At+int64(at))
}

// lane finds a track, or makes room for it; nil: there are too many.
func (s *scanner) lane(t track) *lane {
	for _, l := range s.lanes {
		if l.track == t {
			return l
		}
	}
	if len(s.lanes) == maxLanes {
		s.more = true
		return nil
	}
	l := &lane{track: t}
	s.lanes = append(s.lanes, l)
	return l
}

func (s *scanner) header(l *lane, p *payload.Place) error {
	if p.Size > maxConfig {
		l.header([]byte{})
		return nil
	}
	config := make([]byte, p.Size)
	if err := s.read(config, p.At); err != nil {
		return err
	}
	l.header(config)
	return nil
}

func (s *scanner) frame(l *lane, p *payload.Payload, place *payload.Place) error {
	f := s.now
	n := sample{ms: int64(f.Time), nano: int64(p.Nano), key: true, at: f.At + int64(place.At), size: uint32(place.Size)}
	skip := 0
	if l.video {
		const markedKey = 1
		n.key = p.Frame == markedKey
		if l.id == s.lowest() {
			n.key = f.Begins == payload.Keyframe
		}
		offset, picture := p.Picture(place.Track)
		n.offset, skip = offset, len(place.Body)-len(picture)
	}
	if place.Size <= skip {
		return nil
	}
	l.came = true
	n.at, n.size = n.at+int64(skip), n.size-uint32(skip)
	look := 0
	switch {
	case l.wants():
		look = payload.LookAhead
	case !l.video:
		look = frontSize
	}
	if look > 0 {
		n.front = s.front[:min(look, int(n.size))]
		if err := s.read(n.front, place.At+skip); err != nil {
			return err
		}
	}
	if l.wants() {
		l.describe(n.front)
	}
	if l.entry == nil {
		return nil
	}
	l.put(&n)
	if s.count++; s.count > maxSamples {
		return fmt.Errorf("%w: more than %d samples: split the recording, or play it by HLS", media.ErrInvalid, maxSamples)
	}
	if s.count%payEvery == 0 {
		return s.work.SpendAll(s.memory())
	}
	return nil
}

// lowest is the track of pictures whose keyframes are known by what is in them, as far as
// it has come: see payload.Pictures.
func (s *scanner) lowest() uint8 {
	least := uint8(math.MaxUint8)
	for _, l := range s.lanes {
		if l.video {
			least = min(least, l.id)
		}
	}
	return least
}

// memory is what the tables take.
func (s *scanner) memory() (n int64) {
	for _, l := range s.lanes {
		n += int64(len(l.known)) * maxConfig
		if l.table != nil {
			n += l.table.Memory()
		}
	}
	return n
}

// tables are those of all tracks that MP4 holds, pictures first, with when each is shown:
// the movie begins with what is shown first.
func (s *scanner) tables(h *head) (tables []*fmp4.Table, err error) {
	lanes := slices.DeleteFunc(slices.Clone(s.lanes), func(l *lane) bool { return l.table == nil })
	if len(lanes) == 0 {
		if h.left != "" {
			return nil, fmt.Errorf("%w: %s", errNothing, h.left)
		}
		return nil, fmt.Errorf("%w: it has neither pictures nor sound", media.ErrInvalid)
	}
	slices.SortStableFunc(lanes, func(a, b *lane) int {
		if a.video != b.video {
			if a.video {
				return -1
			}
			return 1
		}
		return cmp.Compare(a.id, b.id)
	})
	const second = 1000000
	micros := func(l *lane) int64 { return l.first/l.units*second + l.first%l.units*second/l.units }
	begins := int64(math.MaxInt64)
	h.from = math.MaxInt64
	for _, l := range lanes {
		begins = min(begins, micros(l))
		from, to := l.table.Bytes()
		h.from, h.to = min(h.from, from), max(h.to, to)
		h.video = h.video || l.video
	}
	for _, l := range lanes {
		after := (micros(l) - begins + 500) / 1000
		l.table.Show(uint32(min(after, math.MaxUint32)), l.first-l.start, l.end-l.start)
		tables = append(tables, l.table)
	}
	return tables, nil
}

// leftOut says which tracks are left out, and why.
func (s *scanner) leftOut() string {
	var words []string
	for _, l := range s.lanes {
		switch {
		case l.err != nil && l.table != nil:
			words = append(words, fmt.Sprintf("a part of the %v: %v", l.track, l.err))
		case l.err != nil:
			words = append(words, fmt.Sprintf("the %v: %v", l.track, l.err))
		case l.table == nil && l.came:
			words = append(words, fmt.Sprintf("the %v: nothing says how to decode it", l.track))
		}
	}
	if s.more {
		words = append(words, fmt.Sprintf("all but %d tracks", maxLanes))
	}
	return strings.Join(words, "; ")
}

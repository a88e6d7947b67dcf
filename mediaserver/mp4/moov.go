package mp4

import (
	"errors"
	"fmt"
	"math"
	"strings"

	"github.com/abema/go-mp4"

	"flashpod.dev/flashpod/mediaserver/amf"
	"flashpod.dev/flashpod/mediaserver/media"
)

// maxTracks bounds the tracks that are looked at; real files have a handful.
const maxTracks = 64

// track is a track that is played.
type track struct {
	id        uint32
	timescale uint32 // units a second
	codec     *codec
	start     int64 // what the edit list adds to every time
	tables    tables

	sizes *table // of the samples that tables say, behind its head
	size  uint32 // of each of them; 0: sizes has it
	count uint32 // how many they are

	samples []sample
	first   int64           // ms; of the first sample, by the track's own times
	last    media.Timestamp // of the last sample, from first on
	next    int64           // decoding time behind the last sample
	early   int64           // ms; the smallest composition time offset, when it is negative
	bytes   int64           // of all samples
	total   *int            // samples of all tracks
	work    *media.Work
}

// String is what errors call the track.
func (t *track) String() string {
	if t.codec.video {
		return "its video track"
	}
	return "its audio track"
}

// movie is what moov says.
type movie struct {
	timescale  uint32
	tracks     []*track // video's first; one of each at most
	fragmented bool
	refused    []string    // why other tracks are not played
	tags       *amf.Object // of title, artist and the like; nil for none

	defaults []trackHead // of fragments
	total    int         // samples of all tracks
}

func (m *movie) track(id uint32) *track {
	for _, t := range m.tracks {
		if t.id == id {
			return t
		}
	}
	return nil
}

func readMovie(w *window, moov box) (*movie, error) {
	m := &movie{timescale: 1000}
	var traks []box
	err := w.walk(moov.start, moov.end, func(b box) error {
		switch {
		case b.is("mvhd"):
			var h mp4.Mvhd
			if err := w.decode(b, &h, mp4.Context{}); err != nil {
				return err
			}
			if h.Timescale > 0 {
				m.timescale = h.Timescale
			}
		case b.is("trak"):
			if len(traks) == maxTracks {
				return invalid("more than %d tracks", maxTracks)
			}
			traks = append(traks, b)
		case b.is("mvex"):
			m.fragmented = true
			return m.readDefaults(w, b)
		case b.is("udta"):
			m.tags = readTags(w, b)
		case b.is("cmov"):
			return invalid("its moov is compressed, as QuickTime once did: remux it, as with ffmpeg -c copy")
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	var video, audio *track
	for _, b := range traks {
		t, err := m.readTrack(w, b)
		if err != nil {
			return nil, err
		}
		switch {
		case t == nil:
		case t.codec.video && video == nil:
			video = t
		case !t.codec.video && audio == nil:
			audio = t
		}
	}
	for _, t := range []*track{video, audio} {
		if t != nil {
			m.tracks = append(m.tracks, t)
		}
	}
	if len(m.tracks) == 0 {
		why := "there is none"
		if len(m.refused) > 0 {
			why = "it has " + strings.Join(m.refused, ", ")
		}
		return nil, invalid("no track that RTMP carries: %s; encode it anew, as with ffmpeg -c:v libx264 -c:a aac", why)
	}
	return m, nil
}

func (m *movie) readDefaults(w *window, mvex box) error {
	return w.walk(mvex.start, mvex.end, func(b box) error {
		if !b.is("trex") || len(m.defaults) == maxTracks {
			return nil
		}
		d, err := w.readTrackDefaults(b)
		if err != nil {
			return err
		}
		m.defaults = append(m.defaults, d)
		return nil
	})
}

// readTrack returns nil for a track that is not played.
func (m *movie) readTrack(w *window, trak box) (*track, error) {
	t := &track{total: &m.total, work: w.work}
	var handler string
	var stsd, elst box
	var find func(b box) error
	find = func(b box) error {
		switch string(b.kind[:]) {
		case "mdia", "minf", "stbl", "edts":
			return w.walk(b.start, b.end, find)
		case "tkhd":
			var h mp4.Tkhd
			if err := w.decode(b, &h, mp4.Context{}); err != nil {
				return err
			}
			t.id = h.TrackID
		case "mdhd":
			var h mp4.Mdhd
			if err := w.decode(b, &h, mp4.Context{}); err != nil {
				return err
			}
			t.timescale = h.Timescale
		case "hdlr":
			// QuickTime has another in minf, of the data: the first is the media's.
			if p, err := w.front(b, 12); err != nil {
				return err
			} else if len(p) == 12 && handler == "" {
				handler = string(p[8:12])
			}
		case "stsd":
			stsd = b
		case "elst":
			elst = b
		default:
			t.tables.add(b)
		}
		return nil
	}
	if err := w.walk(trak.start, trak.end, find); err != nil {
		return nil, err
	}
	if handler != "vide" && handler != "soun" || stsd.end == 0 {
		return nil, nil
	}
	var err error
	t.codec, err = readCodec(w, stsd, handler == "vide")
	var refused *refusedError
	if errors.As(err, &refused) {
		m.refused = append(m.refused, refused.what)
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	if t.timescale == 0 {
		return nil, invalid("%v has no timescale", t)
	}
	t.codec.clock(t.timescale)
	return t, t.readEdits(w, elst, m.timescale)
}

// readEdits reads from an edit list what encoders write: how long nothing is
// shown at first, and where in the track showing begins. With B-frames that is
// behind the time of the first picture [ISO §8.6.6]. Other edits are passed
// over: the track is played as it is.
func (t *track) readEdits(w *window, elst box, movieScale uint32) error {
	if elst.end == 0 {
		return nil
	}
	e := w.table(elst)
	wide := e.version == 1
	size := int64(12)
	if wide {
		size = 20
	}
	var empty float64 // s
	for n := min(e.count(size), maxEdits); n > 0; n-- {
		var begin int64
		var length uint64
		if wide {
			length, begin = e.u64(), int64(e.u64())
		} else {
			length, begin = uint64(e.u32()), int64(int32(e.u32()))
		}
		e.u32() // how fast
		if begin != -1 {
			t.start = -begin
			break
		}
		empty += float64(length) / float64(movieScale)
	}
	if e.err != nil {
		return e.err
	}
	start := math.Round(empty*float64(t.timescale)) + float64(t.start)
	if math.Abs(start) > 1<<52 {
		return invalid("the edit list of %v leads nowhere", t)
	}
	t.start = int64(start)
	return nil
}

// maxEdits is how many edits may show nothing before the first that does.
const maxEdits = 1000

// refusedError says what a track has that is not played.
type refusedError struct{ what string }

// Error implements error.
func (e *refusedError) Error() string { return e.what }

func refuse(format string, args ...any) error { return &refusedError{fmt.Sprintf(format, args...)} }

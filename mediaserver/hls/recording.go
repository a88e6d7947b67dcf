package hls

import (
	"context"
	"errors"
	"fmt"
	"hash/fnv"
	"io"
	"maps"
	"net/http"
	"slices"
	"time"

	"flashpod.dev/flashpod/mediaserver/disk"
	"flashpod.dev/flashpod/mediaserver/media"
	"flashpod.dev/flashpod/mediaserver/outlet"
	"flashpod.dev/flashpod/mediaserver/rtmp"
	"flashpod.dev/flashpod/mediaserver/stream"
)

// recording is a recorded stream for one request.
type recording struct{ *outlet.Recording }

const (
	// segmentLength is how long a recorded stream's segments are at least, but for
	// those that end with what their tracks are.
	segmentLength = 4 * time.Second
	// maxSegments bounds a playlist.
	maxSegments = 50000
	// maxCached bounds the bytes of playlists and segments that are kept to be used
	// again.
	maxCached = 64 << 20
	// readSize is how much of a file is read at once.
	readSize = 256 << 10
)

// tape is what the playlists of a recorded stream say.
type tape struct {
	pieces []tapePiece
	inits  []map[int]*initSegment // by tapePiece.epoch
	peak   map[int]float64        // bits a second, by variant
	mean   float64
}

// tapePiece is a segment of a recorded stream.
type tapePiece struct {
	at      media.Position
	length  time.Duration
	changed bool // other headers are in force than before
	epoch   int
}

// madePiece is a segment that has been made.
type madePiece struct {
	variants map[int]*piece
	length   time.Duration
}

func (m *madePiece) size() (n int64) {
	for _, v := range m.variants {
		n += v.size
	}
	return n
}

func (h *Handler) serveRecording(w http.ResponseWriter, r *http.Request, rec recording, f file) error {
	if !h.waiting.Take(1) {
		return outlet.Refuse(http.StatusServiceUnavailable, "too many requests wait for segments: try again later")
	}
	defer h.waiting.Give(1)
	ctx, stop := context.WithTimeoutCause(r.Context(), firstWait, outlet.Refuse(http.StatusServiceUnavailable, disk.ErrNoPlace.Error()))
	defer stop()
	made, err := h.tape(ctx, rec)
	if err != nil {
		return recordingError(err)
	}
	defer made.Release()
	t := made.Value.(*tape)
	switch {
	case f.index:
		return sendPlaylist(w, r, t.index(), t.left())
	case f.playlist:
		if t.inits[0][f.variant] == nil {
			return errGone
		}
		return sendPlaylist(w, r, t.media(f.variant), t.left())
	case f.init != "":
		for _, inits := range t.inits {
			if n := inits[f.variant]; n != nil && n.name == f.init {
				return send(w, r, mimeMP4, forever, n.data)
			}
		}
		return errGone
	}
	return h.servePiece(ctx, w, r, rec, t, f)
}

func recordingError(err error) error {
	if errors.Is(err, media.ErrInvalid) || errors.Is(err, errNothing) {
		return outlet.Refuse(http.StatusUnprocessableEntity, err.Error())
	}
	return err
}

func (h *Handler) servePiece(ctx context.Context, w http.ResponseWriter, r *http.Request, rec recording, t *tape, f file) error {
	i, found := slices.BinarySearchFunc(t.pieces, media.Timestamp(f.number), func(p tapePiece, at media.Timestamp) int { return int(int64(p.at.Time) - int64(at)) })
	if !found || f.part >= 0 || f.number != int64(media.Timestamp(f.number)) {
		return errGone
	}
	made, err := h.cache.Get(ctx, rec.Of, fmt.Sprintf("%s segment %d", rec.Key, f.number), func(pay disk.Pay) (any, error) {
		m, err := rec.make(t.pieces, i)
		if err == nil {
			pay(m.size()) // else it is not kept
		}
		return m, err
	})
	if err != nil {
		return recordingError(err)
	}
	defer made.Release()
	v := made.Value.(*madePiece).variants[f.variant]
	if v == nil {
		return errGone
	}
	var data [][]byte
	for _, p := range v.parts {
		data = append(data, p.data)
	}
	return send(w, r, mimeMP4, forever, data...)
}

// tape finds out where segments of a recording begin: a *tape.
func (h *Handler) tape(ctx context.Context, rec recording) (*disk.Lease, error) {
	return h.cache.Get(ctx, rec.Of, rec.Key+" playlist", func(pay disk.Pay) (any, error) {
		t, err := rec.tape()
		if err == nil {
			const pieceSize = 40
			pay(int64(len(t.pieces))*pieceSize + int64(len(t.inits))*4096) // else it is not kept
		}
		return t, err
	})
}

func (rec recording) tape() (*tape, error) {
	t := &tape{peak: map[int]float64{}}
	headers, changed := uint64(0), false
	end := media.TimestampAt(rec.File.Duration())
	for at, ok := rec.File.Seek(0), true; ok; at, ok = rec.File.SeekAfter(at.Time.Add(segmentLength)) {
		if n := len(t.pieces); n > 0 && (at.Time <= t.pieces[n-1].at.Time || at.At <= t.pieces[n-1].at.At) {
			break
		}
		if len(t.pieces) == maxSegments {
			return nil, fmt.Errorf("%w: more than %d segments", media.ErrInvalid, maxSegments)
		}
		sum, err := rec.headers(at)
		if err != nil {
			return nil, err
		}
		n := len(t.pieces)
		headers, changed = sum, n == 0 || sum != headers
		if n > 0 {
			t.pieces[n-1].length = at.Time.Sub(t.pieces[n-1].at.Time)
		}
		t.pieces = append(t.pieces, tapePiece{at: at, length: max(end.Sub(at.Time), time.Millisecond), changed: changed})
		if at.Time > end {
			break
		}
	}
	return t, t.look(rec)
}

// headers is what two places have in common whose tracks are the same.
func (rec recording) headers(at media.Position) (uint64, error) {
	frames, err := rec.File.Headers(rec.Reader, at)
	if err != nil {
		return 0, err
	}
	h := fnv.New64a()
	for _, f := range frames {
		h.Write([]byte{f.Type})
		h.Write(f.Head)
		h.Write(f.Data)
	}
	return h.Sum64(), nil
}

// look makes the segments that say what playlists must: those whose tracks may be
// others than before, and the last one.
func (t *tape) look(rec recording) error {
	for i := range t.pieces {
		p := &t.pieces[i]
		last := i == len(t.pieces)-1
		if !p.changed && !last {
			p.epoch = len(t.inits) - 1
			continue
		}
		m, err := rec.make(t.pieces, i)
		if last && i > 0 && errors.Is(err, errNothing) {
			t.pieces[i-1].length += p.length
			t.pieces = t.pieces[:i]
			break
		}
		if err != nil {
			return err
		}
		if last {
			p.length = m.length
		}
		t.learn(m)
		p.epoch = len(t.inits) - 1
	}
	t.mean = float64(rec.Size) * 8 / max(rec.File.Duration(), shortest).Seconds()
	return nil
}

// learn notes what the tracks of a segment are, and how many bits a second.
func (t *tape) learn(m *madePiece) {
	inits := map[int]*initSegment{}
	for id, v := range m.variants {
		inits[id] = v.init
		t.peak[id] = max(t.peak[id], float64(v.size)*8/max(m.length, shortest).Seconds())
	}
	same := func(a, b *initSegment) bool { return a.name == b.name }
	if n := len(t.inits); n == 0 || !maps.EqualFunc(t.inits[n-1], inits, same) {
		t.inits = append(t.inits, inits)
	}
}

// left is what no variant has of the tracks that the recording begins with, in words; "":
// nothing.
func (t *tape) left() string {
	for _, n := range t.inits[0] {
		return n.left
	}
	return ""
}

// pieceMaker collects what a segmenter makes of one segment.
type pieceMaker struct {
	madePiece
	err error
}

func (m *pieceMaker) begin(stream.Cut) {}

func (m *pieceMaker) part(parts map[int]*part, inits map[int]*initSegment) {
	for id, p := range parts {
		v := m.variants[id]
		if v == nil {
			v = &piece{init: inits[id]}
			m.variants[id] = v
		}
		v.parts, v.size = append(v.parts, p), v.size+int64(len(p.data))
	}
	if m.size() > maxSegment {
		m.err = fmt.Errorf("%w: a segment would have more than %d MiB: its keyframes are too far apart", media.ErrInvalid, maxSegment>>20)
	}
}

func (m *pieceMaker) end(length time.Duration) { m.length = length }

// make makes segment i: what lies between its beginning and that of the next.
func (rec recording) make(pieces []tapePiece, i int) (*madePiece, error) {
	m := &pieceMaker{madePiece: madePiece{variants: map[int]*piece{}}}
	s := segmenter{sink: m, part: defaultPart}
	at := pieces[i].at
	headers, err := rec.File.Headers(rec.Reader, at)
	if err != nil {
		return nil, err
	}
	for _, f := range headers {
		if err := s.message(messageOf(&f, at.Time), nil); err != nil {
			return nil, err
		}
	}
	if err := rec.frames(&s, m, pieces, i); err != nil {
		return nil, err
	}
	if i+1 < len(pieces) && s.running {
		next := stream.Cut{Number: 2, Time: pieces[i+1].at.Time}
		s.tick(next.Time)
		err = s.cutHere(&next)
	} else {
		err = s.finish()
	}
	if err = errors.Join(err, m.err); err != nil {
		return nil, err
	}
	if len(m.variants) == 0 {
		return nil, errNothing
	}
	return &m.madePiece, nil
}

// frames hands a segment's frames to a segmenter.
func (rec recording) frames(s *segmenter, m *pieceMaker, pieces []tapePiece, i int) error {
	at := pieces[i].at
	cut := &stream.Cut{Number: 1, Time: at.Time}
	for m.err == nil {
		b := media.NewBatch(readSize) // parts have its memory
		next, err := rec.File.Read(rec.Reader, at, b)
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		for j := range b.Frames {
			f := &b.Frames[j]
			if i+1 < len(pieces) && f.At >= pieces[i+1].at.At {
				return nil
			}
			if err := s.message(messageOf(f, f.Time), cut); err != nil {
				return err
			}
			if s.running {
				cut = nil
			}
		}
		at = next
	}
	return m.err
}

// messageOf is a frame as it would come from a publisher.
func messageOf(f *media.Frame, at media.Timestamp) *rtmp.Message {
	data := f.Data
	if len(f.Head) > 0 {
		data = slices.Concat(f.Head, f.Data)
	}
	return &rtmp.Message{Type: rtmp.MessageType(f.Type), Timestamp: at, Payload: data}
}

// media writes the media playlist of a variant.
func (t *tape) media(id int) string {
	w := mediaPlaylist{id: id, first: true}
	longest := 1
	for _, p := range t.pieces {
		longest = max(longest, whole(p.length))
	}
	w.line("#EXTM3U")
	w.line("#EXT-X-VERSION:%d", version)
	w.line("#EXT-X-TARGETDURATION:%d", longest)
	w.line("#EXT-X-PLAYLIST-TYPE:VOD")
	w.line("#EXT-X-MEDIA-SEQUENCE:0")
	w.line("#EXT-X-INDEPENDENT-SEGMENTS")
	epoch := -1
	for _, p := range t.pieces {
		init := t.inits[p.epoch][id]
		if p.epoch != epoch {
			if epoch >= 0 {
				w.line("#EXT-X-DISCONTINUITY")
			}
			if init != nil {
				w.line(`#EXT-X-MAP:URI="%s%s"`, initFile(id, init), suffixMark)
			}
			epoch = p.epoch
		}
		if init == nil {
			w.line("#EXT-X-GAP")
		}
		w.line("#EXTINF:%s,", seconds(p.length))
		w.line("%s%s", segmentFile(id, int64(p.at.Time)), suffixMark)
	}
	w.line("#EXT-X-ENDLIST")
	return w.String()
}

// index writes the multivariant playlist. Bit rates are those of the segments that
// have been looked at, and of the whole file.
func (t *tape) index() string {
	var all []variant
	for _, id := range slices.Sorted(maps.Keys(t.inits[0])) {
		average := t.peak[id]
		if len(t.inits[0]) == 1 {
			average = t.mean
		}
		all = append(all, variant{id, t.inits[0][id], max(t.peak[id], average), average})
	}
	return writeIndex(all)
}

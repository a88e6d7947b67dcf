package flv

import (
	"io"
	"slices"
	"sort"
	"time"
	"unsafe"

	"flashpod.dev/flashpod/mediaserver/amf"
	"flashpod.dev/flashpod/mediaserver/media"
	"flashpod.dev/flashpod/mediaserver/media/payload"
)

// Entry is a place where playing may begin.
type Entry struct {
	Time   media.Timestamp
	Offset int64 // of the tag
}

// Index says where things are in a file.
type Index struct {
	// Entries are the keyframes; in a file with video that has none, what stands
	// in for them (payload.Makeshift); and in one without video, one tag a second.
	// They are in the order of their offsets.
	Entries []Entry
	// VideoHeaders and AudioHeaders are what players need before the first
	// frame, in the order of their offsets.
	VideoHeaders, AudioHeaders []Header
	// Scripts are the data messages but onMetaData at the front.
	Scripts []Entry
	// Meta is onMetaData; nil when there is none.
	Meta *amf.ECMAArray
	// First is the offset of the first tag that is not onMetaData.
	First int64
	// Size is the end of the last whole tag, in bytes.
	Size int64
	// Last is the largest timestamp: it is how long the file plays.
	Last               media.Timestamp
	LastVideo          media.Timestamp // of the last tag
	LastAudio          media.Timestamp
	HasVideo, HasAudio bool

	metaOffset, metaSize int64 // the first onMetaData tag, trailer included
	pictures             payload.Pictures
	makeshift            bool            // entries only stand in for keyframes
	began                media.Timestamp // of the first frame
	begun                bool            // there is one

	lastTag    int64 // offset of the last whole tag, 0 where there is none
	lastHeader [tagHeaderSize]byte
}

// Header is where a header is: a sequence start, metadata of pictures, or the
// places of speakers.
type Header struct {
	Entry
	Kind   payload.Kind
	Tracks payload.TrackSet // that it is for
}

// frontSize is how much of a tag's data is read: the header of a payload with
// a nanosecond offset, the number of its track and, of most pictures, what says
// whether playing may begin with them.
const frontSize = 128

// audioEntryEvery is how dense an index without keyframes is.
const audioEntryEvery = time.Second

const (
	// maxScripts bounds the index of a file that holds nothing but data.
	maxScripts = 1 << 20
	// maxEntries bounds that of one with nothing but keyframes: what is
	// recorded comes from strangers. With more, every other one is forgotten.
	maxEntries = 1 << 20
	// maxHeaders bounds the headers of pictures, and those of sound. Encoders
	// repeat theirs with every keyframe: with more, every other one that says
	// the same thing of the same tracks is forgotten.
	maxHeaders = 1 << 16
	// A header that is larger than maxHeader bytes is none, and no more than
	// maxHeaderBytes of headers go before what is played.
	maxHeader      = 256 << 10
	maxHeaderBytes = 1 << 20
)

// needed is how much of a tag's data must be read to know what it is: more than
// the front for several tracks, whose numbers are anywhere in it, for what many
// modifiers hide, and for pictures behind a long front of their own.
func (x *Index) needed(h tagHeader, front []byte) int {
	switch h.kind {
	case TypeVideo:
		v, ok := payload.ParseVideo(front)
		switch {
		case !ok || v.Multitrack() && !x.pictures.Enough(&v):
			return h.size
		case !x.pictures.Enough(&v):
			return min(h.size, len(front)+payload.LookAhead)
		}
	case TypeAudio:
		a, ok := payload.ParseAudio(front)
		if !ok || a.Multitrack() && a.Kind != payload.Frames {
			return h.size
		}
	}
	return len(front)
}

// add notes a tag of size bytes at an offset; data is its beginning, or all of
// it.
func (x *Index) add(kind uint8, at media.Timestamp, data []byte, size int, offset int64) {
	e := Entry{at, offset}
	switch kind {
	case TypeVideo:
		if !x.HasVideo {
			// Seconds of sound were noted until now: keyframes are better.
			x.HasVideo, x.Entries = true, nil
		}
		x.LastVideo = at
		v, ok := payload.ParseVideo(data)
		if ok && v.IsHeader() && size <= maxHeader {
			x.VideoHeaders = appendHeader(x.VideoHeaders, Header{e, v.Kind, v.TrackSet()})
		}
		if !ok || !v.IsHeader() {
			x.begin(at)
		}
		if ok {
			x.picture(x.pictures.Next(&v, at), e)
		}
	case TypeAudio:
		x.HasAudio, x.LastAudio = true, at
		if a, ok := payload.ParseAudio(data); ok && a.IsHeader() {
			if size <= maxHeader {
				x.AudioHeaders = appendHeader(x.AudioHeaders, Header{e, a.Kind, a.TrackSet()})
			}
			break
		}
		x.begin(at)
		if n := len(x.Entries); !x.HasVideo && (n == 0 || at >= x.Entries[n-1].Time.Add(audioEntryEvery)) {
			x.Entries = appendEntry(x.Entries, e)
		}
	default:
		if len(x.Scripts) < maxScripts {
			x.Scripts = media.Append(x.Scripts, e)
		}
		return
	}
	x.Last = max(x.Last, at)
}

// picture notes a picture that playing may begin with. Once there are keyframes,
// nothing stands in for them.
func (x *Index) picture(is payload.Beginning, e Entry) {
	switch is {
	case payload.Keyframe:
		if x.makeshift {
			x.Entries, x.makeshift = nil, false
		}
	case payload.Makeshift:
		if len(x.Entries) > 0 && !x.makeshift {
			return
		}
		x.makeshift = true
	default:
		return
	}
	x.Entries = appendEntry(x.Entries, e)
}

// begin notes the time of the first frame: it need not be 0 in a file that was
// cut out of another.
func (x *Index) begin(at media.Timestamp) {
	if !x.begun {
		x.begun, x.began = true, at
	}
}

// appendEntry changes nothing that is in the list: an index of the file as it was
// before may share it.
func appendEntry(list []Entry, e Entry) []Entry {
	if len(list) == maxEntries {
		kept := make([]Entry, maxEntries/2, maxEntries)
		for i := range kept {
			kept[i] = list[2*i]
		}
		list = kept
	}
	return media.Append(list, e)
}

// makeRoom has long lists grow before they must, with rests.
func (x *Index) makeRoom(work *media.Work) error {
	for _, list := range []*[]Entry{&x.Entries, &x.Scripts} {
		if err := makeRoom(work, list); err != nil {
			return err
		}
	}
	for _, list := range []*[]Header{&x.VideoHeaders, &x.AudioHeaders} {
		if err := makeRoom(work, list); err != nil {
			return err
		}
	}
	return nil
}

func makeRoom[T any](work *media.Work, list *[]T) error {
	const long = 4096
	n := len(*list)
	if n < long || n < cap(*list) {
		return nil
	}
	roomy, err := media.RoomFor(work, *list, n+n/2)
	if err == nil {
		*list = roomy
	}
	return err
}

func appendHeader(list []Header, h Header) []Header {
	if len(list) == maxHeaders {
		list = thinned(list)
	}
	return media.Append(list, h)
}

// thinned forgets every other header of a kind for the same tracks, but not the
// last. Where nearly all differ, the older half goes: what they are good for is
// not known.
func thinned(list []Header) []Header {
	type subject struct {
		kind   payload.Kind
		tracks payload.TrackSet
	}
	left := map[subject]int{}
	for i := range list {
		left[subject{list[i].Kind, list[i].Tracks}]++
	}
	kept := make([]Header, 0, maxHeaders) // the old list may be shared: see appendEntry
	for _, h := range list {
		s := subject{h.Kind, h.Tracks}
		if left[s]--; left[s]%2 == 0 {
			kept = append(kept, h)
		}
	}
	if len(kept) > maxHeaders/4*3 {
		kept = kept[:copy(kept, kept[len(kept)/2:])]
	}
	return kept
}

// Seek returns where to begin for a time: the last entry at or before it, or
// the beginning of the file.
func (x *Index) Seek(to media.Timestamp) Entry {
	i := sort.Search(len(x.Entries), func(i int) bool { return x.Entries[i].Time > to })
	if to == 0 || i == 0 {
		return Entry{0, x.First}
	}
	return x.Entries[i-1]
}

// HeadersBefore returns the headers in force at an offset, video's first and
// sequence starts before what goes with them: of each kind, the last of every
// track.
func (x *Index) HeadersBefore(offset int64) []Entry {
	var out []Entry
	for _, list := range [][]Header{x.VideoHeaders, x.AudioHeaders} {
		list = list[:sort.Search(len(list), func(i int) bool { return list[i].Offset >= offset })]
		for _, kind := range []payload.Kind{payload.SequenceStart, payload.Metadata, payload.MultichannelConfig} {
			out = append(out, inForce(list, kind)...)
		}
	}
	return out
}

// inForce returns the headers of a kind that no later ones replace, in their
// order: 256 at most, one for each track.
func inForce(list []Header, kind payload.Kind) (out []Entry) {
	var replaced payload.TrackSet
	for i := len(list) - 1; i >= 0; i-- {
		if h := &list[i]; h.Kind == kind && !h.Tracks.Without(replaced).Empty() {
			out = append(out, h.Entry)
			replaced = replaced.With(h.Tracks)
		}
	}
	slices.Reverse(out)
	return out
}

// memory is about how many bytes the index takes. Values of metadata take a
// few times what they do in the file.
func (x *Index) memory() int64 {
	const entry, header = int64(unsafe.Sizeof(Entry{})), int64(unsafe.Sizeof(Header{}))
	return entry*int64(cap(x.Entries)+cap(x.Scripts)) + header*int64(cap(x.VideoHeaders)+cap(x.AudioHeaders)) + 4*x.metaSize
}

// ReadTag reads the tag at an offset.
func ReadTag(f io.ReaderAt, offset int64) (Tag, error) {
	return ReaderAt(io.NewSectionReader(f, offset, tagHeaderSize+maxTagData+trailerSize), offset).Next()
}

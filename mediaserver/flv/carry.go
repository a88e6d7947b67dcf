package flv

import (
	"encoding/binary"
	"fmt"

	"flashpod.dev/flashpod/mediaserver/amf"
	"flashpod.dev/flashpod/mediaserver/media"
	"flashpod.dev/flashpod/mediaserver/media/payload"
)

// What is known of a file goes to another server, so that it need not read all of the file
// to play some of it: a byte of version, one of flags, numbers, metadata, and the lists,
// each number as its difference to the one before.

const (
	carried = 1 // the version

	carriedVideo = 1 << iota
	carriedAudio
	carriedBegun
)

// AppendIndex appends what is known of the file, for ParseIndex.
func (f *File) AppendIndex(b []byte) ([]byte, error) {
	x := f.x
	flags := byte(0)
	for _, one := range []struct {
		is   bool
		flag byte
	}{{x.HasVideo, carriedVideo}, {x.HasAudio, carriedAudio}, {x.begun, carriedBegun}} {
		if one.is {
			flags |= one.flag
		}
	}
	meta, err := amf.Append(nil, f.Meta())
	if err != nil {
		return nil, err
	}
	b = append(b, carried, flags)
	for _, n := range []uint64{uint64(x.First), uint64(x.Size), uint64(x.Last), uint64(x.began), uint64(len(meta))} {
		b = binary.AppendUvarint(b, n)
	}
	b = append(b, meta...)
	b = appendEntries(b, x.Entries)
	b = appendEntries(b, x.Scripts)
	b = appendHeaders(b, x.VideoHeaders)
	return appendHeaders(b, x.AudioHeaders), nil
}

func appendEntries(b []byte, list []Entry) []byte {
	b = binary.AppendUvarint(b, uint64(len(list)))
	var was Entry
	for _, e := range list {
		b, was = appendBehind(b, was, e), e
	}
	return b
}

func appendBehind(b []byte, was, e Entry) []byte {
	b = binary.AppendVarint(b, int64(e.Time)-int64(was.Time))
	return binary.AppendUvarint(b, uint64(e.Offset-was.Offset))
}

func appendHeaders(b []byte, list []Header) []byte {
	b = binary.AppendUvarint(b, uint64(len(list)))
	var was Entry
	for i := range list {
		h := &list[i]
		b, was = append(appendBehind(b, was, h.Entry), byte(h.Kind)), h.Entry
		for _, n := range h.Tracks {
			b = binary.AppendUvarint(b, n)
		}
	}
	return b
}

// ParseIndex is the file that AppendIndex has been told of elsewhere: it reads none of its
// bytes. It fails with ErrInvalid, or as the meter does.
func ParseIndex(b []byte, meter media.Meter) (*File, error) {
	p := indexParser{b: b, work: &media.Work{Meter: meter}}
	x := p.index()
	if p.err == nil && len(p.b) > 0 {
		p.fail("bytes behind it")
	}
	if p.err != nil {
		return nil, p.err
	}
	return &File{x: x}, nil
}

// indexParser takes an index apart, up to the first error.
type indexParser struct {
	b    []byte
	work *media.Work
	x    Index
	err  error
}

func (p *indexParser) fail(why string) uint64 {
	if p.err == nil {
		p.err = fmt.Errorf("%w: the index of an FLV file has %s", ErrInvalid, why)
	}
	p.b = nil
	return 0
}

func (p *indexParser) number(most uint64) uint64 {
	v, n := binary.Uvarint(p.b)
	if n <= 0 || v > most {
		return p.fail("a number that cannot be")
	}
	p.b = p.b[n:]
	return v
}

func (p *indexParser) byte() byte {
	if len(p.b) == 0 {
		return byte(p.fail("no end"))
	}
	one := p.b[0]
	p.b = p.b[1:]
	return one
}

const (
	maxOffset = 1<<62 - 1
	maxTime   = 1<<32 - 1
)

func (p *indexParser) index() *Index {
	x := &p.x
	if version := p.byte(); p.err == nil && version != carried {
		p.fail(fmt.Sprintf("version %d, of which this server knows %d", version, carried))
	}
	flags := p.byte()
	x.HasVideo, x.HasAudio, x.begun = flags&carriedVideo != 0, flags&carriedAudio != 0, flags&carriedBegun != 0
	x.First, x.Size = int64(p.number(maxOffset)), int64(p.number(maxOffset))
	x.Last, x.began = media.Timestamp(p.number(maxTime)), media.Timestamp(p.number(maxTime))
	x.metaSize = int64(p.number(maxMetaTag))
	if x.metaSize > int64(len(p.b)) {
		p.fail("no end")
	}
	if p.err == nil {
		p.meta()
	}
	x.Entries = carriedList(p, maxEntries, p.entry)
	x.Scripts = carriedList(p, maxScripts, p.entry)
	x.VideoHeaders = carriedList(p, maxHeaders, p.header)
	x.AudioHeaders = carriedList(p, maxHeaders, p.header)
	return x
}

func (p *indexParser) meta() {
	x := &p.x
	if p.err = p.work.SpendAll(x.memory()); p.err != nil {
		return
	}
	v, rest, err := amf.Decode(p.b[:x.metaSize])
	meta, is := v.(*amf.ECMAArray)
	if err != nil || !is || len(rest) > 0 {
		p.fail("no metadata")
		return
	}
	x.Meta, p.b = meta, p.b[x.metaSize:]
}

// carriedList reads a list of most entries at most, of which each takes two bytes and more.
func carriedList[T any](p *indexParser, most uint64, one func(was Entry) (T, Entry)) (list []T) {
	const least = 2
	n := p.number(min(most, uint64(len(p.b))/least))
	if p.err != nil || n == 0 {
		return nil
	}
	var of Header // the larger of the two
	size := int64(n) * (int64(len(of.Tracks))*8 + 32)
	if p.err = p.work.Spend(size); p.err != nil {
		return nil
	}
	list = make([]T, 0, n)
	was := Entry{}
	for range n {
		var v T
		v, was = one(was)
		if p.err == nil {
			p.err = p.work.Steps(1)
		}
		if p.err != nil {
			return nil
		}
		list = append(list, v)
	}
	return list
}

func (p *indexParser) entry(was Entry) (e, same Entry) {
	more, n := binary.Varint(p.b)
	if n <= 0 {
		p.fail("no end")
		return e, e
	}
	p.b = p.b[n:]
	at := int64(was.Time) + more
	if more > maxTime || more < -maxTime || at < 0 || at > maxTime {
		p.fail("a time that cannot be")
	}
	e.Time = media.Timestamp(at)
	e.Offset = was.Offset + int64(p.number(uint64(max(0, p.x.Size-was.Offset))))
	return e, e
}

func (p *indexParser) header(was Entry) (Header, Entry) {
	e, _ := p.entry(was)
	h := Header{Entry: e, Kind: payload.Kind(p.byte())}
	for i := range h.Tracks {
		h.Tracks[i] = p.number(1<<64 - 1)
	}
	return h, e
}

package stream

import (
	"time"

	"flashpod.dev/flashpod/mediaserver/amf"
	"flashpod.dev/flashpod/mediaserver/media"
	"flashpod.dev/flashpod/mediaserver/media/payload"
	"flashpod.dev/flashpod/mediaserver/rtmp"
)

// Opening is what a publication has said that whoever begins in the middle of it needs:
// stored data and sequence headers. It is for publishing the same elsewhere, where what
// came before is not known. The zero value is that of one that has said nothing. It is used
// by one goroutine at a time.
type Opening struct {
	data     storedData
	headers  headers
	pictures payload.Pictures
	video    bool      // there are pictures
	began    time.Time // with the first of them
}

// See is told the publication's next message, and says whether it may be the first behind
// what Messages returns.
func (o *Opening) See(m *rtmp.Message) (begins bool) {
	switch m.Type {
	case rtmp.TypeVideo:
		p, ok := payload.ParseVideo(m.Payload)
		if !o.video {
			o.video, o.began = true, time.Now()
		}
		if !ok {
			return false
		}
		begins = o.pictures.Next(&p, media.TimestampAt(time.Since(o.began))) != payload.NoBeginning
		if p.IsHeader() {
			o.headers.keep(m.Type, &p, m.Payload)
		}
		return begins
	case rtmp.TypeAudio:
		p, ok := payload.ParseAudio(m.Payload)
		if ok && p.IsHeader() {
			o.headers.keep(m.Type, &p, m.Payload)
			return false
		}
		return !o.video
	case rtmp.TypeData:
		data := m.Payload
		if plain, err := amf.ToAMF0(data); err == nil {
			data = plain
		}
		switch said := readData(data); {
		case said.clears:
			o.data.clear(said.handler)
		case said.stores:
			o.data.store(said.handler, said.payload)
		}
	}
	return false
}

// Clear forgets the stored data of a handler, and says whether there was any.
func (o *Opening) Clear(handler string) bool { return o.data.clear(handler) }

// Messages are what goes before a message of a time, as their publisher said it.
func (o *Opening) Messages(at media.Timestamp) (all []rtmp.Message) {
	word, err := amf.AppendAll(nil, setData)
	if err != nil {
		panic(err) // a text can be said
	}
	for _, d := range o.data.list {
		all = append(all, rtmp.Message{Type: rtmp.TypeData, StreamID: 1, Timestamp: at, Payload: append(word[:len(word):len(word)], d.payload...)})
	}
	for _, h := range o.headers.list {
		all = append(all, rtmp.Message{Type: h.kind, StreamID: 1, Timestamp: at, Payload: h.payload})
	}
	return all
}

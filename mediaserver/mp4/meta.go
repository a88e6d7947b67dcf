package mp4

import (
	"unicode/utf8"

	"github.com/abema/go-mp4"

	"flashpod.dev/flashpod/mediaserver/amf"
	"flashpod.dev/flashpod/mediaserver/media"
)

const (
	maxTags    = 32
	maxTagText = 1 << 10 // bytes
)

// readTags reads what iTunes and ffmpeg write: udta, meta, ilst and in it a box
// for each word. It is for reading by people: what cannot be read is left out.
// nil: there are none.
func readTags(w *window, udta box) *amf.Object {
	tags := amf.NewObject()
	var find func(b box) error
	find = func(b box) error {
		switch {
		case b.is("meta"):
			// ISO's has version and flags, QuickTime's does not.
			p := make([]byte, 8)
			if b.end-b.start < 8 || media.ReadFull(w.r, p, b.start) != nil {
				return nil
			}
			if string(p[4:]) != "hdlr" {
				b.start += 4
			}
			return w.walk(b.start, b.end, find)
		case b.is("ilst"):
			return w.walk(b.start, b.end, func(item box) error {
				if text, ok := readTag(w, item); ok && len(tags.Properties) < maxTags {
					tags.Set(tagName(item.kind), text)
				}
				return nil
			})
		}
		return nil
	}
	if err := w.walk(udta.start, udta.end, find); err != nil || len(tags.Properties) == 0 {
		return nil
	}
	return tags
}

func readTag(w *window, item box) (text string, ok bool) {
	err := w.walk(item.start, item.end, func(b box) error {
		if !b.is("data") || b.end-b.start > maxTagText || ok {
			return nil
		}
		var d mp4.Data
		if err := w.decode(b, &d, mp4.Context{UnderIlst: true, UnderIlstMeta: true}); err != nil {
			return err
		}
		if d.DataType == mp4.DataTypeStringUTF8 && len(d.Data) > 0 && utf8.Valid(d.Data) {
			text, ok = string(d.Data), true
		}
		return nil
	})
	return text, ok && err == nil
}

// tagName is the kind of an item's box, whose copyright sign is no UTF-8.
func tagName(kind mp4.BoxType) string {
	out := make([]rune, 0, len(kind))
	for _, c := range kind {
		out = append(out, rune(c))
	}
	return string(out)
}

// describe makes onMetaData with the names that Flash Media Server gives files
// of this format.
func (f *File) describe(m *movie) *amf.ECMAArray {
	meta := amf.NewECMAArray("duration", float64(f.last())/1000)
	for _, t := range m.tracks {
		c := t.codec
		if c.video {
			meta.Set("width", float64(c.width))
			meta.Set("height", float64(c.height))
			meta.Set("videocodecid", c.name)
			if n := len(t.samples); t.last > 0 && n > 1 {
				meta.Set("framerate", float64(n-1)*1000/float64(t.last))
			}
			if c.profile > 0 {
				meta.Set("avcprofile", float64(c.profile))
				meta.Set("avclevel", float64(c.level))
			}
			continue
		}
		meta.Set("audiocodecid", c.name)
		meta.Set("audiosamplerate", float64(c.rate))
		meta.Set("audiochannels", float64(c.channels))
		if c.objectType > 0 {
			meta.Set("aacaot", float64(c.objectType))
		}
	}
	if m.tags != nil {
		if title, ok := m.tags.Get("©nam"); ok {
			meta.Set("title", title)
		}
		meta.Set("tags", m.tags)
	}
	return meta
}

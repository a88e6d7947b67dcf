package mp3

import (
	"bytes"
	"encoding/binary"
	"io"
	"strings"
	"unicode/utf16"
	"unicode/utf8"

	"flashpod.dev/flashpod/mediaserver/amf"
	"flashpod.dev/flashpod/mediaserver/charset"
	"flashpod.dev/flashpod/mediaserver/media"
)

const (
	id3Header = 10
	// maxID3 is how much of a tag is read for its texts: they come before
	// pictures.
	maxID3  = 64 << 10
	maxText = 1 << 10 // bytes
	id3v1   = 128
)

// The texts that are passed on, by the names of [ID3 §4.2.1], which are those
// that players of Flash know; version 2.2 has shorter ones.
var texts = map[string]string{
	"TIT2": "TIT2", "TPE1": "TPE1", "TALB": "TALB", "TYER": "TYER", "TDRC": "TYER", "TCON": "TCON", "TRCK": "TRCK",
	"TT2": "TIT2", "TP1": "TPE1", "TAL": "TALB", "TYE": "TYER", "TCO": "TCON", "TRK": "TRCK",
}

// readID3 reads a tag at the front of a file. It is for reading by people: what
// cannot be read is left out. size is the length of the tag, 0 for none.
func readID3(r io.ReaderAt, fileSize int64) (tags *amf.Object, size int64, err error) {
	var h [id3Header]byte
	if fileSize < id3Header {
		return nil, 0, nil
	}
	if err := media.ReadFull(r, h[:], 0); err != nil {
		return nil, 0, err
	}
	size = id3Size(h[:])
	if size == 0 {
		return nil, 0, nil
	}
	p := make([]byte, min(size, fileSize, maxID3)-id3Header)
	if err := media.ReadFull(r, p, id3Header); err != nil {
		return nil, 0, err
	}
	return parseID3(h[3], h[5], p), size, nil
}

// parseID3 reads the frames of a tag of version 2.x.
func parseID3(version, flags byte, p []byte) *amf.Object {
	const unsynchronised, extended = 0x80, 0x40
	if flags&unsynchronised != 0 && version < 4 {
		p = bytes.ReplaceAll(p, []byte{0xff, 0}, []byte{0xff})
	}
	if flags&extended != 0 && len(p) >= 4 && version > 2 {
		n := 4 + int(binary.BigEndian.Uint32(p))
		if version > 3 {
			n = syncsafe(p) // counts itself
		}
		if n < 0 || n > len(p) {
			return nil
		}
		p = p[n:]
	}
	tags := amf.NewObject()
	name, header := 4, 10
	if version == 2 {
		name, header = 3, 6
	}
	for len(p) >= header && p[0] != 0 {
		var n int
		switch version {
		case 2:
			n = int(p[3])<<16 | int(p[4])<<8 | int(p[5])
		case 3:
			n = int(binary.BigEndian.Uint32(p[4:]))
		default:
			n = syncsafe(p[4:])
		}
		if n > len(p)-header {
			break
		}
		// Frames that are compressed, encrypted or grouped say so in flags.
		plain := version == 2 || p[9] == 0
		if key, ok := texts[string(p[:name])]; ok && plain && n <= maxText {
			if text := decodeText(p[header : header+n]); text != "" {
				tags.Set(key, text)
			}
		}
		p = p[header+n:]
	}
	if len(tags.Properties) == 0 {
		return nil
	}
	return tags
}

// decodeText reads a text, whose first byte says how it is written [ID3 §4.2].
// Of several, it is the first.
func decodeText(p []byte) string {
	if len(p) < 2 {
		return ""
	}
	how, p := p[0], p[1:]
	switch how {
	case 0:
		return latin1(p)
	case 1, 2:
		order := binary.ByteOrder(binary.BigEndian)
		if how == 1 && p[0] == 0xff {
			order = binary.LittleEndian
		}
		var units []uint16
		for ; len(p) >= 2; p = p[2:] {
			u := order.Uint16(p)
			if u == 0 {
				break
			}
			if u != 0xfeff {
				units = append(units, u)
			}
		}
		return string(utf16.Decode(units))
	case 3:
		p, _, _ = bytes.Cut(p, []byte{0})
		if utf8.Valid(p) {
			return string(p)
		}
	}
	return ""
}

func latin1(p []byte) string {
	p, _, _ = bytes.Cut(p, []byte{0})
	return strings.TrimRight(charset.Latin1.Decode(p), " ")
}

// readID3v1 reads the old tag at the end of a file; found is false without one.
func readID3v1(r io.ReaderAt, fileSize int64) (tags *amf.Object, found bool, err error) {
	var p [id3v1]byte
	if fileSize < id3v1 {
		return nil, false, nil
	}
	if err := media.ReadFull(r, p[:], fileSize-id3v1); err != nil {
		return nil, false, err
	}
	if string(p[:3]) != "TAG" {
		return nil, false, nil
	}
	tags = amf.NewObject()
	for i, key := range []string{"TIT2", "TPE1", "TALB"} {
		if text := latin1(p[3+30*i : 33+30*i]); text != "" {
			tags.Set(key, text)
		}
	}
	if len(tags.Properties) == 0 {
		tags = nil
	}
	return tags, true, nil
}

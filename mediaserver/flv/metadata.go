package flv

import (
	"fmt"

	"flashpod.dev/flashpod/mediaserver/amf"
)

const (
	metaName = "onMetaData"
	// creator marks files that this package wrote, and may mend.
	creator = "Flashpod"
	// metaReserve is the room for onMetaData at the front of a file, which is
	// written when its contents are known, at the end. It holds an index of
	// about 1,800 keyframes; of more, every second is left out until they fit.
	metaReserve = 32 << 10
	// stampEnd is behind the file's size in an onMetaData tag that this package
	// wrote. What comes before lies within one page of a file, and is written
	// whole or not at all when a process is killed.
	stampEnd = 256
)

// parseMeta returns the value of an onMetaData script, nil when data is
// something else. What tells where things are in the file is left out: the file
// itself does, and decoded it takes sixteen times its bytes.
func parseMeta(data []byte) *amf.ECMAArray {
	name, rest, err := amf.Decode(data)
	if err != nil || name != metaName {
		return nil
	}
	v, _, err := amf.Decode(rest)
	if err != nil {
		return nil
	}
	switch v := v.(type) {
	case *amf.ECMAArray:
		return &amf.ECMAArray{Properties: withoutLayout(v.Properties)}
	case *amf.Object: // some encoders
		return &amf.ECMAArray{Properties: withoutLayout(v.Properties)}
	}
	return nil
}

func withoutLayout(all []amf.Property) (out []amf.Property) {
	for _, p := range all {
		if p.Name != "keyframes" && p.Name != "padding" {
			out = append(out, p)
		}
	}
	return out
}

// ours are the properties that the writer sets, whatever a publisher says of
// them.
var ours = map[string]bool{
	"duration": true, "filesize": true, "lasttimestamp": true, "lastkeyframetimestamp": true,
	"hasVideo": true, "hasAudio": true, "hasMetadata": true, "hasKeyframes": true, "canSeekToEnd": true,
	"keyframes": true, "creator": true, "padding": true,
}

const maxPassedMeta = 8 << 10 // bytes of what the publisher says

// Described returns what a stream's metadata says about it, as far as it holds
// for players of a part of it as well: without the index and what depends on
// the file's layout.
func Described(meta *amf.ECMAArray, seconds float64) *amf.ECMAArray {
	out := amf.NewECMAArray("duration", seconds)
	if meta == nil {
		return out
	}
	for _, p := range meta.Properties {
		if !ours[p.Name] {
			// Set would look through all of them for each; a name that comes
			// twice is the publisher's.
			out.Properties = append(out.Properties, p)
		}
	}
	return out
}

// tornMeta says whether script data at the front of a file is a Writer's
// onMetaData that was being written when its process died: of its size and with
// its name, and parsed to nothing.
func tornMeta(meta *amf.ECMAArray, data []byte) bool {
	name, _, err := amf.Decode(data)
	return meta == nil && err == nil && name == metaName && len(data) == metaReserve-tagHeaderSize-trailerSize
}

// metaTag makes the onMetaData tag of a file: exactly room bytes with its
// trailer, so that it can be written over another. Its size comes first, for
// Finish, and is 0 in a file that is not finished.
func metaTag(x *Index, meta *amf.ECMAArray, fileSize int64, room int) ([]byte, error) {
	m := amf.NewECMAArray("filesize", float64(fileSize), "creator", creator)
	said := Described(meta, float64(x.Last)/1000)
	if b, err := amf.Append(nil, said); err != nil || len(b) > maxPassedMeta {
		said = Described(nil, float64(x.Last)/1000)
	}
	m.Properties = append(m.Properties, said.Properties...)
	m.Set("hasVideo", x.HasVideo)
	m.Set("hasAudio", x.HasAudio)
	m.Set("hasMetadata", true)
	m.Set("lasttimestamp", float64(x.Last)/1000)
	index := x.Entries
	if !x.HasVideo {
		index = nil
	}
	for {
		tag, err := paddedMetaTag(m, index, room)
		if err == nil || len(index) == 0 {
			return tag, err
		}
		index = every2nd(index)
	}
}

func every2nd(list []Entry) []Entry {
	if len(list) == 1 {
		return nil
	}
	out := make([]Entry, 0, len(list)/2+1)
	for i := 0; i < len(list); i += 2 {
		out = append(out, list[i])
	}
	return out
}

// paddedMetaTag fills what is left of the room with an array of nulls: valid
// for every reader, and shown by none.
func paddedMetaTag(meta *amf.ECMAArray, index []Entry, room int) ([]byte, error) {
	m := &amf.ECMAArray{Properties: append([]amf.Property(nil), meta.Properties...)}
	m.Set("hasKeyframes", len(index) > 0)
	// An index of one says nothing, and ffmpeg complains of it.
	if n := len(index); n > 1 {
		times, positions := make([]amf.Value, n), make([]amf.Value, n)
		for i, e := range index {
			times[i], positions[i] = float64(e.Time)/1000, float64(e.Offset)
		}
		m.Set("lastkeyframetimestamp", times[n-1])
		m.Set("keyframes", amf.NewObject("times", amf.NewArray(times...), "filepositions", amf.NewArray(positions...)))
	}
	m.Set("padding", amf.NewArray())
	data, err := amf.Append(nil, metaName)
	if err != nil {
		return nil, err
	}
	start := len(data)
	if data, err = amf.Append(data, m); err != nil {
		return nil, err
	}
	left := room - tagHeaderSize - trailerSize - len(data)
	if left < 0 {
		return nil, fmt.Errorf("%w: metadata is %d bytes too long for its place", ErrInvalid, -left)
	}
	m.Set("padding", &amf.Array{Items: make([]amf.Value, left)})
	if data, err = amf.Append(data[:start], m); err != nil {
		return nil, err
	}
	return AppendTag(nil, Tag{Type: TypeScript, Data: data})
}

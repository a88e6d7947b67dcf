package recording

import (
	"cmp"
	"strconv"
	"strings"
	"time"

	"flashpod.dev/flashpod/mediaserver/folders"
)

// The lists that are kept of each folder: recorded streams of each prefix in the
// order of their names, recordings of mode All in the order of their dates, and
// folders.
const (
	listFLV = iota
	listMP4
	listMP3
	listDated
	listFolders
)

var lists = []folders.List{
	listFLV:     streams(""),
	listMP4:     streams("mp4:"),
	listMP3:     streams("mp3:"),
	listDated:   {Has: isDated, Compare: compareDated},
	listFolders: {Folders: true, Has: mayHaveStreams, Compare: compareFolders},
}

// streams is the list of files whose names have a prefix.
func streams(prefix string) folders.List {
	return folders.List{
		Has: func(file string) bool {
			f := formatOf(file)
			if f == nil || (f.extension == extension) != (prefix == "") || prefix != "" && f.prefix != prefix {
				return false
			}
			_, ok := nameOf(file)
			return ok
		},
		Compare: func(a, b string) int { return cmp.Or(strings.Compare(keyOf(a), keyOf(b)), strings.Compare(a, b)) },
	}
}

// keyOf is the name of a file's stream without its prefix, as nameOf has it.
func keyOf(file string) string {
	if f := formatOf(file); f != nil && (f.extension == extension || f.extension == extensionOf(f.prefix)) {
		return strings.TrimSuffix(file, f.extension)
	}
	return file
}

func compareFolders(a, b string) int { return strings.Compare(a+"/", b+"/") }

// mayHaveStreams says whether streams may have a folder in their names.
func mayHaveStreams(folder string) bool {
	inside := folder + "/x"
	base, err := fileOf(inside)
	return err == nil && base == inside
}

// version tells recordings of mode All of one stream apart: when it began, and
// which of those that began in the same second it is.
type version struct {
	stamp string
	n     int
}

// cutDated cuts the name of a file into stream and version; ok is false when it
// does not look like that of a recording of mode All.
func cutDated(file string) (stream string, v version, ok bool) {
	base, ok := strings.CutSuffix(file, extension)
	if !ok {
		return "", v, false
	}
	v.n = 1
	if !strings.HasSuffix(base, "Z") {
		i := strings.LastIndexByte(base, '-')
		if i < 0 {
			return "", v, false
		}
		var err error
		if v.n, err = strconv.Atoi(base[i+1:]); err != nil {
			return "", v, false
		}
		base = base[:i]
	}
	at := len(base) - len(dated)
	if at < 2 || base[at-1] != '-' { // a stream has a name
		return "", v, false
	}
	v.stamp = base[at:]
	return base[:at-1], v, true
}

func isDated(file string) bool {
	_, v, ok := cutDated(file)
	if !ok {
		return false
	}
	_, err := time.Parse(dated, v.stamp)
	return err == nil
}

// streamOf is the stream that a dated file is a recording of.
func streamOf(file string) string {
	stream, _, _ := cutDated(file)
	return stream
}

func compareDated(a, b string) int {
	streamA, va, _ := cutDated(a)
	streamB, vb, _ := cutDated(b)
	return cmp.Or(strings.Compare(streamA, streamB), strings.Compare(va.stamp, vb.stamp), cmp.Compare(va.n, vb.n), strings.Compare(a, b))
}

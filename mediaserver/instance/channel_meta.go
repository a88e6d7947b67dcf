package instance

import (
	"slices"

	"flashpod.dev/flashpod/mediaserver/amf"
)

// ofFiles are what onMetaData says that is so of a file, and not of a stream that
// goes on behind it.
var ofFiles = []string{
	"duration", "filesize", "datasize", "lasttimestamp", "lastkeyframetimestamp", "lastkeyframelocation",
	"keyframes", "hasKeyframes", "seekpoints", "canSeekToEnd", "trackinfo",
}

// liveMeta is onMetaData of a file as a channel says it; nil: nothing is left of it.
func liveMeta(onMetaData []byte) []byte {
	all, err := amf.DecodeAll(onMetaData)
	if err != nil || len(all) != 2 {
		return nil
	}
	of, ok := all[1].(*amf.ECMAArray)
	if !ok {
		return nil
	}
	left := slices.DeleteFunc(of.Properties, func(p amf.Property) bool { return slices.Contains(ofFiles, p.Name) })
	if len(left) == 0 {
		return nil
	}
	b, err := amf.AppendAll(nil, all[0], &amf.ECMAArray{Properties: left})
	if err != nil {
		return nil
	}
	return b
}

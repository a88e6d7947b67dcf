package rtmp

import (
	"slices"

	"flashpod.dev/flashpod/mediaserver/amf"
)

// Bits of capsEx, in connect and in its answer [Enhanced RTMP v2, "Enhancing
// NetConnection connect Command"].
const (
	CapsReconnect           = 1 << iota // follows NetConnection.Connect.ReconnectRequest
	CapsMultitrack                      // takes several tracks of a kind
	CapsModEx                           // reads past modifiers of a payload
	CapsTimestampNanoOffset             // understands the one that refines a timestamp
)

// Bits of a codec's entry in videoFourCcInfoMap and audioFourCcInfoMap.
const (
	CanDecode = 1 << iota
	CanEncode
	CanForward
)

// AnyCodec stands for all codecs.
const AnyCodec = "*"

// What Enhanced RTMP v2 names. Peers that do not know AnyCodec look for these.
var (
	videoCodecs = []string{"avc1", "hvc1", "vvc1", "av01", "vp08", "vp09"}
	audioCodecs = []string{"mp4a", ".mp3", "Opus", "fLaC", "ac-3", "ec-3"}
)

// maxCodecs bounds what is kept of a peer's lists.
const maxCodecs = 32

// Enhanced is what a peer says of Enhanced RTMP when it connects, or answers.
type Enhanced struct {
	Codecs   []string // FourCCs, or AnyCodec, of everything it can do something with; 32 at most
	Caps     uint32   // Caps bits
	SaysCaps bool     // capsEx was among it
	// Codecs that it may be sent, of a kind: those of its map that it decodes or
	// forwards or, without a map, those of fourCcList. nil: it says nothing of the
	// kind, as a list does whose time knew no sound. 32 each at most.
	Video, Audio []string
}

// ParseEnhanced finds what connect's command object, or that of its answer,
// says. ok is false when it says nothing: the peer is one of Adobe's time.
func ParseEnhanced(o *amf.Object) (e Enhanced, ok bool) {
	list, ok := o.Get("fourCcList")
	if values, is := list.(*amf.Array); is {
		e.list(values.Items)
	}
	kinds := []*[]string{&e.Video, &e.Audio}
	for i, name := range []string{"videoFourCcInfoMap", "audioFourCcInfoMap"} {
		v, there := o.Get(name)
		ok = ok || there
		var all []amf.Property
		switch v := v.(type) {
		case *amf.Object:
			all = v.Properties
		case *amf.ECMAArray:
			all = v.Properties
		}
		if len(all) > 0 {
			*kinds[i] = played(all)
		}
		for _, p := range all {
			add(&e.Codecs, p.Name)
		}
	}
	for _, name := range []string{"capsEx", "CapsEx"} { // Red5's spelling
		v, there := o.Get(name)
		ok = ok || there
		switch n := v.(type) {
		case float64:
			if e.SaysCaps = true; n >= 0 && n < 1<<32 {
				e.Caps |= uint32(n)
			}
		case int32: // AMF3
			e.SaysCaps = true
			e.Caps |= uint32(n)
		}
	}
	return e, ok
}

// list takes fourCcList. What is of neither kind may be of both that it speaks of.
func (e *Enhanced) list(values []amf.Value) {
	var strange []string
	for _, v := range values {
		name, ok := v.(string)
		if !ok || !add(&e.Codecs, name) {
			continue
		}
		v, a := slices.Contains(videoCodecs, name), slices.Contains(audioCodecs, name)
		if v || name == AnyCodec {
			add(&e.Video, name)
		}
		if a || name == AnyCodec {
			add(&e.Audio, name)
		}
		if !v && !a && name != AnyCodec {
			strange = append(strange, name)
		}
	}
	for _, kind := range []*[]string{&e.Video, &e.Audio} {
		if *kind != nil {
			*kind = append(*kind, strange[:min(len(strange), maxCodecs-len(*kind))]...)
		}
	}
}

// played are the codecs of a map that may be sent: all but those that the peer
// says it does something else with.
func played(of []amf.Property) []string {
	names := []string{}
	for _, p := range of {
		mask := uint32(CanDecode)
		switch n := p.Value.(type) {
		case float64:
			mask = uint32(max(0, min(n, 1<<31)))
		case int32:
			mask = uint32(n)
		}
		if mask&(CanDecode|CanForward) != 0 {
			add(&names, p.Name)
		}
	}
	return names
}

// add appends a codec's name that is not in the list yet, unless it is none or
// there are too many. AnyCodec, which says more than all others, has room always.
func add(list *[]string, name string) (added bool) {
	switch {
	case name != AnyCodec && len(name) != 4, slices.Contains(*list, name):
		return false
	case len(*list) == maxCodecs && name == AnyCodec:
		(*list)[maxCodecs-1] = name
		return true
	case len(*list) == maxCodecs:
		return false
	}
	*list = append(*list, name)
	return true
}

// SetEnhanced writes into a command object what an end of the connection can
// do that passes payloads on as they are, whatever their codec: caps are Caps
// bits.
func SetEnhanced(o *amf.Object, caps uint32) {
	list := amf.NewArray(AnyCodec)
	for _, c := range slices.Concat(videoCodecs, audioCodecs) {
		list.Items = append(list.Items, c)
	}
	o.Set("fourCcList", list)
	o.Set("videoFourCcInfoMap", forwards(videoCodecs))
	o.Set("audioFourCcInfoMap", forwards(audioCodecs))
	o.Set("capsEx", caps)
}

func forwards(codecs []string) *amf.Object {
	o := amf.NewObject(AnyCodec, CanForward)
	for _, c := range codecs {
		o.Set(c, CanForward)
	}
	return o
}

package rtmp

import (
	"fmt"
	"slices"
	"testing"

	"flashpod.dev/flashpod/mediaserver/amf"
)

func TestParseEnhanced(t *testing.T) {
	many := &amf.Array{}
	for i := range 1000 {
		many.Items = append(many.Items, fmt.Sprintf("%04d", i))
	}
	ours := amf.NewObject()
	SetEnhanced(ours, CapsMultitrack)
	for name, c := range map[string]struct {
		object *amf.Object
		says   bool
		codecs []string
		caps   uint32
	}{
		"nothing":       {amf.NewObject("app", "a"), false, nil, 0},
		"no object":     {nil, false, nil, 0},
		"a list":        {amf.NewObject("fourCcList", amf.NewArray("av01", "hvc1", "av01", 3.0, "h264!", "*")), true, []string{"av01", "hvc1", "*"}, 0},
		"maps":          {amf.NewObject("videoFourCcInfoMap", amf.NewObject("vp09", 1), "audioFourCcInfoMap", amf.NewECMAArray("Opus", 2)), true, []string{"vp09", "Opus"}, 0},
		"capsEx":        {amf.NewObject("capsEx", 15.0), true, nil, 15},
		"capsEx, AMF3":  {amf.NewObject("capsEx", int32(9)), true, nil, 9},
		"CapsEx":        {amf.NewObject("CapsEx", 1.0), true, nil, CapsReconnect},
		"no capsEx":     {amf.NewObject("capsEx", -1.0), true, nil, 0},
		"what we say":   {ours, true, slices.Concat([]string{AnyCodec}, videoCodecs, audioCodecs), CapsMultitrack},
		"no end of it":  {amf.NewObject("fourCcList", many), true, nil, 0},
		"wrong values":  {amf.NewObject("fourCcList", "av01", "videoFourCcInfoMap", 1.0, "capsEx", "1"), true, nil, 0},
		"an empty list": {amf.NewObject("fourCcList", amf.NewArray()), true, nil, 0},
	} {
		if c.object == ours { // as it comes over the wire
			b, err := amf.Append(nil, ours)
			if err != nil {
				t.Fatal(err)
			}
			v, _, err := amf.Decode(b)
			if err != nil {
				t.Fatal(err)
			}
			c.object = v.(*amf.Object)
		}
		if name == "no end of it" {
			for _, v := range many.Items[:maxCodecs] {
				c.codecs = append(c.codecs, v.(string))
			}
		}
		e, ok := ParseEnhanced(c.object)
		if ok != c.says || !slices.Equal(e.Codecs, c.codecs) || e.Caps != c.caps {
			t.Errorf("%s: %v, %v", name, e, ok)
		}
	}
}

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

// Whoever takes everything takes it, however much it names before.
func TestEverythingBehindManyCodecs(t *testing.T) {
	for n := range 2 * maxCodecs {
		list, codecs := &amf.Array{}, amf.NewObject()
		for i := range n {
			name := fmt.Sprintf("%04d", i)
			list.Items = append(list.Items, name)
			codecs.Set(name, CanDecode)
		}
		list.Items = append(list.Items, AnyCodec)
		codecs.Set(AnyCodec, CanDecode)
		for what, o := range map[string]*amf.Object{
			"list": amf.NewObject("fourCcList", list),
			"maps": amf.NewObject("videoFourCcInfoMap", codecs, "audioFourCcInfoMap", codecs),
		} {
			e, _ := ParseEnhanced(o)
			for _, all := range [][]string{e.Codecs, e.Video, e.Audio} {
				if !slices.Contains(all, AnyCodec) || len(all) > maxCodecs {
					t.Errorf("%s behind %d: %d, %v", what, n, len(all), all)
				}
			}
		}
	}
}

// What a peer may be sent is what it decodes or forwards, of the kinds that it
// speaks of.
func TestEnhancedCodecs(t *testing.T) {
	list := func(names ...any) *amf.Object { return amf.NewObject("fourCcList", amf.NewArray(names...)) }
	maps := func(video, audio any, more ...any) *amf.Object {
		return amf.NewObject(append([]any{"videoFourCcInfoMap", video, "audioFourCcInfoMap", audio}, more...)...)
	}
	for name, c := range map[string]struct {
		object       *amf.Object
		video, audio []string
		saysCaps     bool
	}{
		"nothing":                 {amf.NewObject("app", "a"), nil, nil, false},
		"capsEx alone":            {amf.NewObject("capsEx", 0.0), nil, nil, true},
		"an empty list":           {list(), nil, nil, false},
		"a list of 2023":          {list("av01", "vp09", "hvc1"), []string{"av01", "vp09", "hvc1"}, nil, false},
		"a list of both":          {list("hvc1", "Opus"), []string{"hvc1"}, []string{"Opus"}, false},
		"a list of sound":         {list("Opus"), nil, []string{"Opus"}, false},
		"everything":              {list("*", "hvc1"), []string{"*", "hvc1"}, []string{"*"}, false},
		"a codec of tomorrow":     {list("hvc1", "xyz1"), []string{"hvc1", "xyz1"}, nil, false},
		"nothing but of tomorrow": {list("xyz1"), nil, nil, false},
		"maps": {maps(amf.NewObject("hvc1", 1.0, "av01", 2.0, "vp09", 4.0, "vp08", 0.0), amf.NewECMAArray("Opus", 3.0, "fLaC", int32(2))),
			[]string{"hvc1", "vp09"}, []string{"Opus"}, false},
		"maps of encoders":   {maps(amf.NewObject("hvc1", 2.0), amf.NewObject()), []string{}, nil, false},
		"a map beats a list": {maps(amf.NewObject("av01", 1.0), 3.0, "fourCcList", amf.NewArray("hvc1", "Opus")), []string{"av01"}, []string{"Opus"}, false},
		"no masks":           {maps(amf.NewObject("av01", true, "*", "x"), nil), []string{"av01", "*"}, nil, false},
	} {
		e, _ := ParseEnhanced(c.object)
		if !slices.Equal(e.Video, c.video) || (e.Video == nil) != (c.video == nil) ||
			!slices.Equal(e.Audio, c.audio) || (e.Audio == nil) != (c.audio == nil) || e.SaysCaps != c.saysCaps {
			t.Errorf("%s: %+v", name, e)
		}
	}
}

package server

import (
	"bytes"
	"slices"
	"testing"
	"time"

	"flashpod.dev/flashpod/mediaserver/amf"
	"flashpod.dev/flashpod/mediaserver/rtmp"
	"flashpod.dev/flashpod/mediaserver/servertest"
)

// asAMF3 is a data message as ActionScript 3 writes it: a selector, words as
// AMF0 and an object behind the marker.
func asAMF3(t *testing.T, object amf.Value, words ...amf.Value) *rtmp.Message {
	t.Helper()
	b, err := amf.AppendAll([]byte{0}, words...)
	if err != nil {
		t.Fatal(err)
	}
	if b, err = amf.Append3(append(b, 0x11), object); err != nil {
		t.Fatal(err)
	}
	return &rtmp.Message{Type: rtmp.TypeDataAMF3, Payload: b}
}

func asAMF0(t *testing.T, values ...amf.Value) []byte {
	t.Helper()
	b, err := amf.AppendAll(nil, values...)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// dataOf plays and passes on the data messages that are not the server's own.
func dataOf(t *testing.T, s *Server, name string, start time.Duration) <-chan []byte {
	t.Helper()
	stream := stand(t, s)
	got := make(chan []byte, 100)
	stream.OnMedia(func(m *rtmp.Message) error {
		word, _, _ := amf.Decode(m.Payload)
		if m.Type == rtmp.TypeData && word != "|RtmpSampleAccess" && word != "onStatus" && word != "onPlayStatus" {
			got <- bytes.Clone(m.Payload)
		}
		return nil
	})
	if err := stream.Play(t.Context(), name, start); err != nil {
		t.Fatal(err)
	}
	return got
}

// one is the next that is heard.
func one(t *testing.T, who string, got <-chan []byte) []byte {
	t.Helper()
	select {
	case b := <-got:
		return b
	case <-time.After(servertest.Patience):
		t.Fatalf("%s hears nothing", who)
		return nil
	}
}

// Data of ActionScript 3 reaches players that read AMF0 alone, those that were
// there and those that come later, and those of the recording.
func TestDataOfActionScript3(t *testing.T) {
	t.Parallel()
	s, _ := run(t, open)
	early := dataOf(t, s, "cam", rtmp.PlayLive)
	joined(t, s, 1)
	p := stand(t, s)
	if err := p.Publish(t.Context(), "cam", "record"); err != nil {
		t.Fatal(err)
	}
	list := amf.NewArray(int32(1), "two", time.UnixMilli(1500).UTC())
	meta := amf.NewObject("width", int32(320), "list", list, "again", list)
	cue := amf.NewObject("name", "goal", "time", 1.5, "bytes", &amf.ByteArray{Bytes: []byte{1, 2}}, "points", &amf.Vector[int32]{Items: []int32{7}})
	send := func(m *rtmp.Message) {
		t.Helper()
		if err := p.Send(t.Context(), m); err != nil {
			t.Fatal(err)
		}
	}
	send(asAMF3(t, meta, "@setDataFrame", "onMetaData"))
	send(&rtmp.Message{Type: rtmp.TypeAudio, Payload: []byte(aac)})
	send(asAMF3(t, cue, "onCuePoint"))
	send(&rtmp.Message{Type: rtmp.TypeAudio, Timestamp: 40, Payload: []byte(aac)})
	wantMeta, wantCue := asAMF0(t, "onMetaData", meta), asAMF0(t, "onCuePoint", cue)
	hear := func(who string, got <-chan []byte, want ...[]byte) {
		t.Helper()
		for _, w := range want {
			if b := one(t, who, got); !bytes.Equal(b, w) {
				t.Errorf("%s hears\n%q, want\n%q", who, b, w)
			}
		}
	}
	hear("who was there", early, wantMeta, wantCue)
	hear("who comes later", dataOf(t, s, "cam", rtmp.PlayLive), wantMeta)
	if err := p.Unpublish(t.Context()); err != nil {
		t.Fatal(err)
	}
	recorded := dataOf(t, s, "cam", 0)
	b := one(t, "who plays the recording", recorded)
	values, err := amf.DecodeAll(b)
	if err != nil || len(values) != 2 || values[0] != "onMetaData" || bytes.Contains(b, []byte{0x11, 0x0a}) {
		t.Errorf("the recording describes itself as %q, %v", b, err)
	} else if width, _ := values[1].(*amf.ECMAArray).Get("width"); width != 320.0 {
		t.Errorf("the recording is %v wide", width)
	}
	hear("who plays the recording", recorded, wantCue)
}

// Metadata is metadata however its encoder calls for it.
func TestMetadataWithoutItsWord(t *testing.T) {
	t.Parallel()
	s, _ := run(t, open)
	meta := amf.NewObject("width", 640)
	for name, words := range map[string][]amf.Value{
		"with":    {"@setDataFrame", "onMetaData", meta},
		"without": {"setDataFrame", "onMetaData", meta},
		"bare":    {"onMetaData", meta},
	} {
		p := stand(t, s)
		if err := p.Publish(t.Context(), name, "record"); err != nil {
			t.Fatal(err)
		}
		m, err := rtmp.NewData(0, 0, words...)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range []*rtmp.Message{m, {Type: rtmp.TypeAudio, Payload: []byte(aac)}} {
			if err := p.Send(t.Context(), m); err != nil {
				t.Fatal(err)
			}
		}
		if b := one(t, "who comes later", dataOf(t, s, name, rtmp.PlayLive)); !bytes.Equal(b, asAMF0(t, "onMetaData", meta)) {
			t.Errorf("%s: who comes later hears %q", name, b)
		}
		if err := p.Unpublish(t.Context()); err != nil {
			t.Fatal(err)
		}
		values, err := amf.DecodeAll(one(t, "who plays the recording", dataOf(t, s, name, 0)))
		if err != nil || !slices.Equal(values[:1], []amf.Value{"onMetaData"}) {
			t.Fatalf("%s: the recording says %v, %v", name, values, err)
		}
		if width, _ := values[1].(*amf.ECMAArray).Get("width"); width != 640.0 {
			t.Errorf("%s: the recording is %v wide", name, width)
		}
	}
}

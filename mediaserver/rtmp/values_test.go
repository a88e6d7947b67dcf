package rtmp

import (
	"errors"
	"reflect"
	"testing"
	"time"

	"flashpod.dev/flashpod/mediaserver/amf"
)

// The same arguments, for both kinds of peers, are read as they were.
func TestValuesAreReadAsTheyWere(t *testing.T) {
	t.Parallel()
	loop := amf.NewObject("a", 1.0)
	loop.Set("self", loop)
	for name, args := range map[string][]amf.Value{
		"none":      {},
		"plain":     {nil, amf.Undefined{}, true, 1.5, "word"},
		"composite": {amf.NewObject("a", amf.NewArray(1.0, "x")), time.UnixMilli(1000).UTC(), amf.NewECMAArray("k", "v")},
		"AMF3 only": {&amf.ByteArray{Bytes: []byte{1, 2}}, &amf.Vector[int32]{Items: []int32{7}}},
		"a loop":    {loop},
	} {
		for _, amf3 := range []bool{false, true} {
			v, err := EncodeValues(amf3, 1<<20, args...)
			if err != nil {
				t.Fatalf("%s: %v", name, err)
			}
			m := v.Command("method", 7)
			if amf3 != (m.Type == TypeCommandAMF3) {
				t.Errorf("%s: sent as type %d", name, m.Type)
			}
			if amf3 {
				m = &Message{Type: TypeCommand, Payload: m.Payload[1:]} // as Serve hands it over
			}
			cmd, err := ParseCommand(m)
			if err != nil {
				t.Fatalf("%s: %v", name, err)
			}
			if cmd.Name != "method" || cmd.Transaction != 7 || cmd.Object != nil || len(cmd.Args) != len(args) {
				t.Fatalf("%s: %+v", name, cmd)
			}
			for i := range args {
				if name != "a loop" && !reflect.DeepEqual(cmd.Args[i], args[i]) {
					t.Errorf("%s: argument %d is %#v, was %#v", name, i, cmd.Args[i], args[i])
				}
			}
			if name == "a loop" {
				o := cmd.Args[0].(*amf.Object)
				if self, _ := o.Get("self"); self != any(o) {
					t.Errorf("a loop is one no more: %v", self)
				}
			}
		}
	}
}

func TestValuesThatAreTooLarge(t *testing.T) {
	t.Parallel()
	if _, err := EncodeValues(false, 8, 1.0); !errors.Is(err, ErrTooLarge) {
		t.Errorf("%v", err)
	}
	if v, err := EncodeValues(true, 9, 1.0); err != nil || len(v.Bytes) != 9 {
		t.Errorf("%v, %v", v, err)
	}
	if _, err := EncodeValues(true, 100, struct{}{}); !errors.Is(err, amf.ErrInvalid) {
		t.Errorf("%v", err)
	}
}

package amf

import (
	"encoding/hex"
	"testing"
	"time"
)

// A date that is none stays one in both encodings, and what no ECMA-262 has a date for is
// none, whoever sends it.
func TestDateThatIsNone(t *testing.T) {
	t.Parallel()
	const none0, none3 = "0b7ff80000000000000000", "08017ff8000000000000"
	for _, v := range []Value{NoDate, time.Time{}.AddDate(-300_000, 0, 0), time.UnixMilli(8.64e15 + 1)} {
		b, err := Append(nil, v)
		if err != nil || hex.EncodeToString(b) != none0 {
			t.Errorf("%v is %x, %v in AMF0", v, b, err)
		}
		if b, err = Append3(nil, v); err != nil || hex.EncodeToString(b) != none3 {
			t.Errorf("%v is %x, %v in AMF3", v, b, err)
		}
	}
	for _, c := range []struct {
		hex    string
		decode func([]byte) (Value, []byte, error)
		want   Value
	}{
		{none0, Decode, NoDate},
		{none3, Decode3, NoDate},
		{"0bfff80000000000010000", Decode, NoDate},                        // another NaN
		{"0b7ff00000000000000000", Decode, NoDate},                        // infinity
		{"0b433eb208c2dc00000000", Decode, time.UnixMilli(8.64e15).UTC()}, // the last there is
		{"0b433eb208c2dc00010000", Decode, NoDate},
	} {
		b, err := hex.DecodeString(c.hex)
		if err != nil {
			t.Fatal(err)
		}
		if v, _, err := c.decode(b); err != nil || v != c.want {
			t.Errorf("%s is %v, %v, want %v", c.hex, v, err, c.want)
		}
	}
}

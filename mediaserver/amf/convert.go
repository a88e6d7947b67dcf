package amf

import "bytes"

// A message may grow as AMF0, which writes out names and numbers that AMF3 says
// in a byte or two. What grows beyond this stays as it came.
const (
	maxGrowth    = 16 // times the message
	freeGrowth   = 64 << 10
	maxConverted = 8 << 20
)

// ToAMF0 returns the values of a message as AMF0 where they came as AMF3, behind
// the marker that switches to it. What AMF0 cannot express (byte arrays,
// vectors, dictionaries) stays AMF3, with what is in it. A message without AMF3
// is returned as it is; it is b itself then, else a copy. Errors are those of
// DecodeAll and AppendAll, ErrInvalid also for what would grow too much.
func ToAMF0(b []byte) ([]byte, error) {
	if bytes.IndexByte(b, markAMF3) < 0 {
		return b, nil
	}
	d := decoder{b: b, most: maxSize}
	values, err := d.all()
	if err != nil {
		return nil, err
	}
	if !d.switched {
		return b, nil
	}
	e := encoder{limit: min(maxGrowth*len(b)+freeGrowth, maxConverted)}
	return e.all(values)
}

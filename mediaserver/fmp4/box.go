package fmp4

import "encoding/binary"

// boxes are written one behind another; what is inside of one is written between
// begin and end.
type boxes struct{ b []byte }

// begin starts a box, and returns where, for end [ISO §4.2].
func (w *boxes) begin(kind string) (at int) {
	at = len(w.b)
	w.u32(0)
	w.b = append(w.b, kind...)
	return at
}

// beginFull starts a box with a version and flags.
func (w *boxes) beginFull(kind string, version uint8, flags uint32) (at int) {
	at = w.begin(kind)
	w.u32(uint32(version)<<24 | flags)
	return at
}

// end ends the box that began there.
func (w *boxes) end(at int) { binary.BigEndian.PutUint32(w.b[at:], uint32(len(w.b)-at)) }

// put writes a whole box.
func (w *boxes) put(kind string, payload []byte) {
	at := w.begin(kind)
	w.b = append(w.b, payload...)
	w.end(at)
}

func (w *boxes) u8(v uint8)   { w.b = append(w.b, v) }
func (w *boxes) u16(v uint16) { w.b = binary.BigEndian.AppendUint16(w.b, v) }
func (w *boxes) u32(v uint32) { w.b = binary.BigEndian.AppendUint32(w.b, v) }
func (w *boxes) u64(v uint64) { w.b = binary.BigEndian.AppendUint64(w.b, v) }
func (w *boxes) zero(n int)   { w.b = append(w.b, make([]byte, n)...) }

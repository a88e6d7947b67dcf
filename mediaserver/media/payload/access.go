package payload

// Codecs say in their own first bytes whether decoding can begin with a
// picture. References are to ITU-T H.264, H.265 and H.266, to the AV1 Bitstream
// & Decoding Process Specification, to RFC 6386 (VP8), and to the VP9 Bitstream
// & Decoding Process Specification. References named [ISO] are to ISO/IEC
// 14496-15, which says how NAL units lie in a sample.

// LookAhead is how much of a picture is looked at, in bytes: what lies before
// its first slice takes a few hundred, and some encoders describe themselves in
// two thousand.
const LookAhead = 4 << 10

const (
	// maxUnits bounds how many NAL units or OBUs are passed over.
	maxUnits = 32
	// maxUnit is longer than any message: what says so is no length.
	maxUnit = 1 << 24
	// maxSEI bounds the messages that are looked for in one NAL unit.
	maxSEI = 16
)

// verdict is what the bytes of a picture say.
type verdict int

const (
	unreadable verdict = iota // nothing: its mark decides
	needsOthers
	random // decoding can begin with it
	goOn   // what follows tells; at the end: nothing more is known
)

// judged says whether pictures of a codec can be looked into.
func judged(codec FourCC) bool {
	switch codec {
	case AVC, HEVC, VVC, AV1, VP8, VP9:
		return true
	}
	return false
}

// access looks into a picture's bytes, which may be cut off behind LookAhead;
// lengthSize is how many bytes the length of a NAL unit has.
func access(codec FourCC, b []byte, lengthSize int) verdict {
	switch codec {
	case AVC:
		return nalUnits(b, lengthSize, avcUnit)
	case HEVC:
		return nalUnits(b, lengthSize, hevcUnit)
	case VVC:
		return nalUnits(b, lengthSize, vvcUnit)
	case AV1:
		return temporalUnit(b)
	case VP8:
		return vp8Frame(b)
	case VP9:
		return vp9Frame(b)
	}
	return unreadable
}

// nalUnits goes through the NAL units of a sample up to the first slice, each
// behind its length [ISO §4.3.3].
func nalUnits(b []byte, lengthSize int, says func(unit []byte) verdict) verdict {
	for range maxUnits {
		if len(b) < lengthSize+2 {
			return unreadable
		}
		n := 0
		for _, c := range b[:lengthSize] {
			n = n<<8 | int(c)
		}
		b = b[lengthSize:]
		if n < 2 || n > maxUnit {
			return unreadable // a start code, for one
		}
		if v := says(b[:min(n, len(b))]); v != goOn {
			return v
		}
		if n > len(b) {
			return unreadable
		}
		b = b[n:]
	}
	return unreadable
}

// avcUnit judges a NAL unit of two bytes at least [H.264 §7.3.1, table 7-1].
func avcUnit(u []byte) verdict {
	switch kind := u[0] & 0x1f; {
	case u[0]&0x80 != 0, kind == 0, kind > 21:
		return unreadable
	case kind == 5:
		return random
	case kind == 1:
		// first_mb_in_slice 0 and slice_type I, 2 or 7: a picture that some
		// encoders begin with, and only their mark tells.
		if u[1] == 0x88 || u[1]&0xf0 == 0xb0 {
			return unreadable
		}
		return needsOthers
	case kind < 5:
		return needsOthers
	case kind == 6 && hasRecoveryPoint(u[1:]):
		return random
	}
	return goOn
}

// hevcUnit judges a NAL unit [H.265 §7.3.1.2, table 7-1].
func hevcUnit(u []byte) verdict {
	switch kind := u[0] >> 1 & 0x3f; {
	case u[0]&0x80 != 0, u[1]&7 == 0:
		return unreadable // forbidden
	case kind >= 16 && kind <= 21:
		return random
	case kind < 32:
		return needsOthers
	case kind == 39 && hasRecoveryPoint(u[2:]):
		return random
	}
	return goOn
}

// vvcUnit judges a NAL unit [H.266 §7.3.1.2, table 5].
func vvcUnit(u []byte) verdict {
	switch kind := u[1] >> 3; {
	case u[0]&0xc0 != 0, u[1]&7 == 0:
		return unreadable // forbidden
	case kind >= 7 && kind <= 10: // IDR, CRA, GDR
		return random
	case kind < 12:
		return needsOthers
	}
	return goOn
}

// hasRecoveryPoint says whether a recovery point is among supplemental
// enhancement information [H.264 §7.3.2.3, D.1.1]: pictures are refreshed piece
// by piece from there on, and there may be no others to begin with.
func hasRecoveryPoint(b []byte) bool {
	const recoveryPoint = 6
	r := rbsp{b: b}
	for range maxSEI {
		kind, ok := r.sum()
		if !ok || kind == 0x80 && len(r.b) == 0 {
			return false
		}
		size, ok := r.sum()
		if !ok {
			return false
		}
		if kind == recoveryPoint {
			return size > 0
		}
		for range size {
			if _, ok := r.next(); !ok {
				return false
			}
		}
	}
	return false
}

// rbsp reads the bytes of a NAL unit without those that keep start codes out of
// it [H.264 §7.4.1].
type rbsp struct {
	b     []byte
	zeros int
}

func (r *rbsp) next() (byte, bool) {
	if r.zeros >= 2 && len(r.b) > 0 && r.b[0] == 3 {
		r.b, r.zeros = r.b[1:], 0
	}
	if len(r.b) == 0 {
		return 0, false
	}
	c := r.b[0]
	r.b = r.b[1:]
	if r.zeros++; c != 0 {
		r.zeros = 0
	}
	return c, true
}

// sum reads a number that is written as a sum of bytes, of which all but the
// last are 255.
func (r *rbsp) sum() (n int, ok bool) {
	for {
		c, ok := r.next()
		n += int(c)
		if !ok || c != 0xff {
			return n, ok
		}
	}
}

// Types of an OBU [AV1 §6.2.2].
const (
	obuSequenceHeader    = 1
	obuTemporalDelimiter = 2
	obuFrameHeader       = 3
	obuTileList          = 8
	obuFrame             = 6
	obuPadding           = 15
)

// temporalUnit goes through the OBUs of a temporal unit up to the first frame
// header [AV1 §5.3, §5.9.2]. A sequence header begins a coded video sequence,
// unless it is one that an encoder repeats before a frame that needs others:
// alone it says goOn.
func temporalUnit(b []byte) verdict {
	sequence := false
	for range maxUnits {
		if len(b) == 0 && sequence {
			return goOn
		}
		kind, unit, size, ok := openOBU(b)
		if !ok {
			return unreadable
		}
		b = unit
		unit = unit[:min(size, len(unit))]
		switch {
		case kind == obuSequenceHeader:
			sequence = true
			if len(unit) > 0 && unit[0]&0x08 != 0 {
				return random // reduced_still_picture_header
			}
		case kind == obuFrame, kind == obuFrameHeader:
			return av1Frame(unit, sequence)
		case kind > obuTileList && kind < obuPadding, kind == 0:
			return unreadable // reserved
		}
		if size > len(b) {
			return unreadable
		}
		b = b[size:]
	}
	return unreadable
}

// openOBU reads the header of an OBU [AV1 §5.3.2, §5.3.3]: what follows begins
// with its size bytes.
func openOBU(b []byte) (kind byte, rest []byte, size int, ok bool) {
	if len(b) == 0 || b[0]&0x81 != 0 {
		return 0, nil, 0, false // forbidden or reserved bits
	}
	h := b[0]
	if b = b[1:]; h&0x04 != 0 {
		if len(b) == 0 || b[0]&7 != 0 {
			return 0, nil, 0, false
		}
		b = b[1:]
	}
	if size = len(b); h&0x02 != 0 {
		if size, b, ok = leb128(b); !ok {
			return 0, nil, 0, false
		}
	}
	return h >> 3 & 15, b, size, true
}

// leb128 reads a number of seven bits a byte [AV1 §4.10.5].
func leb128(b []byte) (n int, rest []byte, ok bool) {
	for i := 0; i < 8 && i < len(b); i++ {
		n |= int(b[i]&0x7f) << (7 * i)
		if b[i] < 0x80 {
			return n, b[i+1:], n <= maxUnit
		}
	}
	return 0, nil, false
}

func av1Frame(header []byte, sequence bool) verdict {
	switch {
	case len(header) == 0:
		return unreadable
	case header[0]&0x80 != 0: // show_existing_frame
		if sequence {
			return random
		}
		return needsOthers
	case header[0]>>5&3 == 0: // KEY_FRAME
		return random
	}
	return needsOthers
}

// vp8Frame reads the frame tag [RFC 6386 §9.1].
func vp8Frame(b []byte) verdict {
	if len(b) < 3 {
		return unreadable
	}
	tag := int(b[0]) | int(b[1])<<8 | int(b[2])<<16
	if tag>>1&7 > 3 || tag>>5 == 0 {
		return unreadable // no version, or no first partition
	}
	if tag&1 != 0 {
		return needsOthers
	}
	if len(b) < 6 || string(b[3:6]) != "\x9d\x01\x2a" {
		return unreadable
	}
	return random
}

// vp9Frame reads the uncompressed header of a frame, or of the first of a
// superframe [VP9 §6.2].
func vp9Frame(b []byte) verdict {
	if len(b) < 4 || b[0]>>6 != 2 {
		return unreadable
	}
	bits := b[0] << 4 // show_existing_frame first
	profile3 := b[0]&0x30 == 0x30
	if profile3 {
		if bits&0x80 != 0 {
			return unreadable // reserved
		}
		bits <<= 1
	}
	switch {
	case bits&0x80 != 0, bits&0x40 != 0:
		return needsOthers
	case !profile3 && string(b[1:4]) != "\x49\x83\x42":
		return unreadable
	}
	return random
}

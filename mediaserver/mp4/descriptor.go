package mp4

// Tags of descriptors [ISO/IEC 14496-1 §7.2.2.1].
const (
	tagES            = 0x03
	tagDecoderConfig = 0x04
	tagSpecificInfo  = 0x05
)

const (
	// maxDescriptors is how many of a list are looked at: there are four.
	maxDescriptors = 64
	// decoderConfig is what a decoder's description has before those inside it
	// [ISO/IEC 14496-1 §7.2.6.6].
	decoderConfig = 13
)

// descriptors is what is read of a list of descriptors, the payload of esds.
type descriptors struct {
	object byte   // type of the media: see objectAAC
	config []byte // what a decoder needs first; nil: nothing
}

// parseDescriptors reads a list of descriptors. Those that have others inside
// them are read as if these came behind. ok is false where the bytes are no such
// list, or one that no file has need of.
func parseDescriptors(p []byte) (d descriptors, ok bool) {
	for range maxDescriptors {
		if len(p) == 0 {
			return d, true
		}
		tag, size, rest, ok := descriptorHead(p)
		if !ok {
			return d, false
		}
		own := size
		switch tag {
		case tagES:
			if own, ok = streamSize(rest); !ok {
				return d, false
			}
		case tagDecoderConfig:
			own = decoderConfig
		}
		if own > len(rest) {
			return d, false
		}
		switch tag {
		case tagDecoderConfig:
			d.object = rest[0]
		case tagSpecificInfo:
			d.config = rest[:own:own]
		}
		p = rest[own:]
	}
	return d, false
}

// descriptorHead reads the tag and the size of a descriptor: seven bits a byte, as
// long as the eighth says that more follow [ISO/IEC 14496-1 §8.3.3].
func descriptorHead(p []byte) (tag byte, size int, rest []byte, ok bool) {
	tag, p = p[0], p[1:]
	for i, b := range p[:min(len(p), 4)] {
		size = size<<7 | int(b&0x7f)
		if b&0x80 == 0 {
			return tag, size, p[i+1:], true
		}
	}
	return 0, 0, nil, false
}

// streamSize is how long the description of a stream is before those inside it
// [ISO/IEC 14496-1 §7.2.6.5].
func streamSize(p []byte) (n int, ok bool) {
	const dependsOn, hasURL, hasClock = 0x80, 0x40, 0x20
	if len(p) < 3 {
		return 0, false
	}
	flags := p[2]
	n = 3
	if flags&dependsOn != 0 {
		n += 2
	}
	if flags&hasURL != 0 {
		if n >= len(p) {
			return 0, false
		}
		n += 1 + int(p[n])
	}
	if flags&hasClock != 0 {
		n += 2
	}
	return n, true
}

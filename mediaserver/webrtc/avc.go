package webrtc

import (
	"encoding/binary"
	"errors"
)

// Types of NAL units [H.264 table 7-1] and of packets [RFC 6184 table 1].
const (
	nalSlice     = 1
	nalIDR       = 5
	nalSPS       = 7
	nalPPS       = 8
	nalDelimiter = 9
	nalFiller    = 12
	nalFUA       = 28
)

// avcConfig is AVCDecoderConfigurationRecord [ISO/IEC 14496-15 §5.3.3.1].
type avcConfig struct {
	profile    byte
	lengthSize int      // of what goes before a NAL unit, bytes
	sets       [][]byte // sequence and picture parameter sets
}

var errConfig = errors.New("AVCDecoderConfigurationRecord ends too early")

// maxSets bounds the parameter sets that are repeated before each keyframe.
const maxSets = 16

func parseAVC(b []byte) (c avcConfig, err error) {
	if len(b) < 6 || b[0] != 1 {
		return c, errConfig
	}
	c.profile, c.lengthSize = b[1], int(b[4]&3)+1
	count := b[5] & 0x1f
	b = b[6:]
	for range 2 {
		for range count {
			if len(b) < 2 || len(b)-2 < int(binary.BigEndian.Uint16(b)) {
				return c, errConfig
			}
			n := int(binary.BigEndian.Uint16(b))
			if n > 0 && len(c.sets) < maxSets {
				c.sets = append(c.sets, b[2:2+n])
			}
			b = b[2+n:]
		}
		if len(b) == 0 {
			break
		}
		count, b = b[0], b[1:]
	}
	return c, nil
}

// appendAVC writes one of a sequence and a picture parameter set, of four bytes or more.
func appendAVC(dst, sps, pps []byte) []byte {
	dst = append(dst, 1, sps[1], sps[2], sps[3], 0xff, 0xe1)
	dst = append(binary.BigEndian.AppendUint16(dst, uint16(len(sps))), sps...)
	dst = append(dst, 1)
	return append(binary.BigEndian.AppendUint16(dst, uint16(len(pps))), pps...)
}

// nals goes through the NAL units of a picture, each behind its length; what is not
// whole is none.
func nals(b []byte, lengthSize int, each func(unit []byte)) {
	for len(b) > lengthSize {
		n := 0
		for _, c := range b[:lengthSize] {
			n = n<<8 | int(c)
		}
		if b = b[lengthSize:]; n > len(b) {
			return
		}
		if n > 0 {
			each(b[:n])
		}
		b = b[n:]
	}
}

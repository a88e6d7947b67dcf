package fmp4

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math/bits"
	"strings"

	"github.com/bluenviron/mediacommon/v2/pkg/codecs/av1"
	"github.com/bluenviron/mediacommon/v2/pkg/codecs/h264"
	"github.com/bluenviron/mediacommon/v2/pkg/codecs/h265"
	"github.com/bluenviron/mediacommon/v2/pkg/codecs/vp9"
)

var errShort = errors.New("it ends too early")

// maxSide is the longest side of a picture, in pixels: sample entries have 16 bits
// for it.
const maxSide = 1<<16 - 1

// picture sets the size of pictures and the sample entry.
func (t *Track) picture(width, height int, kind, box string, config []byte) error {
	if width < 1 || height < 1 || width > maxSide || height > maxSide {
		return fmt.Errorf("its pictures are of %d by %d pixels", width, height)
	}
	var w boxes
	w.put(box, config)
	t.Width, t.Height, t.kind, t.config = width, height, kind, w.b
	return nil
}

// avc reads AVCDecoderConfigurationRecord [ISO15 §5.3.3.1].
func (t *Track) avc(config, _ []byte) error {
	if len(config) < 8 || config[0] != 1 {
		return errShort
	}
	if config[5]&0x1f == 0 {
		return errors.New("it has no sequence parameter set")
	}
	set, err := unit(config[6:])
	if err != nil {
		return err
	}
	var sps h264.SPS
	if err := sps.Unmarshal(set); err != nil {
		return err
	}
	t.Name = fmt.Sprintf("avc1.%02x%02x%02x", config[1], config[2], config[3])
	return t.picture(sps.Width(), sps.Height(), "avc1", "avcC", config)
}

// unit is a NAL unit behind its length of 16 bits.
func unit(b []byte) ([]byte, error) {
	if len(b) < 2 || len(b)-2 < int(binary.BigEndian.Uint16(b)) {
		return nil, errShort
	}
	return b[2 : 2+int(binary.BigEndian.Uint16(b))], nil
}

// hevc reads HEVCDecoderConfigurationRecord [ISO15 §8.3.3.1].
func (t *Track) hevc(config, _ []byte) error {
	set, err := hevcSet(config)
	if err != nil {
		return err
	}
	var sps h265.SPS
	if err := sps.Unmarshal(set); err != nil {
		return err
	}
	t.Name = hevcName(config)
	return t.picture(sps.Width(), sps.Height(), "hvc1", "hvcC", config)
}

// hevcSet finds the first sequence parameter set.
func hevcSet(config []byte) ([]byte, error) {
	const arraysAt, typeSPS = 22, 33
	if len(config) <= arraysAt {
		return nil, errShort
	}
	b := config[arraysAt+1:]
	for range config[arraysAt] {
		if len(b) < 3 {
			return nil, errShort
		}
		kind, units := b[0]&0x3f, int(binary.BigEndian.Uint16(b[1:]))
		b = b[3:]
		for range units {
			set, err := unit(b)
			if err != nil {
				return nil, err
			}
			if kind == typeSPS {
				return set, nil
			}
			b = b[2+len(set):]
		}
	}
	return nil, errors.New("it has no sequence parameter set")
}

// hevcName is what [ISO15 §E.3] makes of profile, tier, level and constraints.
func hevcName(config []byte) string {
	const spaces = "\x00ABC"
	var name strings.Builder
	name.WriteString("hvc1.")
	if space := config[1] >> 6; space > 0 {
		name.WriteByte(spaces[space])
	}
	tier := "L"
	if config[1]>>5&1 == 1 {
		tier = "H"
	}
	fmt.Fprintf(&name, "%d.%X.%s%d", config[1]&0x1f, bits.Reverse32(binary.BigEndian.Uint32(config[2:])), tier, config[12])
	constraints := config[6:12]
	for len(constraints) > 0 && constraints[len(constraints)-1] == 0 {
		constraints = constraints[:len(constraints)-1]
	}
	for _, c := range constraints {
		fmt.Fprintf(&name, ".%X", c)
	}
	return name.String()
}

// av1 reads AV1CodecConfigurationRecord (AV1 in ISOBMFF §2.3), which holds a
// sequence header as a rule; the first frame does in any case.
func (t *Track) av1(config, first []byte) error {
	if len(config) < 4 || config[0] != 0x81 {
		return errShort
	}
	header, err := sequenceHeader(config[4:])
	if err != nil {
		if header, err = sequenceHeader(first); err != nil {
			return err
		}
	}
	tier, depth := "M", 8
	if config[2]>>7 == 1 {
		tier = "H"
	}
	if config[2]>>6&1 == 1 {
		depth = 10 + 2*int(config[2]>>5&1)
	}
	t.Name = fmt.Sprintf("av01.%d.%02d%s.%02d", config[1]>>5, config[1]&0x1f, tier, depth)
	return t.picture(header.Width(), header.Height(), "av01", "av1C", config)
}

// sequenceHeader finds a sequence header among the OBUs of a temporal unit.
func sequenceHeader(b []byte) (h av1.SequenceHeader, err error) {
	const maxUnits = 32
	for range maxUnits {
		var head av1.OBUHeader
		if err := head.Unmarshal(b); err != nil {
			return h, err
		}
		if !head.HasSize || len(b) < 2 || b[0]&4 != 0 { // none is published with an extension
			return h, errors.New("it has no sequence header")
		}
		var size av1.LEB128
		n, err := size.Unmarshal(b[1:])
		if err != nil {
			return h, err
		}
		if uint64(size) > uint64(len(b)-1-n) {
			return h, errShort
		}
		end := 1 + n + int(size)
		if head.Type == av1.OBUTypeSequenceHeader {
			return h, h.Unmarshal(b[:end])
		}
		b = b[end:]
	}
	return h, errors.New("it has no sequence header")
}

// vp9 reads VPCodecConfigurationRecord (VP Codec ISO Media File Format Binding),
// with or without the version and flags of its box; where there is none, it makes
// one of the first frame, which alone knows the size of pictures.
func (t *Track) vp9(config, first []byte) error {
	const record, anyLevel = 8, 41
	var h vp9.Header
	if err := h.Unmarshal(first); err != nil {
		return err
	}
	if h.NonKeyFrame || h.FrameSize == nil || h.ColorConfig == nil {
		return errors.New("its first frame is no keyframe")
	}
	if len(config) >= 4+record && binary.BigEndian.Uint32(config) == 1<<24 {
		config = config[4:]
	}
	if len(config) < record {
		// Colours are not specified (2), as they are where nobody says anything.
		config = []byte{h.Profile, 0, h.ColorConfig.BitDepth<<4 | h.ChromaSubsampling()<<1, 2, 2, 2, 0, 0}
	}
	level := config[1]
	if level == 0 {
		level = anyLevel
	}
	t.Name = fmt.Sprintf("vp09.%02d.%02d.%02d", config[0], level, config[2]>>4)
	return t.picture(h.Width(), h.Height(), "vp09", "vpcC", append([]byte{1, 0, 0, 0, config[0], level}, config[2:]...))
}

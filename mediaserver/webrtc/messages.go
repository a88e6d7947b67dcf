package webrtc

import (
	"bytes"
	"encoding/binary"

	"github.com/bluenviron/mediacommon/v2/pkg/codecs/av1"
	"github.com/bluenviron/mediacommon/v2/pkg/codecs/vp9"

	"flashpod.dev/flashpod/mediaserver/media/payload"
)

// Parts of a payload's first bytes [FLV §E.4.3.1], [E2 "Enhanced Audio", "Enhanced
// Video"].
const (
	frameKey, frameInter = 1 << 4, 2 << 4
	exVideo              = 0x80
	exAudio              = 9 << 4
	packetStart          = 0
	packetFrames         = 1
	codecAVC             = 7
)

// pictures makes messages of RTMP of the pictures of one codec.
type pictures struct {
	codec  payload.FourCC
	header []byte // the sequence header that was sent last
	sps    []byte
	pps    []byte
	buf    []byte

	width, height int // of the newest keyframe; 0: it has not said
}

// message is a picture as a payload, whose first headSize bytes are there for its head,
// and the sequence header that goes before it, nil where it is as it was. key says that
// playing may begin with it; ok is false for what is no picture yet.
func (p *pictures) message(b []byte) (header, message []byte, key, ok bool) {
	if p.codec == payload.AVC {
		return p.avc(b)
	}
	picture := b[headSize:]
	key = p.isKey(picture)
	b[0] = exVideo | frameInter | packetFrames
	if key {
		b[0] = exVideo | frameKey | packetFrames
	}
	binary.BigEndian.PutUint32(b[1:], uint32(p.codec))
	if key {
		config, good := p.config(picture)
		if !good {
			return nil, nil, false, false
		}
		p.width, p.height = sizeOf(p.codec, picture)
		h := binary.BigEndian.AppendUint32([]byte{exVideo | frameKey | packetStart}, uint32(p.codec))
		header = p.renew(append(h, config...))
	}
	return header, b, key, p.header != nil
}

// renew is a sequence header, nil where it is the last one.
func (p *pictures) renew(h []byte) []byte {
	if bytes.Equal(h, p.header) {
		return nil
	}
	p.header = h
	return h
}

// isKey says whether decoding can begin with a picture.
func (p *pictures) isKey(picture []byte) bool {
	// Unmarked, so that the picture itself is looked at.
	front := binary.BigEndian.AppendUint32([]byte{exVideo | frameInter | packetFrames}, uint32(p.codec))
	front = append(front, picture[:min(len(picture), payload.LookAhead)]...)
	v, ok := payload.ParseVideo(front)
	var alone payload.Pictures
	return ok && alone.Next(&v, 0) == payload.Keyframe
}

// avc takes parameter sets out of a picture, which RTMP has in the sequence header.
func (p *pictures) avc(b []byte) (header, message []byte, key, ok bool) {
	const lengthSize = 4
	p.buf = append(p.buf[:0], 0, packetFrames, 0, 0, 0)
	slices := false
	nals(b[headSize:], lengthSize, func(u []byte) {
		switch u[0] & 0x1f {
		case nalSPS:
			if len(u) >= 4 {
				p.sps = append(p.sps[:0], u...)
			}
			return
		case nalPPS:
			p.pps = append(p.pps[:0], u...)
			return
		case nalDelimiter, nalFiller:
			return
		case nalIDR:
			key, slices = true, true
		case nalSlice:
			slices = true
		}
		p.buf = append(binary.BigEndian.AppendUint32(p.buf, uint32(len(u))), u...)
	})
	if !slices || len(p.sps) == 0 || len(p.pps) == 0 || max(len(p.sps), len(p.pps)) > 1<<16-1 {
		return nil, nil, false, false
	}
	p.buf[0] = frameInter | codecAVC
	if key {
		p.buf[0] = frameKey | codecAVC
		if header = p.renew(appendAVC([]byte{frameKey | codecAVC, packetStart, 0, 0, 0}, p.sps, p.pps)); header != nil {
			p.width, p.height = sizeOf(p.codec, p.sps)
		}
	}
	return header, p.buf, key, p.header != nil
}

// config is what a decoder must know before a keyframe.
func (p *pictures) config(picture []byte) (config []byte, ok bool) {
	// Where nobody says anything, a level is as high as it may have to be, and colours
	// are not specified.
	const anyLevel, eightBits, unspecified = 41, 8 << 4, 2
	switch p.codec {
	case payload.VP8:
		return []byte{0, anyLevel, eightBits, unspecified, unspecified, unspecified, 0, 0}, true
	case payload.VP9:
		var h vp9.Header
		if err := h.Unmarshal(picture); err != nil || h.ColorConfig == nil {
			return nil, false
		}
		return []byte{h.Profile, anyLevel, h.ColorConfig.BitDepth<<4 | h.ChromaSubsampling()<<1, unspecified, unspecified, unspecified, 0, 0}, true
	}
	return av1Config(picture)
}

// av1Config is AV1CodecConfigurationRecord (AV1 in ISOBMFF §2.3) for a keyframe.
func av1Config(b []byte) (config []byte, ok bool) {
	sequence := sequenceOBU(b)
	var h av1.SequenceHeader
	if sequence == nil || h.Unmarshal(sequence) != nil || len(h.SeqLevelIdx) == 0 {
		return nil, false
	}
	bit := func(is bool, at int) byte {
		if is {
			return 1 << at
		}
		return 0
	}
	c := &h.ColorConfig
	config = []byte{
		0x81, h.SeqProfile<<5 | h.SeqLevelIdx[0]&0x1f,
		bit(len(h.SeqTier) > 0 && h.SeqTier[0], 7) | bit(c.HighBitDepth, 6) | bit(c.TwelveBit, 5) | bit(c.MonoChrome, 4) |
			bit(c.SubsamplingX, 3) | bit(c.SubsamplingY, 2) | byte(c.ChromaSamplePosition)&3,
		0,
	}
	return append(config, sequence...), true
}

// sequenceOBU is the sequence header among the first OBUs of a temporal unit, with its
// own header [AV1 §5.3]; nil: there is none.
func sequenceOBU(b []byte) []byte {
	const maxUnits, hasSize, hasExtension, sequenceHeader = 16, 2, 4, 1
	for range maxUnits {
		if len(b) < 2 || b[0]&hasSize == 0 {
			return nil
		}
		at := 1
		if b[0]&hasExtension != 0 {
			at++
		}
		size, shift := 0, 0
		for {
			if at >= len(b) || shift > 21 {
				return nil
			}
			c := b[at]
			at++
			size |= int(c&0x7f) << shift
			if shift += 7; c < 0x80 {
				break
			}
		}
		if size > len(b)-at {
			return nil
		}
		if b[0]>>3&15 == sequenceHeader && b[0]&hasExtension == 0 {
			return b[:at+size]
		}
		b = b[at+size:]
	}
	return nil
}

// opusHead is the sequence header of Opus: OpusHead [RFC 7845 §5.1], of two channels,
// which every stream of RTP is said to have [RFC 7587 §7].
func opusHead() []byte {
	h := binary.BigEndian.AppendUint32([]byte{exAudio | packetStart}, uint32(payload.Opus))
	return append(h, "OpusHead\x01\x02\x38\x01\x80\xbb\x00\x00\x00\x00\x00"...)
}

// appendOpus appends a packet of Opus as a payload.
func appendOpus(dst, packet []byte) []byte {
	dst = binary.BigEndian.AppendUint32(append(dst, exAudio|packetFrames), uint32(payload.Opus))
	return append(dst, packet...)
}

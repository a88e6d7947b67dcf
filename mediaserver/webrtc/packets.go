package webrtc

import (
	"github.com/pion/rtp"
	"github.com/pion/rtp/codecs"

	"flashpod.dev/flashpod/mediaserver/media/payload"
)

const (
	videoRate = 90000 // Hz of RTP
	opusRate  = 48000
	// maxPayload is how many bytes of a packet are payload: with what goes around it,
	// tunnels pass it too.
	maxPayload = 1180
)

// packer cuts pictures of one codec into the payloads of packets. A payload is good
// until the next one: what sends it copies it as it encrypts.
type packer struct {
	codec   payload.FourCC
	avc     avcConfig
	other   rtp.Payloader
	scratch [maxPayload]byte
}

func newPacker(codec payload.FourCC, avc avcConfig) *packer {
	p := &packer{codec: codec, avc: avc}
	switch codec {
	case payload.VP8:
		p.other = &codecs.VP8Payloader{EnablePictureID: true}
	case payload.VP9:
		p.other = &codecs.VP9Payloader{}
	case payload.AV1:
		p.other = &codecs.AV1Payloader{}
	}
	return p
}

// pack hands on the payloads of a picture, and with the last one that it is.
func (p *packer) pack(picture []byte, key bool, send func(b []byte, last bool) error) error {
	if p.other != nil {
		all := p.other.Payload(maxPayload, picture)
		for i, b := range all {
			if err := send(b, i == len(all)-1); err != nil {
				return err
			}
		}
		return nil
	}
	var err error
	var held []byte // one NAL unit is held back, since it may be the last
	out := func(next []byte) {
		if held != nil && err == nil {
			err = p.unit(held, next == nil, send)
		}
		held = next
	}
	if key {
		for _, set := range p.avc.sets {
			out(set)
		}
	}
	nals(picture, max(p.avc.lengthSize, 1), func(u []byte) {
		switch u[0] & 0x1f {
		case nalDelimiter, nalFiller:
			return
		case nalSPS, nalPPS:
			if key && len(p.avc.sets) > 0 {
				return
			}
		}
		out(u)
	})
	out(nil)
	return err
}

// unit sends one NAL unit, as it lies in the log or in fragments [RFC 6184 §5.6, §5.8].
func (p *packer) unit(u []byte, last bool, send func([]byte, bool) error) error {
	if len(u) <= maxPayload {
		return send(u, last)
	}
	const headers, start, end = 2, 0x80, 0x40
	kind := u[0] & 0x1f
	p.scratch[0] = u[0]&0xe0 | nalFUA
	mark := byte(start)
	for b := u[1:]; len(b) > 0; mark = 0 {
		n := copy(p.scratch[headers:], b)
		if b = b[n:]; len(b) == 0 {
			mark |= end
		}
		p.scratch[1] = mark | kind
		if err := send(p.scratch[:headers+n], last && len(b) == 0); err != nil {
			return err
		}
	}
	return nil
}

// opusSamples is how long a packet of Opus is, in samples of 48 kHz [RFC 6716 §3.1].
func opusSamples(b []byte) uint32 {
	if len(b) == 0 {
		return 0
	}
	var frame uint32
	switch config := b[0] >> 3; {
	case config < 12:
		frame = []uint32{480, 960, 1920, 2880}[config&3]
	case config < 16:
		frame = []uint32{480, 960}[config&1]
	default:
		frame = 120 << (config & 3)
	}
	switch b[0] & 3 {
	case 0:
		return frame
	case 1, 2:
		return 2 * frame
	}
	if len(b) < 2 {
		return 0
	}
	return min(frame*uint32(b[1]&0x3f), opusRate/1000*120)
}

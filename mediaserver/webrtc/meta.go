package webrtc

import (
	"bytes"
	"encoding/binary"

	"github.com/bluenviron/mediacommon/v2/pkg/codecs/av1"
	"github.com/bluenviron/mediacommon/v2/pkg/codecs/h264"
	"github.com/bluenviron/mediacommon/v2/pkg/codecs/vp9"

	"flashpod.dev/flashpod/mediaserver/amf"
	"flashpod.dev/flashpod/mediaserver/media/payload"
)

// description is what is known of a publisher's media. WebRTC has no onMetaData, which
// players of RTMP, recordings and lists look for: it is made of what packets say.
type description struct {
	agent         string         // what publishes, in its own words
	video         payload.FourCC // 0: no picture has come
	width, height int            // 0: not known
	sound         bool           // some has come
}

// message is the data message that has players, and recordings, know it: @setDataFrame,
// onMetaData and the names that encoders of RTMP give [FLV §E.5], where codecs of Enhanced
// RTMP are the numbers of their four characters.
func (d description) message() []byte {
	meta := amf.NewECMAArray()
	if d.video != 0 {
		codec := float64(d.video)
		if d.video == payload.AVC {
			codec = codecAVC
		}
		meta.Set("videocodecid", codec)
	}
	if d.width > 0 && d.height > 0 {
		meta.Set("width", float64(d.width))
		meta.Set("height", float64(d.height))
	}
	if d.sound {
		meta.Set("audiocodecid", float64(payload.Opus))
		meta.Set("audiosamplerate", float64(opusRate))
		meta.Set("audiochannels", 2.0)
		meta.Set("stereo", true)
	}
	if d.agent != "" {
		meta.Set("encoder", d.agent)
	}
	var b []byte
	for _, v := range []amf.Value{"@setDataFrame", "onMetaData", meta} {
		b, _ = amf.Append(b, v) // numbers and short text always have a form
	}
	return b
}

// sizeOf reads how large pictures are, in pixels, of what a decoder must know of them: the
// sequence parameter set of H.264, else a keyframe. 0: it does not say.
func sizeOf(codec payload.FourCC, b []byte) (width, height int) {
	switch codec {
	case payload.AVC:
		var s h264.SPS
		if s.Unmarshal(b) == nil {
			width, height = s.Width(), s.Height()
		}
	case payload.VP8:
		// Behind a frame tag of three bytes and a start code [RFC 6386 §9.1].
		const size, scale = 1<<14 - 1, 10
		if len(b) >= scale && bytes.Equal(b[3:6], []byte{0x9d, 0x01, 0x2a}) {
			width, height = int(binary.LittleEndian.Uint16(b[6:]))&size, int(binary.LittleEndian.Uint16(b[8:]))&size
		}
	case payload.VP9:
		var h vp9.Header
		if h.Unmarshal(b) == nil && h.FrameSize != nil {
			width, height = h.Width(), h.Height()
		}
	case payload.AV1:
		var h av1.SequenceHeader
		if s := sequenceOBU(b); s != nil && h.Unmarshal(s) == nil {
			width, height = h.Width(), h.Height()
		}
	}
	const most = 1 << 16
	if width < 1 || height < 1 || width > most || height > most {
		return 0, 0
	}
	return width, height
}

package payload

import "encoding/binary"

// What the bytes at the front of a payload say [FLV §E.4.2.1, §E.4.3.1], [E2
// "Enhanced Audio", "Enhanced Video"].
const (
	formatMP3     = 2
	formatEx      = 9 // ExAudioTagHeader
	formatAAC     = 10
	formatMP3Slow = 14 // 8 kHz

	codecAVC  = 7
	codecHEVC = 12 // not Adobe's; encoders use it all the same

	exHeader     = 0x80 // bit of a video payload: ExVideoTagHeader
	frameKey     = 1
	frameDispose = 3
	frameCommand = 5

	packetStart      = 0 // sequence start, in the old numbering and the new
	packetFrames     = 1
	packetEnd        = 2
	packetFramesX    = 3 // video: frames without a composition time
	packetMeta       = 4 // video: colorInfo
	packetTSStart    = 5 // video: a sequence start as MPEG-2 TS has it
	packetMultiVideo = 6
	packetChannels   = 4 // audio: MultichannelConfig
	packetMultiAudio = 5
	packetModEx      = 7

	modExNano = 0

	// maxModEx bounds the modifiers of one payload: one is defined.
	maxModEx = 16

	// compositionTime is the size of a composition time offset, in bytes.
	compositionTime = 3
)

// FourCC names a codec: four characters in one number, the first in the
// highest byte, as onMetaData's videocodecid has it. A codec of Adobe's time
// without a name of that kind is its old number.
type FourCC uint32

// The codecs of Enhanced RTMP v2.
const (
	AVC  FourCC = 'a'<<24 | 'v'<<16 | 'c'<<8 | '1'
	HEVC FourCC = 'h'<<24 | 'v'<<16 | 'c'<<8 | '1'
	VVC  FourCC = 'v'<<24 | 'v'<<16 | 'c'<<8 | '1'
	AV1  FourCC = 'a'<<24 | 'v'<<16 | '0'<<8 | '1'
	VP8  FourCC = 'v'<<24 | 'p'<<16 | '0'<<8 | '8'
	VP9  FourCC = 'v'<<24 | 'p'<<16 | '0'<<8 | '9'

	AAC  FourCC = 'm'<<24 | 'p'<<16 | '4'<<8 | 'a'
	MP3  FourCC = '.'<<24 | 'm'<<16 | 'p'<<8 | '3'
	Opus FourCC = 'O'<<24 | 'p'<<16 | 'u'<<8 | 's'
	FLAC FourCC = 'f'<<24 | 'L'<<16 | 'a'<<8 | 'C'
	AC3  FourCC = 'a'<<24 | 'c'<<16 | '-'<<8 | '3'
	EAC3 FourCC = 'e'<<24 | 'c'<<16 | '-'<<8 | '3'
)

// Kind is what a payload carries.
type Kind uint8

// The kinds.
const (
	Reserved           Kind = iota // a packet type that is not known here
	Frames                         // coded frames
	SequenceStart                  // what a decoder must have before the first frame
	SequenceEnd                    // nothing more comes in this sequence
	Metadata                       // video: what a screen must know, as colorInfo
	MultichannelConfig             // audio: which channel is which speaker
	Command                        // video: a mark of the server's, no picture
)

// Payload is the header of an audio or video payload, parsed.
type Payload struct {
	Kind  Kind
	Codec FourCC // 0 when every track names its own
	Frame uint8  // video's frame type, 1 to 5; 0 for audio
	Nano  uint32 // ns behind the message's timestamp; less than 1 ms

	video    bool
	old      bool  // it is of Adobe's time, without an ExHeader
	packet   uint8 // what an ExHeader's packet type says, of each of its tracks
	tracks   trackLayout
	composed bool   // a composition time goes before each track's picture, of codecs that have it
	offset   int32  // of a picture in the old form, ms
	mods     []byte // what ModEx puts between the first byte and the packet
	body     []byte // behind the header; of a multitrack message, its tracks
}

// ParseVideo parses a video payload. ok is false when it ends inside its
// header. The result refers to p; nothing is allocated.
func ParseVideo(p []byte) (v Payload, ok bool) {
	if len(p) == 0 {
		return v, false
	}
	v.video, v.Frame = true, p[0]>>4&7
	if p[0]&exHeader == 0 {
		return v.legacyVideo(p)
	}
	packet, rest, ok := v.modifiers(p[0]&0x0f, p[1:])
	if !ok {
		return v, false
	}
	v.mods = p[1 : len(p)-len(rest)]
	if v.Frame == frameCommand && packet != packetMeta {
		v.Kind, v.tracks = Command, unknownTracks
		return v, len(rest) > 0
	}
	packet, ok = v.codec(packet, packetMultiVideo, rest)
	switch packet {
	case packetStart, packetTSStart:
		v.Kind = SequenceStart
	case packetFrames, packetFramesX:
		v.Kind, v.composed = Frames, packet == packetFrames
	case packetEnd:
		v.Kind = SequenceEnd
	case packetMeta:
		v.Kind = Metadata
	}
	return v, ok
}

func (p Payload) legacyVideo(b []byte) (Payload, bool) {
	p.Kind, p.Codec, p.old, p.body = Frames, FourCC(b[0]&0x0f), true, b[1:]
	switch {
	case p.Frame == frameCommand:
		p.Kind, p.tracks = Command, unknownTracks
	case p.Codec == codecAVC, p.Codec == codecHEVC:
		if len(b) < 2 {
			return p, false
		}
		if p.Codec == codecHEVC {
			p.Codec = HEVC
		} else {
			p.Codec = AVC
		}
		p.Kind = oldPacket(b[1])
		p.body = b[min(5, len(b)):] // behind the composition time
		if len(b) >= 5 {
			p.offset = signed24(b[2:])
		}
	}
	return p, true
}

// ParseAudio parses an audio payload. ok is false when it ends inside its
// header, or is empty: silence. The result refers to p; nothing is allocated.
func ParseAudio(p []byte) (a Payload, ok bool) {
	if len(p) == 0 {
		return a, false
	}
	if p[0]>>4 != formatEx {
		return a.legacyAudio(p)
	}
	packet, rest, ok := a.modifiers(p[0]&0x0f, p[1:])
	if !ok {
		return a, false
	}
	a.mods = p[1 : len(p)-len(rest)]
	packet, ok = a.codec(packet, packetMultiAudio, rest)
	switch packet {
	case packetStart:
		a.Kind = SequenceStart
	case packetFrames:
		a.Kind = Frames
	case packetEnd:
		a.Kind = SequenceEnd
	case packetChannels:
		a.Kind = MultichannelConfig
	}
	return a, ok
}

func (p Payload) legacyAudio(b []byte) (Payload, bool) {
	p.Kind, p.Codec, p.old, p.body = Frames, FourCC(b[0]>>4), true, b[1:]
	switch p.Codec {
	case formatMP3, formatMP3Slow:
		p.Codec = MP3
	case formatAAC:
		if len(b) < 2 {
			return p, false
		}
		p.Codec, p.Kind, p.body = AAC, oldPacket(b[1]), b[2:]
	}
	return p, true
}

// oldPacket is the kind of an AVCPacketType or AACPacketType.
func oldPacket(b byte) Kind {
	switch b {
	case packetStart:
		return SequenceStart
	case packetFrames:
		return Frames
	case packetEnd:
		return SequenceEnd
	}
	return Reserved
}

// modifiers reads what ModEx puts before the packet, and returns the packet's
// own type with what follows.
func (p *Payload) modifiers(packet byte, b []byte) (byte, []byte, bool) {
	for range maxModEx {
		if packet != packetModEx {
			return packet, b, true
		}
		if len(b) < 1 {
			return 0, nil, false
		}
		size := int(b[0]) + 1
		b = b[1:]
		if size == 256 {
			if len(b) < 2 {
				return 0, nil, false
			}
			size = int(binary.BigEndian.Uint16(b)) + 1
			b = b[2:]
		}
		if len(b) <= size { // the next byte has both types
			return 0, nil, false
		}
		if b[size]>>4 == modExNano && size >= 3 {
			p.Nano = min(uint32(b[0])<<16|uint32(b[1])<<8|uint32(b[2]), 999999)
		}
		packet, b = b[size]&0x0f, b[size+1:]
	}
	return 0, nil, packet != packetModEx
}

// codec reads the codec, and before it how the tracks lie, and returns the
// type of what is in the tracks.
func (p *Payload) codec(packet, multi byte, b []byte) (byte, bool) {
	const none = 0xff // a type that is not known
	if packet == multi {
		if len(b) < 1 {
			return none, false
		}
		p.tracks, packet = oneTrack+trackLayout(b[0]>>4), b[0]&0x0f
		b = b[1:]
		switch {
		case p.tracks > manyCodecs, packet == multi, packet == packetModEx:
			p.tracks = unknownTracks
			return none, true
		case p.tracks == manyCodecs:
			p.packet, p.body = packet, b
			return packet, true
		}
	}
	if len(b) < 4 {
		return none, false
	}
	p.Codec, p.packet, p.body = FourCC(binary.BigEndian.Uint32(b)), packet, b[4:]
	return packet, true
}

// IsHeader says whether the payload is kept for players that come later: a
// sequence start, metadata of pictures or the places of speakers. It stays in
// force, for its tracks, until the next of its kind.
func (p *Payload) IsHeader() bool {
	switch p.Kind {
	case SequenceStart, Metadata, MultichannelConfig:
		return !p.TrackSet().Empty()
	}
	return false
}

// Multitrack says whether the payload names its tracks: only the whole of it
// says which they are.
func (p *Payload) Multitrack() bool { return p.tracks != noTracks }

// Video says whether it is a video payload, and not one of sound.
func (p *Payload) Video() bool { return p.video }

// Old says whether the payload is of Adobe's time: what is in front of it says
// nothing of Enhanced RTMP.
func (p *Payload) Old() bool { return p.old }

// Modified says whether ModEx puts anything before the packet.
func (p *Payload) Modified() bool { return len(p.mods) > 0 }

// IsDisposable says whether the payload is an inter frame that no other frame
// refers to.
func (p *Payload) IsDisposable() bool { return p.Kind == Frames && p.Frame == frameDispose }

// IsKeyframe says whether a video payload, with nothing known of those before
// it, is a frame that decoding can begin with. A sequence header is none, nor
// is a frame of tracks other than 0: see Pictures.
func IsKeyframe(p []byte) bool {
	v, ok := ParseVideo(p)
	var alone Pictures
	return ok && alone.Next(&v, 0) == Keyframe && v.TrackSet().Has(0)
}

// IsVideoHeader says whether a video payload is what a player must have before
// the first frame: see Payload.IsHeader.
func IsVideoHeader(p []byte) bool {
	v, ok := ParseVideo(p)
	return ok && v.IsHeader()
}

// IsAudioHeader says whether an audio payload is what a player must have
// before the first sound: see Payload.IsHeader.
func IsAudioHeader(p []byte) bool {
	a, ok := ParseAudio(p)
	return ok && a.IsHeader()
}

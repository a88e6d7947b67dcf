package payload

import "encoding/binary"

// Form is how a track is written in a message of its own.
type Form uint8

// The forms.
const (
	Plain    Form = iota // as Enhanced RTMP writes what has no tracks
	OneTrack             // as it writes one track, with its number
	Old                  // as in Adobe's time
)

// HasOldForm says whether a codec had a form in Adobe's time already.
func HasOldForm(codec FourCC) bool {
	switch codec {
	case AVC, AAC, MP3:
		return true
	}
	return false
}

// AppendHead appends what goes before a track's body when the track is a message
// of its own, and returns it with the body, which lies where it lay: of a
// picture of AVC in the old form, with a composition time where it had none. The
// track is one of the payload's, which is not Old. modifiers says whether ModEx
// goes along. ok is false for what the form has no words for, such as the places
// of speakers in the old one.
func (p *Payload) AppendHead(dst []byte, t Track, as Form, modifiers bool) (head, body []byte, ok bool) {
	if as == Old {
		dst, ok = p.appendOld(dst, t)
		return dst, t.Body, ok
	}
	first, multi := formatEx<<4, byte(packetMultiAudio)
	if p.video {
		first, multi = exHeader|int(p.Frame)<<4, packetMultiVideo
	}
	packet := p.packet
	if as == OneTrack {
		packet = multi
	}
	if modifiers && len(p.mods) > 0 {
		last := len(p.mods) - 1
		dst = append(append(dst, byte(first)|packetModEx), p.mods[:last]...)
		dst = append(dst, p.mods[last]&0xf0|packet)
	} else {
		dst = append(dst, byte(first)|packet)
	}
	if as == OneTrack {
		dst = append(dst, p.packet) // behind AvMultitrackType OneTrack, 0
	}
	dst = binary.BigEndian.AppendUint32(dst, uint32(t.Codec))
	if as == OneTrack {
		dst = append(dst, t.ID)
	}
	return dst, t.Body, true
}

// appendOld appends the head of [FLV §E.4.2.1, §E.4.3.1].
func (p *Payload) appendOld(dst []byte, t Track) ([]byte, bool) {
	switch {
	case p.video && t.Codec == AVC:
		return p.appendAVC(dst, t)
	case p.video:
	case t.Codec == AAC && p.Kind == SequenceStart:
		return append(dst, formatAAC<<4|rate44|soundBits, packetStart), true
	case t.Codec == AAC && p.Kind == Frames:
		return append(dst, formatAAC<<4|rate44|soundBits, packetFrames), true
	case t.Codec == MP3 && p.Kind == Frames:
		return append(dst, mp3Byte(t.Body)), true
	}
	return dst, false
}

func (p *Payload) appendAVC(dst []byte, t Track) ([]byte, bool) {
	dst = append(dst, p.Frame<<4|codecAVC)
	switch {
	case p.Kind == SequenceStart && p.packet == packetStart:
		return append(dst, packetStart, 0, 0, 0), true
	case p.Kind == Frames && p.composed:
		return append(dst, packetFrames), len(t.Body) >= compositionTime
	case p.Kind == Frames:
		return append(dst, packetFrames, 0, 0, 0), true
	case p.Kind == SequenceEnd:
		return append(dst, packetEnd, 0, 0, 0), true
	}
	return dst, false
}

const (
	rate44    = 3 << 2 // SoundRate
	soundBits = 3      // SoundSize of 16 bits, and SoundType stereo, as AAC always has them
)

// mp3Byte is the first byte of a frame of MP3. Of the rates that it can name,
// it has that of the frame's version of MPEG [ISO/IEC 11172-3 §2.4.1.3]; what
// plays it reads the frame's own.
func mp3Byte(frame []byte) byte {
	b := byte(formatMP3<<4 | rate44 | soundBits)
	if len(frame) < 4 || frame[0] != 0xff {
		return b
	}
	switch frame[1] >> 3 & 3 {
	case 2: // MPEG 2
		b = b&^rate44 | 2<<2
	case 0: // MPEG 2.5
		b = b&^rate44 | 1<<2
	}
	if frame[3]>>6 == 3 { // one channel
		b &^= 1
	}
	return b
}

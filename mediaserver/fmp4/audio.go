package fmp4

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/bluenviron/mediacommon/v2/pkg/codecs/ac3"
	"github.com/bluenviron/mediacommon/v2/pkg/codecs/eac3"
	"github.com/bluenviron/mediacommon/v2/pkg/codecs/flac"
	"github.com/bluenviron/mediacommon/v2/pkg/codecs/mpeg1audio"
	"github.com/bluenviron/mediacommon/v2/pkg/codecs/mpeg4audio"
	"github.com/bluenviron/mediacommon/v2/pkg/codecs/opus"
)

// sound sets what sound has, and the sample entry.
func (t *Track) sound(rate, channels int, kind string, box []byte, samples func([]byte) int) error {
	if rate < 1 || channels < 1 || channels > 255 {
		return fmt.Errorf("%d channels of %d Hz", channels, rate)
	}
	t.Timescale, t.Channels, t.kind, t.config, t.samples = uint32(rate), channels, kind, box, samples
	return nil
}

// always is for codecs whose frames are all as long.
func always(n int) func([]byte) int { return func([]byte) int { return n } }

// Object types of esds (mp4ra.org).
const (
	objectAAC = 0x40
	objectMP3 = 0x6b
)

// aac reads AudioSpecificConfig (ISO/IEC 14496-3 §1.6.2.1). Where sound of a higher
// rate is hidden in it (SBR), times are of the lower one.
func (t *Track) aac(config, _ []byte) error {
	var c mpeg4audio.AudioSpecificConfig
	if err := c.Unmarshal(config); err != nil {
		return err
	}
	channels := int(c.ChannelConfig)
	switch channels {
	case 0: // the frames say it
		channels = 2
	case 7:
		channels = 8
	}
	object := c.Type
	if c.ExtensionType != 0 {
		object = c.ExtensionType
	}
	t.Name = fmt.Sprintf("mp4a.40.%d", object)
	samples := 1024
	if c.FrameLengthFlag {
		samples = 960
	}
	return t.sound(c.SampleRate, channels, "mp4a", esds(objectAAC, config), always(samples))
}

// mp3 reads the header of a frame (ISO/IEC 11172-3 §2.4.1.3).
func (t *Track) mp3(_, first []byte) error {
	var h mpeg1audio.FrameHeader
	if err := h.Unmarshal(first); err != nil {
		return err
	}
	if h.Layer != 3 {
		return fmt.Errorf("its frames are of layer %d", h.Layer)
	}
	channels := 2
	if h.ChannelMode == mpeg1audio.ChannelModeMono {
		channels = 1
	}
	t.Name = "mp4a.40.34"
	return t.sound(h.SampleRate, channels, "mp4a", esds(objectMP3, nil), always(h.SampleCount()))
}

// esds describes sound of MPEG [ISO/IEC 14496-1 §7.2.6.5]. A description that is too
// long for it has none.
func esds(object byte, config []byte) []byte {
	const audioStream = 5<<2 | 1
	info := []byte{}
	if len(config) > 0 {
		info = descriptor(5, config)
	}
	decoder := append([]byte{object, audioStream, 0, 0, 0}, make([]byte, 8)...) // bit rates are not known
	es := append([]byte{0, 0, 0}, descriptor(4, append(decoder, info...))...)
	es = append(es, descriptor(6, []byte{2})...)
	var w boxes
	at := w.beginFull("esds", 0, 0)
	w.b = append(w.b, descriptor(3, es)...)
	w.end(at)
	return w.b
}

// descriptor has a length of four bytes, seven bits each [ISO/IEC 14496-1 §8.3.3].
func descriptor(tag byte, p []byte) []byte {
	n := len(p)
	return append([]byte{tag, byte(n>>21) | 0x80, byte(n>>14) | 0x80, byte(n>>7) | 0x80, byte(n & 0x7f)}, p...)
}

// opus reads the identification header (RFC 7845 §5.1) and writes OpusSpecificBox
// (Encapsulation of Opus in ISO Base Media File Format §4.3.2), which has the same
// in another byte order. A stream without one is stereo.
func (t *Track) opus(config, _ []byte) error {
	const magic, head, rate = "OpusHead", 19, 48000
	if len(config) == 0 {
		config = []byte(magic + "\x01\x02\x38\x01\x80\xbb\x00\x00\x00\x00\x00")
	}
	if len(config) < head || string(config[:len(magic)]) != magic {
		return errShort
	}
	channels, family := config[9], config[18]
	var w boxes
	at := w.begin("dOps")
	w.u8(0)
	w.u8(channels)
	w.u16(binary.LittleEndian.Uint16(config[10:])) // samples to be left out
	// The rate before it was encoded says nothing of what is decoded, and Chromium takes
	// no other than that of the sample entry: a microphone's 44,100 would not play.
	w.u32(rate)
	w.u16(binary.LittleEndian.Uint16(config[16:])) // gain
	w.u8(family)
	if family != 0 {
		table := 2 + int(channels)
		if len(config) < head+table {
			return errShort
		}
		w.b = append(w.b, config[head:head+table]...)
	}
	w.end(at)
	t.Name = "opus"
	return t.sound(rate, int(channels), "Opus", w.b, func(frame []byte) int { return int(opus.PacketDuration2(frame)) })
}

// flac reads STREAMINFO (RFC 9639 §8.2), which may stand behind the header of its
// block and "fLaC".
func (t *Track) flac(config, _ []byte) error {
	const blockHeader, streamInfo = 4, 34
	config = bytes.TrimPrefix(config, []byte("fLaC"))
	if len(config) >= blockHeader+streamInfo && config[0]&0x7f == 0 && config[3] == streamInfo {
		config = config[blockHeader:]
	}
	var info flac.StreamInfo
	if err := info.Unmarshal(config); err != nil {
		return err
	}
	var w boxes
	at := w.beginFull("dfLa", 0, 0)
	w.u32(1<<31 | streamInfo) // the last block, STREAMINFO
	w.b = append(w.b, config[:streamInfo]...)
	w.end(at)
	samples := flacSamples
	if info.MinBlockSize == info.MaxBlockSize && info.MaxBlockSize > 0 {
		samples = always(int(info.MaxBlockSize))
	}
	t.Name = "fLaC"
	return t.sound(int(info.SampleRate), int(info.ChannelCount), "fLaC", w.b, samples)
}

// flacSamples reads how many samples a frame has (RFC 9639 §9.1); 0: it cannot be
// read.
func flacSamples(frame []byte) int {
	if len(frame) < 5 {
		return 0
	}
	code := frame[2] >> 4
	at := 4 // the coded number begins, as long as UTF-8 would have it
	for b := frame[4]; b&0x80 != 0; b <<= 1 {
		at++
	}
	if frame[4]&0x80 == 0 {
		at++
	}
	switch {
	case code == 1:
		return 192
	case code >= 2 && code <= 5:
		return 576 << (code - 2)
	case code == 6 && len(frame) > at:
		return int(frame[at]) + 1
	case code == 7 && len(frame) > at+1:
		return int(binary.BigEndian.Uint16(frame[at:])) + 1
	case code >= 8:
		return 256 << (code - 8)
	}
	return 0
}

// ac3 writes AC3SpecificBox of a frame (ETSI TS 102 366 §F.4).
func (t *Track) ac3(_, first []byte) error {
	var sync ac3.SyncInfo
	if err := sync.Unmarshal(first); err != nil {
		return err
	}
	var bsi ac3.BSI
	if err := bsi.Unmarshal(first[5:]); err != nil {
		return err
	}
	rate := sync.Frmsizecod >> 1
	v := uint32(sync.Fscod)<<22 | uint32(bsi.Bsid)<<17 | uint32(bsi.Bsmod)<<14 | uint32(bsi.Acmod)<<11 | uint32(rate)<<5
	if bsi.LfeOn {
		v |= 1 << 10
	}
	var w boxes
	w.put("dac3", []byte{byte(v >> 16), byte(v >> 8), byte(v)})
	t.Name = "ac-3"
	return t.sound(sync.SampleRate(), bsi.ChannelCount(), "ac-3", w.b, always(1536))
}

// eac3 writes EC3SpecificBox of a frame (ETSI TS 102 366 §F.6), of one substream.
func (t *Track) eac3(_, first []byte) error {
	var sync eac3.SyncInfo
	if err := sync.Unmarshal(first); err != nil {
		return err
	}
	if sync.Strmtyp == 1 {
		return errors.New("its first frame is of a dependent substream")
	}
	samples := 256 * sync.NumBlocks()
	// Frames of one rate differ by a word, and the box must not.
	const step = 8
	kbps := (sync.FrameSize()*8*sync.SampleRate()/samples/1000 + step/2) / step * step
	v := uint32(sync.Fscod)<<30 | uint32(sync.Bsid)<<25 | uint32(sync.Acmod)<<17
	if sync.Lfeon {
		v |= 1 << 16
	}
	var w boxes
	at := w.begin("dec3")
	w.u16(uint16(kbps) << 3)
	w.u8(byte(v >> 24))
	w.u8(byte(v >> 16))
	w.u8(0)
	w.end(at)
	t.Name = "ec-3"
	return t.sound(sync.SampleRate(), sync.ChannelCount(), "ec-3", w.b, always(samples))
}

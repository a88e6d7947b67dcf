package mp4

import (
	"encoding/binary"
	"io"

	"github.com/abema/go-mp4"

	"flashpod.dev/flashpod/mediaserver/media"
)

// maxHead is the longest of what goes before a sample: an enhanced video head
// with a composition time offset.
const maxHead = 8

const (
	keyframe   = 0x10 // frame type in the first byte of a video head [FLV §E.4.3.1]
	interframe = 0x20
	// First bytes of enhanced heads [E2]: with the packet type in the low bits.
	videoEx     = 0x80
	audioEx     = 0x90
	codedFrames = 1
)

// codec is what is put before samples, and what goes before all of them.
type codec struct {
	name  string // of the sample entry, as metadata calls it
	video bool

	head []byte // before a sample; without frame type and composition time offset
	cts  bool   // head ends with a composition time offset
	// start is the sequence header's head, config its body: nil for a codec
	// whose frames say all that there is.
	start, config []byte

	width, height  int
	rate, channels int
	profile, level int // of H.264
	objectType     int // of AAC
}

// appendHead puts what goes before a sample behind b.
func (c *codec) appendHead(b []byte, s sample) []byte {
	at := len(b)
	b = append(b, c.head...)
	if !c.video {
		return b
	}
	if s.key() {
		b[at] |= keyframe
	} else {
		b[at] |= interframe
	}
	if c.cts {
		v := s.cts()
		b = append(b, byte(v>>16), byte(v>>8), byte(v))
	}
	return b
}

// enhanced makes heads that have a name instead of a number.
func (c *codec) enhanced(first byte, name string) {
	c.head = append([]byte{first | codedFrames}, name...)
	c.start = append([]byte{first}, name...)
	if c.video {
		c.start[0] |= keyframe
	}
}

// clock gives sound whose sample entry has no rate that of its timescale.
func (c *codec) clock(timescale uint32) {
	if !c.video && c.rate == 0 {
		c.rate = int(timescale)
	}
}

const (
	entryHeader = 8  // of a sample entry, behind the box's [ISO §8.5.2]
	visualEntry = 70 // what follows for video [ISO §12.1.3]
	audioEntry  = 20 // and for sound [ISO §12.2.3]
	quickTime1  = 16 // QuickTime's sound descriptions have more in versions 1 and 2
	quickTime2  = 36
)

// readCodec reads the first description of a track. It fails with a
// refusedError for what RTMP does not carry.
func readCodec(w *window, stsd box, video bool) (*codec, error) {
	var entry box
	err := w.walk(stsd.start+8, stsd.end, func(b box) error {
		entry = b
		return errStop
	})
	if err != nil {
		return nil, err
	}
	if entry.end == 0 {
		return nil, invalid("%v has no entry", stsd)
	}
	p, err := w.front(entry, entryHeader+visualEntry)
	if err != nil {
		return nil, err
	}
	c := &codec{name: string(entry.kind[:]), video: video}
	rest := entryHeader + visualEntry
	if !video {
		rest = entryHeader + audioEntry
	}
	if len(p) < rest {
		return nil, invalid("%v has %d bytes, fewer than a description needs", entry, len(p))
	}
	be16 := func(at int) int { return int(binary.BigEndian.Uint16(p[entryHeader+at:])) }
	if video {
		c.width, c.height = be16(16), be16(18)
	} else {
		c.channels, c.rate = be16(8), be16(16)
		switch be16(0) {
		case 1:
			rest += quickTime1
		case 2:
			rest += quickTime2
		}
	}
	e := entryBoxes{w: w}
	if err := w.walk(min(entry.start+int64(rest), entry.end), entry.end, e.add); err != nil {
		return nil, err
	}
	if video {
		err = c.readVideo(&e)
	} else {
		err = c.readAudio(&e)
	}
	if err != nil {
		return nil, err
	}
	return c, nil
}

// entryBoxes are the boxes of a sample entry.
type entryBoxes struct {
	w    *window
	list []box
}

// maxEntryBoxes is how many there are at most: real entries have a handful.
const maxEntryBoxes = 64

func (e *entryBoxes) add(b box) error {
	if b.is("wave") { // QuickTime puts esds there
		return e.w.walk(b.start, b.end, e.put)
	}
	return e.put(b)
}

func (e *entryBoxes) put(b box) error {
	if len(e.list) == maxEntryBoxes {
		return invalid("a description of a track has more than %d boxes, at byte %d", maxEntryBoxes, b.head)
	}
	e.list = append(e.list, b)
	return nil
}

func (e *entryBoxes) find(kind string) (box, bool) {
	for _, b := range e.list {
		if b.is(kind) {
			return b, true
		}
	}
	return box{}, false
}

// config reads the box that describes a codec, without its first bytes.
func (e *entryBoxes) config(kind, codec string, skip, minSize int) ([]byte, error) {
	b, ok := e.find(kind)
	if !ok {
		return nil, invalid("%s without %s, which a decoder needs first", codec, kind)
	}
	p, err := e.w.payload(b)
	if err != nil {
		return nil, err
	}
	if len(p) < skip+minSize {
		return nil, invalid("%v has %d bytes, fewer than the least of %d", b, len(p), skip+minSize)
	}
	return p[skip:], nil
}

func (c *codec) readVideo(e *entryBoxes) (err error) {
	switch c.name {
	case "avc1", "avc3":
		c.head, c.start, c.cts = []byte{7, 1}, []byte{keyframe | 7, 0, 0, 0, 0}, true
		if c.config, err = e.config("avcC", c.name, 0, 7); err == nil {
			c.profile, c.level = int(c.config[1]), int(c.config[3])
		}
	case "hvc1", "hev1":
		c.cts = true
		c.enhanced(videoEx, "hvc1")
		c.config, err = e.config("hvcC", c.name, 0, 23)
	case "av01":
		c.enhanced(videoEx, c.name)
		c.config, err = e.config("av1C", c.name, 0, 4)
	case "vp08", "vp09":
		c.enhanced(videoEx, c.name)
		// The record, without version and flags of the box around it.
		c.config, err = e.config("vpcC", c.name, 4, 8)
	default:
		return refuse("video %q", c.name)
	}
	return err
}

func (c *codec) readAudio(e *entryBoxes) error {
	switch c.name {
	case "mp4a":
		return c.readESDS(e)
	case ".mp3", "ms\x00\x55":
		c.mp3()
	case "Opus":
		c.enhanced(audioEx, "Opus")
		return c.readOpus(e)
	case "fLaC":
		c.enhanced(audioEx, "fLaC")
		p, err := e.config("dfLa", c.name, 4, streamInfoHead+streamInfo)
		if err != nil {
			return err
		}
		if p[0]&0x7f != 0 {
			return invalid("dfLa does not begin with STREAMINFO")
		}
		c.config = p[streamInfoHead : streamInfoHead+streamInfo]
		c.rate = int(binary.BigEndian.Uint32(c.config[10:]) >> 12)
	case "ac-3", "ec-3":
		c.enhanced(audioEx, c.name)
		return c.readAC3(e)
	default:
		return refuse("audio %q", c.name)
	}
	return nil
}

// FLAC's STREAMINFO, and the header of its block.
const (
	streamInfoHead = 4
	streamInfo     = 34
)

// Object types of esds (mp4ra.org).
const (
	objectAAC      = 0x40
	objectAACMain2 = 0x66 // to 0x68: MPEG-2's
	objectAACSSR2  = 0x68
	objectMP3MPEG2 = 0x69
	objectMP3      = 0x6b
)

func (c *codec) readESDS(e *entryBoxes) error {
	b, ok := e.find("esds")
	if !ok {
		return invalid("mp4a without esds, which a decoder needs first")
	}
	p, err := e.w.payload(b)
	if err != nil {
		return err
	}
	const versionAndFlags = 4
	d, ok := parseDescriptors(p[min(len(p), versionAndFlags):])
	if !ok {
		return invalid("%v is no list of descriptors", b)
	}
	object := d.object
	c.config = d.config
	switch {
	case object == objectMP3 || object == objectMP3MPEG2:
		c.config = nil
		c.mp3()
	case object == objectAAC || object >= objectAACMain2 && object <= objectAACSSR2:
		if len(c.config) < 2 {
			return invalid("%v has no AudioSpecificConfig", b)
		}
		// Rate, size and channels are these for AAC, whatever they are [FLV §E.4.2.1].
		c.head, c.start = []byte{0xaf, 1}, []byte{0xaf, 0}
		c.readAAC()
	default:
		return refuse("audio %q of type 0x%02x", c.name, object)
	}
	return nil
}

var aacRates = [...]int{96000, 88200, 64000, 48000, 44100, 32000, 24000, 22050, 16000, 12000, 11025, 8000, 7350}

// readAAC reads from AudioSpecificConfig what metadata says [ISO/IEC 14496-3
// §1.6.2.1]. Where it says it in another way, the sample entry's words stay.
func (c *codec) readAAC() {
	c.objectType = int(c.config[0] >> 3)
	if i := int(c.config[0]&7<<1 | c.config[1]>>7); i < len(aacRates) {
		c.rate = aacRates[i]
	}
	if n := int(c.config[1] >> 3 & 15); n > 0 && n < 7 {
		c.channels = n
	}
}

var ac3Channels = [8]int{2, 1, 2, 3, 3, 4, 4, 5}

// readAC3 reads the number of channels from the box (ETSI TS 102 366 annex F),
// because sample entries say 2 whatever there is. Frames describe themselves:
// there is no sequence header.
func (c *codec) readAC3(e *entryBoxes) error {
	kind, at := "dac3", 1
	if c.name == "ec-3" {
		kind, at = "dec3", 3
	}
	p, err := e.config(kind, c.name, at, 2)
	if err != nil {
		return err
	}
	// acmod and lfeon; bsmod is before them, in dac3 in the byte before.
	mode, lfe := p[0]>>3&7, p[0]>>2&1
	if c.name == "ec-3" {
		mode, lfe = p[0]>>1&7, p[0]&1
	}
	c.channels = ac3Channels[mode] + int(lfe)
	return nil
}

// lookAt corrects what is said of sound by its first frame: the channels of
// MP3, which sample entries say 2 of whatever there is.
func (c *codec) lookAt(r io.ReaderAt, s sample) error {
	if c.name != ".mp3" || s.size() < 4 {
		return nil
	}
	var h [4]byte
	if err := media.ReadFull(r, h[:], s.offset()); err != nil {
		return err
	}
	if c.channels = 2; h[3]>>6 == 3 {
		c.channels = 1
	}
	c.mp3()
	return nil
}

// mp3 makes the head of MP3 in FLV: of the four rates that it knows, the
// nearest that is not higher; decoders look into the frame.
func (c *codec) mp3() {
	c.name = ".mp3"
	first := byte(2<<4 | 1<<1)
	switch {
	case c.rate >= 44100:
		first |= 3 << 2
	case c.rate >= 22050:
		first |= 2 << 2
	case c.rate >= 11025:
		first |= 1 << 2
	}
	if c.channels != 1 {
		first |= 1
	}
	c.head = []byte{first}
}

// readOpus makes Opus' identification header, which is little-endian, from the
// box, which is not (RFC 7845 §5.1).
func (c *codec) readOpus(e *entryBoxes) error {
	b, ok := e.find("dOps")
	if !ok {
		return invalid("Opus without dOps, which a decoder needs first")
	}
	var d mp4.DOps
	if err := e.w.decode(b, &d, mp4.Context{}); err != nil {
		return err
	}
	c.channels, c.rate = int(d.OutputChannelCount), 48000
	h := append([]byte("OpusHead"), 1, d.OutputChannelCount)
	h = binary.LittleEndian.AppendUint16(h, d.PreSkip)
	h = binary.LittleEndian.AppendUint32(h, d.InputSampleRate)
	h = binary.LittleEndian.AppendUint16(h, uint16(d.OutputGain))
	h = append(h, d.ChannelMappingFamily)
	if d.ChannelMappingFamily != 0 {
		h = append(h, d.StreamCount, d.CoupledCount)
		h = append(h, d.ChannelMapping...)
	}
	c.config = h
	return nil
}

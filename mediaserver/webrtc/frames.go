package webrtc

import (
	"errors"

	"github.com/pion/rtp"
	"github.com/pion/rtp/codecs"

	"flashpod.dev/flashpod/mediaserver/budget"
	"flashpod.dev/flashpod/mediaserver/media/payload"
)

const (
	// maxFrame bounds a picture, in bytes.
	maxFrame = 4 << 20
	// freeFrame is what of it the session has paid for already, and frameStep by how
	// much more is paid for at once.
	freeFrame = 128 << 10
	frameStep = 256 << 10
	// headSize is what goes before a picture in a message of RTMP, bytes: of AVC in its
	// old form the first byte, a kind and a composition time, of others the first byte
	// and the codec's name.
	headSize = 5
)

var errFrameTooBig = errors.New("a picture has more than 4 MiB, or the server has no memory left for it")

// frames puts the pictures of one codec together from packets in order.
type frames struct {
	codec  payload.FourCC
	budget *budget.Budget
	paid   int // bytes of the buffer, beyond freeFrame

	open    rtp.Depacketizer
	buf     []byte // headSize bytes, and the picture so far
	time    uint32 // its RTP time
	some    bool   // a packet of it has come
	skipped bool   // the rest of it is not worth anything
}

func newFrames(codec payload.FourCC, b *budget.Budget) *frames {
	f := &frames{codec: codec, budget: b}
	f.restart()
	return f
}

// restart forgets the picture that has begun.
func (f *frames) restart() {
	switch f.codec {
	case payload.AVC:
		f.open = &codecs.H264Packet{IsAVC: true}
	case payload.VP8:
		f.open = &codecs.VP8Packet{}
	case payload.VP9:
		f.open = &codecs.VP9Packet{}
	case payload.AV1:
		f.open = &codecs.AV1Depacketizer{}
	}
	f.some = false
	if f.buf == nil {
		f.buf = make([]byte, headSize, 16<<10)
	}
	f.buf = f.buf[:headSize]
}

// close gives back what is paid for.
func (f *frames) close() { f.budget.Give(int64(f.paid)) }

// push takes the next packet, and hands on pictures that are whole, with room of
// headSize bytes before them, good until the next one. It fails where what came is no
// picture; what follows is one as soon as it begins with a keyframe.
func (f *frames) push(p *rtp.Packet, lost bool, each func(b []byte, time uint32) error) error {
	if lost {
		f.restart()
		f.skipped, f.time = true, p.Timestamp
	}
	if p.Timestamp != f.time || !f.some {
		if err := f.emit(each); err != nil { // its last packet had no mark
			return err
		}
		if p.Timestamp != f.time {
			f.skipped = false
		}
		f.time = p.Timestamp
	}
	if !f.skipped && len(p.Payload) > 0 {
		b, err := f.open.Unmarshal(p.Payload)
		if err == nil {
			err = f.take(b)
		}
		if err != nil {
			f.restart()
			f.skipped = true
			return err
		}
		f.some = true
	}
	if p.Marker {
		err := f.emit(each)
		f.skipped = false
		return err
	}
	return nil
}

// take appends to the picture, for which it pays.
func (f *frames) take(b []byte) error {
	size := len(f.buf) + len(b)
	if size > maxFrame {
		return errFrameTooBig
	}
	for size > freeFrame+f.paid {
		if !f.budget.Take(frameStep) {
			return errFrameTooBig
		}
		f.paid += frameStep
	}
	f.buf = append(f.buf, b...)
	return nil
}

func (f *frames) emit(each func([]byte, uint32) error) error {
	defer f.restart()
	if !f.some || len(f.buf) == headSize {
		return nil
	}
	return each(f.buf, f.time)
}

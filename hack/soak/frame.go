package main

import (
	"encoding/binary"
	"fmt"
	"sync"

	"flashpod.dev/flashpod/mediaserver/rtmp"
)

// Frames carry what they should be: behind the five bytes that every H.264
// picture begins with come the number of the publication, the frame's own, its
// length, and bytes that follow from them.
const frameHead = 5 + 12

// newFrame makes a picture of a size, which is at least frameHead.
func newFrame(publication, number uint32, key bool, size int) []byte {
	b := make([]byte, size)
	b[0], b[1] = 0x27, 1
	if key {
		b[0] = 0x17
	}
	binary.BigEndian.PutUint32(b[5:], publication)
	binary.BigEndian.PutUint32(b[9:], number)
	binary.BigEndian.PutUint32(b[13:], uint32(size))
	for i := frameHead; i < size; i++ {
		b[i] = byte(uint32(i)*7 + number)
	}
	return b
}

// parseFrame says which frame a payload is; it fails when it is not whole.
func parseFrame(b []byte) (publication, number uint32, err error) {
	if len(b) < frameHead {
		return 0, 0, fmt.Errorf("a picture of %d bytes", len(b))
	}
	publication, number = binary.BigEndian.Uint32(b[5:]), binary.BigEndian.Uint32(b[9:])
	if size := binary.BigEndian.Uint32(b[13:]); int(size) != len(b) {
		return 0, 0, fmt.Errorf("frame %d has %d bytes of %d", number, len(b), size)
	}
	for i := frameHead; i < len(b); i++ {
		if b[i] != byte(uint32(i)*7+number) {
			return 0, 0, fmt.Errorf("frame %d is torn at byte %d", number, i)
		}
	}
	return publication, number, nil
}

// witness follows what a player is sent.
type witness struct {
	live bool // frames come one after another, none is missing

	mu          sync.Mutex
	frames      int
	told        bool // that the player is slow: then frames may be missing
	gap         error
	since       int // frames since the gap
	publication uint32
	last        uint32
	err         error
}

// tellWithin is how many frames may come between a gap and the word for it.
const tellWithin = 50

// see looks at a message of the stream.
func (w *witness) see(m *rtmp.Message) {
	if m.Type != rtmp.TypeVideo || len(m.Payload) > 1 && m.Payload[1] == 0 {
		return
	}
	publication, number, err := parseFrame(m.Payload)
	w.mu.Lock()
	defer w.mu.Unlock()
	switch {
	case w.err != nil:
		return
	case err != nil:
		w.err = err
		return
	case w.live && w.frames > 0 && publication == w.publication && number <= w.last:
		w.err = fmt.Errorf("frame %d came after %d", number, w.last)
	case w.live && w.frames > 0 && publication == w.publication && number != w.last+1:
		w.gap, w.since = fmt.Errorf("frame %d came after %d, and nobody was told that it is slow", number, w.last), 0
	}
	w.since++
	w.frames, w.publication, w.last = w.frames+1, publication, number
}

// slow notes that the server has said so, which it does behind the gap.
func (w *witness) slow() {
	w.mu.Lock()
	w.told, w.gap = true, nil
	w.mu.Unlock()
}

// result is how many frames came and what was wrong with them.
func (w *witness) result() (frames int, told bool, err error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.err == nil && w.gap != nil && !w.told && w.since > tellWithin {
		return w.frames, w.told, w.gap
	}
	return w.frames, w.told, w.err
}

package stream

import (
	"sync"
	"testing"

	"flashpod.dev/flashpod/mediaserver/rtmp"
)

// talker is a connection that always has something to say, and whose socket takes a
// little at a time.
type talker struct {
	tap
	most int // bytes a write
	done chan struct{}

	mu     sync.Mutex
	talks  bool // until then it says nothing, and its socket takes nothing
	writes int
	said   int // writes that began what it said
	media  int // bytes
	wake   func()
}

// spoken is what a talker says at once.
var spoken = make([]byte, 8<<10)

const lastWrite = 400

func (c *talker) Attach(wake func()) {
	c.mu.Lock()
	c.wake = wake
	c.mu.Unlock()
	wake()
}

func (c *talker) TakeQueued(dst []byte) ([]byte, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.talks {
		return dst, true
	}
	c.said++
	return append(dst, spoken...), true
}

func (c *talker) TryWritev(bufs [][]byte) (n int, err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.talks {
		return 0, nil
	}
	defer c.wake() // there is room again
	if c.writes++; c.writes == lastWrite {
		close(c.done)
	}
	for _, b := range bufs {
		k := min(len(b), c.most-n)
		for _, one := range b[:k] {
			if one == 0x55 {
				c.media++
			}
		}
		n += k
	}
	return n, nil
}

// talk has it begin.
func (c *talker) talk() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.talks = true
	c.wake()
}

// A socket that is almost full all the time takes media beside a connection that
// always has something to say, and what that says beside media that is always there.
func TestNeitherMediaNorAnswersStarve(t *testing.T) {
	t.Parallel()
	s := New("a", newFanout(t), Options{})
	p, err := s.Publish()
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	c := &talker{most: 3 << 10, done: make(chan struct{})}
	defer s.Play(c, 1).Close()
	m := rtmp.Message{Type: rtmp.TypeAudio, Payload: append([]byte{0xaf, 1}, make([]byte, 4<<10)...)}
	for i := range m.Payload[2:] {
		m.Payload[2+i] = 0x55
	}
	for range 256 { // a megabyte, of which the socket takes a part
		m.Timestamp += 20
		if err := p.Write(&m); err != nil {
			t.Fatal(err)
		}
	}
	c.talk()
	<-c.done
	c.mu.Lock()
	defer c.mu.Unlock()
	// What is said takes three writes at a time, and then it is media's turn, which
	// takes two or more for a packet.
	if c.media < lastWrite/8*c.most/2 {
		t.Errorf("%d bytes of media in %d writes of %d bytes", c.media, c.writes, c.most)
	}
	if c.said < lastWrite/16 {
		t.Errorf("the connection could say something %d times in %d writes", c.said, c.writes)
	}
}

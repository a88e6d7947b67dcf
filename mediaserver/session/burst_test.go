package session_test

import (
	"fmt"
	"testing"

	"flashpod.dev/flashpod/mediaserver/media"
)

// TestPublisherThatIsFasterThanItsClock sends twenty seconds of small pictures
// at once to players that read: one from the beginning, one with a clock of its
// own, and one that goes over to it from another stream meanwhile.
func TestPublisherThatIsFasterThanItsClock(t *testing.T) {
	everyWay(t, testPublisherThatIsFasterThanItsClock)
}

func testPublisherThatIsFasterThanItsClock(t *testing.T, w way) {
	s, _ := run(t, w, open)
	shoot(t, s, "film", halves)
	p, other := view(t, s), view(t, s)
	p.publish("cam", "live")
	other.publish("other", "live")
	other.key('o', 0)
	p.key('x', 0)
	p.landed()
	other.landed()

	plain, later, switched := view(t, s), view(t, s), view(t, s)
	plain.play("cam", -1.0)
	plain.until("key x 0")
	later.play("film", 3000.0)
	later.play("cam", -1.0, -1.0, false)
	later.until("key x 0") // the film's last picture has time 0 as well
	switched.play("other", -1.0)
	switched.until("key o 0")
	switched.play2("streamName", "cam", "start", -1.0, "transition", "switch")
	switched.until("Play.Transition")
	switched.settled()   // Play.Transition says that it was understood, before it is done
	const pictures = 500 // a keyframe every two seconds
	for i := 1; i <= pictures; i++ {
		p.media(9, media.Timestamp(i*40), map[bool]byte{true: 0x12, false: 0x22}[i%50 == 1], 'x')
	}
	for name, v := range map[string]*viewer{"plain": plain, "in a playlist": later, "switched": switched} {
		last := fmt.Sprintf("inter x %d", pictures*40)
		if got := len(picturesOf(v.until(last))); got != pictures {
			t.Errorf("%s: %d of %d pictures came", name, got, pictures)
		}
	}
}

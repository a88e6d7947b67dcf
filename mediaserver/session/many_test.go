package session_test

import (
	"fmt"
	"strings"
	"testing"

	"flashpod.dev/flashpod/mediaserver/servertest"
)

// crier is a script that says something to all, and then to the one who has asked for it.
const crier = `
Client.prototype.cry = function(word, times) {
	for (var i = 0; i < times; i++) {
		application.broadcastMsg("cried", word + i);
		this.call("said", null, i);
	}
};
application.onDisconnect = function() { application.broadcastMsg("gone"); };
`

// What a script says to all goes over a link once, also where clients have left between
// others; each hears it once, and in order with what is said to it alone.
func TestBroadcastsGoOverALinkOnce(t *testing.T) {
	t.Parallel()
	for _, w := range []way{overLink, overOldLink} {
		t.Run(string(w), func(t *testing.T) {
			t.Parallel()
			h, _ := run(t, w, open.running(crier))
			const clients, times = 16, 4
			var all []*client
			for n := range clients {
				c := hear(t, servertest.Dial(t, h.RTMPAddr()), wordOfObjects)
				c.Connect("app/one", "objectEncoding", float64(n%4/2*3))
				c.expect("event 0", success, "onBWDone []")
				all = append(all, c)
			}
			left := 0
			for n := 1; n < len(all); n += 2 {
				all[n].conn.Close()
				left++
				for m := 0; m < len(all); m++ {
					if m%2 == 0 || m > n {
						all[m].expect("gone []")
					}
				}
			}
			word := strings.Repeat("x", 10<<10)
			before := h.link.sent.Load()
			all[0].send("cry", 0, nil, word, times)
			for i := range times {
				cried := fmt.Sprintf("cried [%s%d]", word, i)
				for n := 0; n < len(all); n += 2 {
					all[n].expect(cried)
				}
				all[0].expect(fmt.Sprintf("said [%d]", i))
			}
			sent, once := h.link.sent.Load()-before, int64(times*len(word))
			if w == overLink && sent > 4*once { // for those with AMF3 apart
				t.Errorf("%d bytes were sent for %d clients, where once is %d", sent, clients-left, once)
			}
			if w == overOldLink && sent < int64(clients-left)*once {
				t.Errorf("an edge that is a version behind was sent %d bytes", sent)
			}
		})
	}
}

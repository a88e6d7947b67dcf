package edge

import (
	"testing"

	"flashpod.dev/flashpod/mediaserver/budget"
	"flashpod.dev/flashpod/mediaserver/link"
)

// What is asked as a link is lost takes no credit of the next one, whose questions have the
// same IDs, and what waits is paid for as long as it does.
func TestCreditIsOfOneLink(t *testing.T) {
	t.Parallel()
	pays := budget.New("links", 64<<20)
	e := &Edge{cfg: Config{Budgets: &budget.Budgets{Links: pays}}}
	r := &remote{u: &uplink{e: e}}
	c := &r.credit
	call := link.CallBody{Args: make([]byte, clientCredit/2)}
	for n := uint64(1); n < 20; n += 2 {
		c.begins(n)
		for id := uint64(1); id <= 5; id++ {
			c.ask(r, n, link.Call, id, call)
		}
		if c.bytes < clientCredit/2 || c.bytes > clientCredit || len(c.held) == 0 || pays.Used() == 0 {
			t.Fatalf("%d bytes are on their way, %d questions wait for %d bytes", c.bytes, len(c.held), pays.Used())
		}
		c.lost(r)
		c.ask(r, n, link.Call, 6, call) // by one that has not noticed
		c.begins(n + 1)
		c.ask(r, n, link.Call, 1, call) // and one that is later still
		if c.bytes != 0 || len(c.sent)+len(c.held) != 0 || pays.Used() != 0 {
			t.Fatalf("%d bytes of a link that was lost are on their way over the next, %d are paid for", c.bytes, pays.Used())
		}
		c.ask(r, n+1, link.Call, 1, call)
		c.answered(r, n, 1) // of the link before
		if c.bytes == 0 {
			t.Fatal("an answer of the link before gives credit back")
		}
		c.answered(r, n+1, 1)
		if c.bytes != 0 || len(c.sent) != 0 {
			t.Fatalf("%d bytes are on their way with nothing asked", c.bytes)
		}
		c.lost(r)
	}
}

package rtmp

import "flashpod.dev/flashpod/mediaserver/budget"

// gate has what a peer sends looked at when its turn has come (Limits.Turn). It
// belongs to the goroutine that reads.
type gate struct {
	limits *limits
	closed <-chan struct{}
	turn   *budget.Turn // that was begun last, and may have ended
}

// enter waits for the peer's turn, unless it has it and may go on.
func (g *gate) enter() {
	now := g.limits.now.Load().Turn
	if now != g.turn {
		g.turn.End() // it has another standing by now
		g.turn = now
	}
	now.Rest(g.closed)
}

// leave ends the turn, before more is waited for.
func (g *gate) leave() { g.turn.End() }

// open says that the peer waits for no turn.
func (g *gate) open() bool { return g.turn == nil }

package rtmp

import (
	"sync/atomic"

	"flashpod.dev/flashpod/mediaserver/budget"
)

// gate has what a peer sends looked at when its turn has come (Limits.Turn). It
// belongs to the goroutine that reads.
type gate struct {
	limits *limits
	closed <-chan struct{}
	turn   *budget.Turn // that was begun last, and may have ended
	waits  atomic.Bool  // for the peer, not for its turn
}

// Enter implements socket.Turn: it waits for the peer's turn, unless it has it and may
// go on.
func (g *gate) Enter() {
	g.waits.Store(false)
	now := g.limits.now.Load()
	if now.MediaFirst {
		g.wait(nil) // until it is known what has come
		return
	}
	g.wait(now.Turn)
}

// message is Enter for a message that is whole, of a peer whose media is looked
// at without a turn.
func (g *gate) message(t MessageType) {
	if now := g.limits.now.Load(); now.MediaFirst && t != TypeAudio && t != TypeVideo {
		g.wait(now.Turn)
	}
}

func (g *gate) wait(turn *budget.Turn) {
	if turn != g.turn {
		g.turn.End() // it has another standing by now, or another kind of message
		g.turn = turn
	}
	turn.Rest(g.closed)
}

// Leave implements socket.Turn: it ends the turn, before more is waited for.
func (g *gate) Leave() {
	g.turn.End()
	g.waits.Store(true)
}

// open says that the peer waits for no turn.
func (g *gate) open() bool { return g.turn == nil }

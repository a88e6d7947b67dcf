package session

// Far is a Peer that is reached by a way that it shares with others: what many of them
// are to hear alike goes that way once.
type Far interface {
	Peer
	// Way is the same for all who share it, and can be compared; nil: there is none.
	Way() Way
}

// Way is how several peers are reached.
type Way interface {
	// Invoke calls a method of peers that all have this way, as Peer.Invoke does where no
	// answer is wanted, and in order with it. It does not wait.
	Invoke(v Invocation, to []Peer)
}

// WayOf is the way that a peer shares with others; nil: there is none.
func WayOf(p Peer) Way {
	if far, ok := p.(Far); ok {
		return far.Way()
	}
	return nil
}

package session

// places are those of what is under way from a client, of which there are only so many. Most
// clients never take one: so they are made with the first, in a turn.
type places struct{ taken chan struct{} }

// of are so many places: one is taken by a send, and given back by a receive.
func (p *places) of(n int) chan struct{} {
	if p.taken == nil {
		p.taken = make(chan struct{}, n)
	}
	return p.taken
}

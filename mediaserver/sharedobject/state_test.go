package sharedobject

// State is all that a client must be told that has seen a version last: what was
// deleted and changed since, where it is Recent, else Clear and all there is.
func (o *Object) State(version uint32) []Event {
	c, _ := o.Since(version)
	var events []Event
	for {
		p := o.Piece(c, MaxMessage)
		events = append(events, p.Events...)
		if c = p.Next; p.Last {
			return events
		}
	}
}

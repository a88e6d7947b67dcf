package rtmp

// Farewell is why this end lets a peer go, in words that are for that peer.
type Farewell struct {
	// Why is what kind of reason it is: one of the errors of this package.
	Why error
	// Words has nothing in it that the peer may not know.
	Words string
}

// Error implements error.
func (f *Farewell) Error() string { return f.Words }

// Unwrap returns Why.
func (f *Farewell) Unwrap() error { return f.Why }

// Farewell names the reason to what carries the connection, where that has a way of its own
// to tell it, as a WebSocket has its close frame. It ends nothing and does not wait; the first
// one counts, and goes before what CloseWithError is given.
func (c *Conn) Farewell(why error) {
	if below, ok := c.nc.(interface{ Farewell(why error) }); ok {
		below.Farewell(why)
	}
}

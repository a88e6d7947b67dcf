package servertest

import (
	"io"
	"net"
	"sync"
	"testing"
)

// Proxy passes connections on to a server that may be another each time: a network
// between two of them, which may be cut.
type Proxy struct {
	ln   net.Listener
	runs sync.WaitGroup

	mu    sync.Mutex // nothing else is taken while it is held
	to    string     // "": to nobody
	conns map[net.Conn]struct{}
	held  chan struct{} // closed when bytes go on; nil: they do
}

// NewProxy listens until the test ends, and passes on to an address.
func NewProxy(t testing.TB, to net.Addr) *Proxy {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	p := &Proxy{ln: ln, to: to.String(), conns: map[net.Conn]struct{}{}}
	p.runs.Go(func() {
		for {
			nc, err := ln.Accept()
			if err != nil {
				return
			}
			p.runs.Go(func() { p.pass(nc) })
		}
	})
	t.Cleanup(func() {
		ln.Close()
		p.Release()
		p.Cut()
		p.runs.Wait()
	})
	return p
}

// Addr is where it listens.
func (p *Proxy) Addr() net.Addr { return p.ln.Addr() }

// To passes what comes from now on to another address.
func (p *Proxy) To(to net.Addr) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.to = to.String()
}

// Cut resets all connections, and those that come until To.
func (p *Proxy) Cut() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.to = ""
	for c := range p.conns {
		reset(c)
	}
}

// Hold passes no byte any more, and ends nothing, until Release: as a network does that
// has vanished. Who connects meanwhile waits.
func (p *Proxy) Hold() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.held == nil {
		p.held = make(chan struct{})
	}
}

// Release passes on what was held.
func (p *Proxy) Release() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.held != nil {
		close(p.held)
		p.held = nil
	}
}

func reset(c net.Conn) {
	if tcp, ok := c.(*net.TCPConn); ok {
		_ = tcp.SetLinger(0)
	}
	c.Close()
}

func (p *Proxy) enter(c net.Conn) (to string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.conns[c] = struct{}{}
	return p.to
}

func (p *Proxy) leave(c net.Conn) {
	c.Close()
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.conns, c)
}

// rest waits while bytes are held.
func (p *Proxy) rest() {
	p.mu.Lock()
	held := p.held
	p.mu.Unlock()
	if held != nil {
		<-held
	}
}

func (p *Proxy) pass(near net.Conn) {
	defer p.leave(near)
	to := p.enter(near)
	p.rest()
	if to == "" {
		reset(near)
		return
	}
	far, err := net.Dial("tcp", to)
	if err != nil {
		reset(near)
		return
	}
	defer p.leave(far)
	if p.enter(far) == "" { // cut meanwhile
		return
	}
	var both sync.WaitGroup
	both.Go(func() { p.copy(far, near) })
	both.Go(func() { p.copy(near, far) })
	both.Wait()
}

// copy passes on what one end says until it ends, which ends the other.
func (p *Proxy) copy(to, from net.Conn) {
	b := make([]byte, 32<<10)
	for {
		n, err := from.Read(b)
		p.rest()
		if n > 0 {
			if _, werr := to.Write(b[:n]); werr != nil {
				err = werr
			}
		}
		if err != nil {
			if err != io.EOF { //nolint:errorlint // a socket's own
				reset(to)
			}
			to.Close()
			from.Close()
			return
		}
	}
}

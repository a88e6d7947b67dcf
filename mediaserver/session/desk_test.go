package session_test

import (
	"testing"
	"time"

	"flashpod.dev/flashpod/mediaserver/rtmp"
	"flashpod.dev/flashpod/mediaserver/servertest"
	"flashpod.dev/flashpod/mediaserver/session"
)

// asked is a request that waits for the test to answer it.
type asked[R, A any] struct {
	request R
	answer  func(A)
}

// desk is a directory, and the instance that it finds, where the test answers
// what sessions ask.
type desk struct {
	connects  chan asked[session.ConnectRequest, session.ConnectAnswer]
	publishes chan asked[session.PublishRequest, session.PublishAnswer]
	plays     chan asked[session.PlayRequest, session.PlayAnswer]
	lengths   chan asked[session.LengthRequest, session.LengthAnswer]
	admits    chan asked[session.Client, *session.Refusal]
	calls     chan asked[session.CallRequest, session.CallAnswer]
	peers     chan session.Peer
	refusals  chan *session.Refusal // by the session itself
	left      chan session.Client
	withdrawn chan session.Client
}

func newDesk() *desk {
	const room = 100
	return &desk{
		connects:  make(chan asked[session.ConnectRequest, session.ConnectAnswer], room),
		publishes: make(chan asked[session.PublishRequest, session.PublishAnswer], room),
		plays:     make(chan asked[session.PlayRequest, session.PlayAnswer], room),
		lengths:   make(chan asked[session.LengthRequest, session.LengthAnswer], room),
		admits:    make(chan asked[session.Client, *session.Refusal], room),
		calls:     make(chan asked[session.CallRequest, session.CallAnswer], room),
		peers:     make(chan session.Peer, room),
		refusals:  make(chan *session.Refusal, room),
		left:      make(chan session.Client, room),
		withdrawn: make(chan session.Client, room),
	}
}

// Connect implements session.Directory.
func (d *desk) Connect(r session.ConnectRequest, peer session.Peer, answer func(session.ConnectAnswer)) {
	d.peers <- peer
	d.connects <- asked[session.ConnectRequest, session.ConnectAnswer]{r, answer}
}

// Admit implements session.Instance, as all below.
func (d *desk) Admit(c session.Client, answer func(*session.Refusal)) {
	d.admits <- asked[session.Client, *session.Refusal]{c, answer}
}

func (d *desk) Call(r session.CallRequest, answer func(session.CallAnswer)) {
	d.calls <- asked[session.CallRequest, session.CallAnswer]{r, answer}
}

func (d *desk) Publish(r session.PublishRequest, answer func(session.PublishAnswer)) {
	d.publishes <- asked[session.PublishRequest, session.PublishAnswer]{r, answer}
}

func (d *desk) MayPublish(_ session.PublishRequest, answer func(*session.Refusal)) { answer(nil) }

func (d *desk) Play(r session.PlayRequest, answer func(session.PlayAnswer)) {
	d.plays <- asked[session.PlayRequest, session.PlayAnswer]{r, answer}
}

func (d *desk) Length(r session.LengthRequest, answer func(session.LengthAnswer)) {
	d.lengths <- asked[session.LengthRequest, session.LengthAnswer]{r, answer}
}

func (d *desk) Withdraw(c session.Client) { d.withdrawn <- c }

func (d *desk) Refused(_ session.PublishRequest, why *session.Refusal) { d.refusals <- why }

func (d *desk) SharedObject(_ session.SharedObjectRequest, done func()) { done() }

func (d *desk) Leave(c session.Client) { d.left <- c }

// letIn answers a connect that is yes.
func (d *desk) letIn(t *testing.T) {
	t.Helper()
	taken(t, d.connects).answer(session.ConnectAnswer{Instance: d})
}

// visitor is a client of a session that asks a desk.
type visitor struct {
	*client
	desk    *desk
	served  <-chan struct{} // closed when its session has ended
	refused chan string     // why it did not become a client
}

// come shakes hands with a session, and says nothing yet.
func come(t *testing.T, cfg session.Config) *visitor {
	t.Helper()
	v := &visitor{desk: newDesk(), refused: make(chan string, 10)}
	cfg.Refused = func(reason string) { v.refused <- reason }
	h := newHouse(cfg)
	h.dir = v.desk
	h.open(t)
	far, _, served := h.visit(t, cfg)
	conn := rtmp.NewClientConn(far, rtmp.Config{})
	if err := conn.Handshake(); err != nil {
		t.Fatal(err)
	}
	v.client, v.served = hear(t, conn, servertest.Word), served
	return v
}

// welcome is come and connect, with a stream.
func welcome(t *testing.T, cfg session.Config) *visitor {
	t.Helper()
	v := come(t, cfg)
	v.connect()
	v.desk.letIn(t)
	v.hello()
	return v
}

func (v *visitor) connect() {
	v.t.Helper()
	v.say(hello())
}

func (v *visitor) say(m *rtmp.Message) {
	v.t.Helper()
	if err := v.conn.Send(m); err != nil {
		v.t.Fatal(err)
	}
}

// pinged has the session answer a ping, which it does only while it reads.
func (v *visitor) pinged() {
	v.t.Helper()
	before := v.conn.BytesIn()
	v.say(rtmp.UserControl(rtmp.EventPingRequest, 7))
	eventually(v.t, "a ping is answered", func() bool { return v.conn.BytesIn() > before })
	if v.Heard() > 0 {
		w, _ := v.next()
		v.t.Fatalf("got %q as well", w)
	}
}

// over waits for the end of the session.
func (v *visitor) over() {
	v.t.Helper()
	taken(v.t, v.served)
}

// taken is what comes out of a channel.
func taken[T any](t *testing.T, from <-chan T) T {
	t.Helper()
	select {
	case one := <-from:
		return one
	case <-time.After(patience):
		t.Fatalf("nothing came\n%s", servertest.Stacks())
		panic("unreachable")
	}
}

// paper is a publication that the test reads.
type paper struct {
	written chan rtmp.Message
	closed  chan struct{}
}

func newPaper() *paper {
	return &paper{make(chan rtmp.Message, 100), make(chan struct{})}
}

// Write implements session.Publication, as all below.
func (p *paper) Write(m *rtmp.Message) error {
	p.written <- *m
	return nil
}

func (p *paper) Clear(string) bool    { return false }
func (p *paper) LastWrite() time.Time { return time.Now() }

func (p *paper) Close(_ session.Ending, ended func(error)) {
	close(p.closed)
	ended(nil)
}

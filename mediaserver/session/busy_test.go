package session_test

import (
	"net"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"flashpod.dev/flashpod/mediaserver/budget"
	"flashpod.dev/flashpod/mediaserver/rtmp"
	"flashpod.dev/flashpod/mediaserver/servertest"
	"flashpod.dev/flashpod/mediaserver/session"
)

// A client whose connect waits for its turn on a busy server has not been silent: it is let
// in when its turn has come, or told why not.
func TestConnectWaitsForItsTurn(t *testing.T) {
	t.Parallel()
	const (
		patience                 = 100 * time.Millisecond // of a turn that works on nothing: its place goes to another
		forHandshake, forConnect = 10 * time.Second, 15 * time.Second
	)
	for name, c := range map[string]struct {
		before      int // turns of others
		inHandshake bool
		want        string
	}{
		"longer than a connect may take to come": {before: int(2 * forConnect / patience), want: "let in"},
		"longer than a handshake may take":       {before: int(2 * forHandshake / patience), inHandshake: true, want: "let in"},
		"much longer than a connect may take":    {before: int(6 * forConnect / patience), want: "told"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				near, far := net.Pipe()
				defer far.Close()
				d, refused := newDesk(), make(chan string, 10)
				budgets := budget.For(1<<30, 1000, nil)
				budgets.Turns = budget.NewTurns(1)
				over := make(chan struct{})
				var others sync.WaitGroup
				defer func() { close(over); others.Wait() }()
				busy := func() {
					var all []*budget.Turn
					for range c.before {
						turn := budgets.Turns.For(near.RemoteAddr().String())
						turn.Begin(over)
						turn.End() // it comes again, as the client does: who came first is next
						all = append(all, turn)
					}
					for _, turn := range all {
						others.Go(func() {
							turn.Begin(over)
							select {
							case <-time.After(2 * patience):
							case <-over:
							}
							turn.End()
						})
						synctest.Wait()
					}
				}
				served := make(chan struct{})
				go func() {
					defer close(served)
					session.New(near, d, session.Config{
						RTMP:           rtmp.Config{HandshakeTimeout: forHandshake},
						ConnectTimeout: forConnect, Budgets: budgets, Refused: func(reason string) { refused <- reason },
					}).Serve()
				}()
				conn := rtmp.NewClientConn(far, rtmp.Config{HandshakeTimeout: time.Hour, ReadTimeout: time.Hour})
				if c.inHandshake {
					busy()
				}
				if err := conn.Handshake(); err != nil {
					t.Fatal(err)
				}
				v := &visitor{client: hear(t, conn, servertest.Word), desk: d, served: served, refused: refused}
				if !c.inHandshake {
					synctest.Wait() // the server waits for connect
					busy()
				}
				began := time.Now()
				v.connect()
				if c.want == "told" {
					info := v.expect("_error NetConnection.Connect.Failed")
					if said, _ := info.Get("description"); said != "The server is too busy: try again." {
						t.Errorf("said %q", said)
					}
					v.expect("close []")
					if took := time.Since(began); took < 4*forConnect {
						t.Errorf("told after %v", took)
					}
					v.conn.Close()
					<-served
					if why := taken(t, refused); why != "the server was too busy" || len(refused) > 0 {
						t.Errorf("counted as %q, and %d more", why, len(refused))
					}
					return
				}
				taken(t, d.connects).answer(session.ConnectAnswer{Instance: d})
				v.hello()
				v.conn.Close()
				v.over()
				taken(t, d.left)
				if len(refused) > 0 {
					t.Errorf("refused: %s", <-refused)
				}
			})
		})
	}
}

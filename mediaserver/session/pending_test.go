package session_test

import (
	"context"
	"net"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"flashpod.dev/flashpod/mediaserver/flv"
	"flashpod.dev/flashpod/mediaserver/recording"
	"flashpod.dev/flashpod/mediaserver/rtmp"
	"flashpod.dev/flashpod/mediaserver/servertest"
	"flashpod.dev/flashpod/mediaserver/session"
	"flashpod.dev/flashpod/mediaserver/stream"
)

// A client that goes while its connect waits for an answer is let go at once,
// and what the answer brings is given back.
func TestClientGoesWhileItsConnectPends(t *testing.T) {
	t.Parallel()
	for name, late := range map[string]bool{"let in": true, "refused": false} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			v := come(t, session.Config{PendingTimeout: time.Hour})
			v.connect()
			connect := taken(t, v.desk.connects)
			v.pinged()
			v.conn.Close()
			v.over()
			if why := taken(t, v.refused); why != "never connected to an instance" {
				t.Errorf("counted as %q", why)
			}
			if late {
				connect.answer(session.ConnectAnswer{Instance: v.desk})
				if c := taken(t, v.desk.left); c != connect.request.Client {
					t.Errorf("%+v leaves for %+v", c, connect.request.Client)
				}
				return
			}
			connect.answer(session.ConnectAnswer{Refusal: &session.Refusal{Code: session.RefusedLimit}})
			if len(v.desk.left) > 0 {
				t.Error("a client leaves that was not let in")
			}
		})
	}
}

// What a client says while its connect waits for an answer is done after that,
// in order.
func TestCommandsBehindAPendingConnect(t *testing.T) {
	t.Parallel()
	v := come(t, session.Config{})
	v.connect()
	v.send("createStream", 2, nil)
	v.send("releaseStream", 3, nil, "cam")
	v.send("createStream", 4, nil)
	v.on(1, "publish", "cam", "live")
	audio(t, v.client, 10)
	v.send("FCSubscribe", 5, nil, "cam")
	audio(t, v.client, 20)
	connect := taken(t, v.desk.connects)
	v.pinged()
	if len(v.desk.publishes) > 0 {
		t.Fatal("it publishes before it is let in")
	}
	connect.answer(session.ConnectAnswer{Instance: v.desk})
	v.expect("event 0", success, "onBWDone []", "_result [1]", "_result [{}]", "_result [2]")
	v.pinged()
	p := newPaper()
	taken(t, v.desk.publishes).answer(session.PublishAnswer{Publication: p})
	v.expect("event 0", "onStatus NetStream.Publish.Start", "onFCSubscribe NetStream.Play.Start", "_result [{}]")
	for _, at := range []int{10, 20} {
		if m := taken(t, p.written); int(m.Timestamp) != at {
			t.Errorf("written at %v, want %d", m.Timestamp, at)
		}
	}
	v.conn.Close()
	v.over()
	taken(t, p.closed)
	taken(t, v.desk.left)
}

// So much may wait behind a connect, and no more.
func TestTooMuchBehindAPendingConnect(t *testing.T) {
	t.Parallel()
	filler := strings.Repeat("x", 60000)
	for _, c := range []struct {
		name     string
		commands int
		argument string
		ends     bool
	}{
		{"as many as there is room for", session.MaxWaiting - 1, "", false},
		{"one more", session.MaxWaiting, "", true},
		{"as long as there is room for", session.MaxWaitingBytes/len(filler) - 1, filler, false},
		{"longer", session.MaxWaitingBytes/len(filler) + 1, filler, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			v := come(t, session.Config{PendingTimeout: time.Hour})
			v.connect()
			connect := taken(t, v.desk.connects)
			for range c.commands {
				// Who is shown out may hear of it while it speaks.
				if err := v.conn.SendCommand(0, "releaseStream", 2, nil, c.argument); err != nil && !c.ends {
					t.Fatal(err)
				}
			}
			if c.ends {
				v.over()
				v.expect("end")
				connect.answer(session.ConnectAnswer{Instance: v.desk})
				taken(t, v.desk.left)
				return
			}
			v.pinged()
			connect.answer(session.ConnectAnswer{Instance: v.desk})
			v.expect("event 0", success, "onBWDone []")
			for range c.commands {
				v.expect("_result [{}]")
			}
		})
	}
}

// The time for a connect to come ends when it has come; the time for its answer
// is another, and ends with a refusal.
func TestTimeOfAPendingConnect(t *testing.T) {
	t.Parallel()
	const connectTimeout, pendingTimeout = 15 * time.Second, time.Minute
	for _, c := range []struct {
		name    string
		after   time.Duration // the answer
		refused bool
	}{
		{"longer than a connect may take to come", 2 * connectTimeout, false},
		{"just in time", pendingTimeout - time.Second, false},
		{"too late", pendingTimeout + time.Second, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				near, far := net.Pipe()
				d, refused := newDesk(), make(chan string, 10)
				served := make(chan struct{})
				go func() {
					defer close(served)
					session.New(near, d, session.Config{
						ConnectTimeout: connectTimeout, PendingTimeout: pendingTimeout, Refused: func(reason string) { refused <- reason },
					}).Serve()
				}()
				conn := rtmp.NewClientConn(far, rtmp.Config{})
				if err := conn.Handshake(); err != nil {
					t.Fatal(err)
				}
				v := &visitor{client: hear(t, conn, servertest.Word), desk: d, served: served, refused: refused}
				<-time.After(connectTimeout - time.Second)
				v.connect()
				connect := taken(t, d.connects)
				<-time.After(c.after)
				connect.answer(session.ConnectAnswer{Instance: d})
				if !c.refused {
					v.hello()
					v.conn.Close()
					v.over()
					taken(t, d.left)
					return
				}
				taken(t, d.left) // it came too late
				info := v.expect("_error NetConnection.Connect.Failed")
				if said, _ := info.Get("description"); said != "The instance has not answered for 1m0s." {
					t.Errorf("said %q", said)
				}
				v.expect("close []")
				v.conn.Close()
				v.over()
				if why := taken(t, refused); why != "instance did not answer" || len(refused) > 0 {
					t.Errorf("counted as %q, and %d more", why, len(refused))
				}
			})
		})
	}
}

// goes is a visitor who leaves while an answer pends; until then the session
// reads on.
func (v *visitor) goes() {
	v.t.Helper()
	v.pinged()
	v.conn.Close()
	v.over()
}

// An instance that does not answer keeps nobody from reading: pings are
// answered, that the client goes is noticed, and what is handed out afterwards
// is given back.
func TestInstanceThatDoesNotAnswer(t *testing.T) {
	t.Parallel()
	t.Run("publish", func(t *testing.T) {
		t.Parallel()
		v := welcome(t, session.Config{})
		v.on(1, "publish", "cam", "record")
		asked := taken(t, v.desk.publishes)
		v.goes()
		taken(t, v.desk.left)
		p := newPaper()
		asked.answer(session.PublishAnswer{Publication: p})
		taken(t, p.closed)
	})
	t.Run("play live", func(t *testing.T) {
		t.Parallel()
		v := welcome(t, session.Config{})
		v.on(1, "play", "cam")
		asked := taken(t, v.desk.plays)
		v.goes()
		taken(t, v.desk.left)
		fanout := stream.NewFanout(1)
		defer fanout.Close()
		released := make(chan struct{})
		asked.answer(session.PlayAnswer{Live: stream.New("cam", fanout, stream.Options{}), Release: func() { close(released) }})
		taken(t, released)
	})
	t.Run("play recorded", func(t *testing.T) {
		t.Parallel()
		v := welcome(t, session.Config{})
		v.on(1, "play", "film", 0.0)
		asked := taken(t, v.desk.plays)
		v.goes()
		store := storeWith(t, "film")
		file, err := store.OpenFile(context.Background(), "film")
		if err != nil {
			t.Fatal(err)
		}
		if n := store.Playbacks(); n != 1 {
			t.Fatalf("%d playbacks", n)
		}
		asked.answer(session.PlayAnswer{File: file})
		if n := store.Playbacks(); n != 0 {
			t.Errorf("%d playbacks of who has gone", n)
		}
	})
	t.Run("getStreamLength", func(t *testing.T) {
		t.Parallel()
		v := welcome(t, session.Config{})
		v.send("getStreamLength", 3, nil, "film")
		asked := taken(t, v.desk.lengths)
		v.goes()
		asked.answer(session.LengthAnswer{Length: time.Second})
	})
}

// A publisher that is told to go before its instance has answered, and leaves.
func TestPublisherIsToldToGoUnanswered(t *testing.T) {
	t.Parallel()
	d := newDesk()
	h := newHouse(session.Config{})
	h.dir = d
	h.open(t)
	c := connect(t, h, "app/one")
	d.letIn(t)
	c.hello()
	c.on(1, "publish", "cam", "live")
	asked := taken(t, d.publishes)
	taken(t, d.peers).Shutdown("Over.")
	c.expect("onStatus NetConnection.Connect.AppShutdown", "end")
	c.conn.Close()
	taken(t, d.left)
	p := newPaper()
	asked.answer(session.PublishAnswer{Publication: p})
	taken(t, p.closed)
}

// storeWith is a store that holds a recording.
func storeWith(t *testing.T, name string) *recording.Store {
	t.Helper()
	dir := t.TempDir()
	servertest.WriteFLV(t, filepath.Join(dir, name+".flv"), flv.Tag{Type: flv.TypeAudio, Data: []byte{0xaf, 1, 0}})
	store, err := recording.Open(dir, nil, recording.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := store.Close(context.Background()); err != nil {
			t.Error(err)
		}
	})
	return store
}

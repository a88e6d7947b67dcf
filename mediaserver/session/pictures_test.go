package session_test

import (
	"net"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"flashpod.dev/flashpod/mediaserver/rtmp"
	"flashpod.dev/flashpod/mediaserver/servertest"
	"flashpod.dev/flashpod/mediaserver/session"
	"flashpod.dev/flashpod/mediaserver/sharedobject"
)

// A picture of 5 MB that comes before the instance has answered its publish waits
// for that, and is a publisher's then.
func TestPictureBehindAPendingPublish(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		near, far := net.Pipe()
		d := newDesk()
		s := session.New(near, d, session.Config{})
		served := make(chan struct{})
		go func() { defer close(served); s.Serve() }()
		conn := rtmp.NewClientConn(far, rtmp.Config{})
		if err := conn.Handshake(); err != nil {
			t.Fatal(err)
		}
		v := hear(t, conn, servertest.Word)
		v.Connect("app/one")
		d.letIn(t)
		v.hello()
		v.on(1, "publish", "cam", "live")
		asked := taken(t, d.publishes)
		if err := conn.Send(&rtmp.Message{Type: rtmp.TypeVideo, StreamID: 1, Payload: make([]byte, 5<<20)}); err != nil {
			t.Fatal(err)
		}
		synctest.Wait() // it has come as far as it can
		p := newPaper()
		asked.answer(session.PublishAnswer{Publication: p})
		if m := taken(t, p.written); len(m.Payload) != 5<<20 {
			t.Errorf("a picture of %d bytes", len(m.Payload))
		}
		conn.Close()
		<-served
	})
}

// An instance says how large a command, data or a shared object may be.
func TestMessagesAsLargeAsTheInstanceSays(t *testing.T) {
	t.Parallel()
	for most, sizes := range map[int]map[int]bool{ // what fits
		64 << 10:  {60 << 10: true, 70 << 10: false},
		500 << 10: {400 << 10: true, 600 << 10: false},
	} {
		for size, fits := range sizes {
			v := come(t, session.Config{})
			v.connect()
			taken(t, v.desk.connects).answer(session.ConnectAnswer{Instance: v.desk, MaxMessageSize: most})
			v.hello()
			words, _ := sharedobject.NewValue(strings.Repeat("x", size))
			object := sharedobject.Message{Name: "chat", Events: []sharedobject.Event{{Type: sharedobject.SendMessage, Value: words}}}
			shared := &rtmp.Message{Type: rtmp.TypeSharedObject, Payload: object.Encode(false)[1:]}
			for _, m := range []*rtmp.Message{shared, command(t, "aMethod", nil, strings.Repeat("x", size))} {
				_ = v.conn.Send(m) // it may be closed already
			}
			if fits {
				v.Until("_error NetConnection.Call.Failed")
				continue
			}
			select {
			case <-v.served:
			case <-time.After(patience):
				t.Errorf("%d bytes are taken where %d may be", size, most)
			}
		}
	}
}

package webrtc

import (
	"bytes"
	"errors"
	"io"
	"net"
	"testing"
	"time"

	"github.com/pion/stun/v4"

	"flashpod.dev/flashpod/mediaserver/servertest"
)

// binding is the first frame of a client that names a user; "": none.
func binding(t testing.TB, user string) []byte {
	t.Helper()
	how := []stun.Setter{stun.TransactionID, stun.BindingRequest}
	if user != "" {
		how = append(how, stun.NewSoftware("abc"), stun.NewUsername(user))
	}
	m, err := stun.Build(how...)
	if err != nil {
		t.Fatal(err)
	}
	return append([]byte{byte(len(m.Raw) >> 8), byte(len(m.Raw))}, m.Raw...)
}

// listens is a site that takes connections by TCP, too.
func listens(t *testing.T, opts Options) (s *site, address string) {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	opts.TCP = NewTCP(ln.Addr().(*net.TCPAddr))
	s = newSite(t, opts)
	done := make(chan struct{})
	go func() {
		defer close(done)
		for {
			nc, err := ln.Accept()
			if err != nil {
				return
			}
			go s.handler.TakeTCP(nc)
		}
	}()
	t.Cleanup(func() { ln.Close(); <-done })
	return s, ln.Addr().String()
}

// Who connects and is of no session is closed: at once, or, where nothing comes, in time. A
// session has so many connections, and no more.
func TestTCPStrangers(t *testing.T) {
	t.Parallel()
	s, address := listens(t, Options{ConnectTimeout: 10 * time.Second})
	s.show(0, true, 100, 1)
	w := s.watch()
	w.sees(t, 1)
	var p *peer
	s.handler.mu.Lock()
	for _, one := range s.handler.users {
		p = one
	}
	s.handler.mu.Unlock()
	user := p.user + ":theirs"
	for name, b := range map[string][]byte{
		"nothing":            nil,
		"half a frame":       binding(t, user)[:30],
		"no frame":           []byte("\xff\xff and so on"),
		"no STUN":            []byte("\x00\x0ca long message"),
		"nobody's":           binding(t, ""),
		"a user of nobody":   binding(t, "someone:else"),
		"media":              append([]byte{0, 20, 0x80}, make([]byte, 19)...),
		"a very long packet": append([]byte{2, 1}, make([]byte, 600)...),
	} {
		nc, err := net.Dial("tcp", address)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := nc.Write(b); err != nil {
			t.Fatal(err)
		}
		if err := nc.SetReadDeadline(time.Now().Add(servertest.Patience)); err != nil {
			t.Fatal(err)
		}
		if n, err := nc.Read(make([]byte, 1)); n > 0 || isTimeout(err) {
			t.Errorf("%s: %d bytes, %v", name, n, err)
		}
		nc.Close()
	}
	for n := range maxTCP + 1 {
		nc, err := net.Dial("tcp", address)
		if err != nil {
			t.Fatal(err)
		}
		defer nc.Close()
		if _, err := nc.Write(binding(t, user)); err != nil {
			t.Fatal(err)
		}
		if n < maxTCP {
			servertest.Eventually(t, "the session has a connection more", func() bool { return int(p.tcp.Load()) == n+1 })
			continue
		}
		if err := nc.SetReadDeadline(time.Now().Add(servertest.Patience)); err != nil {
			t.Fatal(err)
		}
		if _, err := io.ReadAll(nc); isTimeout(err) {
			t.Error("a session has another connection")
		}
	}
	s.show(40, false, 100, 2)
	w.sees(t, 2)
}

func isTimeout(err error) bool {
	var e net.Error
	return errors.As(err, &e) && e.Timeout()
}

// FuzzFirstFrame reads what strangers begin with.
func FuzzFirstFrame(f *testing.F) {
	f.Add(binding(f, "own:theirs"))
	f.Add(binding(f, ""))
	f.Add([]byte{0, 20, 0, 1, 0, 0, 0x21, 0x12, 0xa4, 0x42, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12})
	f.Fuzz(func(t *testing.T, b []byte) {
		frame, err := firstFrame(bytes.NewReader(b))
		if err != nil {
			return
		}
		if len(frame) > frameHead+maxFirst || !bytes.HasPrefix(b, frame) {
			t.Errorf("%x is read as %x", b, frame)
		}
		user := userOf(frame[frameHead:])
		var m stun.Message
		m.Raw = frame[frameHead:]
		if m.Decode() != nil {
			return
		}
		if want, err := m.Get(stun.AttrUsername); err == nil && m.Type == stun.BindingRequest && string(want) != user {
			t.Errorf("%x is of %q, want %q", frame, user, want)
		}
	})
}

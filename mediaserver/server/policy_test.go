package server

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"flashpod.dev/flashpod/mediaserver/servertest"
)

// askPolicy is what Flash Player is answered at a port that asks for a policy file in
// pieces.
func askPolicy(t *testing.T, nc net.Conn, pieces ...string) string {
	t.Helper()
	if err := nc.SetDeadline(time.Now().Add(servertest.Patience)); err != nil {
		t.Fatal(err)
	}
	for _, one := range pieces {
		if _, err := io.WriteString(nc, one); err != nil {
			t.Fatal(err)
		}
	}
	b, err := io.ReadAll(nc)
	if err != nil {
		t.Error(err)
	}
	return string(b)
}

// Flash Player is told the same by HTTP and at the ports of sockets, with and without
// TLS, and RTMP goes on there.
func TestPolicyFiles(t *testing.T) {
	t.Parallel()
	cfg := both(t)
	cfg.WebOrigins = []string{"https://all.example"}
	s, _ := runWith(t, cfg, open)
	allows := func(ports string) string {
		return fmt.Sprintf("<allow-access-from domain=\"all.example\"%s secure=\"true\"/>", ports)
	}
	status, header, said := page(t, s, "/crossdomain.xml", "")
	if status != http.StatusOK || header.Get("Content-Type") != "text/x-cross-domain-policy" || header.Get("X-Permitted-Cross-Domain-Policies") != "master-only" || !strings.Contains(said, allows("")) {
		t.Errorf("%d %v %s", status, header, said)
	}
	if status, _, _ := page(t, s, "/app/one/crossdomain.xml", ""); status != http.StatusNotFound {
		t.Errorf("another place has one: %d", status)
	}
	const asks = "<policy-file-request/>\x00"
	dial := func() net.Conn {
		nc, err := net.DialTimeout("tcp", s.RTMPAddr().String(), servertest.Patience)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { nc.Close() })
		return nc
	}
	want := allows(fmt.Sprintf(" to-ports=\"%d\"", s.RTMPAddr().(*net.TCPAddr).Port))
	for _, pieces := range [][]string{{asks}, {asks[:1], asks[1:]}, {asks + "and more"}} {
		if got := askPolicy(t, dial(), pieces...); !strings.Contains(got, want) || !strings.HasSuffix(got, "</cross-domain-policy>\n\x00") {
			t.Errorf("%q: %q", pieces, got)
		}
	}
	for _, words := range []string{asks[:len(asks)-1] + "\n", "<policy-file-request />\x00", "<" + strings.Repeat("x", 1000), "<stream:stream>"} {
		nc := dial()
		_, _ = io.WriteString(nc, words)
		if b, _ := io.ReadAll(nc); len(b) != 0 {
			t.Errorf("%.40q: %q", words, b)
		}
	}
	want = allows(fmt.Sprintf(" to-ports=\"%d\"", s.RTMPSAddr().(*net.TCPAddr).Port))
	if got := askPolicy(t, dialTLS(t, s), asks); !strings.Contains(got, want) {
		t.Errorf("by TLS: %q", got)
	}
	turnedAway(t, s, "asked for a policy file", 4)
	connect(t, s, "app/one").hello()
}

// In a policy file are those who may use every instance.
func TestAllowedByAll(t *testing.T) {
	t.Parallel()
	const one, two = "{application: app, instance: one, web: {allowedOrigins: [https://a.example, https://b.example]}}", "{application: app, instance: two, web: {allowedOrigins: [https://b.example], hostname: live.example}}"
	for name, c := range map[string]struct {
		specs []string
		want  []string
	}{
		"one":            {[]string{one}, []string{"https://a.example", "https://all.example", "https://b.example"}},
		"two":            {[]string{one, two}, []string{"https://all.example", "https://b.example"}},
		"one for nobody": {[]string{two, open}, []string{"https://all.example"}},
		"one for all":    {[]string{one, "{application: app, instance: all, web: {allowedOrigins: ['*']}}"}, []string{"https://a.example", "https://all.example", "https://b.example"}},
		"one is away":    {[]string{two, "{application: away, suspend: true}"}, []string{"http://live.example", "https://all.example", "https://b.example", "https://live.example"}},
	} {
		s, _ := runWith(t, Config{WebOrigins: []string{"https://all.example"}}, c.specs...)
		if got := s.allowedByAll(); !slices.Equal(got, c.want) {
			t.Errorf("%s: %v, want %v", name, got, c.want)
		}
	}
	folder := servertest.WriteFiles(t, t.TempDir(), "chat/main.asc", "application.onConnect = function (c) { return true }")
	s, _ := runWith(t, Config{WebOrigins: []string{"https://all.example"}, Applications: folder}, one)
	if got := s.allowedByAll(); !slices.Equal(got, []string{"https://all.example"}) {
		t.Errorf("with an application that has no manifest: %v", got)
	}
}

// FuzzFirstByte has a client by TLS say anything first: a letter is HTTP, and RTMP has
// all that it may begin with.
func FuzzFirstByte(f *testing.F) {
	for _, b := range []byte("\x03\x06\x08<GPzA@[`{\x16\x00\xff") {
		f.Add(b)
	}
	f.Fuzz(func(t *testing.T, b byte) {
		letter := strings.ContainsRune("ABCDEFGHIJKLMNOPQRSTUVWXYZ", rune(b&^0x20)) && b < 0x80
		if got := firstByte(b); (got == speaksHTTP) != letter {
			t.Errorf("%#x: %v", b, got)
		}
	})
}

package outgoing_test

import (
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/goleak"

	"flashpod.dev/flashpod/mediaserver/budget"
	"flashpod.dev/flashpod/mediaserver/script/outgoing"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// liar is a DNS in which every name is what the test wants.
type liar map[string][]netip.Addr

func (l liar) LookupNetIP(_ context.Context, _, host string) ([]netip.Addr, error) {
	if a, ok := l[host]; ok {
		return a, nil
	}
	return nil, &net.DNSError{Err: "no such host", Name: host, IsNotFound: true}
}

func addrs(all ...string) (a []netip.Addr) {
	for _, s := range all {
		a = append(a, netip.MustParseAddr(s))
	}
	return a
}

func open(t *testing.T, cfg outgoing.Config, allowed ...string) *outgoing.Network {
	t.Helper()
	hosts, err := outgoing.ParseHosts("spec.script.allowedHosts", allowed)
	if err != nil {
		t.Fatal(err)
	}
	cfg.Hosts = hosts
	n := outgoing.New(cfg)
	t.Cleanup(n.Close)
	return n
}

func serve(t *testing.T, h http.HandlerFunc) (server *httptest.Server, port string) {
	t.Helper()
	server = httptest.NewServer(h)
	t.Cleanup(server.Close)
	u, err := url.Parse(server.URL)
	if err != nil {
		t.Fatal(err)
	}
	return server, u.Port()
}

func get(t *testing.T, n *outgoing.Network, url string) (string, error) {
	t.Helper()
	r, err := n.Do(t.Context(), outgoing.Request{URL: url})
	if err != nil {
		return "", err
	}
	defer r.Release()
	return string(r.Body), nil
}

func TestListsThatAreRefused(t *testing.T) {
	t.Parallel()
	for _, entry := range []string{
		"", "*", "*.", "a b", "http://example.com", "example.com/path", "example.com:0", "example.com:65536", "example.com:http", "exa*mple.com",
		"bücher.de", "10.0.0.0/33", "127.0.0.0/8", "169.254.169.0/24", "fe80::/10", "224.0.0.0/4", "::ffff:127.0.0.0/104", "10.0.0.0/8:80", "[::1", "::1:99999:1:1:1:1:1:1:1",
	} {
		if _, err := outgoing.ParseHosts("spec.script.allowedHosts", []string{"example.com", entry}); err == nil {
			t.Errorf("%q was taken", entry)
		} else if want := fmt.Sprintf("spec.script.allowedHosts: %q: ", entry); !strings.HasPrefix(err.Error(), want) {
			t.Errorf("%q gave %v", entry, err)
		}
	}
}

// TestWhichHosts: what a list lets pass, by names and by what DNS says of them. Nothing is connected to where the answer is no.
func TestWhichHosts(t *testing.T) {
	t.Parallel()
	server, port := serve(t, func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "hello") })
	dns := liar{
		"backend": addrs("127.0.0.1"), "localhost": addrs("127.0.0.1"), "api.localhost": addrs("127.0.0.1"), "www.example.com": addrs("127.0.0.1"),
		"meta": addrs("169.254.169.254"), "azure": addrs("168.63.129.16"), "meta6": addrs("fd00:ec2::254"), "any": addrs("0.0.0.0"), "mapped": addrs("::ffff:127.0.0.1"),
		"nat64": addrs("64:ff9b::7f00:1"), "tunnel": addrs("2002:7f00:1::"), "old": addrs("::7f00:1"), "mine": addrs("198.51.100.7"), "group": addrs("224.0.0.1"),
		"link": addrs("fe80::1%lo"), "zero6": addrs("::"), "none": {}, "mixed": addrs("169.254.169.254", "127.0.0.1"), "private": addrs("10.1.2.3"),
		"localhost.evil.example": addrs("127.0.0.1"),
	}
	self := func() ([]netip.Addr, error) { return addrs("198.51.100.7", "::ffff:198.51.100.8"), nil }
	for _, row := range []struct{ allowed, host, want string }{
		{"", "127.0.0.1", "host 127.0.0.1:80 is not in spec.script.allowedHosts"},
		{"", "backend", "host backend:80 is not in spec.script.allowedHosts"},
		{"127.0.0.1", "127.0.0.1", "hello"},
		{"127.0.0.1:80", "127.0.0.1", "hello"},
		{"127.0.0.1:81", "127.0.0.1", "is not in spec.script.allowedHosts"},
		{"127.0.0.1/32", "127.0.0.1", "hello"},
		{"::ffff:127.0.0.1", "127.0.0.1", "hello"},
		{"127.0.0.1", "[::ffff:127.0.0.1]", "hello"},
		{"0.0.0.0/0", "127.0.0.1", "is 127.0.0.1, one of this machine's own addresses: such an address is reached only where spec.script.allowedHosts names it itself"},
		{"localhost", "localhost", "hello"},
		{"localhost", "LOCALHOST.", "hello"},
		{"localhost:80", "localhost", "hello"},
		{"localhost", "127.0.0.1", "is not in"},
		{"api.localhost", "api.localhost", "hello"},
		{"*.localhost", "api.localhost", "one of this machine's own addresses"},
		{"localhost", "backend", "is not in"},
		{"localhost.evil.example", "localhost.evil.example", "one of this machine's own addresses"},
		{"backend", "backend", "host backend:80 is 127.0.0.1, one of this machine's own addresses"},
		{"backend, 127.0.0.1", "backend", "hello"},
		{"127.0.0.1/32", "backend", "hello"}, // by its address, whatever it is called
		{"10.0.0.0/8", "backend", "is not in"},
		{"10.0.0.0/8", "nobody", "no such host"},
		{"*.example.com", "www.example.com", "own addresses"},
		{"*.example.com, 127.0.0.1", "www.example.com", "hello"},
		{"*.example.com, 127.0.0.1/32", "example.com", "no such host"},
		{"*.example.com", "example.com", "is not in"},
		{"*.example.com", "wwwexample.com", "is not in"},
		{"example.com", "www.example.com", "is not in"},
		{"meta", "meta", "is 169.254.169.254, one of those of the machine's link, where clouds have their metadata"},
		{"0.0.0.0/0", "169.254.169.254", "link"}, {"azure", "azure", "metadata"}, {"meta6", "meta6", "metadata"}, {"::/0", "meta6", "metadata"},
		{"any", "any", "those that mean any machine"}, {"0.0.0.0/0", "0.0.0.0", "any machine"}, {"zero6", "zero6", "any machine"}, {"mapped", "mapped", "this machine's own addresses"},
		{"nat64", "nat64", "own addresses"}, {"tunnel", "tunnel", "own addresses"}, {"old", "old", "own addresses"},
		{"mine", "mine", "is 198.51.100.7, one of this machine's own addresses"}, {"198.51.100.0/24", "198.51.100.8", "own addresses"},
		{"group", "group", "many machines"}, {"link", "link", "link"}, {"none", "none", "DNS knows no address of it"},
		{"mixed, 127.0.0.1", "mixed", "hello"}, // the next address is tried
		{"127.0.0.1", "2130706433", "is not in"}, {"0.0.0.0/0", "0x7f.1", "no such host"},
		{"b\u00fccher.example, backend", "backend", "ASCII"},
	} {
		var allowed []string
		for s := range strings.SplitSeq(row.allowed, ", ") {
			if s != "" {
				allowed = append(allowed, strings.ReplaceAll(s, ":80", ":"+port))
			}
		}
		hosts, err := outgoing.ParseHosts("spec.script.allowedHosts", allowed)
		got := ""
		if err == nil {
			n := outgoing.New(outgoing.Config{Hosts: hosts, Resolver: dns, Own: self})
			got, err = get(t, n, "http://"+row.host+":"+port+"/")
			n.Close()
		}
		if err != nil {
			got = strings.ReplaceAll(err.Error(), ":"+port, ":80")
		}
		if !strings.Contains(got, row.want) {
			t.Errorf("[%s] lets %s: %s, want %s", row.allowed, row.host, got, row.want)
		}
	}
	server.CloseClientConnections()
}

// TestDNSThatChangesItsMind: what DNS says the second time counts the second time.
func TestDNSThatChangesItsMind(t *testing.T) {
	t.Parallel()
	_, port := serve(t, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Connection", "close")
		fmt.Fprint(w, "hello")
	})
	dns := liar{"backend": addrs("127.0.0.1")}
	n := open(t, outgoing.Config{Resolver: dns}, "backend", "127.0.0.1:"+port)
	if got, err := get(t, n, "http://backend:"+port+"/"); err != nil || got != "hello" {
		t.Fatal(got, err)
	}
	dns["backend"] = addrs("127.0.0.2")
	if _, err := get(t, n, "http://backend:"+port+"/"); err == nil || !strings.Contains(err.Error(), "is 127.0.0.2, one of this machine's") {
		t.Fatal(err)
	}
}

func TestRedirects(t *testing.T) {
	t.Parallel()
	var reached atomic.Int32
	other, otherPort := serve(t, func(w http.ResponseWriter, r *http.Request) {
		reached.Add(1)
		fmt.Fprint(w, "other: ", r.Header.Get("Authorization"))
	})
	_, port := serve(t, func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/loop":
			http.Redirect(w, r, "/loop", http.StatusFound)
		case "/file":
			http.Redirect(w, r, "file:///etc/passwd", http.StatusFound)
		case "/meta":
			http.Redirect(w, r, "http://169.254.169.254/latest/", http.StatusFound)
		case "/other":
			http.Redirect(w, r, other.URL, http.StatusFound)
		case "/name":
			http.Redirect(w, r, "http://backend:"+otherPort+"/", http.StatusTemporaryRedirect)
		}
	})
	dns := liar{"backend": addrs("127.0.0.1")}
	n := open(t, outgoing.Config{Resolver: dns}, "127.0.0.1:"+port)
	base := "http://127.0.0.1:" + port
	for path, want := range map[string]string{
		"/loop": "more than 5 redirects", "/file": "its scheme must be http or https", "/meta": "host 169.254.169.254:80 is not in",
		"/other": "host 127.0.0.1:" + otherPort + " is not in", "/name": "host backend:" + otherPort + " is not in",
	} {
		if _, err := get(t, n, base+path); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s gave %v, want %s", path, err, want)
		}
	}
	if reached.Load() != 0 {
		t.Error("the other server was reached")
	}
	n = open(t, outgoing.Config{Resolver: dns}, "127.0.0.1")
	if got, err := get(t, n, base+"/other"); err != nil || got != "other: " {
		t.Error(got, err)
	}
	if _, err := get(t, n, base+"/name"); err == nil || !strings.Contains(err.Error(), "is not in") {
		t.Error(err)
	}
}

func TestAnswersAreBounded(t *testing.T) {
	t.Parallel()
	gone := make(chan struct{}, 1)
	endless := func(w http.ResponseWriter, r *http.Request, piece []byte) {
		for r.Context().Err() == nil {
			if _, err := w.Write(piece); err != nil {
				break
			}
		}
		gone <- struct{}{}
	}
	_, port := serve(t, func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/stream":
			endless(w, r, make([]byte, 1000))
		case "/length":
			w.Header().Set("Content-Length", "1000000000")
		case "/bomb":
			w.Header().Set("Content-Encoding", "gzip")
			z := gzip.NewWriter(w)
			_, _ = z.Write(make([]byte, 1<<20)) // the client has gone by then
			_ = z.Close()
		case "/nothing": // members that are empty: bytes come, and nothing of them
			w.Header().Set("Content-Encoding", "gzip")
			var empty bytes.Buffer
			_ = gzip.NewWriter(&empty).Close()
			endless(w, r, bytes.Repeat(empty.Bytes(), 100))
		case "/garbage":
			w.Header().Set("Content-Encoding", "gzip")
			fmt.Fprint(w, "no gzip at all")
		case "/headers":
			for i := range 2000 {
				w.Header().Set(fmt.Sprint("X-", i), strings.Repeat("x", 100))
			}
		case "/good":
			w.Header().Set("Content-Encoding", "gzip")
			z := gzip.NewWriter(w)
			fmt.Fprint(z, "unpacked ", r.Header.Get("Accept-Encoding"))
			_ = z.Close()
		case "/exact":
			_, _ = w.Write(make([]byte, 10000))
		}
	})
	memory := budget.New("answers", 1<<20)
	n := open(t, outgoing.Config{Limits: outgoing.Limits{Answer: 10000}, Memory: memory}, "127.0.0.1")
	base := "http://127.0.0.1:" + port
	for path, want := range map[string]string{
		"/stream": "its answer is larger than 10000 bytes", "/length": "larger than 10000", "/bomb": "larger than 10000", "/nothing": "larger than 10000",
		"/garbage": "its compressed answer: gzip: invalid header", "/headers": "header",
	} {
		if _, err := get(t, n, base+path); err == nil || !strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), "127.0.0.1:"+port) {
			t.Errorf("%s gave %v, want %s", path, err, want)
		}
	}
	<-gone
	<-gone
	if got, err := get(t, n, base+"/good"); err != nil || got != "unpacked gzip" {
		t.Error(got, err)
	}
	if got, err := get(t, n, base+"/exact"); err != nil || len(got) != 10000 {
		t.Error(len(got), err)
	}
	if memory.Used() != 0 {
		t.Errorf("%d bytes are still taken", memory.Used())
	}
	poor := open(t, outgoing.Config{Memory: budget.New("answers", 20000)}, "127.0.0.1")
	if _, err := get(t, poor, base+"/exact"); err == nil || !strings.Contains(err.Error(), "no memory left") {
		t.Error(err)
	}
}

// TestHosts that hang, at each stage, are given up.
func TestHostsThatHang(t *testing.T) {
	t.Parallel()
	wait := make(chan struct{})
	_, port := serve(t, func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/body" {
			w.WriteHeader(http.StatusOK)
			_ = http.NewResponseController(w).Flush()
		}
		<-wait
	})
	defer close(wait)
	silent, err := net.Listen("tcp", "127.0.0.1:0") // takes connections, and says nothing
	if err != nil {
		t.Fatal(err)
	}
	defer silent.Close()
	_, silentPort, err := net.SplitHostPort(silent.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	short := 50 * time.Millisecond
	for _, row := range []struct {
		limits    outgoing.Limits
		url, want string
	}{
		{outgoing.Limits{Header: short}, "http://127.0.0.1:" + port, "did not answer in time"},
		{outgoing.Limits{Whole: short}, "http://127.0.0.1:" + port, "no whole answer within 50ms"},
		{outgoing.Limits{Whole: short}, "http://127.0.0.1:" + port + "/body", "no whole answer within 50ms"},
		{outgoing.Limits{Connect: short}, "https://127.0.0.1:" + silentPort, "127.0.0.1:" + silentPort},
		{outgoing.Limits{Connect: short}, "http://slow:" + port, "nobody answered within 50ms"},
	} {
		n := open(t, outgoing.Config{Limits: row.limits, Resolver: hanging{}}, "127.0.0.1", "slow")
		if _, err := get(t, n, row.url+"?secret"); err == nil || !strings.Contains(err.Error(), row.want) || strings.Contains(err.Error(), "secret") {
			t.Errorf("%s gave %v, want %s", row.url, err, row.want)
		}
	}
	ctx, cancel := context.WithCancelCause(t.Context())
	cancel(errors.New("the instance ends"))
	n := open(t, outgoing.Config{}, "127.0.0.1")
	if _, err := n.Do(ctx, outgoing.Request{URL: "http://127.0.0.1:" + port}); err == nil || err.Error() != "the instance ends" {
		t.Error(err)
	}
}

type hanging struct{}

func (hanging) LookupNetIP(ctx context.Context, _, _ string) ([]netip.Addr, error) {
	<-ctx.Done()
	return nil, ctx.Err()
}

// TestTurns: a host that hangs keeps no other from being asked, and what waits is bounded.
func TestTurns(t *testing.T) {
	t.Parallel()
	wait, came := make(chan struct{}), make(chan struct{}, 100)
	_, port := serve(t, func(http.ResponseWriter, *http.Request) {
		came <- struct{}{}
		<-wait
	})
	_, quick := serve(t, func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "hello") })
	n := open(t, outgoing.Config{Limits: outgoing.Limits{Requests: 3, PerHost: 2, Waiting: 1}}, "127.0.0.1")
	done := make(chan error, 100)
	ask := func() {
		_, err := n.Do(t.Context(), outgoing.Request{URL: "http://127.0.0.1:" + port})
		done <- err
	}
	for range 10 {
		go ask()
	}
	<-came
	<-came
	for range 4 { // four wait: as many as may be under way, and one
		if err := <-done; err == nil || !strings.Contains(err.Error(), "requests wait for their turn") {
			t.Fatal(err)
		}
	}
	select {
	case <-came:
		t.Error("a third request came to the host")
	default:
	}
	close(wait)
	for range 6 {
		if err := <-done; err != nil {
			t.Error(err)
		}
	}
	if got, err := get(t, n, "http://127.0.0.1:"+quick); err != nil || got != "hello" {
		t.Error(got, err)
	}
}

func TestWhatARequestSays(t *testing.T) {
	t.Parallel()
	_, port := serve(t, func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		fmt.Fprintf(w, "%s %s %s %q %q %s", r.Method, r.Host, r.Header.Get("X-Mine"), r.Header["Proxy-Authorization"], r.TransferEncoding, body)
	})
	n := open(t, outgoing.Config{}, "127.0.0.1")
	r, err := n.Do(t.Context(), outgoing.Request{
		Method: "POST", URL: "http://127.0.0.1:" + port, Body: []byte("a=1"),
		Header: http.Header{"x-mine": {"yes"}, "Host": {"evil"}, "Content-Length": {"0"}, "Transfer-Encoding": {"chunked"}, "Proxy-Authorization": {"x"}},
	})
	if err != nil {
		t.Fatal(err)
	}
	if want := "POST 127.0.0.1:" + port + " yes [] [] a=1"; string(r.Body) != want {
		t.Errorf("%s, want %s", r.Body, want)
	}
	for _, bad := range []string{"", "http://", "http://127.0.0.1:0/", "ftp://127.0.0.1/", "http://[::1", "127.0.0.1", "http://127.0.0.1:99999/", "gopher:x", "http://a b/"} {
		if err := n.Check(bad); err == nil {
			t.Errorf("%q was taken", bad)
		}
	}
	if _, err := n.Do(t.Context(), outgoing.Request{Method: "PO ST", URL: "http://127.0.0.1:" + port}); err == nil {
		t.Error("a method of two words was taken")
	}
	if _, err := n.Do(t.Context(), outgoing.Request{URL: "http://127.0.0.1:" + port, Header: http.Header{"X": {"a\r\nEvil: b"}}}); err == nil {
		t.Error("a header of two lines was taken")
	}
}

func TestSockets(t *testing.T) {
	t.Parallel()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	port := netip.MustParseAddrPort(ln.Addr().String()).Port()
	n := open(t, outgoing.Config{Limits: outgoing.Limits{Sockets: 2}, Resolver: liar{"backend": addrs("127.0.0.1"), "evil": addrs("127.0.0.2")}}, "127.0.0.1", "backend", "evil")
	a, err := n.Dial(t.Context(), "127.0.0.1", port)
	if err != nil {
		t.Fatal(err)
	}
	b, err := n.Dial(t.Context(), "backend", port)
	if err != nil {
		t.Fatal(err)
	}
	defer b.Close()
	if _, err := n.Dial(t.Context(), "127.0.0.1", port); err == nil || !strings.Contains(err.Error(), "2 connections are open") {
		t.Error(err)
	}
	a.Close()
	a.Close()
	if _, err := n.Dial(t.Context(), "evil", port); err == nil || !strings.Contains(err.Error(), "own addresses") {
		t.Error(err)
	}
	var refused *outgoing.Refused
	if _, err := n.Dial(t.Context(), "elsewhere", port); !errors.As(err, &refused) {
		t.Error(err)
	}
	c, err := n.Dial(t.Context(), "127.0.0.1", port)
	if err != nil {
		t.Fatal(err)
	}
	c.Close()
	ln.Close()
	if _, err := n.Dial(t.Context(), "127.0.0.1", port); err == nil || !strings.Contains(err.Error(), "refused") {
		t.Error(err)
	}
}

package server

import (
	"crypto/tls"
	"fmt"
	"log/slog"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"flashpod.dev/flashpod/mediaserver/rtmp"
	"flashpod.dev/flashpod/mediaserver/servertest"
)

// routed is a gateway whose routes a test writes.
type routed struct {
	*Server
	file string
	log  *servertest.Log
	stop func()
}

// runGateway serves routes, which it asks for with a folder that link keys may lie in.
func runGateway(t *testing.T, cfg Config, routes string) *routed {
	t.Helper()
	g := &routed{file: filepath.Join(t.TempDir(), "routes.yaml"), log: &servertest.Log{}}
	g.write(t, routes)
	cfg.Routes, cfg.Log = g.file, g.log.Logger(slog.LevelInfo)
	g.Server, g.stop = runWith(t, cfg)
	return g
}

// write replaces the routes as whole.
func (g *routed) write(t *testing.T, routes string) {
	t.Helper()
	if err := os.WriteFile(g.file+".new", []byte(routes), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(g.file+".new", g.file); err != nil {
		t.Fatal(err)
	}
}

// runOrigin serves specs to edges, and says how a route leads there.
func runOrigin(t *testing.T, specs ...string) (s *Server, way string) {
	t.Helper()
	key := filepath.Join(t.TempDir(), "link.key")
	s, _ = runWith(t, Config{LinkKeyFile: key}, specs...)
	return s, fmt.Sprintf("origin: %q, linkKeyFile: %q", s.RTMPAddr(), key)
}

// calling is what a client says that calls a host.
func calling(host, app string) []any { return []any{"tcUrl", "rtmp://" + host + ":1935/" + app} }

const anyone = "access: {publish: {mode: Anyone}}"

// Three instances of two origins are behind one address: each client comes to the one that
// it names, and who names another is told so.
func TestGateway(t *testing.T) {
	t.Parallel()
	one, toOne := runOrigin(t, "{application: chat, instance: lobby, "+anyone+"}", "{application: chat, instance: bar, "+anyone+"}")
	two, toTwo := runOrigin(t, "{application: shows, instance: index, onDemandInstances: true, "+anyone+"}")
	g := runGateway(t, Config{}, `
routes:
- {name: lobby, application: chat, instance: lobby, `+toOne+`}
- {name: bar, application: chat, instance: bar, hosts: [bar.example.com], `+toOne+`}
- {name: shows, application: shows, instance: index, onDemandInstances: true, `+toTwo+`}
`)
	for i, c := range []struct {
		host, app string
		origin    *Server
		players   int // that it has then
	}{{"h", "chat/lobby", one, 2}, {"bar.example.com", "chat/bar", one, 4}, {"h", "shows/tonight", two, 2}} {
		p := connect(t, g.Server, c.app, calling(c.host, c.app)...).hello()
		p.on(1, "publish", "cam", "live")
		p.expect("event 0", "onStatus NetStream.Publish.Start")
		v := connect(t, g.Server, c.app, calling(c.host, c.app)...).hello()
		v.on(1, "play", "cam")
		v.expect("event 0", "onStatus NetStream.Play.Reset", "onStatus NetStream.Play.Start", "data |RtmpSampleAccess")
		at := connect(t, c.origin, c.app).hello()
		at.on(1, "play", "cam")
		at.expect("event 0", "onStatus NetStream.Play.Reset", "onStatus NetStream.Play.Start", "data |RtmpSampleAccess")
		servertest.Eventually(t, "both play", func() bool {
			n := 0
			for _, s := range c.origin.Stats() {
				n += s.Players
			}
			return n == c.players && g.gateway.Players() == i+1
		})
		audio(t, p, 500)
		v.expect("audio 500")
		at.expect("audio 500")
	}
	for _, c := range []struct{ host, app, code, says string }{
		{"h", "none/lobby", "NetConnection.Connect.InvalidApp", "Application (none) is not defined"},
		{"h", "chat/attic", "NetConnection.Connect.Rejected", "Instance (attic) of application (chat) is not served here"},
		{"h", "chat/bar", "NetConnection.Connect.Rejected", "Instance (bar) of application (chat) is not served here"},
		{"bar.example.com", "chat/lobby", "NetConnection.Connect.Rejected", "Instance (lobby)"},
	} {
		info := connect(t, g.Server, c.app, calling(c.host, c.app)...).expect("_error " + c.code)
		if said, _ := info.Get("description"); !strings.Contains(fmt.Sprint(said), c.says) {
			t.Errorf("%s at %s: %v", c.app, c.host, said)
		}
	}
	for _, line := range []string{"flashpod_gateway_routes 3", `flashpod_edge_links{state="linked"} 3`, `flashpod_edge_viewers{way="rtmp"} 3`} {
		servertest.Eventually(t, "metrics have "+line, func() bool { return metric(t, g.Server, line) })
	}
}

// In a cluster an origin has the gateway's key beside those of its edges, and takes links at
// a port of their own.
func TestGatewayWithAKeyOfItsOwn(t *testing.T) {
	t.Parallel()
	keys := servertest.WriteFiles(t, t.TempDir(), "gateway", "the-key-of-the-gateway", "keys", "the-key-of-the-edges\n")
	of, _ := runWith(t, Config{LinkKeyFile: keys, LinkAddress: anyAddress}, "{application: app, instance: one, "+anyone+"}")
	way := fmt.Sprintf("application: app, instance: one, origin: %q", of.LinkAddr())
	g := runGateway(t, Config{}, "routes: [{name: a/one, linkKey: the-key-of-the-gateway, "+way+"}]")
	connect(t, g.Server, "app/one").hello()
	if n := of.Stats()[0].Connections; n != 1 {
		t.Errorf("the origin has %d connections", n)
	}
	other := runGateway(t, Config{linkWaits: time.Second}, "routes: [{name: a/one, linkKey: the-key-of-somebody-else, "+way+"}]")
	connect(t, other.Server, "app/one").expect("_error NetConnection.Connect.Failed", "close []", "end")
}

// Routes count when they change, and who is connected stays; wrong ones do not count.
func TestRoutesChange(t *testing.T) {
	t.Parallel()
	one, toOne := runOrigin(t, "{application: app, instance: one, "+anyone+"}")
	two, toTwo := runOrigin(t, "{application: app, instance: one, "+anyone+"}")
	g := runGateway(t, Config{}, "routes: [{name: a, application: app, instance: one, "+toOne+"}]")
	first := connect(t, g.Server, "app/one").hello()
	first.on(1, "publish", "cam", "live")
	first.expect("event 0", "onStatus NetStream.Publish.Start")

	g.write(t, "routes: [{name: a, application: app, instance: one, colour: red, "+toTwo+"}]")
	servertest.Eventually(t, "it says what is wrong", func() bool { return g.log.Count(`unknown field \"colour\"`) == 1 })
	connect(t, g.Server, "app/one").hello().conn.Close()
	if two.Stats()[0].Total.Connections != 0 {
		t.Error("routes that are wrong lead somewhere")
	}
	g.write(t, "routes: [{name: a, application: app, instance: one, "+toTwo+"}]")
	servertest.Eventually(t, "they count", func() bool { return g.log.Count("msg=routes") == 2 })
	connect(t, g.Server, "app/one").hello()
	if two.Stats()[0].Total.Connections != 1 {
		t.Error("it does not come to where the route leads by now")
	}
	first.on(1, "closeStream")
	first.expect("onStatus NetStream.Unpublish.Success")
	first.conn.Close()
	servertest.Eventually(t, "where nobody is any more has no link", func() bool { return one.origin.Links() == 0 })

	g.write(t, "routes: [{name: a, application: app, instance: one, suspended: true, "+toTwo+"}]")
	servertest.Eventually(t, "they count", func() bool { return g.log.Count("msg=routes") == 3 })
	info := connect(t, g.Server, "app/one").expect("_error NetConnection.Connect.Failed")
	if said, _ := info.Get("description"); said != "The instance is suspended." {
		t.Error(said)
	}
}

// A key that is missing costs its own route alone, until it comes; one that goes bad leaves
// the one before in its place.
func TestRouteWithoutItsKey(t *testing.T) {
	t.Parallel()
	_, toOne := runOrigin(t, "{application: app, instance: one, "+anyone+"}")
	key := filepath.Join(t.TempDir(), "link.key")
	two, _ := runWith(t, Config{LinkKeyFile: key}, "{application: app, instance: two, "+anyone+"}")
	copied := filepath.Join(t.TempDir(), "two.key")
	g := runGateway(t, Config{}, fmt.Sprintf("routes: [{name: one, application: app, instance: one, %s}, {name: two, application: app, instance: two, origin: %q, linkKeyFile: %q}]", toOne, two.RTMPAddr(), copied))
	connect(t, g.Server, "app/one").hello()
	info := connect(t, g.Server, "app/two").expect("_error NetConnection.Connect.Failed")
	if said, _ := info.Get("description"); !strings.Contains(fmt.Sprint(said), "no key yet") {
		t.Error(said)
	}
	servertest.Eventually(t, "it is said which", func() bool {
		return g.log.Count("nobody is let through to an origin") == 1 && g.log.Count("route=two") == 1 && metric(t, g.Server, "flashpod_gateway_keyless_routes 1")
	})
	text, err := os.ReadFile(key)
	if err != nil {
		t.Fatal(err)
	}
	put := func(text []byte) {
		t.Helper()
		if err := os.WriteFile(copied+".new", text, 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.Rename(copied+".new", copied); err != nil {
			t.Fatal(err)
		}
	}
	put(text)
	servertest.Eventually(t, "it is read", func() bool { return metric(t, g.Server, "flashpod_gateway_keyless_routes 0") })
	connect(t, g.Server, "app/two").hello()
	put([]byte("short"))
	servertest.Eventually(t, "the one before stays", func() bool {
		return g.log.Count("a link key cannot be used: the one before stays") == 1 && metric(t, g.Server, "flashpod_gateway_keyless_routes 1")
	})
	connect(t, g.Server, "app/two").hello()
}

// A gateway without routes is not ready, and says so; one that it cannot read ends it.
func TestRoutesComeLater(t *testing.T) {
	t.Parallel()
	_, toOne := runOrigin(t, "{application: app, instance: one, "+anyone+"}")
	g := &routed{file: filepath.Join(t.TempDir(), "routes.yaml")}
	var stop func()
	g.Server, stop = runWith(t, Config{Routes: g.file})
	defer stop()
	if status, body := servertest.Ask(t, http.MethodGet, "http://"+g.HTTPAddr().String()+"/readyz"); status != http.StatusServiceUnavailable || !strings.Contains(body, "no routes yet") {
		t.Errorf("%d %s", status, body)
	}
	connect(t, g.Server, "app/one").expect("_error NetConnection.Connect.Failed", "close []", "end")
	g.write(t, "routes: [{name: a, application: app, instance: one, "+toOne+"}]")
	servertest.Eventually(t, "it is ready", func() bool {
		status, _ := servertest.Ask(t, http.MethodGet, "http://"+g.HTTPAddr().String()+"/readyz")
		return status == http.StatusOK
	})
	connect(t, g.Server, "app/one").hello()

	g.write(t, "routes: [{name: a}]")
	for want, cfg := range map[string]Config{
		`application ""`:          {Routes: g.file},
		"leave out --edge-of":     {Routes: g.file, EdgeOf: "127.0.0.1:1"},
		"leave out --edge-of and": {Routes: g.file, LinkKeyFile: "x"},
	} {
		if _, err := New(cfg, nil); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want %s", err, want)
		}
	}
}

// The older of two routes counts, and the log names the other.
func TestRoutesConflict(t *testing.T) {
	t.Parallel()
	_, toOne := runOrigin(t, "{application: app, instance: one, "+anyone+"}")
	two, toTwo := runOrigin(t, "{application: app, instance: one, "+anyone+"}")
	g := runGateway(t, Config{}, "routes:\n- {name: a/one, application: app, instance: one, created: 2026-02-02T00:00:00Z, "+toOne+"}\n- {name: b/one, application: app, instance: one, created: 2026-01-01T00:00:00Z, "+toTwo+"}")
	connect(t, g.Server, "app/one").hello()
	if n := two.Stats()[0].Total.Connections; n != 1 {
		t.Errorf("the older has %d connections", n)
	}
	servertest.Eventually(t, "the log names the other", func() bool {
		return g.log.Count("route=a/one") == 1 && g.log.Count("app/one: taken by AppInstance b/one, which is older") == 1
	})
}

// Each name has its certificate, whoever calls none gets that of all; by TLS a client comes
// to the host that it has called there.
func TestGatewayByTLS(t *testing.T) {
	t.Parallel()
	one, toOne := runOrigin(t, "{application: app, instance: one, "+anyone+"}")
	two, toTwo := runOrigin(t, "{application: app, instance: one, "+anyone+"}")
	dir, folder := t.TempDir(), t.TempDir()
	certFile, keyFile := writePair(t, dir, "all.example.com", time.Now())
	put := func(name, host string) {
		if err := os.Mkdir(filepath.Join(folder, name), 0o700); err != nil {
			t.Fatal(err)
		}
		writePair(t, filepath.Join(folder, name), host, time.Now())
	}
	put("one", "one.example.com")
	put("wild", "*.two.example.com")
	if err := os.Mkdir(filepath.Join(folder, "empty"), 0o700); err != nil {
		t.Fatal(err)
	}
	g := runGateway(t, Config{RTMPSAddress: anyAddress, TLSCertFile: certFile, TLSKeyFile: keyFile, TLSFolder: folder}, `
routes:
- {name: one, application: app, instance: one, hosts: [one.example.com, late.example.com], `+toOne+`}
- {name: two, application: app, instance: one, hosts: ["*.two.example.com"], `+toTwo+`}
`)
	servertest.Eventually(t, "what is not there is told, and nobody is said to be turned away", func() bool {
		return g.log.Count("this certificate cannot be used") > 0 && g.log.Count("are turned away") == 0
	})
	dial := func(name string) (nc *tls.Conn, cert string) {
		nc, err := tls.Dial("tcp", g.RTMPSAddr().String(), &tls.Config{InsecureSkipVerify: true, ServerName: name})
		if err != nil {
			t.Fatal(err)
		}
		return nc, nc.ConnectionState().PeerCertificates[0].Subject.CommonName
	}
	for name, want := range map[string]string{
		"one.example.com": "one.example.com", "a.two.example.com": "*.two.example.com", "b.a.two.example.com": "all.example.com",
		"late.example.com": "all.example.com", "": "all.example.com",
	} {
		nc, cert := dial(name)
		_ = nc.Close()
		if cert != want {
			t.Errorf("%s is shown %s", name, cert)
		}
	}
	put("late", "late.example.com")
	servertest.Eventually(t, "a certificate that comes later counts", func() bool {
		nc, cert := dial("late.example.com")
		_ = nc.Close()
		return cert == "late.example.com"
	})
	for name, to := range map[string]*Server{"one.example.com": one, "a.two.example.com": two} {
		nc, _ := dial(name)
		conn := rtmp.NewClientConn(nc, rtmp.Config{})
		if err := conn.Handshake(); err != nil {
			t.Fatal(err)
		}
		c := &client{servertest.NewClient(t, conn, servertest.Word), conn}
		c.Connect("app/one") // it calls h in tcUrl
		c.hello()
		if n := to.Stats()[0].Connections; n != 1 {
			t.Errorf("%s has %d connections", name, n)
		}
	}
}

// What ffmpeg publishes by the gateway, ffmpeg plays by it.
func TestGatewayWithFFmpeg(t *testing.T) {
	t.Parallel()
	of, toOne := runOrigin(t, "{application: app, instance: one, recording: {mode: All}, "+anyone+"}")
	g := runGateway(t, Config{}, "routes: [{name: a, application: app, instance: one, hosts: [127.0.0.1], "+toOne+"}]")
	url := "rtmp://" + g.RTMPAddr().String() + "/app/one/film"
	if out, err := exec.Command("ffmpeg", "-v", "error", "-f", "lavfi", "-i", "sine", "-t", "2", "-c:a", "aac", "-f", "flv", url).CombinedOutput(); err != nil {
		t.Fatalf("%v %s", err, out)
	}
	servertest.Eventually(t, "the recording is finished", func() bool {
		is := of.Stats()[0]
		return is.Streams+is.Recordings+is.Connections == 0
	})
	out, err := exec.Command("ffprobe", "-v", "error", "-count_packets", "-show_entries", "stream=codec_name,nb_read_packets", "-of", "csv=p=0", "-rtmp_live", "recorded", url).CombinedOutput()
	if err != nil || !strings.Contains(string(out), "aac,88\n") {
		t.Errorf("%v %s", err, out)
	}
}

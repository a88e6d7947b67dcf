//go:build clients

package clients

import (
	"maps"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"flashpod.dev/flashpod/hack/e2e/witness"
	"flashpod.dev/flashpod/mediaserver/rtmp"
	"flashpod.dev/flashpod/mediaserver/servertest"
)

// addressOf is where a server listens for RTMP.
func addressOf(t *testing.T, s *server) net.Addr {
	t.Helper()
	u, err := rtmp.ParseURL(s.url)
	if err != nil {
		t.Fatal(err)
	}
	a, err := net.ResolveTCPAddr("tcp", u.Host)
	if err != nil {
		t.Fatal(err)
	}
	return a
}

// serveEdgeOf starts the program as an edge of what listens at an address.
func serveEdgeOf(t *testing.T, origin net.Addr, key string) *server {
	t.Helper()
	e := begin(t, "", []string{program(t), "serve", "--edge-of", origin.String(), "--link-key-file", key, "--cache-dir", filepath.Join(t.TempDir(), "cache")})
	e.url = strings.TrimSuffix(e.url, "/APPLICATION/INSTANCE") + "/live"
	return e
}

// An origin and three edges on one machine: a publisher at one edge, viewers and people who
// chat at all, and a recording that is sought at an edge, while an edge is killed and the
// origin is stopped and comes back. Who was at the edge that died plays again within a GOP of
// coming back, nobody else notices, nobody is cut off as the origin goes, and no line of the
// chat that was acknowledged is lost.
func TestEdgesComeAndGo(t *testing.T) {
	t.Parallel()
	key, data, script := filepath.Join(t.TempDir(), "link.key"), filepath.Join(t.TempDir(), "data"), t.TempDir()
	if err := os.WriteFile(filepath.Join(script, "main.asc"), []byte(witness.Script), 0o600); err != nil {
		t.Fatal(err)
	}
	origin := func() *server {
		return serve(t, anyone+"\nrecording: {mode: All}\nscript: {configMap: {name: room}}", data, "--link-key-file", key, "--script-folder", script)
	}
	of := origin()
	network := servertest.NewProxy(t, addressOf(t, of)) // to an origin that may be another each time
	var edges []*server
	for range 3 {
		edges = append(edges, serveEdgeOf(t, network.Addr(), key))
	}

	publisher := start(t, "ffmpeg", append(testPicture(600), "-g", "100", "-f", "flv", edges[0].url+"/cam")...)
	film := start(t, "ffmpeg", append(testPicture(8), "-f", "flv", edges[1].url+"/film")...)
	cam := &witness.Stream{Name: "cam", Frame: 40, GOP: 4000}
	var viewers []*witness.Viewer
	var chatters []*witness.Chatter
	names := []string{"first", "second", "third"}
	for i, e := range edges {
		at := witness.Place{First: e.url, Again: edges[2].url}
		viewers = append(viewers, witness.View(t, names[i], cam, at, false))
		chatters = append(chatters, witness.Chat(t, "who chats at the "+names[i], at, false))
	}
	t.Cleanup(func() {
		for i := range edges {
			t.Log(viewers[i])
			t.Log(chatters[i])
		}
	})
	read := func() {
		t.Helper()
		for _, c := range chatters {
			c.Talks(t, 5)
		}
		for _, c := range chatters {
			c.Reads(t, chatters...)
		}
	}
	for _, v := range viewers {
		v.Plays(t, 25)
	}
	read()
	film.wait()

	before := []witness.Seen{viewers[0].Seen(), viewers[2].Seen()}
	edges[1].kill()
	viewers[1].Returned(t, 1)
	if what := viewers[1].Came(); what != "" {
		t.Errorf("who was at the edge that died is back, but %s", what)
	}
	for i, v := range []*witness.Viewer{viewers[0], viewers[2]} {
		v.Plays(t, 25)
		if what := v.Undisturbed(before[i]); what != "" {
			t.Errorf("an edge died: the %s has noticed: %s", v.Name(), what)
		}
	}
	read()
	if at, isKey := witness.Sought(t, edges[0].url, "film", 5*time.Second); !isKey || at < 4*time.Second || at > 6*time.Second {
		t.Errorf("sought at an edge, the recording goes on at %v (a keyframe: %v)", at, isKey)
	}

	recordings := filepath.Join(data, "live", "streams", "_definst_", "cam-*.flv")
	files, err := filepath.Glob(recordings)
	if err != nil || len(files) != 1 {
		t.Fatalf("the stream is recorded in %v, %v", files, err)
	}
	had := filmed(t, files[0])
	var connects, began []int
	for i := range viewers {
		began = append(began, viewers[i].Seen().Told("NetStream.Play.PublishNotify"))
		connects = append(connects, viewers[i].Seen().Connects, chatters[i].Connects())
	}
	of.stop()
	for _, v := range viewers {
		v.Told(t, "NetStream.Play.UnpublishNotify", 1)
	}
	of = origin()
	network.To(addressOf(t, of))
	for i, v := range viewers {
		v.Told(t, "NetStream.Play.PublishNotify", began[i]+1)
		v.Plays(t, 50)
		chatters[i].Talks(t, 5)
		if v.Seen().Connects != connects[2*i] || chatters[i].Connects() != connects[2*i+1] {
			t.Errorf("the origin went: who was at the %s was cut off", names[i])
		}
		if chatters[i].Ask(t, "isBack") != true {
			t.Errorf("onConnect of the origin that is back does not say of %s that it is", chatters[i].Name())
		}
	}
	read()
	want := map[string]string{}
	for _, c := range chatters {
		maps.Copy(want, c.Acknowledged())
	}
	if lost := witness.Missing(witness.Wall(t, of.url), want); len(lost) > 0 {
		t.Errorf("of %d lines that were acknowledged %d are lost, %s the first", len(want), len(lost), lost[0])
	}
	select {
	case <-publisher.done:
		t.Errorf("the publisher at an edge was cut off: %v\n%s", publisher.err, publisher.output)
	default:
	}
	until(t, "the recording to go on in its file", func() bool {
		files, err := filepath.Glob(recordings)
		return err == nil && len(files) == 1 && filmed(t, files[0]) > had+25
	})
}

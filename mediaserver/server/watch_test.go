package server

import (
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"flashpod.dev/flashpod/mediaserver/amf"
	"flashpod.dev/flashpod/mediaserver/flv"
	"flashpod.dev/flashpod/mediaserver/servertest"
)

// film writes a recording.
func film(t *testing.T, data, name string) {
	t.Helper()
	tags := append([]flv.Tag{{Type: flv.TypeAudio, Data: []byte{0xaf, 0, 0x12, 0x10}}}, servertest.Sound(2)...)
	servertest.WriteFLV(t, filepath.Join(data, name+".flv"), tags...)
}

// answered is what a client is told next of a stream, or of a call.
func answered(t *testing.T, c *client) (word, said string) {
	t.Helper()
	for {
		word, info := c.next()
		if word == "" || word == "end" {
			t.Fatalf("the client is told %q", word)
		}
		if strings.HasPrefix(word, "onStatus ") || strings.HasPrefix(word, "_") {
			if info != nil {
				v, _ := info.Get("description")
				said, _ = v.(string)
			}
			return word, said
		}
	}
}

// Who may play is one question, whether over RTMP or by HTTP, live or recorded.
func TestWhoMayPlay(t *testing.T) {
	t.Parallel()
	const key, wrong = "?key=secret-of-the-house", "?key=guess"
	file := filepath.Join(t.TempDir(), "key")
	if err := os.WriteFile(file, []byte(strings.TrimPrefix(key, "?key=")), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		mode, shows string
		plays       bool
		rtmp, web   string // why not
	}{
		{"Anyone", "", true, "", ""},
		{"Anyone", wrong, true, "", ""},
		{"Key", key, true, "", ""},
		{"Key", "", false, "playing here needs a key, and no key was given", "append ?key=KEY to the URL"},
		{"Key", wrong, false, "wrong key: check what follows ?key=", "wrong key"},
		{"Nobody", "", false, "spec.access.play.mode is Nobody", "spec.access.play.mode is Nobody"},
		{"Nobody", key, false, "spec.access.play.mode is Nobody", "spec.access.play.mode is Nobody"},
	} {
		t.Run(c.mode+c.shows, func(t *testing.T) {
			t.Parallel()
			data := t.TempDir()
			film(t, data, "app/streams/one/film")
			s, _ := runWith(t, Config{Data: data, WebAddress: anyAddress, PublishKeyFile: file}, "{application: app, instance: one, access: {play: {mode: "+c.mode+"}}}")
			for name, start := range map[string]float64{"film": 0, "cam": -1000} {
				v := connect(t, s, "app/one").hello()
				v.on(1, "play", name+c.shows, start)
				word, said := answered(t, v)
				if plays := word == "onStatus NetStream.Play.Reset"; plays != c.plays {
					t.Errorf("%s: the player is told %s: %s", name, word, said)
				}
				if !c.plays && (word != "onStatus NetStream.Play.Failed" || !strings.Contains(said, c.rtmp)) {
					t.Errorf("%s: the player is told %s: %s", name, word, said)
				}
			}
			v := connect(t, s, "app/one").hello()
			v.send("getStreamLength", 9, nil, amf.Value("film"+c.shows))
			if word, said := answered(t, v); strings.HasPrefix(word, "_result") != c.plays {
				t.Errorf("of the length the client is told %s: %s", word, said)
			}
			status, _, said := page(t, s, "/app/one/film/index.m3u8"+c.shows, "")
			if want := map[bool]int{true: http.StatusOK, false: http.StatusForbidden}[c.plays]; status != want || !strings.Contains(said, c.web) {
				t.Errorf("by HTTP: %d: %s", status, said)
			}
			if c.plays && c.mode == "Key" && !strings.Contains(said, ".m3u8"+c.shows) {
				t.Errorf("the key is not in what the playlist lists:\n%s", said)
			}
		})
	}
}

// A key that is written anew counts for viewers at once, and the one before it does not
// any more. HTTP takes it from a header, too.
func TestKeysOfViewers(t *testing.T) {
	t.Parallel()
	data, h := t.TempDir(), newHand()
	film(t, data, "app/streams/one/film")
	file := filepath.Join(t.TempDir(), "key")
	write := func(key string) {
		if err := os.WriteFile(file, []byte(key), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write("first-key-of-the-house")
	s, _ := runWith(t, Config{Data: data, WebAddress: anyAddress, PublishKeyFile: file, clock: h.clock()},
		"{application: app, instance: one, access: {publish: {previousKeyFor: 0s}, play: {mode: Key}}}")
	asks := func(authorization string) int {
		t.Helper()
		r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://"+s.WebAddr().String()+"/app/one/film/index.m3u8", nil)
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Authorization", authorization)
		answer, err := http.DefaultTransport.RoundTrip(r)
		if err != nil {
			t.Fatal(err)
		}
		answer.Body.Close()
		return answer.StatusCode
	}
	for authorization, want := range map[string]int{
		"Bearer first-key-of-the-house": http.StatusOK, "bearer  first-key-of-the-house": http.StatusOK,
		"Basic first-key-of-the-house": http.StatusForbidden, "": http.StatusForbidden,
	} {
		if got := asks(authorization); got != want {
			t.Errorf("%q: %d", authorization, got)
		}
	}
	write("second-key-of-the-house")
	if got := asks("Bearer second-key-of-the-house"); got != http.StatusOK {
		t.Errorf("with the new key: %d", got)
	}
	if got := asks("Bearer first-key-of-the-house"); got != http.StatusForbidden {
		t.Errorf("with the key that was replaced: %d", got)
	}
}

// Where nobody may play, the script does.
func TestScriptPlaysForNobody(t *testing.T) {
	t.Parallel()
	data, scripts := t.TempDir(), t.TempDir()
	film(t, data, "app/streams/one/film")
	const asc = `application.onConnect = function (c) { s = Stream.get("copy"); s.record(); s.play("film", 0, -1, true); return true }`
	if err := os.WriteFile(filepath.Join(scripts, "main.asc"), []byte(asc), 0o600); err != nil {
		t.Fatal(err)
	}
	s, _ := runWith(t, Config{Data: data, ScriptFolder: scripts}, "{application: app, instance: one, script: {configMap: {name: x}}, access: {play: {mode: Nobody}}}")
	v := connect(t, s, "app/one").hello()
	servertest.Eventually(t, "the script to record what it plays", func() bool {
		info, err := os.Stat(filepath.Join(data, "app/streams/one/copy.flv"))
		return err == nil && info.Size() > 1000
	})
	v.on(1, "play", "copy", -1000.0)
	if word, said := answered(t, v); word != "onStatus NetStream.Play.Failed" || !strings.Contains(said, "Nobody") {
		t.Errorf("a client is told %s: %s", word, said)
	}
}

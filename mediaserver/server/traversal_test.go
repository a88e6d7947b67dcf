package server

import (
	"crypto/sha256"
	"fmt"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"flashpod.dev/flashpod/mediaserver/amf"
	"flashpod.dev/flashpod/mediaserver/flv"
	"flashpod.dev/flashpod/mediaserver/media"
	"flashpod.dev/flashpod/mediaserver/servertest"
	"flashpod.dev/flashpod/mediaserver/web"
)

// ways out of a folder, to a file of which all but the ending is named.
func waysOut(file string) (all []string) {
	up := strings.Repeat("../", 8)
	base := strings.TrimSuffix(file, ".flv")
	for n, to := range []string{
		"../secret", "../../secret", "../../../secret", "../../../../secret", up + base, base, "/" + base, "//" + base, "./" + base, "a/../../../../../secret", "a/../" + base,
		"..", ".", "../", "/", "../../../../", "..;/secret", "....//....//secret", "..\\..\\..\\..\\secret", "\\secret", "C:\\secret", "..%2f..%2f..%2f..%2fsecret",
		"%2e%2e/%2e%2e/%2e%2e/%2e%2e/secret", "..%252f..%252fsecret", "\uff0e\uff0e/\uff0e\uff0e/secret", "..\u2215..\u2215secret", "../../../../secret\x00", "a\x00/../../../../secret",
		"link/secret", "secretlink", "link/../secret", "out/secret", "%s%s%n", "~/secret", "$HOME/secret", "file://" + base, "../one/../../../../secret", ".recording/x", "../../keys/one",
	} {
		all = append(all, to, []string{"mp4:", "flv:", "mp3:", ""}[n%4]+to+[]string{"", ".flv"}[n%2])
	}
	return all
}

// everything is what lies below a folder: kinds, sizes, times and sums.
func everything(t *testing.T, dir string) string {
	t.Helper()
	var b strings.Builder
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		fmt.Fprintln(&b, path, d.Type(), info.ModTime())
		if d.Type().IsRegular() {
			text, err := os.ReadFile(path)
			fmt.Fprintf(&b, "%d %x\n", len(text), sha256.Sum256(text))
			return err
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// Whatever stands in whatever parameter, of RTMP and HTTP: nothing outside the data
// folder is read, written or removed.
func TestTraversalInEveryParameter(t *testing.T) {
	t.Parallel()
	around := t.TempDir()
	secret := filepath.Join(around, "secret.flv")
	var tags []flv.Tag // 77 seconds, of a kind that nothing else here is
	for i := range media.Timestamp(1001) {
		tags = append(tags, flv.Tag{Type: flv.TypeAudio, Timestamp: i * 77, Data: []byte{0xaf, 1, 0}})
	}
	servertest.WriteFLV(t, secret, tags...)
	data := filepath.Join(around, "data")
	streams := filepath.Join(data, "app", "streams", "one")
	for _, dir := range []string{streams, filepath.Join(around, "out")} {
		if err := os.MkdirAll(dir, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	servertest.WriteFLV(t, filepath.Join(around, "out", "secret.flv"), tags...)
	for link, to := range map[string]string{"link": around, "out": "../../../../out", "secretlink.flv": secret, "secretlink.mp4": secret} {
		if err := os.Symlink(to, filepath.Join(streams, link)); err != nil {
			t.Fatal(err)
		}
	}
	s, stop := runWith(t, Config{Data: data}, open)
	put(t, s, 0, "mine", 3)
	outside := func() string {
		return everything(t, filepath.Join(around, "out")) + filesIn(t, around)
	}
	before := outside()

	c := connect(t, s, "app/one").hello()
	marks := 0.0
	// heard is all that is said until everything before is done.
	heard := func() (all []string) {
		marks++
		c.send("getStreamLength", 1000+marks, nil, "mine")
		for {
			w, _ := c.next()
			if w == "end" {
				t.Fatal("the connection ended")
			}
			if w == "_result [3]" {
				return all
			}
			all = append(all, w)
		}
	}
	for _, name := range waysOut(secret) {
		for what, say := range map[string]func(){
			"getStreamLength": func() { c.send("getStreamLength", 7, nil, name) },
			"play":            func() { c.on(1, "play", name, 0.0, -1.0, true) },
			"a playlist":      func() { c.on(1, "play", "mine", 0.0, 0.0, true); c.on(1, "play", name, 0.0, -1.0, false) },
			"play2": func() {
				c.on(1, "play2", amf.NewObject("streamName", name, "oldStreamName", name, "start", 0.0, "len", -1.0, "transition", "reset"))
			},
			"record":    func() { c.on(1, "publish", name, "record"); audio(t, c, 0); c.on(1, "publish", false) },
			"append":    func() { c.on(1, "publish", name, "append"); audio(t, c, 0); c.on(1, "publish", false) },
			"FCPublish": func() { c.send("FCPublish", 0, nil, name) },
		} {
			say()
			for _, w := range heard() {
				if w == "_result [77.077]" || w == "_result [77]" || w == "audio 77" {
					t.Errorf("%s of %q: %s", what, name, w)
				}
			}
			c.on(1, "closeStream")
			heard()
		}
		c.on(1, "closeStream")
	}
	for _, app := range []string{"app/../..", "app/one/../../..", "../secret", "app/..", "/app/one/..", "app//", "app/%2e%2e", "app/.", "..", "app/one\x00"} {
		v := connect(t, s, app)
		for w, _ := v.next(); w != "end"; w, _ = v.next() {
			if w == servertest.Success {
				t.Errorf("connected to %q", app)
				break
			}
		}
		v.conn.Close()
	}
	traverseHTTP(t, s, secret)
	if after := outside(); after != before {
		t.Errorf("outside the data folder was\n%s\nand is\n%s", before, after)
	}
	stop()
}

// filesIn are the files of a folder, and the names of its folders.
func filesIn(t *testing.T, around string) string {
	t.Helper()
	entries, err := os.ReadDir(around)
	if err != nil {
		t.Fatal(err)
	}
	var b strings.Builder
	for _, e := range entries {
		fmt.Fprintln(&b, e.Name(), e.Type())
		if e.Type().IsRegular() {
			b.WriteString(everything(t, filepath.Join(around, e.Name())))
		}
	}
	return b.String()
}

// traverseHTTP asks for, and deletes, what lies outside.
func traverseHTTP(t *testing.T, s *Server, secret string) {
	t.Helper()
	escape := strings.NewReplacer("%", "%25", " ", "%20", "\x00", "%00", "\\", "%5C", "?", "%3F", "#", "%23", "\uff0e", "%EF%BC%8E", "\u2215", "%E2%88%95")
	for _, name := range waysOut(secret) {
		raw, inner := escape.Replace(name), strings.ReplaceAll(escape.Replace(name), "/", "%2F")
		for _, path := range []string{
			"/recordings/app/one/" + inner, "/recordings/app/one/" + raw, "/recordings/app/" + inner + "/secret", "/recordings/" + inner + "/one/secret",
			"/recordings?instance=" + inner, "/recordings?instance=app%2F" + inner, "/recordings?after=app%2Fone%2F" + inner, "/recordings?after=" + inner + "%2F" + inner + "%2Fx",
		} {
			for _, method := range []string{http.MethodGet, http.MethodDelete} {
				status, body := ask(t, s, method, path, "Connection", web.LocalToken)
				if strings.Contains(body, `"seconds":77`) {
					t.Errorf("%s %s: %d %s", method, path, status, body)
				}
			}
		}
	}
}

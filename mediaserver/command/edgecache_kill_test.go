package command

import (
	"bytes"
	"errors"
	"io"
	"math/rand/v2"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"flashpod.dev/flashpod/mediaserver/amf"
	"flashpod.dev/flashpod/mediaserver/flv"
	"flashpod.dev/flashpod/mediaserver/media"
	"flashpod.dev/flashpod/mediaserver/rtmp"
	"flashpod.dev/flashpod/mediaserver/server"
	"flashpod.dev/flashpod/mediaserver/servertest"
)

// An edge that is killed while it fills its cache serves nothing that is torn afterwards,
// and asks its origin only for what it has not kept.
func TestEdgeCacheOutlivesAKill(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	doc, key := filepath.Join(dir, "one.yaml"), filepath.Join(dir, "link.key")
	if err := os.WriteFile(doc, []byte("apiVersion: media.flashpod.dev/v1alpha1\nkind: AppInstance\nmetadata: {name: one}\nspec: {application: app}\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	var film []flv.Tag
	noise := rand.NewChaCha8([32]byte{})
	for i := range 100 {
		b := make([]byte, 60<<10)
		_, _ = noise.Read(b)
		copy(b, []byte{0x17, 1, 0, 0, 0})
		film = append(film, flv.Tag{Type: flv.TypeVideo, Timestamp: media.Timestamp(i * 1000), Data: b})
	}
	servertest.WriteFLV(t, filepath.Join(dir, "data/app/streams/one/film.flv"), film...)
	of := startProgram(t, "serve", "-f", doc, "--data", filepath.Join(dir, "data"), "--rtmp-address", "127.0.0.1:0", "--http-address", "127.0.0.1:0", "--link-key-file", key)
	u, err := url.Parse(of.url)
	if err != nil {
		t.Fatal(err)
	}
	edge := func() *program {
		return startProgram(t, "serve", "--edge-of", "rtmp://"+u.Host, "--link-key-file", key, "--cache-dir", filepath.Join(dir, "cache"), "--rtmp-address", "127.0.0.1:0", "--http-address", "127.0.0.1:0")
	}
	// play plays up to so many pictures, and says whether they are those of the film.
	play := func(p *program, most int) int {
		conn, _, err := rtmp.Dial(t.Context(), p.url, rtmp.Config{})
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		err = errors.Join(
			conn.SendCommand(0, "connect", 1, amf.NewObject("app", "app/one", "tcUrl", p.url)),
			conn.SendCommand(0, "createStream", 2, nil),
			conn.Send(rtmp.UserControl(rtmp.EventSetBufferLength, 1, 3600000)),
			conn.SendCommand(1, "play", 0, nil, "film", 0.0))
		if err != nil {
			t.Fatal(err)
		}
		n := 0
		_ = conn.Serve(func(m *rtmp.Message) error {
			switch {
			case m.Type == rtmp.TypeVideo:
				if !bytes.Equal(m.Payload, film[n].Data) {
					t.Errorf("picture %d is another", n)
				}
				if n++; n == most {
					return io.EOF
				}
			case servertest.Word(m) == "onStatus NetStream.Play.Stop", servertest.Word(m) == "onStatus NetStream.Play.Failed":
				return io.EOF
			}
			return nil
		})
		return n
	}
	for _, most := range []int{5, 30, 60} {
		p := edge()
		if n := play(p, most); n != most {
			t.Errorf("%d pictures of %d", n, most)
		}
		p.end(t, syscall.SIGKILL)
	}
	p := edge()
	if n := play(p, 1000); n != len(film) {
		t.Errorf("%d pictures of %d", n, len(film))
	}
	p.end(t, syscall.SIGKILL)
	of.end(t, syscall.SIGKILL)
	kept, err := filepath.Glob(filepath.Join(dir, "cache/*/*"))
	if err != nil || len(kept) < 20 {
		t.Errorf("%d pieces are kept, %v", len(kept), err)
	}
	for _, one := range kept {
		if info, err := os.Stat(one); err != nil || !strings.HasSuffix(one, ".part") && info.Size() <= 24 {
			t.Errorf("%s: %v", one, err)
		}
	}
}

// What cannot be a cache is said before anything begins.
func TestCacheOfAnEdgeIsChecked(t *testing.T) {
	t.Parallel()
	for _, size := range []string{"much", "-1"} {
		k := keeping{size: size}
		if err := k.into(&server.Config{}); err == nil || !strings.Contains(err.Error(), "--cache-size") {
			t.Errorf("%s: %v", size, err)
		}
	}
	if _, err := flashpod(t.Context(), nil, "serve", "--data", t.TempDir(), "--applications", t.TempDir(), "--cache-size", "1Gi"); exitCode(err) != 2 || !strings.Contains(err.Error(), "--edge-of") {
		t.Errorf("beside no --edge-of: %v", err)
	}
}

//go:build clients

package clients

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"flashpod.dev/flashpod/hack/e2e/selfsigned"
)

// bench is what all attempts share.
type bench struct {
	server *server // records what asks for it, and speaks RTMPS
	all    *server // records everything
	secure string  // rtmps://localhost:PORT/live, of server
	cert   string  // file with the certificate of it
	folder string  // into which every user may look and write: not all clients run as root
	film   string  // an FLV file, recorded on server as "film"
	want   footage // what is in it
}

func newBench(t *testing.T) *bench {
	t.Helper()
	folder, err := os.MkdirTemp("", "clients")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(folder) })
	b := &bench{folder: folder, film: filepath.Join(folder, "film.flv")}
	if err := os.Chmod(folder, 0o777); err != nil {
		t.Fatal(err)
	}
	film(t, b.film, 4)
	if b.want, err = look(b.film); err != nil {
		t.Fatal(err)
	}
	if len(b.want.pictures) != 100 {
		t.Fatalf("the film has %d pictures", len(b.want.pictures))
	}
	var key string
	b.cert, key = certificate(t)
	b.server = serve(t, anyone, "", "--rtmps-address", "127.0.0.1:0", "--tls-cert-file", b.cert, "--tls-key-file", key)
	b.secure = strings.Replace(b.server.tls, "127.0.0.1", "localhost", 1)
	b.all = serve(t, anyone+"\nrecording: {mode: All}", "")
	if err := os.MkdirAll(b.server.streams(), 0o755); err != nil {
		t.Fatal(err)
	}
	bytes, err := os.ReadFile(b.film)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(b.server.streams(), "film.flv"), bytes, 0o644); err != nil {
		t.Fatal(err)
	}
	return b
}

// certificate writes one of localhost and its key, both PEM.
func certificate(t *testing.T) (cert, key string) {
	t.Helper()
	certPEM, keyPEM, err := selfsigned.Pair("localhost")
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	cert, key = filepath.Join(dir, "tls.crt"), filepath.Join(dir, "tls.key")
	for file, text := range map[string][]byte{cert: certPEM, key: keyPEM} {
		if err := os.WriteFile(file, text, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return cert, key
}

// file is a name for one that an attempt writes.
func (b *bench) file(t *testing.T, suffix string) string {
	t.Helper()
	return filepath.Join(b.folder, strings.NewReplacer("/", "-", "`", "").Replace(t.Name())+suffix)
}

// same looks whether a file holds that part of the film.
func (b *bench) same(path string, part span) error {
	got, err := look(path)
	if err != nil {
		return err
	}
	return part.in(b.want, got)
}

// said counts the lines of the server's log that say this of a stream.
func (s *server) said(what, stream string) int {
	n := 0
	for line := range strings.Lines(s.log.String()) {
		if strings.Contains(line, " msg="+what+" ") && slices.Contains(strings.Fields(line), "stream="+stream) {
			n++
		}
	}
	return n
}

// ended waits for a client to end by itself; it is an error when that was not
// well.
func ended(c *client) error {
	<-c.done
	if c.err != nil {
		return fmt.Errorf("%s: %w\n%s", c.cmd.Args[0], c.err, tail(c.output.String()))
	}
	return nil
}

// until waits for a condition or the end of the client, which is an error.
func (c *client) until(what string, ok func() bool) error {
	c.t.Helper()
	gone := false
	until(c.t, what, func() bool {
		if ok() {
			return true
		}
		select {
		case <-c.done:
			gone = !ok()
			return true
		default:
			return false
		}
	})
	if gone {
		return fmt.Errorf("%s ended before %s: %w\n%s", c.cmd.Args[0], what, errors.Join(c.err, errEnded), tail(c.output.String()))
	}
	return nil
}

var errEnded = errors.New("ended by itself")

// watched lets a client publish and compares what a player got that was there
// before it.
func (b *bench) watched(t *testing.T, s *server, name string, part span, publish func() error) error {
	t.Helper()
	file := b.file(t, ".flv")
	watch := start(t, "rtmpdump", "-q", "--live", "-r", s.url+"/"+name, "-o", file)
	if err := watch.until("it plays", func() bool { return s.said("playing", name) > 0 }); err != nil {
		t.Fatal(err)
	}
	if err := publish(); err != nil {
		return err
	}
	// It fails when the stream is shorter than its metadata says, by a picture
	// even: what it wrote is looked at instead.
	<-watch.done
	return b.same(file, part)
}

// isRecorded compares the recording of a name in the instance that records all.
func (b *bench) isRecorded(name string, part span) attempt {
	return attempt{do: func(t *testing.T) (string, error) {
		until(t, "the recording to be finished", func() bool { return b.all.said("unpublished", name) > 0 })
		files, err := filepath.Glob(filepath.Join(b.all.streams(), name+"-*.flv"))
		if err != nil || len(files) != 1 {
			return "", fmt.Errorf("recordings: %v, %w", files, err)
		}
		return "", b.same(files[0], part)
	}}
}

// asks looks in the log how the client published that name, which was up to it.
func (b *bench) asks(name string) attempt {
	return attempt{no: "it always asks for `live`", shows: "mode=live", do: func(*testing.T) (string, error) {
		for line := range strings.Lines(b.all.log.String()) {
			if strings.Contains(line, " msg=publishing ") && slices.Contains(strings.Fields(line), "stream="+name) && !strings.Contains(line, "mode=record") {
				return "", fmt.Errorf("published as %s", strings.TrimSpace(line))
			}
		}
		return "", nil
	}}
}

// plays lets a client play a live stream, and publishes it once the client is
// there.
func (b *bench) plays(t *testing.T, name, url string, player *client, file string, part span) error {
	t.Helper()
	if err := player.until("it plays", func() bool { return b.server.said("playing", name) > 0 }); err != nil {
		return err
	}
	if err := ended(b.sends(t, url+"/"+name)); err != nil {
		t.Fatal(err)
	}
	if err := ended(player); err != nil {
		return err
	}
	return b.same(file, part)
}

// sends publishes the film with ffmpeg.
func (b *bench) sends(t *testing.T, url string, options ...string) *client {
	t.Helper()
	args := append([]string{"-v", "error", "-re", "-i", b.film, "-c", "copy", "-f", "flv"}, options...)
	return start(t, "ffmpeg", append(args, url)...)
}
